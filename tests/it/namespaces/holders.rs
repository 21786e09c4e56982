//! nicon-nsfind --holders finds what keeps a namespace without processes alive.

use std::fs::File;
use std::net::UdpSocket;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixDatagram;
use std::sync::mpsc;

use libtest_mimic::{Failed, Trial};
use nicon_lab::{LIMIT, Lab, Ran, output_within, tool};
use nix::sched::{CloneFlags, unshare};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::stat::{Mode, SFlag, makedev, mknod};
use serde_json::{Value, json};

use crate::support::expect::parse;
use crate::support::subject::{Subject, answers, ino, link, lsns_rows, members};
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial("namespaces::holders::a_named_network_namespace", a_named_network_namespace),
        suite.trial("namespaces::holders::a_mount_in_another_mount_namespace", a_mount_elsewhere),
        suite.trial("namespaces::holders::an_open_descriptor", an_open_descriptor),
        suite.trial("namespaces::holders::a_descriptor_of_a_mount", a_descriptor_of_a_mount),
        suite.trial("namespaces::holders::a_thread_that_left", a_thread_that_left),
        suite.trial("namespaces::holders::a_thread_whose_children_will_be_in_it", future_children),
        suite.trial("namespaces::holders::a_socket", a_socket),
        suite.trial("namespaces::holders::a_tun_device", a_tun_device),
        suite.trial("namespaces::holders::sockets_that_may_not_be_asked", sockets_that_may_not_be_asked),
        suite.trial("namespaces::holders::child_namespaces", child_namespaces),
        suite.trial("namespaces::holders::the_list_of_all", the_list_of_all),
        suite.trial("namespaces::holders::more_than_anybody_reads", more_than_anybody_reads),
        suite.trial("namespaces::holders::mounted_more_often_than_anybody_reads", mounted_too_often),
    ]
}

/// Asks about a namespace without processes, with and without `--holders`.
#[track_caller]
fn held(suite: &Suite, name: &str) -> Value {
    assert_eq!(members(name), [], "{name}");
    let plain = suite.run(&["nicon-nsfind", name]);
    let not_found = format!("no process was found in namespace {name} ");
    assert!(plain.stdout.is_empty() && plain.stderr.contains(&not_found), "{plain:?}");
    let ran = suite.run(&["nicon-nsfind", "--holders", name]);
    let mut found = answers(&ran);
    assert_eq!(found.len(), 1, "{ran:?}");
    let found = found.remove(0);
    assert_eq!((&found["nprocs"], found.get("pid")), (&0.into(), None), "{found}");
    assert_eq!(format!("{}:[{}]", found["nstype"].as_str().unwrap(), found["nsino"]), name);
    // Children of ours have our descriptors for a moment, until they execute a program.
    let is_there = |holder: &&Value| match (&holder["pid"], &holder["fd"]) {
        (Value::Number(pid), Value::Number(fd)) => std::fs::symlink_metadata(format!("/proc/{pid}/fd/{fd}")).is_ok(),
        _ => true,
    };
    found["holders"].as_array().unwrap().iter().filter(is_there).cloned().collect()
}

/// Runs `ip netns add`, and returns the inode number that stat shows.
fn add_netns(name: &str) -> Result<u64, Failed> {
    output_within(tool("ip").args(["netns", "add", name]), LIMIT)?.ok()?;
    let path = format!("/run/netns/{name}");
    Ok(output_within(tool("stat").args(["-c", "%i", &path]), LIMIT)?.ok()?.parse()?)
}

fn delete_netns(name: &str) -> Result<(), Failed> {
    Ok(output_within(tool("ip").args(["netns", "delete", name]), LIMIT)?.ok().map(drop)?)
}

fn a_named_network_namespace(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let ino = add_netns("holders-named")?;
    let holders = held(suite, &format!("net:[{ino}]"));
    // Copies of our mount namespace have the mount as well, so there may be several.
    let all = holders.as_array().unwrap();
    assert!(!all.is_empty() && all.iter().all(|holder| holder["kind"] == "mount"), "{holders}");
    assert!(all.iter().any(|holder| holder["path"] == "/run/netns/holders-named"), "{holders}");
    delete_netns("holders-named")
}

