//! `nicon-nsexec --each --prefix`, and what the command is told of its target.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use libtest_mimic::{Failed, Trial};
use nicon_lab::{LIMIT, Lab, output_of_input, tool, until, witness};

use crate::nsexec::as_nsenter::CONTAINER;
use crate::support::cell::Cell;
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial("nsexec::prefix::each_line_of_each_target", each_line_of_each_target),
        suite.trial("nsexec::prefix::lines_are_never_mixed", lines_are_never_mixed),
        suite.trial("nsexec::prefix::names_that_control_terminals", names_that_control_terminals),
        suite.trial("nsexec::prefix::an_output_that_cannot_be_written", an_output_that_cannot_be_written),
        suite.trial("nsexec::prefix::whoever_is_killed_leaves_no_labeller", whoever_is_killed_leaves_no_labeller),
        suite.trial("nsexec::prefix::the_target_in_the_environment", the_target_in_the_environment),
    ]
}

const PATHS: [&str; 2] = ["setup", CONTAINER];

fn each_line_of_each_target(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let records = suite.run(&[&["nicon-resolve"], &PATHS[..]].concat()).ok()? + "\n";
    let line =
        "hostname; echo; printf 'no \\377\\0newline'; echo 'an error' >&2; exit $(($(hostname | wc -c) % 2 + 3))";
    for options in [&["--uts"][..], &["--all"]] {
        let nsexec = suite.bins()?.join("nicon-nsexec").display().to_string();
        let mut command = tool("sh");
        // As bytes that are no text are shown.
        command.args(["-c", "\"$@\" | cat -v; exit ${PIPESTATUS-0}", "sh", &nsexec, "--each", "--prefix"]);
        let ran = output_of_input(command.args(options).args(["sh", "-c", line]), &records, LIMIT)?;
        let shown = [("setup", "setup"), (CONTAINER, "lt_1")]
            .map(|(path, host)| format!("{path}\t{host}\n{path}\t\n{path}\tno M-^?^@newline\n"));
        assert_eq!(ran.stdout, shown.concat(), "{options:?} {ran:?}");
        let failed = [("setup", 3), (CONTAINER, 4)]
            .map(|(path, status)| format!("{path}\tan error\nnicon-nsexec: {path}: exit status {status}\n"));
        assert_eq!(ran.stderr, failed.concat(), "{options:?} {ran:?}");
        // Our own messages, and the status.
        let words = [&["nicon-nsexec", "--each", "--prefix"], options];
        let ran = suite.feed(&[&words.concat()[..], &["no-such-command"]].concat(), &records);
        let cause = "nicon-nsexec: run no-such-command: No such file or directory";
        let told = PATHS.map(|path| format!("{path}\t{cause}\nnicon-nsexec: {path}: exit status 127\n"));
        assert_eq!(ran.stderr, told.concat(), "{ran:?}");
        assert_eq!(ran.code(), Some(127));
        let ran = suite.feed(&[&words.concat()[..], &["sh", "-c", line]].concat(), format!("nonsense\n{records}"));
        assert!(ran.stderr.starts_with("nicon-nsexec: line 1:") && ran.code() == Some(125), "{ran:?}");
    }
    Ok(())
}

fn lines_are_never_mixed(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    const LONG: usize = 100_000;
    let records = suite.run(&["nicon-resolve", CONTAINER]).ok()?;
    let line = format!(
        "{{ for i in $(seq 300); do printf %5000s | tr ' ' o; printf 'o\\n'; done; }} & \
         {{ for i in $(seq 300); do printf %5000s | tr ' ' e; printf 'e\\n'; done; }} >&2 & wait; printf %{LONG}s | tr ' ' x"
    );
    let nsexec = suite.bins()?.join("nicon-nsexec");
    let mut command = tool("sh");
    command.args(["-c", "exec \"$@\" 2>&1", "sh"]).arg(nsexec).args(["--each", "--prefix", "--net", "sh", "-c", &line]);
    let ran = output_of_input(&mut command, &records, LIMIT)?;
    let lines: Vec<&str> = ran.stdout.lines().collect();
    let label = format!("{CONTAINER}\t");
    let texts: Vec<&str> = lines.iter().filter_map(|line| line.strip_prefix(&label)).collect();
    assert_eq!(texts.len(), lines.len(), "a line without its label");
    let of =
        |byte: char| texts.iter().filter(|text| text.len() == 5001 && text.chars().all(|other| other == byte)).count();
    assert_eq!((of('o'), of('e'), texts.len()), (300, 300, 602));
    // One that is longer than is kept is divided.
    let long: Vec<usize> = texts.iter().filter(|text| text.starts_with('x')).map(|text| text.len()).collect();
    assert_eq!(long, [1 << 16, LONG - (1 << 16)]);
    Ok(())
}

