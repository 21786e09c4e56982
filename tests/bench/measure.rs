//! Measuring whole processes: from before they are started until after they have ended.

use std::fmt;
use std::fs::File;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use serde_json::{Value, json};

/// Argument that makes this program run a command and tell its peak memory: the kernel tells that of all children
/// together, so that the one that is meant must be the only one.
pub(crate) const PEAK: &str = "--peak-of";

/// One way of doing what is compared.
pub(crate) struct Contender<'a> {
    pub(crate) name: &'a str,
    pub(crate) runs: usize,
    pub(crate) command: Box<dyn Fn() -> Command + 'a>,
    /// The exit statuses that are no failure here.
    pub(crate) ends: &'static [i32],
    /// The file that is its standard input; else it has none.
    pub(crate) input: Option<&'a Path>,
}

impl Contender<'_> {
    fn input(&self) -> Result<Stdio, String> {
        let Some(path) = self.input else { return Ok(Stdio::null()) };
        File::open(path).map(Stdio::from).map_err(|error| format!("open {}: {error}", path.display()))
    }
}

/// The outcome: the first row is what the others are compared with.
pub(crate) struct Comparison {
    title: String,
    rows: Vec<Row>,
    /// What a command takes without what is compared: the ratios are those of the time that is added to it.
    bare: Duration,
}

struct Row {
    name: String,
    runs: usize,
    median: Duration,
    /// One time of twenty was longer.
    p95: Duration,
    /// In KiB.
    peak: Option<u64>,
}

impl Row {
    fn new(name: String, mut times: Vec<Duration>, peak: Option<u64>) -> Self {
        times.sort();
        let (median, p95) = (times[times.len() / 2], times[times.len() * 19 / 20]);
        Self { name, runs: times.len(), median, p95, peak }
    }
}

/// Runs all contenders in turn, so that whatever else the machine does falls on all of them. Each must print the same.
pub(crate) fn compare(title: &str, contenders: &[Contender]) -> Result<Comparison, String> {
    let rounds = contenders.iter().map(|contender| contender.runs).max().unwrap_or(0);
    let mut times = vec![Vec::new(); contenders.len()];
    for round in 0..rounds {
        for (contender, times) in contenders.iter().zip(&mut times) {
            if round % rounds.div_ceil(contender.runs) == 0 {
                times.push(time(contender)?);
            }
        }
    }
    let rows = contenders
        .iter()
        .zip(times)
        .map(|(contender, times)| Ok(Row::new(contender.name.to_owned(), times, Some(peak(contender)?))));
    Ok(Comparison { title: title.to_owned(), rows: rows.collect::<Result<_, String>>()?, bare: Duration::ZERO })
}

/// Like [`compare`], of programs that run a command: the last contender is the command alone, and what the others add to
/// its time is compared.
pub(crate) fn compare_added(title: &str, contenders: &[Contender]) -> Result<Comparison, String> {
    let comparison = compare(title, contenders)?;
    let bare = comparison.rows.last().map_or(Duration::ZERO, |row| row.median);
    Ok(Comparison { bare, ..comparison })
}

fn time(contender: &Contender) -> Result<Duration, String> {
    let mut command = (contender.command)();
    command.stdin(contender.input()?).stdout(Stdio::null()).stderr(Stdio::null());
    let begun = Instant::now();
    let status = command.status().map_err(|error| format!("{}: {error}", contender.name))?;
    let took = begun.elapsed();
    if status.code().is_some_and(|code| contender.ends.contains(&code)) {
        Ok(took)
    } else {
        Err(format!("{}: {status}", contender.name))
    }
}

/// The most memory that a command, or any process that it waited for, held at once, in KiB.
fn peak(contender: &Contender) -> Result<u64, String> {
    let command = (contender.command)();
    let own = std::env::current_exe().map_err(|error| format!("find myself: {error}"))?;
    let mut measuring = Command::new(own);
    measuring.arg(PEAK).arg(command.get_program()).args(command.get_args());
    measuring.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = measuring.stdin(contender.input()?).output().map_err(|error| format!("measure memory: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    text.trim().parse().map_err(|_| format!("measure memory: {text}{}", String::from_utf8_lossy(&output.stderr)))
}

/// The body of the process that measures memory.
pub(crate) fn run_for_peak(mut words: impl Iterator<Item = String>) -> ExitCode {
    let status = Command::new(words.next().unwrap_or_default()).args(words).stdout(Stdio::null()).status();
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).expect("getrusage of children cannot fail");
    println!("{}", usage.max_rss());
    if status.is_ok_and(|status| status.success()) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

impl Comparison {
    /// Times that were taken elsewhere.
    pub(crate) fn of_times(title: &str, rows: Vec<(String, Vec<Duration>)>) -> Self {
        let rows = rows.into_iter().map(|(name, times)| Row::new(name, times, None)).collect();
        Self { title: title.to_owned(), rows, bare: Duration::ZERO }
    }

    /// One time that was taken elsewhere, and the peak of the memory, in KiB.
    pub(crate) fn of_one(title: &str, (name, times, peak): (String, Vec<Duration>, Option<u64>)) -> Self {
        Self { title: title.to_owned(), rows: vec![Row::new(name, times, peak)], bare: Duration::ZERO }
    }

    /// The figures, times in milliseconds and memory in KiB.
    pub(crate) fn to_json(&self) -> Value {
        let rows = self.rows.iter().map(|row| {
            json!({
                "name": row.name,
                "runs": row.runs,
                "median_ms": row.median.as_secs_f64() * 1e3,
                "p95_ms": row.p95.as_secs_f64() * 1e3,
                "added_ms": row.median.saturating_sub(self.bare).as_secs_f64() * 1e3,
                "ratio": self.ratio(row),
                "peak_kib": row.peak,
            })
        });
        json!({ "title": self.title, "rows": rows.collect::<Vec<_>>() })
    }

    fn ratio(&self, row: &Row) -> f64 {
        let added = |row: &Row| row.median.saturating_sub(self.bare).as_secs_f64();
        added(row) / added(&self.rows[0])
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.rows.iter().map(|row| row.name.chars().count()).max().unwrap_or(0);
        writeln!(f, "{}", self.title)?;
        writeln!(
            f,
            "  {:width$}  {:>10}  {:>10}  {:>8}  {:>9}  {:>5}",
            "", "median", "95 of 100", "ratio", "peak", "runs"
        )?;
        for row in &self.rows {
            let (median, p95) = (row.median.as_secs_f64() * 1e3, row.p95.as_secs_f64() * 1e3);
            let peak = row.peak.map_or("-".to_owned(), |kib| format!("{kib} KiB"));
            let ratio = self.ratio(row);
            writeln!(
                f,
                "  {:width$}  {median:>7.2} ms  {p95:>7.2} ms  {ratio:>7.2}x  {peak:>9}  {:>5}",
                row.name, row.runs
            )?;
        }
        Ok(())
    }
}
