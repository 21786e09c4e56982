//! A command that runs the container's files has no more than the container's own processes.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use libtest_mimic::{Failed, Trial};
use nicon_lab::{LIMIT, Lab, Ran, copy_program, output_within, tool, wait_for, witness};

use crate::nsexec::as_nsenter::{CONTAINER, Cell};
use crate::nsexec::signals::at_terminal;
use crate::support::expect::refusal;
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial("nsexec::rights::the_user_is_the_targets", the_user_is_the_targets),
        suite.trial("nsexec::rights::a_terminal_that_its_user_can_open", a_terminal_that_its_user_can_open),
        suite.trial("nsexec::rights::the_user_of_a_user_namespace", the_user_of_a_user_namespace),
        suite.trial("nsexec::rights::a_target_that_hides_its_user", a_target_that_hides_its_user),
        suite.trial("nsexec::rights::limits_are_the_lower_ones", limits_are_the_lower_ones),
        suite.trial("nsexec::rights::keys_are_not_the_callers", keys_are_not_the_callers),
        suite.trial("nsexec::rights::files_of_a_users_own_namespace", files_of_a_users_own_namespace),
        suite.trial("nsexec::rights::not_to_be_had_by_setuid", not_to_be_had_by_setuid),
        suite.trial("nsexec::rights::a_target_that_leaves_for_its_own_namespace", a_target_that_leaves),
        suite.trial("nsexec::rights::what_is_inherited_besides", what_is_inherited_besides),
        suite.trial("nsexec::rights::processors_and_io_priority", processors_and_io_priority),
        suite.trial("nsexec::rights::ambient_capabilities", ambient_capabilities),
    ]
}

/// A container of Docker's whose process is an ordinary user without a capability.
const MODEST: [&str; 6] =
    ["--user=1000:2000", "--group-add=3000", "--cap-drop=ALL", "--ulimit=nofile=64:99", "--ulimit", "core=0"];

/// Enters from a shell with groups and limits of its own.
fn enter(suite: &Suite, pid: u32, options: &[&str], words: &[&str]) -> Ran {
    let program = suite.bins().unwrap().join("nicon-nsexec");
    let mut caller = tool("setpriv");
    caller.args(["--groups=4,27,4242", "--"]).arg(program).arg(format!("-t{pid}"));
    output_within(caller.args(options).args(words), LIMIT).unwrap()
}

fn the_user_is_the_targets(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let name = "modest-user";
    lab.run_container("", name, &MODEST)?;
    let pid = lab.host_pid(name)?;
    let look = ["grep", "-E", "^(Uid|Gid|Groups|CapPrm|CapEff|CapAmb|CapBnd):", "/proc/self/status"];
    let theirs = output_within(&mut lab.command(name, &look), LIMIT)?.ok()?;
    assert!(theirs.starts_with("Uid:\t1000\t1000\t1000\t1000\nGid:\t2000"), "{theirs}");
    for options in [&["--all"][..], &["-m", "-p"], &["-r", "-p"], &["--all", "-S", "follow"]] {
        assert_eq!(enter(suite, pid, options, &look).ok()?, theirs, "{options:?}");
    }
    // It makes no file of another user, by which that one could be impersonated, and does not read one.
    let secret = ["sh", "-c", "umask 077; echo told >/dev/shm/secret"];
    enter(suite, pid, &["--all", "--privileged"], &secret).ok()?;
    let plant =
        "cp /bin/sh /dev/shm/planted && chmod u+s /dev/shm/planted && stat -c %u /dev/shm/planted; cat /dev/shm/secret";
    let ran = enter(suite, pid, &["--all"], &["sh", "-c", plant]);
    assert!(ran.stdout == "1000\n" && ran.stderr.contains("secret: Permission denied"), "{ran:?}");
    // Others are chosen.
    let ids = ["sh", "-c", "id -u; id -g; id -G"];
    for (options, shown) in [
        (&["--all", "-F"][..], "1000\n2000\n2000 3000"),
        (&["-m"], "1000\n2000\n2000 3000"),
        (&["-r"], "1000\n2000\n2000 3000"),
        (&["--all", "-S0"], "0\n2000\n2000 3000"),
        (&["--all", "-G7"], "1000\n7\n7"),
        (&["--all", "-S5", "-G6"], "5\n6\n6"),
        (&["--all", "--privileged"], "0\n0\n0 4 27 4242"),
        (&["--all", "--preserve-credentials"], "0\n0\n0 4 27 4242"),
        // The caller's files: nothing changes.
        (&["--net"], "0\n0\n0 4 27 4242"),
    ] {
        assert_eq!(enter(suite, pid, options, &ids).ok()?, shown, "{options:?}");
    }
    // Chosen or not, capabilities are not gained by it.
    let caps = enter(suite, pid, &["--all", "-S0"], &["grep", "CapEff", "/proc/self/status"]);
    assert_eq!(caps.ok()?, "CapEff:\t0000000000000000");
    Ok(lab.remove("", name)?)
}

