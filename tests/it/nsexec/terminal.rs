//! nicon-nsexec at a terminal, under shells that watch their jobs: it is neither lost nor anybody else's. What a user sees is the
//! same as without it.

use std::fs;

use libtest_mimic::{Failed, Trial};
use nicon_lab::{Lab, witness};

use crate::nsexec::as_nsenter::{CONTAINER, Cell};
use crate::nsexec::signals::at_terminal;
use crate::support::desk::Desk;
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial("nsexec::terminal::ctrl_z_and_ctrl_c", ctrl_z_and_ctrl_c),
        suite.trial("nsexec::terminal::from_the_background", from_the_background),
        suite.trial("nsexec::terminal::typed_ahead", typed_ahead),
        suite.trial("nsexec::terminal::polled_by_a_stopped_command", polled_by_a_stopped_command),
        suite.trial("nsexec::terminal::looked_at_now_and_then", looked_at_now_and_then),
        suite.trial("nsexec::terminal::held_output", held_output),
        suite.trial("nsexec::terminal::in_use_by_another", in_use_by_another),
        suite.trial("nsexec::terminal::written_by_who_is_left", written_by_who_is_left),
        suite.trial("nsexec::terminal::hung_up", hung_up),
        suite.trial("nsexec::terminal::a_shell_by_a_record", a_shell_by_a_record),
        suite.trial("nsexec::terminal::of_another_session", of_another_session),
        suite.trial("nsexec::terminal::that_has_a_name", that_has_a_name),
        suite.trial("nsexec::terminal::a_false_ptmx", a_false_ptmx),
        suite.trial("nsexec::terminal::not_the_file_of_stderr", not_the_file_of_stderr),
        suite.trial("nsexec::terminal::in_the_foreground_from_the_start", in_the_foreground_from_the_start),
    ]
}

const SHELLS: [&str; 3] = ["bash", "dash", "zsh"];

/// Ways to run a command in a container, behind one that runs it where we are: as the witness, since nsenter stops itself over
/// and over again once it was stopped.
fn ways(lab: &Lab) -> Result<Vec<String>, Failed> {
    let pid = lab.host_pid(CONTAINER)?;
    let options = ["--all", "--all --no-pty", "--net", "--all --privileged"];
    let ours = options.into_iter().map(|options| format!("nicon-nsexec -t {pid} {options}"));
    Ok(["env".to_owned()].into_iter().chain(ours).collect())
}

fn shells_and_ways(lab: &Lab) -> Result<Vec<(&'static str, String)>, Failed> {
    let ways = ways(lab)?;
    Ok(SHELLS.into_iter().flat_map(|shell| ways.iter().map(move |way| (shell, way.clone()))).collect())
}

fn ctrl_z_and_ctrl_c(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    for (shell, way) in shells_and_ways(lab)? {
        let mut desk = Desk::new(suite, shell, &way)?;
        desk.press(&format!("{way} sh -c 'echo rea''dy; exec sleep 77.7'\n"))?;
        desk.sees("ready");
        for _ in 0..3 {
            desk.wait_for("the command to run", || {
                desk.states("77.7").contains('S') && !desk.states("77.7").contains('T')
            });
            desk.press("\x1a")?;
            desk.sees_prompt();
            assert_eq!(desk.status()?, "148", "{shell} {way}");
            desk.sees_prompt();
            assert!(desk.states("77.7").contains('T'), "{shell} {way}: {}", desk.states("77.7"));
            // In the background it goes on, and comes back from there.
            desk.press("bg\n")?;
            desk.wait_for("the command to go on", || !desk.states("77.7").contains('T'));
            desk.sees_prompt();
            desk.press("fg\n")?;
            desk.sees("77.7");
        }
        // What is typed before the shell has brought it back is the shell's.
        desk.wait_for("the foreground", || desk.is_foreground("77.7"));
        desk.press("\x03")?;
        desk.sees_prompt();
        assert_eq!(desk.status()?, "130", "{shell} {way}");
        assert_eq!(desk.states("77.7"), "", "{shell} {way}: something is left");
    }
    Ok(())
}

