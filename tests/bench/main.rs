//! The benchmarks: nicon beside what people use now, whole processes, in the same run.

mod latency;
mod links;
mod measure;
mod nsexec;
mod nsfind;
mod resolve;

use std::process::ExitCode;

use nicon_lab::{Lab, bins, isolate, requirements};

/// Where the figures go, for programs to read.
const REPORT: &str = "bench.json";

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    if words.next().as_deref() == Some(measure::PEAK) {
        return measure::run_for_peak(words);
    }
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("nicon-bench: {error}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<(), String> {
    requirements()?;
    let bins = bins()?;
    isolate()?;
    let lab = Lab::start(bins.join("nicon-lab"))?;
    let mut comparisons = vec![resolve::three_deep(&lab, &bins)?];
    comparisons.extend(nsexec::beside_nsenter(&lab, &bins)?);
    // The nest must not be counted, and its daemons not disturb.
    drop(lab);
    comparisons.extend(nsfind::run(&bins)?);
    comparisons.extend([
        links::moves(&bins)?,
        latency::beside_a_batch(&bins)?,
        links::pairs(&bins)?,
        links::list(&bins)?,
    ]);
    for comparison in &comparisons {
        println!("{comparison}");
    }
    let report = bins.join("..").join(REPORT);
    let json = serde_json::json!(comparisons.iter().map(measure::Comparison::to_json).collect::<Vec<_>>());
    std::fs::write(&report, format!("{json:#}\n")).map_err(|error| format!("write {}: {error}", report.display()))
}