fn a_mount_elsewhere(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let script = "mount -t tmpfs t /mnt && : >'/mnt/a b' && unshare --uts='/mnt/a b' true &&
        exec 2>/dev/null && echo ready && exec sleep 600";
    let subject = Subject::start(&["--mount"], script);
    let path = format!("/proc/{}/root/mnt/a b", subject.pid());
    let ino = output_within(tool("stat").args(["-c", "%i", &path]), LIMIT)?.ok()?;
    let holders = held(suite, &format!("uts:[{ino}]"));
    let mount = json!([{"kind": "mount", "path": "/mnt/a b", "mnt": subject.ino("mnt"), "pid": subject.pid()}]);
    assert_eq!(holders, mount);
    drop(subject);
    refusal_of_gone(suite, &format!("uts:[{ino}]"), &mount[0]);
    Ok(())
}

/// Asks about a namespace that has lost its last holder. Another one may have its number by now.
#[track_caller]
fn refusal_of_gone(suite: &Suite, name: &str, holder: &Value) {
    let ran = suite.run(&["nicon-nsfind", "--holders", name]);
    let is_refused = ran.stdout.is_empty() && ran.stderr.contains("no process and no other holder was found");
    let is_another = || parse(&ran.stdout).iter().all(|record| !record["holders"].as_array().unwrap().contains(holder));
    assert!(is_refused || is_another(), "{ran:?}");
}

fn an_open_descriptor(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let first = Subject::asleep(&["--net"]);
    let name = format!("net:[{}]", first.ino("net"));
    let script = format!("exec 9</proc/{}/ns/net; echo ready; exec sleep 600", first.pid());
    let second = Subject::start(&[], &script);
    drop(first);
    let holder = json!([{"kind": "fd", "pid": second.pid(), "fd": 9}]);
    assert_eq!(held(suite, &name), holder);
    drop(second);
    refusal_of_gone(suite, &name, &holder[0]);
    Ok(())
}

fn a_descriptor_of_a_mount(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let ino = add_netns("holders-open")?;
    let subject = Subject::start(&[], "exec 9</run/netns/holders-open; echo ready; exec sleep 600");
    let holders = held(suite, &format!("net:[{ino}]"));
    let fd = json!({"kind": "fd", "pid": subject.pid(), "fd": 9});
    assert!(holders.as_array().unwrap().contains(&fd), "{holders}");
    // After the unmount the descriptor's link is a path that does not exist, but the descriptor still holds it.
    delete_netns("holders-open")?;
    assert!(held(suite, &format!("net:[{ino}]")).as_array().unwrap().contains(&fd));
    Ok(())
}

/// Calls `check` with the TID of a thread that has entered a new namespace and stays in it meanwhile.
fn with_thread(flag: CloneFlags, check: impl FnOnce(i32)) {
    let (sender, receiver) = mpsc::channel();
    let (release, hold) = mpsc::channel::<()>();
    let thread = std::thread::spawn(move || {
        unshare(flag).unwrap();
        sender.send(nix::unistd::gettid().as_raw()).unwrap();
        let _ = hold.recv();
    });
    check(receiver.recv().unwrap());
    drop(release);
    thread.join().unwrap();
}

fn thread_link(tid: i32, file: &str) -> String {
    let link = std::fs::read_link(format!("/proc/self/task/{tid}/ns/{file}")).unwrap();
    link.to_str().unwrap().to_owned()
}

fn a_thread_that_left(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    with_thread(CloneFlags::CLONE_NEWUTS, |tid| {
        let holder = json!([{"kind": "thread", "pid": std::process::id(), "tid": tid}]);
        assert_eq!(held(suite, &thread_link(tid, "uts")), holder);
    });
    Ok(())
}

fn future_children(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    with_thread(CloneFlags::CLONE_NEWPID, |tid| {
        // A PID namespace is not visible before it has its first process.
        assert!(std::fs::read_link(format!("/proc/self/task/{tid}/ns/pid_for_children")).is_err());
    });
    let flag = CloneFlags::from_bits_retain(0x80);
    with_thread(flag, |tid| {
        let holder = json!([{"kind": "children", "pid": std::process::id(), "tid": tid}]);
        assert_eq!(held(suite, &thread_link(tid, "time_for_children")), holder);
    });
    Ok(())
}