fn a_terminal_that_its_user_can_open(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let name = "modest-terminal";
    lab.run_container("", name, &MODEST)?;
    let pid = lab.host_pid(name)?;
    for option in ["", "-S 1234"] {
        let line = format!("nicon-nsexec -t {pid} --all {option} sh -c 'id -u; echo opened >/proc/self/fd/2'");
        let shown = at_terminal(suite, &line, "");
        assert!(shown.contains("opened") && !shown.contains("denied"), "{option}: {shown}");
    }
    Ok(lab.remove("", name)?)
}

/// Its users have other numbers inside, and some of its groups none.
fn the_user_of_a_user_namespace(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    // Becomes the namespace's root once that is mapped.
    let script = r#"exec perl -e '$| = 1; syscall(272, 0x10020000) == 0 or die; print "unshared\n";
        select(undef, undef, undef, 0.01) until syscall(119, 0, 0, 0) == 0 and syscall(117, 0, 0, 0) == 0;
        exec qw(setpriv --reuid=1000 --regid=2000 --groups=3000 sleep 60)'"#;
    let cell = Cell::new(&["-n"], script);
    for map in ["uid_map", "gid_map"] {
        fs::write(format!("/proc/{}/{map}", cell.pid()), "0 100000 65536\n")?;
    }
    wait_for("user", || {
        fs::read_to_string(format!("/proc/{}/status", cell.pid())).is_ok_and(|text| text.contains("Uid:\t101000"))
    });
    let ids = ["sh", "-c", "id -u; id -g; id -G"];
    for options in [&["--all"][..], &["-U", "-m"], &["--all", "-F"]] {
        assert_eq!(enter(suite, cell.0.id(), options, &ids).ok()?, "1000\n2000\n2000 3000", "{options:?}");
    }
    // Where no group may be set, the caller's are not kept either.
    let denying = Cell::new(&["-U", "-r", "-m"], "echo; exec sleep 60");
    assert_eq!(enter(suite, denying.0.id(), &["--all"], &ids).ok()?, "0\n0\n0");
    Ok(())
}

/// The kernel says that the files in /proc of such a process are root's.
fn a_target_that_hides_its_user(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let script = "exec setpriv --reuid=1000 --regid=2000 --clear-groups perl -e 'syscall(157, 4, 0); $| = 1; print qq(x\\n); sleep 60'";
    let cell = Cell::new(&["-m"], script);
    let shown = enter(suite, cell.0.id(), &["-m"], &["sh", "-c", "id -u; id -g; id -G"]);
    assert_eq!(shown.ok()?, "1000\n2000\n2000");
    Ok(())
}

