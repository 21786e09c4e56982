//! What a hostile container does to the machine's own tools that look at it with `--view`; see docs/nsexec-security.md.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;
use std::time::{Duration, Instant};

use libtest_mimic::{Failed, Trial};
use nicon_lab::{LIMIT, Lab, output_of_input, output_within, tool, until};

use crate::hostile::silence::SERVER;
use crate::nsexec::as_nsenter::{Cell, Scratch};
use crate::nsexec::view::{Static, viewing};
use crate::support::expect::refusal;
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial("nsexec::view_attacks::files_that_are_none", files_that_are_none),
        suite.trial("nsexec::view_attacks::links_that_lead_elsewhere", links_that_lead_elsewhere),
        suite.trial("nsexec::view_attacks::a_file_system_that_never_answers", a_file_system_that_never_answers),
        suite.trial("nsexec::view_attacks::what_is_below_its_root", what_is_below_its_root),
        suite.trial("nsexec::view_attacks::a_file_that_changes", a_file_that_changes),
        suite.trial("nsexec::view_attacks::mounts_that_come_later", mounts_that_come_later),
        suite.trial("nsexec::view_attacks::mounts_that_cannot_be_copied", mounts_that_cannot_be_copied),
        suite.trial("nsexec::view_attacks::scripts_for_gdb", scripts_for_gdb),
    ]
}

/// A container whose /etc has what this line of shell makes there.
fn with_etc(script: &str) -> Cell {
    Cell::new(&["-m", "-n"], &format!("mount -t tmpfs none /etc; cd /etc; {script}; cd /; echo; exec sleep 600"))
}

fn files_that_are_none(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    for (script, cause) in [
        ("mkfifo hosts", "it is not a regular file"),
        ("mkdir hosts", "it is not a regular file"),
        ("mknod hosts c 1 5", "it is not a regular file"),
        ("mknod hosts b 7 0", "it is not a regular file"),
        ("truncate -s 1T hosts", "it is longer than 1 MiB"),
        ("head -c 1048577 /dev/zero >hosts", "it is longer than 1 MiB"),
        ("ln -s hosts hosts", "ymbolic link"),
        ("ln -s /proc/self/root/etc/passwd hosts", "ymbolic link"),
        ("ln -s /dev/zero hosts", "it is not a regular file"),
    ] {
        let cell = with_etc(script);
        let ran = viewing(suite, &format!("-t{}", cell.pid()), "true");
        refusal(&ran, 125, &["read the container's /etc/hosts", cause, "without --view"]);
    }
    let cell = with_etc("printf 'nameserver \\033[2J\\n' >resolv.conf; head -c 1048576 /dev/zero >hosts");
    // Bytes are the C library's to read: they are passed on as they are.
    let shown = viewing(suite, &format!("-t{}", cell.pid()), "wc -c </etc/hosts; cat /etc/resolv.conf");
    assert_eq!(shown.ok()?, "1048576\nnameserver \u{1b}[2J");
    Ok(())
}

fn links_that_lead_elsewhere(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    // Of the machine's files, whatever the links say, none is shown; what is not there is empty.
    for link in ["/etc/passwd", "../../../../etc/passwd", "/nowhere", "/etc/resolv.conf/x"] {
        let cell = with_etc(&format!("ln -s {link} hosts"));
        let ran =
            viewing(suite, &format!("-t{}", cell.pid()), "cat /etc/hosts /etc/resolv.conf; stat -c %s /etc/hosts");
        assert_eq!(ran.ok()?, "0", "{link}");
    }
    let cell = with_etc("mkdir -p a/b; echo '127.0.0.1 far' >a/b/c; ln -s /etc/a/b/../b/c hosts");
    assert_eq!(viewing(suite, &format!("-t{}", cell.pid()), "cat /etc/hosts").ok()?, "127.0.0.1 far");
    Ok(())
}

fn a_file_system_that_never_answers(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let directory = Scratch::new("silent-view")?;
    let program = format!("{}/silent", directory.0);
    output_of_input(tool("cc").args(["-x", "c", "-o", &program, "-"]), SERVER, LIMIT)?.ok()?;
    let volume = format!("--volume={}:/silent", directory.0);
    let options =
        ["--device=/dev/fuse", "--cap-add=SYS_ADMIN", "--security-opt=seccomp=unconfined", "--tmpfs=/run", &volume];
    let script = "rm -f /run/x; mkdir /run/d; touch /run/d/hosts; umount /etc/hosts; ln -sf /run/d/hosts /etc/hosts; exec /silent/silent /run/d/hosts 100644";
    lab.run_command("", "view-silent", &options, &["sh", "-c", script])?;
    until("the server", || {
        lab.docker("", &["logs", "view-silent"]).ok()?.ok().ok().filter(|said| said.contains("ready"))
    });
    let pid = lab.host_pid("view-silent")?;
    let begun = Instant::now();
    // What comes after us in a pipe ends, too.
    let ran = suite.shell(&format!("nicon-nsexec -t {pid} --net --view true 2>&1 | cat"), "");
    let took = begun.elapsed();
    assert!(ran.stdout.contains("its file system has not answered for 5 seconds"), "{ran:?}");
    assert!(took >= Duration::from_secs(5), "{took:?}");
    lab.remove("", "view-silent")?;
    Ok(())
}

