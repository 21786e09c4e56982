//! nicon-links finds whose name, MAC, address or listening port it is. Witnesses are `ip` and `ss` in each namespace.

use std::collections::BTreeSet;

use libtest_mimic::{Failed, Trial};
use nicon_lab::{LIMIT, output_within, tool, until};
use serde_json::{Value, json};

use crate::support::expect::{record, records, refusal};
use crate::support::kernel::Feature;
use crate::support::links::Place;
use crate::support::subject::{Subject, pids};
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial_of_kernel(&[], "links::having::one_of_forty", one_of_forty),
        suite.trial_of_kernel(&[], "links::having::all_must_hold_of_one_link", all_must_hold_of_one_link),
        suite.trial_of_kernel(&[], "links::having::who_listens", who_listens),
        suite.trial_of_kernel(&[], "links::having::what_listens", what_listens),
        suite.trial_of_kernel(&[Feature::Mptcp], "links::having::what_listens_by_mptcp", what_listens_by_mptcp),
        suite.trial_of_kernel(&[], "links::having::any_number_of_sockets", any_number_of_sockets),
        suite.trial_of_kernel(&[], "links::having::a_no_says_where", a_no_says_where),
        suite.trial_of_kernel(&[], "links::having::what_is_refused", what_is_refused),
    ]
}

/// A process in a network namespace of its own, in which sockets of `socat` listen. What br0 has there, MAC and addresses, ends
/// with `host`.
fn listener(host: usize, sockets: &[&str]) -> Subject {
    // Should the first process be killed, nobody is left to end the others.
    let socat = |socket: &&str| format!("setpriv --pdeathsig KILL socat -u {socket} /dev/null &");
    let subject = Subject::start(
        &["--net"],
        &format!(
            "ip link set lo up
            ip link add br0 address 02:00:5e:00:53:{host:02x} type bridge && ip link set br0 up
            ip addr add 192.0.2.{host}/24 dev br0 && ip addr add 2001:db8::{host}/64 dev br0 nodad
            {}
            echo ready; exec sleep 600",
            sockets.iter().map(socat).collect::<Vec<_>>().join("\n")
        ),
    );
    until("its sockets", || (ss(subject.pid(), &["-lntu"]).lines().count() == sockets.len()).then_some(()));
    subject
}

/// What `ss` says of the sockets in the network namespace of a process.
fn ss(pid: u32, words: &[&str]) -> String {
    in_netns(pid, &[&["ss", "-H"], words].concat())
}

fn in_netns(pid: u32, words: &[&str]) -> String {
    let mut nsenter = tool("nsenter");
    nsenter.arg(format!("--net=/proc/{pid}/ns/net")).args(words);
    output_within(&mut nsenter, LIMIT).unwrap().ok().unwrap()
}

/// What the host's tools say of a network namespace.
struct Told {
    pid: u32,
    links: Value,
    sockets: Vec<(String, String)>,
}

impl Told {
    fn of(subject: &Subject) -> Self {
        let pid = subject.pid();
        let links = serde_json::from_str(&in_netns(pid, &["ip", "-j", "addr"])).unwrap();
        let socket = |line: &str| {
            let words: Vec<&str> = line.split_whitespace().collect();
            (words[0].to_owned(), words[4].rsplit_once(':').unwrap().1.to_owned())
        };
        Self { pid, links, sockets: ss(pid, &["-lntu"]).lines().map(socket).collect() }
    }

    fn listens(&self, proto: &str, port: usize) -> bool {
        self.sockets.contains(&(proto.to_owned(), port.to_string()))
    }

    fn has_mac(&self, mac: &str) -> bool {
        self.links.as_array().unwrap().iter().any(|link| link["address"] == mac)
    }

    fn has_ip(&self, ips: &[&str]) -> bool {
        let infos = self.links.as_array().unwrap().iter().flat_map(|link| link["addr_info"].as_array().unwrap());
        infos.into_iter().any(|info| ips.contains(&info["local"].as_str().unwrap()))
    }
}