fn limits_are_the_lower_ones(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let name = "modest-limits";
    lab.run_container("", name, &MODEST)?;
    let pid = lab.host_pid(name)?;
    let ask = "ulimit -Sn; ulimit -Hn; ulimit -Sc; ulimit -Hc; ulimit -St; ulimit -Ht";
    // The caller's CPU time is the lower one, and its soft limit for files.
    let run = |soft_files: &str, options: &[&str]| {
        let limits = format!("ulimit -Sn {soft_files}; ulimit -t 77; exec \"$@\"");
        let mut caller = tool("bash");
        caller.args(["-c", &limits, "bash"]).arg(suite.bins().unwrap().join("nicon-nsexec")).arg(format!("-t{pid}"));
        output_within(caller.args(options).args(["bash", "-c", ask]), LIMIT).unwrap().ok().unwrap()
    };
    for options in [&["--all"][..], &["--all", "-F"], &["-m"], &["-r"], &["--all", "-S0"]] {
        assert_eq!(run("200", options), "64\n99\n0\n0\n77\n77", "{options:?}");
        assert_eq!(run("33", options), "33\n99\n0\n0\n77\n77", "{options:?}");
    }
    for options in [&["--all", "--privileged"][..], &["--net"]] {
        assert!(run("200", options).starts_with("200\n"), "{options:?}");
    }
    // So few that they would not do for what we open on the way.
    let cell = Cell::new(&["-m"], "ulimit -n 4; echo; exec sleep 60");
    assert_eq!(enter(suite, cell.0.id(), &["-m"], &["sh", "-c", "ulimit -n"]).ok()?, "4");
    Ok(lab.remove("", name)?)
}

/// A session keyring with a key in it, and whether a process finds that key.
const ADD_KEY: &str = r#"my ($name, $type, $text) = ("session", "user", "the-callers-key");
    syscall(250, 1, $name) > 0 or die "keyring: $!"; syscall(248, $type, $text, $text, 4, -3) > 0 or die "key: $!"; exec @ARGV"#;
const FIND_KEY: &str = r#"my ($type, $text) = ("user", "the-callers-key"); my ($id, $own) = (syscall(250, 10, -3, $type, $text, 0),
    syscall(250, 0, -3, 0)); print $id > 0 ? "found" : "none", $own > 0 ? " in a keyring" : ""; "#;

fn keys_are_not_the_callers(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let name = "modest-keys";
    // Docker's filter would keep the command from all keys.
    lab.run_container("", name, &[&MODEST[..], &["--security-opt=seccomp=unconfined"]].concat())?;
    let target = format!("-t{}", lab.host_pid(name)?);
    let program = suite.bins()?.join("nicon-nsexec");
    let find = |options: &[&str]| {
        let mut caller = tool("perl");
        caller.args(["-e", ADD_KEY]).arg(&program).arg(&target).args(options).args(["perl", "-e", FIND_KEY]);
        output_within(&mut caller, LIMIT).unwrap().ok().unwrap()
    };
    assert_eq!(find(&["--net"]), "found in a keyring");
    for options in [&["--all"][..], &["--all", "-F"], &["-m"], &["-r"], &["-m", "-p"], &["--all", "--privileged"]] {
        assert_eq!(find(options), "none in a keyring", "{options:?}");
    }
    Ok(lab.remove("", name)?)
}

/// A user plants a program in a namespace of their own, for root to run it there.
fn files_of_a_users_own_namespace(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let secret = format!("/run/nsexec-secret-{}", std::process::id());
    fs::write(&secret, "told\n")?;
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600))?;
    let plant =
        format!("mount -t tmpfs none /mnt; echo \"#!/bin/sh\ncat {secret}\" >/mnt/ip; chmod +x /mnt/ip; echo ready");
    let own = format!("unshare -U -r -m -p -f --kill-child sh -c '{plant}; exec sleep 60'");
    let cell = Cell::new(&["-n"], &format!("exec setpriv --reuid=1000 --regid=1000 --clear-groups {own}"));
    let inner = witness::family(cell.0.id()).last().ok_or("no child")?.0;
    let (file, user) = (format!("--mount=/proc/{inner}/ns/mnt"), format!("--user=/proc/{inner}/ns/user"));
    let run = |pid: u32, options: &[&str]| enter(suite, pid, options, &["/mnt/ip"]);
    for options in [&["-m"][..], &["-m", "-p"], &["-r"], &["-r", "-p", "-n"], &["-m", "-S0"], &["-m", "-F"], &[&file]] {
        refusal(
            &run(inner, options),
            125,
            &["the files belong to another user namespace", "add --user, or take --all"],
        );
    }
    // Nor does it help to name another target.
    refusal(&run(std::process::id(), &[&file]), 125, &["the files belong to another user namespace"]);
    for options in [&["--all"][..], &["-U", "-m"], &["-U", "-m", "-p"], &["-U", "-r"], &[&user, &file]] {
        let ran = run(inner, options);
        assert!(ran.stdout.is_empty() && ran.stderr.contains("Permission denied"), "{options:?} {ran:?}");
    }
    assert_eq!(run(inner, &["-m", "--privileged"]).ok()?, "told", "the attack does not work at all");
    Ok(fs::remove_file(secret)?)
}