/// A command that reads from its terminal in the background stops, and goes on in the foreground with what is typed there.
fn from_the_background(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let command = "sh -c ': 66.6; echo rea''dy; read x; echo go''t $x; read x; echo go''t $x'";
    for (shell, way) in shells_and_ways(lab)? {
        let mut desk = Desk::new(suite, shell, &way)?;
        desk.press(&format!("{way} {command} &\n"))?;
        desk.sees("ready");
        desk.wait_for("stop for input", || desk.is_stopped("66.6"));
        desk.press("fg\n")?;
        desk.wait_for("the foreground", || desk.is_foreground("66.6"));
        desk.press("one\n")?;
        desk.sees("got one");
        desk.press("\x1a")?;
        desk.sees_prompt();
        desk.wait_for("stop", || desk.is_stopped("66.6"));
        desk.press("bg\n")?;
        desk.sees_prompt();
        // It still reads.
        desk.wait_for("another stop for input", || desk.is_stopped("66.6"));
        desk.press("fg\n")?;
        desk.wait_for("the foreground", || desk.is_foreground("66.6"));
        desk.press("two\n")?;
        desk.sees("got two");
        desk.sees_prompt();
        assert_eq!(desk.status()?, "0", "{shell} {way}");
    }
    Ok(())
}

/// What is typed while a command runs that does not read is for the shell.
fn typed_ahead(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    for (shell, way) in shells_and_ways(lab)? {
        let mut desk = Desk::new(suite, shell, &way)?;
        desk.press(&format!("{way} sh -c 'echo rea''dy; sleep 0.7; echo do''ne'\n"))?;
        desk.sees("ready");
        desk.wait_for("sleep", || desk.states("0.7").contains('S'));
        desk.press("echo ahe''ad $?\n")?;
        desk.sees("done");
        desk.sees("ahead 0");
        desk.sees_prompt();
        // One that reads gets it, also late.
        desk.press(&format!("{way} sh -c 'echo rea''dy; sleep 0.7; read x; echo go''t $x'\n"))?;
        desk.sees("ready");
        desk.wait_for("sleep", || desk.states("0.7").contains('S'));
        desk.press("something\n")?;
        desk.sees("got something");
        desk.sees_prompt();
        // Ctrl-C acts at once, and on what was typed before it.
        desk.press(&format!("{way} sh -c 'echo rea''dy; exec sleep 55.5'\n"))?;
        desk.sees("ready");
        desk.wait_for("sleep", || desk.states("55.5").contains('S'));
        desk.press("echo not''this\n\x03")?;
        desk.sees_prompt();
        assert_eq!(desk.status()?, "130", "{shell} {way}");
        assert!(!desk.sees_prompt().contains("notthis"), "{shell} {way}");
    }
    Ok(())
}

/// After a stop the kernel names the call anew in which the command waits.
fn polled_by_a_stopped_command(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let poll = r#"perl -MIO::Poll -e '$| = 1; $p = IO::Poll->new; $p->mask(STDIN, POLLIN); print "rea", "dy\n"; $p->poll; print "go", "t ", scalar <STDIN> # 88.8'"#;
    for way in ways(lab)? {
        let mut desk = Desk::new(suite, "bash", &way)?;
        desk.press(&format!("{way} {poll}\n"))?;
        desk.sees("ready");
        desk.press("\x1a")?;
        desk.sees_prompt();
        desk.press("fg\n")?;
        desk.wait_for("the foreground", || desk.is_foreground("88.8") && !desk.states("88.8").contains('T'));
        desk.press("something\n")?;
        desk.sees("got something");
        desk.sees_prompt();
    }
    Ok(())
}