fn names_that_control_terminals(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let pid = lab.host_pid(CONTAINER)?;
    let record = serde_json::json!({"target": "a\u{1b}[2J\nb\u{202e}", "pid": pid}).to_string();
    let ran = suite.feed(&["nicon-nsexec", "--each", "--prefix", "--net", "echo", "x"], record);
    assert_eq!(ran.ok()?, "a\\u{1b}[2J\\nb\\u{202e}\tx");
    Ok(())
}

fn an_output_that_cannot_be_written(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let records = suite.run(&["nicon-resolve", CONTAINER]).ok()?;
    let ran = suite.shell("nicon-nsexec --each --prefix --net yes >/dev/full", &records);
    assert_eq!(ran.stderr, "nicon-nsexec: write the output of the command: No space left on device\n");
    assert_eq!(ran.code(), Some(125));
    let ran = suite.shell("{ nicon-nsexec --each --prefix --net yes || :; } | head -n 1", &records);
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), (format!("{CONTAINER}\ty\n").as_str(), ""));
    // What the command leaves in the background does not hold up the rest.
    let ran = suite.shell("nicon-nsexec --each --prefix --net sh -c 'echo now; sleep 600 & echo $!'", &records);
    let shown = ran.ok()?;
    let (now, left) = shown.split_once('\n').ok_or("no second line")?;
    assert_eq!(now, format!("{CONTAINER}\tnow"));
    let left: i32 = left.rsplit('\t').next().unwrap_or_default().parse()?;
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(left), nix::sys::signal::Signal::SIGKILL)?;
    // Nor if it writes without end.
    let slow = "{ while read -r line; do :; done; echo \"$line\"; }";
    let ran = suite.shell(&format!("nicon-nsexec --each --prefix --net sh -c 'yes & sleep 0.2' | {slow}"), &records);
    assert_eq!(ran.ok()?, "", "it is read to its end");
    Ok(())
}

fn whoever_is_killed_leaves_no_labeller(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let record = suite.run(&["nicon-resolve", CONTAINER]).ok()?;
    let mut command = suite.command("nicon-nsexec")?;
    command.args(["--each", "--prefix", "--all", "sh", "-c", "echo ready; exec sleep 600"]);
    let mut child = Cell(command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?);
    std::io::Write::write_all(&mut child.0.stdin.take().ok_or("no input")?, record.as_bytes())?;
    let mut line = String::new();
    let mut output = BufReader::new(child.0.stdout.take().ok_or("no output")?);
    output.read_line(&mut line)?;
    assert_eq!(line, format!("{CONTAINER}\tready\n"));
    let family = witness::family(child.0.id());
    // The labeller, the session leader and the command besides the supervisor.
    assert!(family.len() >= 4, "{family:?}");
    child.0.kill()?;
    child.0.wait()?;
    let lives = |(pid, start): &(u32, u64)| {
        witness::stat(*pid).is_some_and(|stat| stat.start_time == *start && stat.state != 'Z')
    };
    until("the end of all", || (!family.iter().any(lives)).then_some(()));
    Ok(())
}

fn the_target_in_the_environment(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let pid = lab.host_pid(CONTAINER)?.to_string();
    let records = suite.run(&[&["nicon-resolve"], &PATHS[..]].concat()).ok()?;
    let told = ["sh", "-c", "echo \"$NICON_TARGET\""];
    for options in [&["--net"][..], &["--all"], &["--all", "-e"], &["--net", "--clear-env"], &["--net", "--view"]] {
        let words = [&["nicon-nsexec", "--each"], options, &told].concat();
        assert_eq!(suite.feed(&words, &records).ok()?, PATHS.join("\n"), "{options:?}");
        let one =
            suite.feed(&[&["nicon-nsexec"], options, &told].concat(), suite.run(&["nicon-resolve", CONTAINER]).stdout);
        assert_eq!(one.ok()?, CONTAINER, "{options:?}");
        let number = [&["nicon-nsexec", "-t", &pid], options, &told].concat();
        assert_eq!(suite.run(&number).ok()?, format!("pid:{pid}"), "{options:?}");
    }
    let file = format!("--net=/proc/{pid}/ns/net");
    assert_eq!(suite.run(&[&["nicon-nsexec", &file], &told[..]].concat()).ok()?, "");
    assert_eq!(suite.run(&[&["nicon-nsexec", &file, "--set", "NICON_TARGET=x"], &told[..]].concat()).ok()?, "x");
    Ok(())
}
