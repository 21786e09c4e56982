//! What a watch is told from outside: lines of standard input, and that the reader has left.

use std::thread;

use nicon_core::filter::stream::{Line, Lines};
use nicon_core::filter::wait::wait;
use nicon_core::{Context, Result};
use nicon_resolve::{InputSender, Inputs, inputs};

/// What a watch is told.
pub(crate) enum Input {
    Lines(Vec<Line>),
    /// Standard input has ended, or cannot be read.
    End(Result<()>),
    /// Nobody reads standard output any more.
    Left,
}

/// Begins to listen, also to standard input if it is to be read.
///
/// # Errors
/// If it is a terminal, or there is no thread to be had.
pub(crate) fn begin(reads: bool) -> Result<Inputs<Input>> {
    let (sender, inputs) = inputs();
    if reads {
        // It tells whether it is a terminal, before anything else is done.
        drop(Lines::stdin("name a container")?);
        let sender = sender.clone();
        start(move || read(&sender))?;
    }
    start(move || {
        wait_until_left();
        sender.send(Input::Left);
    })?;
    Ok(inputs)
}

fn start(work: impl FnOnce() + Send + 'static) -> Result<()> {
    thread::Builder::new().spawn(work).context(|| "start a thread").map(drop)
}

fn read(sender: &InputSender<Input>) {
    let end = || {
        let mut lines = Lines::stdin("name a container")?;
        loop {
            let batch = lines.batch()?;
            if batch.is_empty() || !sender.send(Input::Lines(batch)) {
                return Ok(());
            }
        }
    };
    sender.send(Input::End(end()));
}

/// Waits until a write would find nobody who reads: an idle watch has nothing to write.
fn wait_until_left() {
    while wait(&[], None).is_ok() {}
}
