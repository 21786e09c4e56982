//! The records that a pipe of programs prints in a limited time.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Instant;

use nicon_core::Record;

use crate::pipe::stage::Stage;

/// What the last of these programs prints before the deadline, when all of them are ended. None says what fails.
pub(crate) fn until(deadline: Instant, stages: &[Stage]) -> Vec<Record> {
    let (mut running, output) = start(stages);
    let (sender, lines) = mpsc::channel();
    // Ends with this process, if not before.
    thread::spawn(move || {
        let lines = output.map(BufReader::new).into_iter().flat_map(BufRead::lines).map_while(Result::ok);
        lines.map_while(|line| sender.send(line).ok()).count()
    });
    let time_left = || deadline.saturating_duration_since(Instant::now());
    let records = std::iter::from_fn(|| lines.recv_timeout(time_left()).ok());
    let records = records.filter_map(|line| Record::parse(&line).ok()).collect();
    for child in &mut running {
        // Not waited for: a thread of it may hang in a container's file system.
        let _ = child.kill();
    }
    records
}

fn start(stages: &[Stage]) -> (Vec<Child>, Option<ChildStdout>) {
    let (mut running, mut output) = (Vec::new(), None::<ChildStdout>);
    for stage in stages {
        let input = output.take().map_or_else(Stdio::null, Stdio::from);
        let Ok(mut command) = stage.command() else { break };
        let Ok(mut child) = command.stdin(input).stdout(Stdio::piped()).stderr(Stdio::null()).spawn() else { break };
        output = child.stdout.take();
        running.push(child);
    }
    if running.len() < stages.len() {
        output = None;
    }
    (running, output)
}
