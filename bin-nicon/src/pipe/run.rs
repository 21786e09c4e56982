//! Runs a pipe: stage by stage, or all of it at once.

use std::io::stdin;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitCode, ExitStatus, Stdio};

use nicon_core::{Context, Result, Status};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};

use crate::pipe::programs;
use crate::pipe::stage::{Stage, show};

/// Runs the stages of a pipe one after the other, each to its end. What prints nothing ends it: a plan with faults changes nothing. The
/// status is the worst one, and at least `failed` if one before the last has not done all: what that could not read, none behind it knows
/// of. Where all have done all until the last one, we become that.
///
/// # Errors
/// If a program cannot be run.
pub(crate) fn run(before: &[Stage], last: &Stage, failed: Status, verbose: bool) -> Result<ExitCode> {
    if verbose {
        show_all(before, last);
    }
    let mut input = Stdio::from(stdin().as_fd().try_clone_to_owned().context(|| "hand on standard input")?);
    let mut worst = 0;
    for stage in before {
        let (status, records) = stage.output(input)?;
        worst = worst.max(of(status).map_or(0, |status| status.max(failed as u8)));
        // What it has printed until then may be half of it.
        if status.signal().is_some() {
            return Ok(worst.into());
        }
        if records.metadata().context(|| "measure records")?.len() == 0 {
            return Ok(worst.into());
        }
        input = records.into();
    }
    let mut command = last.command()?;
    command.stdin(input);
    if worst == 0 {
        // Whoever signals us asks it to end, and waits until it has left nothing half done.
        return Err(programs::become_program(&mut command));
    }
    let mut child = programs::start(&mut command)?;
    // As system(3) has it: a key that interrupts is for the program that works, which ends in its own time.
    let keys = SigSet::from_iter([Signal::SIGINT, Signal::SIGQUIT]);
    keys.thread_block().context(|| "block signals")?;
    let status = child.wait().context(|| format!("wait for {last}"))?;
    Ok(worst.max(of(status).unwrap_or(0)).into())
}

/// Runs the stages of a pipe at once, and becomes the last one: whoever signals us asks it to end, and waits for it. As in a shell's
/// pipe, whichever of them ends, the others end as well: the next one has no input any more, and the one before it no reader. If the first
/// ends before it says anything, that ends it, with its status; else this returns only where a program cannot be run.
///
/// # Errors
/// Why it cannot.
pub(crate) fn keep(before: &[Stage], last: &Stage, verbose: bool) -> Result<ExitCode> {
    if verbose {
        show_all(before, last);
    }
    let mut input = Stdio::null();
    for (at, stage) in before.iter().enumerate() {
        let mut child = programs::start(stage.command()?.stdin(input).stdout(Stdio::piped()))?;
        let output = child.stdout.take().map(OwnedFd::from);
        if at == 0 && output.as_ref().is_some_and(ends_without_a_word) {
            let status = child.wait().context(|| format!("wait for {stage}"))?;
            return Ok(of(status).unwrap_or(0).into());
        }
        input = output.map_or_else(Stdio::null, Stdio::from);
    }
    Err(programs::become_program(last.command()?.stdin(input)))
}

/// Waits until a program has printed something, and returns whether it has ended instead.
fn ends_without_a_word(output: &OwnedFd) -> bool {
    let mut polled = [PollFd::new(output.as_fd(), PollFlags::POLLIN)];
    while poll(&mut polled, PollTimeout::NONE) == Err(Errno::EINTR) {}
    !polled[0].revents().is_some_and(|events| events.contains(PollFlags::POLLIN))
}

fn show_all(before: &[Stage], last: &Stage) {
    show(&before.iter().chain([last]).map(Stage::to_string).collect::<Vec<_>>().join(" | "));
}

/// The status of a program that has not done all; by a signal, as a shell tells it.
fn of(status: ExitStatus) -> Option<u8> {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal))?;
    u8::try_from(code).ok().filter(|code| *code != 0)
}