/// What `open` opens in a new network namespace, which nothing else keeps afterwards, and that one's link.
fn in_a_new_netns<T: Send>(open: impl FnOnce() -> T + Send) -> (T, String) {
    let inside = || {
        unshare(CloneFlags::CLONE_NEWNET).unwrap();
        let opened = open();
        let link = std::fs::read_link("/proc/thread-self/ns/net").unwrap();
        (opened, link.to_str().unwrap().to_owned())
    };
    std::thread::scope(|scope| scope.spawn(inside).join().unwrap())
}

fn a_socket(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let own = UdpSocket::bind("127.0.0.1:0")?;
    let ((udp, unix), name) =
        in_a_new_netns(|| (UdpSocket::bind("0.0.0.0:0").unwrap(), UnixDatagram::unbound().unwrap()));
    let holder = |fd: i32| json!({"kind": "socket", "pid": std::process::id(), "fd": fd});
    let found = held(suite, &name);
    let found = found.as_array().unwrap();
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found.contains(&holder(udp.as_raw_fd())) && found.contains(&holder(unix.as_raw_fd())), "{found:?}");
    let listed = answers(&suite.run(&["nicon-nsfind", "--list", "--holders", "-T", "net"]));
    assert!(listed.iter().any(|record| link("net", record["nsino"].as_u64().unwrap()) == name), "{listed:?}");
    // One in the namespace that its process is in keeps nothing that the process does not keep.
    let told = listed.iter().flat_map(|record| record["holders"].as_array().unwrap());
    assert!(!told.clone().any(|told| *told == holder(own.as_raw_fd())), "{listed:?}");
    let holder = holder(udp.as_raw_fd());
    drop((udp, unix));
    refusal_of_gone(suite, &name, &holder);
    Ok(())
}

fn a_tun_device(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let node = std::env::temp_dir().join(format!("nicon-holders-tun-{}", std::process::id()));
    mknod(&node, SFlag::S_IFCHR, Mode::S_IRWXU, makedev(10, 200))?;
    let opened = in_a_new_netns(|| File::open(&node));
    std::fs::remove_file(&node)?;
    let (tun, name) = (opened.0?, opened.1);
    let holder = json!([{"kind": "socket", "pid": std::process::id(), "fd": tun.as_raw_fd()}]);
    assert_eq!(held(suite, &name), holder);
    drop(tun);
    refusal_of_gone(suite, &name, &holder[0]);
    Ok(())
}

fn sockets_that_may_not_be_asked(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let (socket, name) = in_a_new_netns(|| UdpSocket::bind("0.0.0.0:0").unwrap());
    let without = |capability: &str, words: &[&str]| {
        let mut limited = tool("setpriv");
        let capability = format!("-{capability}");
        limited.args(["--bounding-set", &capability, "--inh-caps", &capability]).arg(suite.bins()?.join(words[0]));
        Ok::<_, Failed>(output_within(limited.args(&words[1..]), LIMIT)?)
    };
    let ran = without("net_admin", &["nicon-nsfind", "--holders", &name])?;
    assert_eq!((ran.code(), &ran.stdout[..]), (Some(2), ""), "{ran:?}");
    let said = |ran: &Ran| ran.stderr.contains(" not asked for the network namespaces that they keep: descriptor ");
    assert!(said(&ran) && ran.stderr.contains("Operation not permitted (needs "), "{ran:?}");
    assert!(ran.stderr.contains("CAP_NET_ADMIN)"), "{ran:?}");
    // Sockets keep no namespaces of this type.
    let uts = link("uts", ino(std::process::id(), "uts"));
    let ran = without("net_admin", &["nicon-nsfind", "--holders", &uts])?;
    assert!(!said(&ran), "{ran:?}");
    drop(socket);
    Ok(())
}