/// By a command that does not wait for what is typed: to read fails while there is nothing, or a signal tells.
fn looked_at_now_and_then(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    for way in ways(lab)? {
        for flag in ["O_NONBLOCK", "O_ASYNC"] {
            let mut desk = Desk::new(suite, "bash", &format!("{way} {flag}"))?;
            let look = format!(
                r#"perl -MFcntl -e '$| = 1; $SIG{{IO}} = sub {{ sysread STDIN, $x, 99 and print "go", "t $x" }};
                    fcntl STDIN, F_SETOWN, $$; fcntl STDIN, F_SETFL, O_RDWR | {flag}; print "rea", "dy\n";
                    while (1) {{ sleep 1; $SIG{{IO}}->() if {flag} == O_NONBLOCK }}'"#
            );
            desk.press(&format!("{way} {}\n", look.replace('\n', " ")))?;
            desk.sees("ready");
            desk.press("something\n")?;
            desk.sees("got something");
            desk.press("\x03")?;
            desk.sees_prompt();
        }
    }
    Ok(())
}

/// Ctrl-S holds what a command writes, also of one that does not read.
fn held_output(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    for way in ways(lab)? {
        let mut desk = Desk::new(suite, "bash", &way)?;
        desk.press(&format!("{way} sh -c 'echo rea''dy; while :; do echo it is writ''ten; done'\n"))?;
        desk.sees("is written");
        desk.press("\x13")?;
        // The command waits for its terminal: it is in write(2), and stays there.
        desk.wait_for("the output to be held", || {
            let before = desk.unseen();
            std::thread::sleep(std::time::Duration::from_millis(200));
            desk.unseen() == before
        });
        desk.press("\x11")?;
        let before = desk.unseen();
        desk.wait_for("the output to go on", || desk.unseen() > before);
        desk.press("\x03")?;
        desk.sees_prompt();
    }
    Ok(())
}

/// What is typed is for the other end of the pipeline, such as one that asks for a password.
fn in_use_by_another(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    for way in ways(lab)? {
        let mut desk = Desk::new(suite, "bash", &way)?;
        let ask = "sh -c 'cat /dev/null; echo rea''dy >/dev/tty; read -r x </dev/tty; echo go''t $x'";
        desk.press(&format!("{ask} | {way} sh -c 'cat; : 33.3'\n"))?;
        desk.sees("ready");
        desk.wait_for("the command", || desk.states("33.3").contains('S'));
        // As the key is reported.
        desk.press("a secret\r")?;
        desk.sees("got a secret");
        desk.sees_prompt();
    }
    Ok(())
}

/// The command's end is not held up by a process of its session that writes faster than the terminal shows.
fn written_by_who_is_left(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let slowly = "perl -e 'while (sysread STDIN, $b, 4096) { select undef, undef, undef, 0.002 }'";
    for way in ways(lab)? {
        let mut desk = Desk::new(suite, "bash", &way)?;
        desk.press(&format!("script -qec \"{way} sh -c 'yes & exec sleep 0.3'\" /dev/null | {slowly}\n"))?;
        desk.sees_prompt();
    }
    Ok(())
}

/// As a terminal that is hung up, that of the command fails who writes to it, though SIGHUP is ignored.
fn hung_up(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    for way in ways(lab)? {
        let mut desk = Desk::new(suite, "bash", &way)?;
        desk.press(&format!("{way} sh -c 'trap \"\" HUP; echo rea''dy; exec yes 22.2' >/dev/tty &\n"))?;
        desk.sees("ready");
        desk.wait_for("the writer", || desk.pids("22.2").iter().any(|pid| is_called(*pid, "yes")));
        let all = desk.pids("22.2");
        desk.hang_up()?;
        let is_alive = |pid: &u32| witness::stat(*pid).is_some_and(|stat| stat.state != 'Z');
        desk.wait_for("the end of all", || !all.iter().any(is_alive));
    }
    Ok(())
}

fn is_called(pid: u32, name: &str) -> bool {
    fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|comm| comm.trim() == name)
}