fn not_to_be_had_by_setuid(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let target = format!("-t{}", lab.host_pid(CONTAINER)?);
    let copy = format!("/run/nsexec-setuid-{}", std::process::id());
    for (give, has_more) in [
        ("chmod 755", false),
        ("chmod 4755", true),
        ("chown 0:4242 $1 && chmod 2755", true),
        ("setcap cap_sys_admin,cap_sys_ptrace,cap_sys_chroot+ep", true),
    ] {
        copy_program(suite.bins()?.join("nicon-nsexec"), &copy)?;
        output_within(tool("sh").args(["-c", &format!("{give} $1"), "sh", &copy]), LIMIT)?.ok()?;
        for options in [&["--net"][..], &["--net", "-F"], &["--all"]] {
            let mut user = tool("setpriv");
            user.args(["--reuid=1000", "--regid=1000", "--clear-groups", &copy]);
            let ran = output_within(user.arg(&target).args(options).args(["id", "-u"]), LIMIT)?;
            assert_eq!(ran.code(), Some(125), "{give} {options:?} {ran:?}");
            assert_eq!(ran.stderr.contains("it would give its rights to whoever runs it"), has_more, "{give} {ran:?}");
        }
        fs::remove_file(&copy)?;
    }
    Ok(())
}

/// It is an ordinary process when we look, and in namespaces of its own when we join.
fn a_target_that_leaves(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let go = format!("/run/nsexec-go-{}", std::process::id());
    let script = format!("until [ -e {go} ]; do sleep 0.01; done; exec unshare -U -r -m sleep 60");
    let leave = format!("exec setpriv --reuid=1000 --regid=1000 --clear-groups sh -c 'echo; {script}'");
    let cell = Cell::new(&["-n"], &leave);
    let mut strace = tool("strace");
    // Held up where the pinned target's namespaces are joined.
    strace.args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=setns", "-e", "inject=setns:delay_enter=4000000"]);
    strace.arg(suite.bins()?.join("nicon-nsexec")).args([&format!("-t{}", cell.pid()), "-m", "-S0", "id"]);
    let entering = strace.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let joins = |(pid, _): &(u32, u64)| {
        fs::read_to_string(format!("/proc/{pid}/syscall"))
            .is_ok_and(|call| call.starts_with(&format!("{} ", libc::SYS_setns)))
    };
    wait_for("join", || witness::family(entering.id()).iter().any(joins));
    fs::write(&go, "")?;
    let ran = entering.wait_with_output()?;
    fs::remove_file(&go)?;
    let said = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert!(said.contains("the target has changed its user namespace meanwhile"), "{ran:?}");
    assert_eq!((ran.status.code(), ran.stdout.is_empty()), (Some(125), true), "{ran:?}");
    Ok(())
}