fn child_namespaces(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let nested = ["--user", "--map-root-user", "unshare", "--user", "--map-root-user"];
    let subject = Subject::asleep(&nested);
    let inner = subject.ino("user");
    let rows = lsns_rows("NS,PNS", &["--type", "user"]);
    let outer = rows.iter().find(|row| row["ns"] == inner).ok_or("lsns does not know it")?["pns"].clone();
    assert_ne!(outer, ino(std::process::id(), "user"));
    let holders = held(suite, &format!("user:[{outer}]"));
    assert_eq!(holders, json!([{"kind": "child", "nstype": "user", "nsino": inner}]));
    Ok(())
}

fn the_list_of_all(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let ino = add_netns("holders-list")?;
    let find = |options: &[&str]| {
        let words = [&["nicon-nsfind", "--list", "-T", "net"], options].concat();
        // Of what other tests hold, more may be told.
        parse(&suite.run(&words).stdout).into_iter().find(|record| record["nsino"] == ino)
    };
    let plain = find(&[]).ok_or("it is not listed")?;
    assert_eq!((&plain["nprocs"], plain.get("holders")), (&0.into(), None), "{plain}");
    let found = find(&["--holders"]).ok_or("it is not listed")?;
    assert_eq!((&found["nprocs"], &found["holders"][0]["kind"]), (&0.into(), &"mount".into()), "{found}");
    delete_netns("holders-list")
}

/// A process may have as many duplicates of a descriptor as it likes. What else holds the namespace is told beside them.
fn more_than_anybody_reads(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let name = "holders-many";
    let ino = add_netns(name)?;
    let file = File::open(format!("/run/netns/{name}"))?;
    let (usual, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, most, most)?;
    let many = (0..5000).map(|_| file.try_clone()).collect::<Result<Vec<_>, _>>()?;
    for words in [&["--holders", name][..], &["--list", "--holders", "-T", "net"]] {
        let ran = suite.run(&[&["nicon-nsfind"], words].concat());
        // A process that another test starts has ours for a moment, too.
        let told = format!("net:[{ino}]: only 4096 of the ");
        assert!(ran.code() == Some(2) && ran.stderr.contains(&told), "{}", ran.stderr);
        let found = parse(&ran.stdout).into_iter().find(|record| record["nsino"] == ino).ok_or("it is not listed")?;
        let holders = found["holders"].as_array().ok_or("no holders")?;
        let count = |kind: &str| holders.iter().filter(|holder| holder["kind"] == kind).count();
        assert!(count("fd") == 4096 && count("mount") > 0, "{} {}", count("fd"), count("mount"));
        assert!(ran.stdout.lines().all(|line| line.len() < 1 << 20));
    }
    drop((file, many));
    setrlimit(Resource::RLIMIT_NOFILE, usual, most)?;
    delete_netns(name)
}

/// Anybody can mount a namespace of theirs as often as they like, at paths as long as they like.
fn mounted_too_often(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let script = "mount -t tmpfs t /mnt; d=/mnt; long=$(printf 'x%.0s' $(seq 200))
        for n in $(seq 15); do d=$d/$long; done; mkdir -p $d; : >$d/0; unshare --uts=$d/0 true; stat -L -c %i $d/0 >/mnt/ino
        for n in $(seq 400); do : >$d/$n; mount --bind $d/0 $d/$n || exit; done
        exec 2>/dev/null; echo ready; exec sleep 600";
    let subject = Subject::start(&["--mount"], script);
    let ino = std::fs::read_to_string(format!("/proc/{}/root/mnt/ino", subject.pid()))?.trim().to_owned();
    let ran = suite.run(&["nicon-nsfind", "--holders", &format!("uts:[{ino}]")]);
    assert!(ran.stdout.len() < 1 << 20, "{}", ran.stdout.len());
    let holders = parse(&ran.stdout)[0]["holders"].as_array().ok_or("no holders")?.len();
    let only = format!("uts:[{ino}]: only {holders} of the 401 mounts that hold it are told");
    assert!(holders > 50 && ran.code() == Some(2) && ran.stderr.contains(&only), "{holders} {}", ran.stderr);
    Ok(())
}
