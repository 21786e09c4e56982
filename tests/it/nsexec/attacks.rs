//! What a hostile container does to whoever enters it; see docs/nsexec-security.md.

use std::io::{BufReader, Read};
use std::process::Stdio;
use std::time::Duration;

use libtest_mimic::{Failed, Trial};
use nicon_lab::{LIMIT, Lab, output_of_input, tool};

use crate::nsexec::as_nsenter::{CONTAINER, Cell, Scratch};
use crate::support::expect::refusal;
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial("nsexec::attacks::typing_into_the_terminal", typing_into_the_terminal),
        suite.trial("nsexec::attacks::a_working_directory_outside", a_working_directory_outside),
        suite.trial("nsexec::attacks::links_as_working_directory", links_as_working_directory),
        suite.trial("nsexec::attacks::a_fake_proc", a_fake_proc),
        suite.trial("nsexec::attacks::an_environment_that_is_never_told", an_environment_that_is_never_told),
        suite.trial("nsexec::attacks::an_environment_without_end", an_environment_without_end),
        suite.trial("nsexec::attacks::an_environment_for_the_callers_program", an_environment_for_the_callers_program),
    ]
}

/// Types a line into the terminal that is standard input, and into the controlling one.
const TYPE: &str = r#"open(my $tty, "<", "/dev/tty"); for my $fd (0, 1, 2, $tty ? fileno($tty) : ()) {
    open(my $to, "<&=", $fd) or next; for my $key (split //, "injected\n") { ioctl($to, 0x5412, $key) } }"#;

fn typing_into_the_terminal(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    if std::fs::read_to_string("/proc/sys/dev/tty/legacy_tiocsti").is_ok_and(|text| text.trim() == "0") {
        return Err("this kernel lets nobody type into a terminal: the test would prove nothing".into());
    }
    let pid = lab.host_pid(CONTAINER)?;
    lab.exec(CONTAINER, &["sh", "-c", &format!("cat >/tmp/type <<'END'\n{TYPE}\nEND")])?.ok()?;
    let path = format!("{}:{}", suite.bins()?.display(), nicon_lab::search_path().to_string_lossy());
    let attack = |enter: &str, after: &str| {
        let line = format!("{enter} perl /tmp/type {after}; IFS= read -r -t 1 typed; echo \"then <$typed>\"");
        let mut terminal = tool("script");
        terminal.args(["-qec", &line, "/dev/null"]).env("PATH", &path).env("SHELL", "/bin/bash");
        // An input that stays open and says nothing, for the terminal is not to end.
        terminal.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = Cell(terminal.spawn().unwrap());
        let silent = child.0.stdin.take();
        let (mut output, mut said) = (BufReader::new(child.0.stdout.take().unwrap()).bytes(), String::new());
        while !said.split_once("then <").is_some_and(|(_, rest)| rest.contains('>')) {
            said.push(char::from(
                output.next().unwrap_or_else(|| panic!("no word of what was typed: {said}")).unwrap(),
            ));
        }
        drop(silent);
        said
    };
    let nsexec = format!("nicon-nsexec -t {pid} --all");
    assert!(attack(&format!("nsenter -t {pid} -a"), "").contains("then <injected>"), "the attack does not work at all");
    for (enter, after) in [
        (nsexec.clone(), ""),
        (nsexec.clone(), "</dev/null"),
        (nsexec.clone(), "| cat"),
        (format!("{nsexec} --privileged"), "</dev/null >/dev/null 2>&1"),
    ] {
        let said = attack(&enter, after);
        assert!(said.contains("then <>"), "{enter} {after}: {said}");
    }
    assert!(attack(&format!("{nsexec} --no-pty"), "").contains("then <injected>"), "--no-pty is not what it says");
    Ok(())
}

fn a_working_directory_outside(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let script = "mount -t tmpfs none /mnt; cd /mnt; umount -l /mnt; echo; exec sleep 60";
    let cell = Cell::new(&["-m"], script);
    let ran = suite.run(&["nicon-nsexec", "-t", &cell.pid(), "-m", "-w", "true"]);
    refusal(&ran, 125, &["working directory is outside of the root"]);
    let theirs = output_of_input(tool("nsenter").args(["-t", &cell.pid(), "-m", "-w", "true"]), "", LIMIT)?;
    assert_eq!(theirs.code(), Some(0), "nsenter has learned to look: {theirs:?}");
    Ok(())
}

fn links_as_working_directory(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let target = format!("-t{}", lab.host_pid(CONTAINER)?);
    let make =
        "cd /tmp; ln -sfn / root; ln -sfn ../../../.. up; ln -sfn /proc/self/fd/3 fd; ln -sfn /proc/1/root magic";
    lab.exec(CONTAINER, &["sh", "-c", make])?.ok()?;
    for option in ["-w=", "-W"] {
        for inside in ["/tmp/root", "/tmp/up", "/../..", "tmp/../.."] {
            let ran = suite.run(&[
                "nicon-nsexec",
                &target,
                "-m",
                "-p",
                &format!("{option}{inside}"),
                "sh",
                "-c",
                "pwd -P; hostname",
            ]);
            assert_eq!(ran.ok()?.lines().next(), Some("/"), "{option}{inside}");
        }
        for number in 3..12 {
            let path = format!("{option}/proc/self/fd/{number}");
            let ran = suite.run(&["nicon-nsexec", &target, "-m", "-p", &path, "true"]);
            assert_eq!(ran.code(), Some(125), "{ran:?}");
        }
        refusal(
            &suite.run(&["nicon-nsexec", &target, "-m", &format!("{option}/tmp/magic"), "true"]),
            125,
            &["in the container"],
        );
    }
    Ok(())
}

fn a_fake_proc(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    // All that a careless program reads in /proc, with the attacker's answers.
    let script = "mount -t tmpfs none /proc; mkdir -p /proc/self/fd /proc/self/attr /proc/1/ns /proc/thread-self;
        ln -s /bin/false /proc/self/exe; echo 0 >/proc/self/attr/exec; echo; exec sleep 60";
    let cell = Cell::new(&["-m", "-p", "-f", "--kill-child"], script);
    let inner = nicon_lab::witness::family(cell.0.id())[1].0.to_string();
    let ran = suite.run(&["nicon-nsexec", "-t", &inner, "-m", "-p", "sh", "-c", "echo $$ in; ls /proc/self; exit 3"]);
    assert_eq!(ran.code(), Some(3), "{ran:?}");
    assert!(ran.stdout.ends_with("in\nattr\nexe\nfd\n"), "{ran:?}");
    Ok(())
}

/// A process whose environment lies in a file system of its own.
const SILENT: &str = include_str!("environ.c");

fn an_environment_that_is_never_told(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let (program, file) = ("/run/nsexec-environ", "/run/nsexec-environ-file");
    std::fs::write(file, "")?;
    output_of_input(tool("cc").args(["-x", "c", "-o", program, "-"]), SILENT, LIMIT)?.ok()?;
    let cell = Cell::new(&["-m", "-p", "-f", "--kill-child"], &format!("exec {program} {file}"));
    let inner = nicon_lab::witness::family(cell.0.id()).last().ok_or("no process")?.0;
    // Whoever reads the file waits for as long as the container likes.
    let mut reader = Cell(tool("cat").arg(format!("/proc/{inner}/root{file}")).stdout(Stdio::null()).spawn()?);
    std::thread::sleep(Duration::from_millis(300));
    assert!(reader.0.try_wait()?.is_none(), "the file is told: the test would prove nothing");
    for options in [&["-n", "--privileged"][..], &["-m"]] {
        let target = format!("-t{inner}");
        let words = [&["nicon-nsexec", &target], options, &["-e", "/bin/echo", "told"]].concat();
        assert_eq!(suite.run(&words).ok()?, "told", "{options:?}");
    }
    assert!(reader.0.try_wait()?.is_none(), "the file was told meanwhile");
    drop(cell);
    std::fs::remove_file(program)?;
    Ok(std::fs::remove_file(file)?)
}

/// Claims 64 MiB of zeros to be the environment: `PR_SET_MM_MAP` takes no privilege.
const CLAIM: &str = r#"
    open(my $stat, "<", "/proc/self/stat"); my @is = split " ", (<$stat> =~ s/.*\) //r);
    my $length = 64 << 20; my $place = syscall(9, 0, $length, 3, 0x8022, -1, 0);
    open(my $maps, "<", "/proc/self/auxv"); binmode $maps; read $maps, my $auxv, 4096;
    # start_code, end_code, start_data, end_data, start_brk, brk, start_stack, arg_start, arg_end, env_start, env_end
    my $brk = syscall(12, 0);
    my $map = pack "Q11 Q L l", @is[23, 24, 42, 43, 44], $brk, @is[25, 45, 46], $place, $place + $length, 0, 0, -1;
    syscall(157, 35, 14, $map, length $map, 0) == 0 or die "claim: $!";
    $| = 1; print "claimed\n"; sleep 60;"#;

fn an_environment_without_end(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let cell = Cell::new(&["-n"], &format!("exec perl -e '{CLAIM}'"));
    let ran = suite.run(&["nicon-nsexec", "-t", &cell.pid(), "-n", "-e", "--privileged", "/bin/true"]);
    refusal(&ran, 125, &["/environ: longer than the 6291456 bytes that an exec takes"]);
    Ok(())
}

/// The environment of the caller's own program is not the container's to choose: it says which code that runs.
fn an_environment_for_the_callers_program(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let evil = Scratch::new("nsexec-evil")?;
    let run = format!("{}/ip", evil.0);
    std::fs::write(&run, "#!/bin/sh\necho taken\n")?;
    std::fs::set_permissions(&run, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    let cell = Cell::new(&["-n"], &format!("echo; PATH={} exec /bin/sleep 60", evil.0));
    let target = format!("-t{}", cell.pid());
    for options in [&["-e"][..], &["-n", "-e"], &["-u", "-e"]] {
        let ran = suite.run(&[&["nicon-nsexec", &target], options, &["ip", "link"]].concat());
        refusal(&ran, 125, &["--env without --all, --mount or --root", "--set", "--privileged permits it"]);
    }
    let ran = suite.run(&["nicon-nsexec", &target, "-n", "-e", "--privileged", "ip", "link"]);
    assert_eq!(ran.ok()?, "taken");
    Ok(())
}