/// In forty network namespaces, each question has one answer, and that is what `ss` and `ip` say.
fn one_of_forty(suite: &Suite) -> Result<(), Failed> {
    let mut subjects: Vec<Subject> =
        (1..=40).map(|host| listener(host, &[&format!("TCP4-LISTEN:{}", 8000 + host)])).collect();
    let mut told: Vec<Told> = subjects.iter().map(Told::of).collect();
    let ask = |subjects: &[Subject], words: &[&str]| {
        let lines: Vec<String> = subjects.iter().map(|subject| json!({"pid": subject.pid()}).to_string()).collect();
        let words = words.iter().flat_map(|word| ["--having", word]);
        suite.feed(&[&["nicon-links"], &words.collect::<Vec<_>>()[..]].concat(), lines.join("\n"))
    };
    let as_told = |told: &[Told], has: &dyn Fn(&Told) -> bool| -> BTreeSet<u32> {
        told.iter().filter(|told| has(told)).map(|told| told.pid).collect()
    };
    for (host, subject) in (1..=40).zip(&subjects) {
        let (ip, mac, port) = (format!("192.0.2.{host}"), format!("02:00:5e:00:53:{host:02x}"), 8000 + host);
        for (word, witness) in [
            (&ip, as_told(&told, &|told| told.has_ip(&[&ip]))),
            (&mac, as_told(&told, &|told| told.has_mac(&mac))),
            (&format!("tcp:{port}"), as_told(&told, &|told| told.listens("tcp", port))),
        ] {
            let found = records(&ask(&subjects, &[word]));
            assert_eq!((found.len(), pids(&found)), (1, witness), "{word}");
            assert_eq!(found[0]["pid"], subject.pid(), "{word}");
        }
    }
    refusal(&ask(&subjects, &["tcp:9"]), 1, &["nothing listens on tcp:9 in 40 network namespaces"]);
    // Another one has the address of the first, and its port, by a socket that takes IPv4 as well.
    subjects.push(listener(1, &["TCP6-LISTEN:8001,ipv6only=0", "UDP4-RECV:8002"]));
    told.push(Told::of(&subjects[40]));
    let [four, five, six, seven] = [4, 5, 6, 7].map(|host| format!("192.0.2.{host}"));
    for (words, count, has) in [
        (&["192.0.2.1"][..], 2, &(|told: &Told| told.has_ip(&["192.0.2.1"])) as &dyn Fn(&Told) -> bool),
        (&["192.0.2.4/30"], 4, &|told| told.has_ip(&[&four, &five, &six, &seven])),
        (&["port:8002"], 2, &|told| told.listens("tcp", 8002) || told.listens("udp", 8002)),
        (&["udp:8002"], 1, &|told| told.listens("udp", 8002)),
        (&["192.0.2.1", "tcp:8001"], 2, &|told| told.has_ip(&["192.0.2.1"]) && told.listens("tcp", 8001)),
        (&["tcp:8001", "udp:8002"], 1, &|told| told.listens("tcp", 8001) && told.listens("udp", 8002)),
    ] {
        let found = pids(&records(&ask(&subjects, words)));
        assert_eq!((found.len(), found), (count, as_told(&told, has)), "{words:?}");
    }
    // The first has this address and this port, but listens on IPv4 alone.
    assert_eq!(pids(&records(&ask(&subjects, &["2001:db8::1", "tcp:8001"]))), [subjects[40].pid()].into());
    Ok(())
}

fn all_must_hold_of_one_link(suite: &Suite) -> Result<(), Failed> {
    let place = Place::new();
    for line in [
        "link add v0 address 02:00:5e:00:53:09 type veth peer name v1",
        "link property add dev v0 altname uplink-of-the-house",
        "link add m0 link v0 address 02:00:5e:00:53:09 type macvlan",
        "addr add 192.0.2.9/24 dev m0",
    ] {
        place.ip(line);
    }
    let pid = place.pid().to_string();
    let ask = |words: &[&str]| {
        let words = words.iter().flat_map(|word| ["--having", word]).collect::<Vec<_>>();
        suite.run(&[&["nicon-links", "-t", &pid], &words[..]].concat())
    };
    let names =
        |words: &[&str]| records(&ask(words)).iter().map(|told| told["nic"]["name"].clone()).collect::<Vec<_>>();
    assert_eq!(names(&["02:00:5e:00:53:09"]), ["v0", "m0"], "a macvlan has the MAC of its parent");
    assert_eq!(names(&["02:00:5e:00:53:09", "192.0.2.0/24"]), ["m0"]);
    assert_eq!(names(&["uplink-of-the-house"]), ["v0"]);
    refusal(&ask(&["v0", "192.0.2.9"]), 1, &["no link has the name v0 and the address 192.0.2.9", "of one link"]);
    // What the links of one namespace have together is what a pipe of two asks for.
    let first = ask(&["v0"]).ok()?;
    let told = record(&suite.feed(&["nicon-links", "--having", "192.0.2.9"], first));
    assert_eq!(told["nic"]["name"], "m0");
    Ok(())
}

