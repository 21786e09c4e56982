//! Three machines that make their halves at once, beside the slowest of them alone.

use std::time::{Duration, Instant};

use nicon_lab::fleet::lab::{plan, prepare};
use nicon_lab::fleet::{ADDRESSES, Fleet, NAMES};
use nicon_lab::{LIMIT, machine, output_within, tool};

use crate::measure::Comparison;

const ROUNDS: usize = 15;

/// What each machine has of one processor, in hundredths: together no more than any computer has for which this was written, so that none
/// is slower for the others.
const SHARE: u32 = 60;

const WIRE: &str = "nicon-plan /etc/nicon/lab.yaml | nicon-resolve | nicon-wire >/dev/null";
const DESTROY: &str = "nicon-plan /etc/nicon/lab.yaml | nicon-wire --destroy >/dev/null";

/// The same lab each time, of 24 containers and 60 links; each machine is told by an ssh.
pub(crate) fn beside_one_alone() -> Result<Comparison, String> {
    let fleet = Fleet::raise(machine::root_for("fleet")?)?;
    prepare(&fleet, &plan(ADDRESSES))?;
    for at in 0..NAMES.len() {
        fleet.machine(at)?.hold_back(SHARE)?;
    }
    let (mut alone, mut together) = (vec![Vec::new(); NAMES.len()], Vec::new());
    for _ in 0..ROUNDS {
        for (name, times) in NAMES.iter().zip(&mut alone) {
            times.push(timed(|| on(name, WIRE))?);
            on(name, DESTROY)?;
        }
        together.push(timed(|| on_all(WIRE))?);
        on_all(DESTROY)?;
    }
    let median = |times: &Vec<Duration>| {
        let mut times = times.clone();
        times.sort();
        times[times.len() / 2]
    };
    let slowest = alone.into_iter().max_by_key(median).unwrap_or_default();
    let rows = vec![("the slowest machine alone".to_owned(), slowest), ("all three at once".to_owned(), together)];
    Ok(Comparison::of_times("24 containers and 60 links on three machines, wired by ssh", rows))
}

fn on(machine: &str, script: &str) -> Result<(), String> {
    output_within(tool("ssh").args([machine, script]), LIMIT)?.ok().map(drop)
}

fn on_all(script: &str) -> Result<(), String> {
    std::thread::scope(|scope| {
        let running = NAMES.map(|name| scope.spawn(move || on(name, script)));
        running.into_iter().try_for_each(|one| one.join().map_err(|_| "a thread has ended".to_owned())?)
    })
}

fn timed(work: impl FnOnce() -> Result<(), String>) -> Result<Duration, String> {
    let begun = Instant::now();
    work()?;
    Ok(begun.elapsed())
}