/// `nicon-resolve x | nicon-nsexec` is a shell at the terminal, though standard input is the record.
fn a_shell_by_a_record(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let pid = lab.host_pid(CONTAINER)?;
    for options in ["--all", "--net", "--all --no-pty", "--all -F"] {
        for record in [format!("nicon-resolve {CONTAINER}"), format!("echo {pid}")] {
            let mut desk = Desk::new(suite, "bash", options)?;
            desk.press(&format!("{record} | nicon-nsexec {options} --set PS1='ins''ide> ' bash --norc --noprofile\n"))?;
            desk.sees("inside> ");
            desk.press("readlink /proc/self/ns/net; test -t 0 && exit 7\n")?;
            let net = witness::ns_link(pid, "net").ok_or("gone")?;
            desk.sees(&net);
            desk.sees_prompt();
            assert_eq!(desk.status()?, "7", "{options}");
        }
    }
    Ok(())
}

/// As in a rescue shell: the terminal is standard input, but not that of the session.
fn of_another_session(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    for way in ways(lab)? {
        let mut desk = Desk::new(suite, "bash", &way)?;
        desk.press(&format!("setsid -w {way} sh -c 'echo rea''dy; read x; echo go''t $x'\n"))?;
        desk.sees("ready");
        desk.press("hello\n")?;
        desk.sees("got hello");
        desk.sees_prompt();
    }
    Ok(())
}

fn that_has_a_name(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let pid = lab.host_pid(CONTAINER)?;
    for options in ["--all", "-m", "-m -p", "-r", "--all -S 1000", "--all --privileged"] {
        let look = r#"name=$(tty) && test -c "$name" && echo "named $name" && echo opened >"$name""#;
        let shown = at_terminal(suite, &format!("nicon-nsexec -t {pid} {options} sh -c '{look}'"), "");
        assert!(shown.contains("named /dev/pts/") && shown.contains("opened"), "{options}: {shown}");
    }
    Ok(())
}

/// What a container has in the place of its devpts is not opened: the terminal is one of the host's then.
fn a_false_ptmx(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    for place in [
        "mkfifo /dev/pts/ptmx",
        "touch /dev/pts/ptmx",
        "mknod /dev/pts/ptmx c 1 5",
        "ln -s /dev/null /dev/pts/ptmx",
        "mkdir /dev/pts/ptmx",
        "mount -t devpts -o newinstance,ptmxmode=0 none /dev/pts && mount --bind /dev/zero /dev/pts/ptmx",
        // A file system (FUSE) that answers nothing.
        "touch /dev/pts/ptmx && exec 3<>/dev/fuse && \
         mount -i -t fuse -o fd=3,rootmode=100644,user_id=0,group_id=0 none /dev/pts/ptmx",
    ] {
        let script = format!("mount -t tmpfs none /dev/pts && {place} && echo && exec sleep 60");
        let cell = Cell::new(&["-m", "-p", "-f", "--kill-child"], &script);
        let pid = witness::family(cell.0.id()).last().ok_or("unshare has no child")?.0;
        let shown =
            at_terminal(suite, &format!("nicon-nsexec -t {pid} -m -p sh -c 'test -t 0 && tty; echo ended'"), "");
        assert_eq!(shown.trim(), "not a tty\nended", "{place}");
    }
    Ok(())
}

fn not_the_file_of_stderr(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let file = "/run/nsexec-stderr";
    for way in ways(lab)? {
        for redirection in ["", ">/dev/null", "</dev/null", "</dev/null >/dev/null"] {
            let line =
                format!("{way} sh -c 'echo to the terminal >/dev/tty; echo to the file >&2' 2>{file} {redirection}");
            let shown = at_terminal(suite, &line, "");
            assert!(shown.contains("to the terminal") && !shown.contains("to the file"), "{line}: {shown}");
            assert_eq!(fs::read_to_string(file)?, "to the file\n", "{line}");
        }
    }
    Ok(())
}

/// Programs ask whether they are (wget, pv), and behave otherwise.
fn in_the_foreground_from_the_start(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let ask = r#"perl -MPOSIX -e "print getpgrp() == tcgetpgrp(0) ? q(it is) : q(it is not)""#;
    for way in ways(lab)? {
        let shown = at_terminal(suite, &format!("{way} {ask}"), "");
        assert_eq!(shown.trim(), "it is", "{way}");
    }
    Ok(())
}