fn what_is_below_its_root(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let make = "mount -t tmpfs none /srv; cd /srv; ln -s /etc/passwd absolute; ln -s ../etc/passwd up; ln -s /proc/self/root magic; echo x >file; \
        ln -s file relative; mknod zero c 1 5; cp /bin/true program; cp /bin/true setuid; chmod 4755 setuid; mkdir inner; \
        mount -t tmpfs none inner; cp /bin/true inner/program; cd /; echo; exec sleep 600";
    let cell = Cell::new(&["-m", "-n"], make);
    let view = |line: &str| viewing(suite, &format!("-t{}", cell.pid()), line);
    assert_eq!(view("cd $NICON_ROOT/srv && cat file && readlink absolute").ok()?, "x\n/etc/passwd");
    for link in ["absolute", "up", "magic", "relative"] {
        let ran = view(&format!("cat /mnt/srv/{link}"));
        assert!(ran.stderr.contains("Too many levels of symbolic links"), "{link}: {ran:?}");
    }
    for (line, cause) in [
        ("head -c 1 /mnt/srv/zero", "Permission denied"),
        ("/mnt/srv/program", "Permission denied"),
        ("/mnt/srv/setuid", "Permission denied"),
        ("/mnt/srv/inner/program", "Permission denied"),
        ("echo >/mnt/srv/file", "Read-only file system"),
        ("echo >/mnt/srv/inner/new", "Read-only file system"),
        ("LD_PRELOAD=/mnt/srv/program /bin/true", "failed to map segment"),
    ] {
        let ran = view(line);
        assert!(ran.stderr.contains(cause), "{line}: {ran:?}");
    }
    Ok(())
}

/// What was read stays as it was read.
fn a_file_that_changes(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let cell = with_etc("echo '127.0.0.1 first' >hosts");
    let pid = cell.pid();
    let change = format!(
        "echo '127.0.0.1 second' >/proc/{pid}/root/etc/hosts; cat /etc/hosts; rm /proc/{pid}/root/etc/hosts; cat /etc/hosts"
    );
    assert_eq!(viewing(suite, &format!("-t{pid}"), &change).ok()?, "127.0.0.1 first\n127.0.0.1 first");
    Ok(())
}

fn mounts_that_come_later(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let cell = Cell::new(
        &["-m", "-n", "--propagation=shared"],
        "mount -t tmpfs none /srv; mkdir /srv/late /srv/ours; echo; exec sleep 600",
    );
    let pid = cell.pid();
    let mut command = suite.command("nicon-nsexec")?;
    let line = "mount -t tmpfs none /mnt/srv/ours && echo ready; read line; ls /mnt/srv/late; grep -c /mnt/srv/ours /proc/self/mountinfo; \
        grep -c /mnt/srv/late /proc/self/mountinfo";
    command
        .args([&format!("-t{pid}"), "--net", "--view", "sh", "-c", line])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut viewer = Cell(command.spawn()?);
    let mut said = BufReader::new(viewer.0.stdout.take().ok_or("no output")?).lines();
    assert_eq!(said.next().transpose()?.as_deref(), Some("ready"));
    let late = "mount -t tmpfs none /srv/late && touch /srv/late/planted && cp /bin/true /srv/late/program";
    output_within(tool("nsenter").args(["-t", &pid, "-m", "sh", "-c", late]), LIMIT)?.ok()?;
    assert!(!fs::read_to_string(format!("/proc/{pid}/mountinfo"))?.contains("/srv/ours"), "ours is seen there");
    viewer.0.stdin.take().ok_or("no input")?.write_all(b"\n")?;
    assert_eq!(said.collect::<Result<Vec<_>, _>>()?, ["1", "0"]);
    Ok(())
}

fn mounts_that_cannot_be_copied(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let cell = Cell::new(&["-m", "-n"], "mount --make-unbindable /; echo; exec sleep 600");
    let ran = viewing(suite, &format!("-t{}", cell.pid()), "true");
    refusal(&ran, 125, &["take a copy of the container's mounts", "Invalid argument"]);
    Ok(())
}

fn scripts_for_gdb(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let container = Static::run(lab, "view-gdb")?;
    let made = "/run/made-by-gdb";
    let gdb = |options: &str| {
        let line = format!("cd /mnt && gdb -batch {options} -p {} -ex bt", container.pid);
        let ran = viewing(suite, &container.target(), &line);
        assert!(ran.stdout.contains("main ()"), "{ran:?}");
        fs::remove_file(made).is_ok()
    };
    let trust = "-iex 'set auto-load safe-path /'";
    let here = "-iex 'set sysroot /mnt'";
    assert!(gdb(&format!("{trust} {here}")), "the attack does not work at all");
    for options in ["", here, trust] {
        assert!(!gdb(options), "gdb has run the container's script: {options}");
    }
    Ok(())
}
