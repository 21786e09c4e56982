//! nicon-nsexec side by side with nsenter: what the options mean, and how they may be written.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::process::Stdio;

use libtest_mimic::{Failed, Trial};
use nicon_lab::{Lab, tool, witness};

use crate::nsexec::as_nsenter::{CONTAINER, Cell, both, same};
use crate::support::expect::refusal;
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial("nsexec::options::spellings", spellings),
        suite.trial("nsexec::options::files_and_sockets", files_and_sockets),
        suite.trial("nsexec::options::nowhere_to_go", nowhere_to_go),
        suite.trial("nsexec::options::operands_that_are_not_attached", operands_that_are_not_attached),
        suite.trial("nsexec::options::users", users),
        suite.trial("nsexec::options::capabilities_that_are_kept", capabilities_that_are_kept),
        suite.trial("nsexec::options::places", places),
    ]
}

fn spellings(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let pid = lab.host_pid(CONTAINER)?.to_string();
    let (joined, equals) = (format!("-t{pid}"), format!("--target={pid}"));
    let net = format!("/proc/{pid}/ns/net");
    let (file, attached) = (format!("--net={net}"), format!("-n{net}"));
    let (wd, in_ns) = (format!("--wd={}", "/usr"), format!("--wdns={}", "/usr"));
    for options in [
        &["-t", &pid, "-n"][..],
        &["-n", "-t", &pid],
        &["--target", &pid, "--net"],
        &[&equals, "--net", "--uts", "--ipc"],
        &[&equals, "--net", "--cgroup", "--time"],
        &[&joined, "--net", "--no-fork"],
        &[&joined, "--net", "--mount", "--pid"],
        &[&joined, "-n", "-S", "1000", "-G1000"],
        &[&joined, "-n", "--setuid=1000", "--setgid", "1000"],
        &[&joined, "-n", "-w/usr"],
        &[&joined, "-n", &wd],
        &[&joined, "-n", "-W/usr"],
        &[&joined, "-n", &in_ns],
        &[&file],
        &[&attached, "-u", "-t", &pid],
        &[&joined, "-n", "--"],
        &[&joined, "-a"],
        &[&joined, "--all", "--preserve-credentials"],
    ] {
        let words = ["sh", "-c", "readlink /proc/self/ns/net /proc/self/ns/uts; id -u; pwd", "-t", "--all"];
        let shown = same(suite, &[options, &words].concat());
        assert_eq!(shown.lines().next(), witness::ns_link(pid.parse()?, "net").as_deref(), "{options:?}");
    }
    // The nsenter of util-linux 2.38 takes that directory apart as well, that of 2.41 does not.
    let apart = suite.run(&["nicon-nsexec", &joined, "-n", "-W", "/usr", "pwd"]);
    refusal(&apart, 126, &["run /usr (did you mean --wdns=/usr?): Permission denied"]);
    // Letters may stand together; nsenter takes all that stands behind one of them for its FILE.
    for options in [&[&joined, "-un"][..], &["-nt", &pid], &[&format!("-uimnpt{pid}")], &[&joined, "-uFn"]] {
        let (ours, theirs) = both(suite, &[options, &["readlink", "/proc/self/ns/net"]].concat());
        assert_eq!(Some(ours.ok()?), witness::ns_link(pid.parse()?, "net"), "{options:?}");
        assert_eq!(theirs.code(), Some(1), "{options:?}");
    }
    // What neither takes.
    for options in [&["-n", "true"][..], &["-t", "x", "-n", "true"], &[&joined, "-S", "x", "true"]] {
        let (ours, theirs) = both(suite, options);
        assert_eq!((ours.code(), theirs.code()), (Some(125), Some(1)), "{options:?} {ours:?} {theirs:?}");
    }
    Ok(())
}