/// Every fact, against `ss -e`: which address, which families, which link, whose socket, and how many share the port.
fn who_listens(suite: &Suite) -> Result<(), Failed> {
    let sockets = [
        "TCP6-LISTEN:80,ipv6only=0",
        "TCP6-LISTEN:81,ipv6only=1",
        "TCP4-LISTEN:82,bind=192.0.2.1,reuseport",
        "TCP4-LISTEN:82,bind=192.0.2.1,reuseport",
        "TCP4-LISTEN:83,so-bindtodevice=br0",
        "TCP6-LISTEN:84,bind=[::ffff:192.0.2.1]",
        "UDP4-RECV:53,bind=127.0.0.1",
    ];
    let subject = listener(1, &sockets);
    let pid = subject.pid().to_string();
    let ask = |words: &[&str]| suite.run(&[&["nicon-links", "-t", &pid], words].concat());
    let told = |port: &str| record(&ask(&["--having", port]))["listening"].clone();
    for (port, facts) in [
        ("tcp:80", json!({"proto":"tcp","addr":"::","port":80,"v6only":false,"device":null,"uid":0,"sockets":1})),
        ("tcp:81", json!({"proto":"tcp","addr":"::","port":81,"v6only":true,"device":null,"uid":0,"sockets":1})),
        ("tcp:82", json!({"proto":"tcp","addr":"192.0.2.1","port":82,"device":null,"uid":0,"sockets":2})),
        (
            "tcp:83",
            json!({"proto":"tcp","addr":"0.0.0.0","port":83,"device":{"name":"br0","ifindex":2},"uid":0,"sockets":1}),
        ),
        (
            "tcp:84",
            json!({"proto":"tcp","addr":"::ffff:192.0.2.1","port":84,"v6only":false,"device":null,"uid":0,"sockets":1}),
        ),
        ("udp:53", json!({"proto":"udp","addr":"127.0.0.1","port":53,"device":null,"uid":0,"sockets":1})),
    ] {
        let mut listening = told(port);
        assert_eq!(listening.as_array().map(Vec::len), Some(1), "{port} {listening}");
        let inode = listening[0].as_object_mut().ok_or("no object")?.shift_remove("inode").ok_or("no inode")?;
        assert_eq!(listening[0], facts, "{port}");
        let witness = ss(subject.pid(), &["-lntue", &format!("sport = :{}", facts["port"])]);
        assert!(witness.contains(&format!("ino:{inode} ")), "{inode} {witness}");
    }
    // On lo nothing is heard that is bound to br0, and IPv4 not by what leaves it alone.
    for (words, is_found) in [
        (["br0", "tcp:83"], true),
        (["lo", "tcp:83"], false),
        (["192.0.2.1", "tcp:80"], true),
        (["192.0.2.1", "tcp:81"], false),
        (["2001:db8::1", "tcp:81"], true),
        (["127.0.0.1", "tcp:82"], false),
        (["192.0.2.1", "tcp:84"], true),
        (["::ffff:192.0.2.1", "tcp:84"], true),
        (["2001:db8::1", "tcp:84"], false),
        (["127.0.0.1", "udp:53"], true),
    ] {
        let ran = ask(&["--having", words[0], "--having", words[1]]);
        assert_eq!(ran.code(), Some(i32::from(!is_found)), "{words:?} {ran:?}");
    }
    let line = format!("{}/nicon-links -t {pid} --having tcp:80 --having tcp:83", suite.bins()?.display());
    let table = output_within(tool("script").args(["-qec", &line, "/dev/null"]), LIMIT)?.ok()?;
    assert!(table.contains("tcp *:80, tcp 0.0.0.0%br0:83"), "{table}");
    Ok(())
}

/// A port that a socket has, and listens on no more than `ss -l` says: of TCP without a queue, of UDP with one peer alone.
fn what_listens(suite: &Suite) -> Result<(), Failed> {
    listens(suite, "IPPROTO_TCP")
}

/// A port of MPTCP is one of TCP's to whoever connects.
fn what_listens_by_mptcp(suite: &Suite) -> Result<(), Failed> {
    listens(suite, "IPPROTO_MPTCP")
}