fn what_is_inherited_besides(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let script = "umask 027; echo 300 >/proc/self/oom_score_adj; echo; exec nice -n 7 setarch -R sleep 60";
    let cell = Cell::new(&["-m"], script);
    wait_for("sleep", || fs::read(format!("/proc/{}/comm", cell.pid())).is_ok_and(|name| name == b"sleep\n"));
    let show = "umask; nice; cat /proc/self/oom_score_adj /proc/self/personality; chrt -p $$ | head -n 1";
    let run = |before: &str, options: &[&str]| {
        let mut caller = tool("sh");
        caller.args(["-c", &format!("{before} \"$@\""), "sh"]).arg(suite.bins().unwrap().join("nicon-nsexec"));
        caller.arg(format!("-t{}", cell.pid())).args(options).args(["sh", "-c", show]);
        let shown = output_within(&mut caller, LIMIT).unwrap().ok().unwrap();
        shown.lines().map(|line| line.split(' ').next_back().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let more = "umask 070; echo 100 >/proc/self/oom_score_adj; exec nice -n -5 chrt --fifo 1";
    let less = "umask 0; echo 400 >/proc/self/oom_score_adj; exec nice -n 9";
    for options in [&["-m"][..], &["-m", "-F"], &["-r"]] {
        assert_eq!(run(more, options), ["0077", "7", "300", "00040000", "SCHED_OTHER"], "{options:?}");
        assert_eq!(run(less, options), ["0027", "9", "400", "00040000", "SCHED_OTHER"], "{options:?}");
    }
    for options in [&["-m", "--privileged"][..], &["--net"]] {
        assert_eq!(run(more, options), ["0070", "-5", "100", "00000000", "SCHED_FIFO"], "{options:?}");
    }
    Ok(())
}

fn processors_and_io_priority(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    assert!(std::thread::available_parallelism()?.get() >= 2, "with one processor the test would prove nothing");
    let show = "taskset -cp $$ | sed 's/.* //'; ionice -p $$";
    let run = |pid: &str, before: &str, options: &[&str]| {
        let mut caller = tool("sh");
        caller.args(["-c", &format!("exec {before} \"$@\""), "sh"]).arg(suite.bins().unwrap().join("nicon-nsexec"));
        caller.arg(format!("-t{pid}")).args(options).args(["sh", "-c", show]);
        output_within(&mut caller, LIMIT).unwrap().ok().unwrap()
    };
    for (theirs, before, shown) in [
        ("taskset -c 1 ionice -c 2 -n 6", "taskset -c 0,1 ionice -c 1 -n 3", "1\nbest-effort: prio 6"),
        ("taskset -c 1 ionice -c 3", "taskset -c 0 ionice -c 2 -n 1", "1\nidle"),
        ("taskset -c 0,1 ionice -c 2 -n 1", "taskset -c 0 ionice -c 2 -n 5", "0\nbest-effort: prio 5"),
        ("taskset -c 0,1 nice -n 0", "taskset -c 1 ionice -c 1 -n 0", "1\nnone: prio 4"),
    ] {
        let cell = Cell::new(&["-m"], &format!("exec {theirs} sh -c 'echo; exec sleep 60'"));
        for options in [&["-m"][..], &["-m", "-F"], &["-r"]] {
            let ran = run(&cell.pid(), before, options);
            assert_eq!(ran.replace("none: prio 0", "none: prio 4"), shown, "{theirs} {before} {options:?}");
        }
        assert_eq!(run(&cell.pid(), before, &["-m", "--privileged"]), run(&cell.pid(), before, &["--net"]));
    }
    Ok(())
}

/// As Podman gives them to a user who is not root.
fn ambient_capabilities(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let give = "exec setpriv --reuid=1000 --regid=2000 --clear-groups --inh-caps=-all,+net_raw,+kill --ambient-caps=-all,+net_raw";
    let cell = Cell::new(&["-m"], &format!("{give} --bounding-set=-all,+net_raw,+kill sh -c 'echo; exec sleep 60'"));
    wait_for("sleep", || fs::read(format!("/proc/{}/comm", cell.pid())).is_ok_and(|name| name == b"sleep\n"));
    let sets = |options: &[&str]| {
        let look = ["grep", "-E", "^Cap(Prm|Eff|Bnd|Amb):", "/proc/self/status"];
        enter(suite, cell.0.id(), options, &look).ok().unwrap().replace(['\t', '\n'], " ")
    };
    let net_raw = "0000000000002000";
    for options in [&["-m"][..], &["-r"], &["-m", "-F"]] {
        let all = format!("CapPrm: {net_raw} CapEff: {net_raw} CapBnd: {net_raw} CapAmb: {net_raw}");
        assert_eq!(sets(options), all, "{options:?}");
    }
    let none = "0000000000000000";
    let another = sets(&["-m", "-S1234"]);
    assert_eq!(another, format!("CapPrm: {none} CapEff: {none} CapBnd: {net_raw} CapAmb: {none}"));
    // Root has the same by its number, as it did before.
    let root = sets(&["-m", "-S0"]);
    assert_eq!(root, format!("CapPrm: {net_raw} CapEff: {net_raw} CapBnd: {net_raw} CapAmb: {none}"));
    Ok(())
}
