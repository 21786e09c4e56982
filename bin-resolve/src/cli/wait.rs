//! Waiting for containers that are not there yet.

use std::collections::BTreeSet;
use std::thread;
use std::time::Instant;

use nicon_core::filter::worker_process;
use nicon_core::{Context, Error, Result};
use nicon_resolve::{Observer, Order, Resolver, Sighting, What, inputs};

use crate::cli::program::PROGRAM;
use crate::cli::question::Question;
use crate::cli::source;

/// Waits until all containers that these questions ask for by their paths are there, or until that time. Whether they are, an answer
/// tells.
///
/// # Errors
/// If a pattern is among them, for which nobody knows what is missing; or if nothing can be watched.
pub(crate) fn until_found(questions: &[Question], resolver: &Resolver, until: Instant) -> Result<()> {
    let targets = questions.iter().filter_map(|asked| asked.query.as_ref()?.as_ref().ok()).cloned();
    // What is no path is an error of its own.
    let sources = questions.iter().filter_map(|asked| source::path(&asked.from.record)?.parse().ok());
    let mut orders = Vec::new();
    for (number, query) in targets.chain(sources).enumerate() {
        if query.is_pattern() {
            return Err(Error::failed("--wait waits for containers by their paths, not for what a pattern may match"));
        }
        orders.push(Order::Follow(number, query));
    }
    let Some(left) = until.checked_duration_since(Instant::now()).filter(|_| !orders.is_empty()) else { return Ok(()) };
    let mut waiting = Waiting((0..orders.len()).collect());
    worker_process::start(PROGRAM)?;
    let (sender, inputs) = inputs();
    let alarm = move || {
        thread::sleep(left);
        sender.send(());
    };
    thread::Builder::new().spawn(alarm).context(|| "start a thread")?;
    resolver.watch(orders, inputs, &mut waiting)
}

/// The numbers of those that are not there.
struct Waiting(BTreeSet<usize>);

impl Observer for Waiting {
    /// The time is over.
    type Input = ();

    fn take(&mut self, (): ()) -> Result<Option<Vec<Order>>> {
        Ok(None)
    }

    fn see(&mut self, sightings: Vec<Sighting>) -> Result<bool> {
        for sighting in sightings {
            match sighting {
                Sighting::Container { query, what: What::Gone, .. } => drop(self.0.insert(query)),
                Sighting::Container { query, .. } => drop(self.0.remove(&query)),
                Sighting::Absent { .. } | Sighting::Trouble(_) => {}
            }
            if self.0.is_empty() {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
