//! Killing a program at each of its system calls in turn.

use std::os::unix::process::ExitStatusExt;
use std::process::Command;

use libtest_mimic::Failed;
use nicon_lab::{LIMIT, Ran, output_of_input, tool};

use crate::suite::Suite;

/// The calls between which anything can change: a program that dies at another has done what it did at the one before.
const CALLS: [&str; 5] = ["openat", "setns", "sendto", "recvfrom", "write"];

/// Runs `words` again and again, each time killed one call later than before; `after` looks at what is left. Ends when
/// all calls of each kind have had their turn, and tells how many kills that were.
pub(crate) fn at_each_call(
    suite: &Suite,
    words: &dyn Fn() -> Vec<String>,
    input: &str,
    mut after: impl FnMut() -> Result<(), Failed>,
) -> Result<usize, Failed> {
    let mut kills = 0;
    for call in CALLS {
        for when in 1.. {
            let ran = output_of_input(&mut traced(suite, call, when, &words())?, input, LIMIT)?;
            let killed = ran.status.signal() == Some(9) || ran.code() == Some(128 + 9);
            after().map_err(|error| format!("{call} {when}: {error:?} after {ran:?}"))?;
            if !killed {
                expect_success(&ran)?;
                break;
            }
            kills += 1;
        }
    }
    Ok(kills)
}

fn traced(suite: &Suite, call: &str, when: u32, words: &[String]) -> Result<Command, Failed> {
    let mut command = tool("strace");
    let trace = format!("trace={call}");
    let inject = format!("inject={call}:signal=KILL:when={when}");
    command.args(["-f", "-qq", "-o", "/dev/null", "-e", &trace, "-e", &inject]);
    command.arg(suite.bins()?.join(&words[0])).args(&words[1..]);
    Ok(command)
}

fn expect_success(ran: &Ran) -> Result<(), Failed> {
    if ran.code() == Some(0) { Ok(()) } else { Err(format!("neither killed nor successful: {ran:?}").into()) }
}
