//! nicon-links finds whose name, MAC, address or listening port it is. Witnesses are `ip` and `ss` in each namespace.

use std::collections::BTreeSet;

use libtest_mimic::{Failed, Trial};
use nicon_lab::{LIMIT, output_within, tool};
use serde_json::{Value, json};

use crate::support::expect::{record, records, refusal};
use crate::support::links::Place;
use crate::support::subject::{Subject, until};
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial_of_kernel(&[], "links::having::one_of_forty", one_of_forty),
        suite.trial_of_kernel(&[], "links::having::all_must_hold_of_one_link", all_must_hold_of_one_link),
        suite.trial_of_kernel(&[], "links::having::who_listens", who_listens),
        suite.trial_of_kernel(&[], "links::having::any_number_of_sockets", any_number_of_sockets),
        suite.trial_of_kernel(&[], "links::having::what_is_refused", what_is_refused),
    ]
}

/// A process that listens in a network namespace of its own, with the address 192.0.2.`host`/24 and 2001:db8::`host`/64 on br0.
fn listener(host: usize, sockets: &[&str]) -> Subject {
    let listen: Vec<String> = sockets.iter().map(|socket| format!("socat {socket} /dev/null &")).collect();
    let subject = Subject::start(
        &["--net"],
        &format!(
            "ip link set lo up
            ip link add br0 address 02:00:5e:00:53:{host:02x} type bridge && ip link set br0 up
            ip addr add 192.0.2.{host}/24 dev br0 && ip addr add 2001:db8::{host}/64 dev br0 nodad
            {}
            echo ready; trap 'kill $(jobs -p)' EXIT; sleep 600 & wait $!",
            listen.join("\n")
        ),
    );
    until("its sockets", || (ss(subject.pid(), "").lines().count() == sockets.len()).then_some(()));
    subject
}

/// What `ss` says of the sockets that listen in the namespace of a process, and that a filter lets pass.
fn ss(pid: u32, filter: &str) -> String {
    let net = format!("--net=/proc/{pid}/ns/net");
    let mut ss = tool("nsenter");
    ss.args([&net, "ss", "-H", "-lntu", filter]);
    output_within(&mut ss, LIMIT).unwrap().ok().unwrap()
}

fn input(subjects: &[Subject]) -> String {
    let lines = subjects.iter().map(|subject| json!({"pid": subject.pid()}).to_string());
    lines.collect::<Vec<_>>().join("\n")
}

fn pids(records: &[Value]) -> BTreeSet<u64> {
    records.iter().map(|record| record["pid"].as_u64().unwrap()).collect()
}

/// In forty namespaces, each question finds those of which `ss` and `ip` say so, and no other.
fn one_of_forty(suite: &Suite) -> Result<(), Failed> {
    let subjects: Vec<Subject> = (1..=40)
        .map(|number| match number {
            // Two have one address.
            2 => listener(1, &["TCP6-LISTEN:8001,ipv6only=0", "UDP4-RECV:53"]),
            number => listener(number, &[&format!("TCP4-LISTEN:{}", 8000 + number % 20)]),
        })
        .collect();
    let input = input(&subjects);
    let ask = |words: &[&str]| pids(&records(&suite.feed(&[&["nicon-links"], words].concat(), &input)));
    let told_by_ss = |port: usize| -> BTreeSet<u64> {
        let listens = |subject: &&Subject| !ss(subject.pid(), &format!("sport = :{port}")).is_empty();
        subjects.iter().filter(listens).map(|subject| subject.pid().into()).collect()
    };
    for port in [8001, 8007, 53] {
        let found = ask(&["--having", &format!("port:{port}")]);
        assert_eq!(found, told_by_ss(port), "{port}");
        assert!(!found.is_empty() && found.len() <= 3);
    }
    let of = |numbers: &[usize]| numbers.iter().map(|at| u64::from(subjects[at - 1].pid())).collect::<BTreeSet<_>>();
    for (words, found) in [
        (&["192.0.2.1"][..], of(&[1, 2])),
        (&["2001:db8::17"], of(&[17])),
        (&["192.0.2.4/30"], of(&[4, 5, 6, 7])),
        (&["02:00:5E:00:53:28"], of(&[40])),
        (&["192.0.2.1", "tcp:8001"], of(&[1, 2])),
        (&["192.0.2.1", "udp:53"], of(&[2])),
        (&["2001:db8::1", "tcp:8001"], of(&[2])),
        (&["tcp:8001"], of(&[1, 2, 21])),
    ] {
        let words: Vec<&str> = words.iter().flat_map(|word| ["--having", word]).collect();
        assert_eq!(ask(&words), found, "{words:?}");
    }
    let none = suite.feed(&["nicon-links", "--having", "tcp:9"], &input);
    refusal(&none, 1, &["nothing listens on tcp:9 in 40 network namespaces"]);
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
        ("udp:53", json!({"proto":"udp","addr":"127.0.0.1","port":53,"device":null,"uid":0,"sockets":1})),
    ] {
        let mut listening = told(port);
        assert_eq!(listening.as_array().map(Vec::len), Some(1), "{port} {listening}");
        let inode = listening[0].as_object_mut().ok_or("no object")?.shift_remove("inode").ok_or("no inode")?;
        assert_eq!(listening[0], facts, "{port}");
        let mut ss = tool("nsenter");
        let filter = format!("sport = :{}", facts["port"]);
        ss.args([&format!("--net=/proc/{pid}/ns/net"), "ss", "-H", "-lntue", &filter]);
        let witness = output_within(&mut ss, LIMIT)?.ok()?;
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
    assert_eq!(ss(subject.pid(), "sport = :80").lines().count(), 900);
    let ran = suite.run(&["nicon-links", "-t", &subject.pid().to_string(), "--having", "tcp:80"]);
    assert_eq!((ran.code(), ran.stderr.lines().count()), (Some(2), 1), "{ran:?}");
    assert!(ran.stderr.contains("more than 256 sockets listen"), "{ran:?}");
    let told: Value = serde_json::from_str(&ran.stdout)?;
    assert_eq!(told["listening"].as_array().map(Vec::len), Some(256));
    Ok(())
}

fn what_is_refused(suite: &Suite) -> Result<(), Failed> {
    let ask = |words: &[&str]| suite.run(&[&["nicon-links", "-t", "host", "--having"], words].concat());
    refusal(&ask(&["lo", "--watch"]), 2, &["--having looks once", "nicon-links --watch | jq"]);
    for (word, way_out) in [("8080", "port:8080"), ("192.0.2.1/24", "192.0.2.0/24"), ("sctp:80", "tcp:8080")] {
        let ran = ask(&[word]);
        assert_eq!((ran.code(), ran.stdout.as_str()), (Some(2), ""), "{ran:?}");
        assert!(ran.stderr.contains(way_out), "{ran:?}");
    }
    Ok(())
}
