//! The manners that all filters share: exit statuses, streams, and what happens when they break.

use std::process::Stdio;

use libtest_mimic::{Failed, Trial};
use nicon_lab::{LIMIT, Lab, output_within, tool};

use crate::filters::privileges::reachable;
use crate::support::expect::{parse, refusal};
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial("filters::statuses::bad_lines_are_named_and_the_stream_goes_on", bad_lines),
        suite.trial("filters::statuses::a_reader_that_leaves_is_no_error", a_reader_that_leaves),
        suite.trial("filters::statuses::a_full_disk_is_an_error", a_full_disk),
        suite.trial("filters::statuses::a_closed_standard_output_is_an_error", a_closed_stdout),
        suite.trial("filters::statuses::a_terminal_is_not_waited_for", a_terminal_is_not_waited_for),
        suite.trial("filters::statuses::usage_errors_end_with_2", usage_errors),
        suite.trial("filters::statuses::threads_that_cannot_be_had", threads_that_cannot_be_had),
    ]
}

fn bad_lines(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let mut input = b"{\"target\":\n".to_vec();
    input.extend(b"{\"target\":\"\xff\"}\n");
    input.extend(format!("{{\"target\":\"setup\",\"x\":{}1{}}}\n", "[".repeat(200), "]".repeat(200)).bytes());
    input.extend(format!("{{\"target\":\"setup\",\"x\":\"{}\"}}\n", "x".repeat(1 << 20)).bytes());
    input.extend(b"{\"target\":42}\n{\"target\":\"setup\"}\n");
    let ran = suite.feed(&["nicon-resolve"], &input);
    assert_eq!(ran.code(), Some(2), "{ran:?}");
    let told: Vec<_> = ran.stderr.lines().collect();
    let expected = [
        "not a record",
        "not valid UTF-8",
        "not a record (a JSON object): recursion",
        "1 MiB",
        "\"target\": expected a string",
    ];
    assert_eq!(told.len(), expected.len(), "{ran:?}");
    for ((line, words), number) in told.iter().zip(expected).zip(1..) {
        assert!(line.starts_with(&format!("nicon-resolve: line {number}: ")) && line.contains(words), "{line}");
    }
    assert_eq!(told.len(), expected.len(), "{told:?}");
    assert_eq!(parse(&ran.stdout)[0]["pid"], lab.host_pid("setup")?);
    Ok(())
}

fn a_reader_that_leaves(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let script = "set -o pipefail; nicon-resolve | head -n 1; echo ${PIPESTATUS[0]}";
    let ran = suite.shell(script, "setup\n".repeat(20_000));
    assert_eq!((ran.stdout.lines().count(), ran.stdout.lines().last(), &ran.stderr[..]), (2, Some("0"), ""), "{ran:?}");
    Ok(())
}

fn a_full_disk(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let ran = suite.shell("nicon-resolve setup >/dev/full", "");
    refusal(&ran, 2, &["nicon-resolve: write standard output: No space left on device\n"]);
    Ok(())
}

fn a_closed_stdout(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    for line in [
        "nicon-resolve setup",
        "echo '{}' | nicon-linkmv x",
        "echo 'links: []' | nicon-plan -",
        "echo '{}' | nicon-tree",
    ] {
        let ran = suite.shell(&format!("{line} >&-"), "");
        refusal(&ran, 2, &["write standard output: Bad file descriptor\n"]);
    }
    // /dev/null was chosen by somebody, whichever way it was opened.
    for line in ["nicon-resolve setup >/dev/null", "nicon-resolve setup 1<>/dev/null"] {
        assert_eq!(suite.shell(line, "").code(), Some(0), "{line}");
    }
    Ok(())
}

fn a_terminal_is_not_waited_for(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    for program in ["nicon-resolve", "nicon-linkmv x", "nicon-tree"] {
        let line = format!("{}/{program}", suite.bins()?.display());
        let mut script = tool("script");
        let ran = output_within(script.args(["-qec", &line, "/dev/null"]).stdin(Stdio::null()), LIMIT)?;
        assert_eq!(ran.code(), Some(2), "{ran:?}");
        assert!(ran.stdout.contains("nothing to do") && ran.stdout.contains("--help"), "{ran:?}");
    }
    Ok(())
}

fn usage_errors(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    for words in [
        &["nicon-resolve", "--no-such-option"][..],
        &["nicon-resolve", "--pid", "--json", "setup"],
        &["nicon-resolve", "--timeout=0", "setup"],
        &["nicon-linkmv", "--target=0", "veth0"],
        &["nicon-linkmv", "veth0", "a/b"],
        &["nicon-linkmv", "--target=1"],
        &["nicon-plan"],
        &["nicon-plan", "a", "b"],
        &["nicon-tree", "a"],
        &["nicon-tree", "--dot", "--svg"],
        &["nicon-tree", "--svg", "--width=80"],
        &["nicon-veth", "--no-such-option"],
        &["nicon-wire", "--check", "--destroy"],
        &["nicon-links", "-t"],
        &["nicon-nsid", "-T", "nonsense"],
        &["nicon-nsfind", "--all", "--first", "1"],
    ] {
        let ran = suite.run(words);
        assert_eq!((ran.code(), &ran.stdout[..]), (Some(2), ""), "{ran:?}");
        assert!(ran.stderr.starts_with(&format!("{}: ", words[0])), "{ran:?}");
    }
    Ok(())
}

/// A user who may have no more processes: to look into a container's files takes a thread.
fn threads_that_cannot_be_had(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let program = reachable(suite, "nicon-resolve")?;
    // The processes of this user, whom nobody else here is: the shell, the program, and its child.
    let script = "echo $$; \"$1\" \"pid:$$.web\" 2>&1; echo \"status $?\"";
    let mut limited = tool("setpriv");
    limited.args([
        "--reuid=54321",
        "--regid=54321",
        "--clear-groups",
        "prlimit",
        "--nproc=3",
        "sh",
        "-c",
        script,
        "sh",
    ]);
    let told = output_within(limited.arg(program), LIMIT)?.ok()?;
    let pid = told.lines().next().ok_or("the shell said nothing")?;
    let hop = format!("pid:{pid}.web: hop 2 (web in pid:{pid})");
    let no_thread = "start a thread: Resource temporarily unavailable";
    assert_eq!(told.trim_end(), format!("{pid}\nnicon-resolve: {hop}: {no_thread}\nstatus 2"));
    Ok(())
}