fn files_and_sockets(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let pid = lab.host_pid(CONTAINER)?;
    let file = format!("/proc/{pid}/ns/net");
    for option in [format!("--net={file}"), format!("-n{file}")] {
        assert_eq!(Some(same(suite, &[&option, "readlink", "/proc/self/ns/net"])), witness::ns_link(pid, "net"));
    }
    // A file stands for one type only.
    let (ours, theirs) = both(suite, &[&format!("--uts={file}"), "true"]);
    assert!(theirs.code() == Some(1), "{theirs:?}");
    refusal(&ours, 125, &[&file, "is not a namespace of type uts"]);
    for no_namespace in ["/etc/passwd", "/dev/null", "/"] {
        let ran = suite.run(&["nicon-nsexec", &format!("--net={no_namespace}"), "true"]);
        refusal(&ran, 125, &[no_namespace, "is not a namespace of type net"]);
    }

    let other = Cell::new(&["-n"], "echo; exec sleep 60");
    let (holder, fd) = holder_of_a_socket(&other)?;
    let ran = suite.run(&["nicon-nsexec", "-t", &holder.pid(), "-N", &fd, "readlink", "/proc/self/ns/net"]);
    assert_eq!(Some(ran.ok()?), witness::ns_link(other.0.id(), "net"));
    let ran = suite.run(&["nicon-nsexec", "-t", &holder.pid(), "-N", "1", "true"]);
    refusal(&ran, 125, &[&format!("descriptor 1 of process {} is not a socket", holder.pid())]);
    let ran = suite.run(&["nicon-nsexec", "-t", &holder.pid(), "-N", "99", "true"]);
    refusal(&ran, 125, &[&format!("get descriptor 99 of process {}: Bad file", holder.pid())]);
    Ok(())
}

/// A process in our network namespace that has a socket of another, and its descriptor: a socket remembers the namespace that it was made
/// in, whoever holds it.
pub(crate) fn holder_of_a_socket(of: &Cell) -> Result<(Cell, String), Failed> {
    let script =
        "use Socket; open(N, '<', $ARGV[0]); my $s; syscall(308, fileno(N), 0); socket($s, AF_INET, SOCK_STREAM, 0);
        open(M, '<', $ARGV[1]); syscall(308, fileno(M), 0); $| = 1; print fileno($s), qq(\\n); sleep 60";
    let mut holder = tool("perl");
    holder.args(["-e", script, &format!("/proc/{}/ns/net", of.pid()), "/proc/self/ns/net"]).stdout(Stdio::piped());
    let mut holder = Cell(holder.spawn()?);
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(holder.0.stdout.as_mut().unwrap()), &mut line)?;
    Ok((holder, line.trim().to_owned()))
}

/// FILE and DIR that are written apart become the command.
fn operands_that_are_not_attached(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let pid = lab.host_pid(CONTAINER)?;
    let (target, file) = (format!("-t{pid}"), format!("/proc/{pid}/ns/net"));
    let meant = format!("(did you mean --net={file}?)");
    refusal(&suite.run(&["nicon-nsexec", "-n", &file, "ip", "link"]), 125, &["no target", &meant]);
    refusal(&suite.run(&["nicon-nsexec", &target, "-n", &file, "ip", "link"]), 126, &[&meant, "Permission denied"]);
    let ran = suite.run(&["nicon-nsexec", &target, "-n", "-w", "/tmp", "pwd"]);
    refusal(&ran, 126, &["run /tmp (did you mean --wd=/tmp?): Permission denied"]);
    for words in [&["-n", "/tmp"][..], &["-u", &file]] {
        let ran = suite.run(&[&["nicon-nsexec", target.as_str()][..], words].concat());
        refusal(&ran, 126, &[&format!("run {}: Permission denied", words[1])]);
    }
    Ok(())
}

/// The nsenter of util-linux 2.38 runs the command where it is, that of 2.41 refuses; a record on standard input must not lead to a command on the host.
fn nowhere_to_go(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let record = suite.run(&["nicon-resolve", CONTAINER]).stdout;
    let target = format!("-t{}", lab.host_pid(CONTAINER)?);
    let target = target.as_str();
    for options in [&[][..], &[target], &[target, "-F"], &[target, "-W", "/tmp"], &[target, "-S0"], &["--each"]] {
        for input in [record.as_str(), ""] {
            let words = [&["nicon-nsexec"][..], options, &["echo", "on the host"]].concat();
            refusal(&suite.feed(&words, input), 125, &["nicon-nsexec: no namespace was chosen: use --all"]);
        }
    }
    for options in [&["-c"][..], &["-e", "--privileged"], &["-w"], &["-S", "follow"], &["-r/usr", "--privileged"]] {
        let words = [&["nicon-nsexec", target][..], options, &["/bin/true"]].concat();
        assert_eq!(suite.run(&words).code(), Some(0), "{options:?}");
    }
    Ok(())
}