/// The last of three sockets listens, by a protocol that Python calls so.
fn listens(suite: &Suite, protocol: &str) -> Result<(), Failed> {
    let script = format!(
        "ip link set lo up; exec python3 -c '
import socket, time
from socket import AF_INET, SOCK_DGRAM, SOCK_STREAM
def bound(type, port, proto=0):
    held = socket.socket(AF_INET, type, proto)
    held.bind((\"127.0.0.1\", port))
    return held
quiet = bound(SOCK_STREAM, 81)
connected = bound(SOCK_DGRAM, 82)
connected.connect((\"127.0.0.1\", 9))
loud = bound(SOCK_STREAM, 83, socket.{protocol})
loud.listen()
print(\"ready\", flush=True)
time.sleep(600)'"
    );
    let subject = Subject::start(&["--net"], &script);
    for (word, is_found) in [("port:81", false), ("port:82", false), ("tcp:83", true)] {
        let ran = suite.run(&["nicon-links", "-t", &subject.pid().to_string(), "--having", word]);
        assert_eq!(ran.code(), Some(i32::from(!is_found)), "{word} {ran:?}");
        let (_, port) = word.split_once(':').ok_or("no port")?;
        let filter = format!("sport = :{port}");
        assert_eq!(!ss(subject.pid(), &["-lntu", &filter]).is_empty(), is_found, "{word}");
    }
    Ok(())
}

/// Whoever owns a namespace can listen on one port by a socket for each address of 127.0.0.0/8: some are told, and that there are more.
fn any_number_of_sockets(suite: &Suite) -> Result<(), Failed> {
    let script = "ip link set lo up; exec python3 -c '
import socket, time
held = []
for number in range(900):
    held.append(socket.create_server((f\"127.0.{number // 250}.{number % 250 + 1}\", 80)))
print(\"ready\", flush=True)
time.sleep(600)'";
    let subject = Subject::start(&["--net"], script);
    assert_eq!(ss(subject.pid(), &["-lnt", "sport = :80"]).lines().count(), 900);
    let ran = suite.run(&["nicon-links", "-t", &subject.pid().to_string(), "--having", "tcp:80"]);
    assert_eq!((ran.code(), ran.stderr.lines().count()), (Some(2), 1), "{ran:?}");
    assert!(ran.stderr.contains("more than 256 sockets listen"), "{ran:?}");
    let told: Value = serde_json::from_str(&ran.stdout)?;
    assert_eq!(told["listening"].as_array().map(Vec::len), Some(256));
    Ok(())
}

/// Where nothing was looked at, nothing is known; where the host was not, what is looked for may be there.
fn a_no_says_where(suite: &Suite) -> Result<(), Failed> {
    for word in ["192.0.2.77", "no-such-link", "tcp:9"] {
        let ask = ["nicon-links", "--having", word];
        let nowhere = "nicon-links: no record names a network namespace: none was looked at\n";
        refusal(&suite.feed(&ask, ""), 2, &[nowhere]);
        // What is asked for and gone has nothing.
        refusal(&suite.feed(&ask, "{\"pid\":2147483646}\n"), 1, &["line 1: no process has PID 2147483646"]);
        refusal(&suite.run(&[&ask[..], &["-t", "2147483646"]].concat()), 1, &["no process has PID 2147483646"]);
    }
    let place = Place::new();
    let ask = |words: &[&str]| suite.run(&[&["nicon-links", "--having", "no-such-link"], words].concat());
    let elsewhere = ask(&["-t", &place.pid().to_string()]);
    let said = "no link has the name no-such-link in 1 network namespace; the host's was not among them (-t host)";
    refusal(&elsewhere, 1, &[said]);
    for words in [&["-t", "host"][..], &["-t", "host", "-t", &place.pid().to_string()]] {
        let ran = ask(words);
        refusal(&ran, 1, &["no link has the name no-such-link"]);
        assert!(!ran.stderr.contains("-t host"), "{ran:?}");
    }
    Ok(())
}

fn what_is_refused(suite: &Suite) -> Result<(), Failed> {
    let ask = |words: &[&str]| suite.run(&[&["nicon-links", "-t", "host", "--having"], words].concat());
    refusal(&ask(&["lo", "--watch"]), 2, &["--having looks once", "nicon-links --watch | jq"]);
    for (word, way_out) in [
        ("8080", "port:8080"),
        ("192.0.2.1/24", "192.0.2.0/24"),
        ("sctp:80", "tcp:8080"),
        ("[::1]:80", "--having ::1 --having tcp:80"),
        ("fe80::1%lo", "--having fe80::1 --having name:lo"),
    ] {
        let ran = ask(&[word]);
        assert_eq!((ran.code(), ran.stdout.as_str()), (Some(2), ""), "{ran:?}");
        assert!(ran.stderr.contains(way_out), "{ran:?}");
    }
    Ok(())
}