fn users(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let target = format!("-t{}", lab.host_pid(CONTAINER)?);
    same(suite, &[&target, "-n", "-S", "1000", "-G", "2000", "id"]);
    same(suite, &[&target, "-m", "-S0", "-G0", "id"]);

    let cell = Cell::new(&["-U", "-r", "-n"], "echo; exec sleep 60");
    let target = format!("-t{}", cell.pid());
    assert!(same(suite, &[&target, "-U", "-n", "id"]).contains("uid=0"));
    let links = same(suite, &[&target, "-U", "-n", "readlink", "/proc/self/ns/user", "/proc/self/ns/net"]);
    assert_eq!(links.lines().next(), witness::ns_link(cell.0.id(), "user").as_deref());
    same(suite, &[&target, "-U", "--preserve-credentials", "id", "-u"]);

    let follow = suite.run(&["nicon-nsexec", &target, "-U", "-S", "follow", "-G", "follow", "id", "-u"]);
    assert_eq!(follow.ok()?, "0");
    // The namespace's owner is our own user namespace, which cannot be joined again.
    let parent = suite.run(&["nicon-nsexec", &target, "-U", "--user-parent", "true"]);
    refusal(&parent, 125, &["join the user namespace: it is our own, which cannot be joined again"]);
    let inner = Cell::new(&["-U", "-r", "-p", "-f", "--kill-child"], "unshare -U -r sh -c 'echo; exec sleep 60'");
    let innermost = witness::family(inner.0.id()).last().ok_or("no family")?.0;
    let parent = suite.run(&[
        "nicon-nsexec",
        &format!("-t{innermost}"),
        "-U",
        "--user-parent",
        "readlink",
        "/proc/self/ns/user",
    ]);
    assert_eq!(Some(parent.ok()?), witness::ns_link(inner.0.id(), "user"));

    Ok(())
}

fn capabilities_that_are_kept(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    // nsenter before 2.40 does not know --keep-caps: what root has in the namespace is the measure.
    let cell = Cell::new(&["-U"], "echo; exec sleep 60");
    for map in ["uid_map", "gid_map"] {
        fs::write(format!("/proc/{}/{map}", cell.pid()), "0 0 65536\n")?;
    }
    let target = format!("-t{}", cell.pid());
    let caps = |options: &[&str]| {
        let show = ["grep", "-E", "^(Uid|CapPrm|CapEff|CapAmb):", "/proc/self/status"];
        let shown = suite.run(&[&["nicon-nsexec", &target, "-U"], options, &show].concat()).ok().unwrap();
        shown.lines().map(|line| line.split_whitespace().nth(1).unwrap().to_owned()).collect::<Vec<_>>()
    };
    let none = "0000000000000000";
    let root = caps(&[]);
    assert!(root[0] == "0" && root[1] != none && root[2] == root[1] && root[3] == none, "{root:?}");
    let all = root[1].as_str();
    assert_eq!(caps(&["-S", "1000", "-G", "1000"]), ["1000", none, none, none]);
    assert_eq!(caps(&["-S", "1000", "-G", "1000", "--keep-caps"]), ["1000", all, all, all]);
    assert_eq!(caps(&["--preserve-credentials", "--keep-caps"]), ["0", all, all, all]);
    Ok(())
}

fn places(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let target = format!("-t{}", lab.host_pid(CONTAINER)?);
    assert_eq!(same(suite, &[&target, "-m", "pwd"]), "/");
    assert_eq!(same(suite, &[&target, "-m", "-W/tmp", "pwd"]), "/tmp");
    assert_eq!(same(suite, &[&target, "-n", "-w/usr/share", "pwd"]), "/usr/share");
    let cell = Cell::new(&["-m"], "cd /var/tmp; echo; exec sleep 60");
    let target = format!("-t{}", cell.pid());
    assert_eq!(same(suite, &[&target, "-m", "-w", "pwd"]), "/var/tmp");

    // The root directory: the target's, or a directory.
    let pid = lab.host_pid(CONTAINER)?;
    let target = format!("-t{pid}");
    let root = fs::metadata(format!("/proc/{pid}/root/"))?;
    let directory = format!("/proc/{pid}/root");
    for option in ["-r", "--root", &format!("-r{directory}"), &format!("--root={directory}")] {
        let shown = same(suite, &[&target, "-u", option, "stat", "-c", "%d:%i", "/"]);
        assert_eq!(shown, format!("{}:{}", root.dev(), root.ino()), "{option}");
    }
    // What is not below it cannot be found; and where no other is asked for, the working directory is inside.
    refusal(&suite.run(&["nicon-nsexec", &target, "-u", "-r/usr", "/usr/bin/true"]), 127, &["No such file"]);
    assert_eq!(suite.run(&["nicon-nsexec", &target, "-u", "-r", "pwd"]).ok()?, "/");
    let (ours, theirs) = both(suite, &[&target, "-n", "-w/no/such/directory", "true"]);
    assert_eq!(theirs.code(), Some(1), "{theirs:?}");
    refusal(&ours, 125, &["open /no/such/directory", "No such file"]);
    Ok(())
}
