//! The benchmarks: nicon beside what people use now, whole processes, in the same run.

mod alive;
mod crowd;
mod engines;
mod fleet;
mod lab;
mod latency;
mod links;
mod measure;
mod nsexec;
mod nsfind;
mod patterns;
mod plan;
mod resolve;
mod start;

use std::process::ExitCode;

use nicon_lab::{Lab, bins, isolate, requirements};

/// Where the figures go, for programs to read.
const REPORT: &str = "bench.json";

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let first = words.next();
    if first.as_deref() == Some(measure::PEAK) {
        return measure::run_for_peak(words);
    }
    match run(first.as_deref()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("nicon-bench: {error}");
            ExitCode::from(2)
        }
    }
}

/// Runs the groups of benchmarks, or only one: `resolve`, `nsexec`, `patterns`, `podman`, `pods`, `crun`, `nsfind`, `links`,
/// `list`, `lab`, `plan`, `alive`, `fleet`.
fn run(only: Option<&str>) -> Result<(), String> {
    let wanted = |group: &str| only.is_none_or(|only| only == group);
    requirements()?;
    let bins = bins()?;
    isolate()?;
    let mut comparisons = Vec::new();
    if ["resolve", "nsexec", "patterns", "alive"].into_iter().any(wanted) {
        // The nest must not be counted by those below, and its daemons not disturb: it ends here.
        let lab = Lab::start(bins.join("nicon-lab"))?;
        if wanted("resolve") {
            comparisons.push(resolve::three_deep(&lab, &bins)?);
        }
        if wanted("nsexec") {
            comparisons.extend(nsexec::beside_nsenter(&lab, &bins)?);
        }
        if wanted("patterns") {
            comparisons.extend(patterns::run(&lab, &bins)?);
        }
        if wanted("alive") {
            comparisons.extend([
                alive::started(&lab, &bins)?,
                alive::storm(&lab, &bins)?,
                alive::repaired(&lab, &bins)?,
            ]);
        }
    }
    if wanted("alive") {
        comparisons.push(alive::many_events(&bins)?);
    }
    if wanted("podman") {
        comparisons.push(engines::podman(&bins)?);
    }
    if wanted("pods") {
        comparisons.push(engines::pods(&bins)?);
    }
    if wanted("crun") {
        comparisons.extend(engines::by_hand(&bins)?);
    }
    if wanted("nsfind") {
        comparisons.extend(nsfind::run(&bins)?);
    }
    if wanted("links") {
        let batch = latency::beside_a_batch(&bins)?;
        comparisons.extend([links::moves(&bins)?, batch, links::pairs(&bins)?]);
    }
    if wanted("list") {
        comparisons.push(links::list(&bins)?);
    }
    if wanted("lab") {
        comparisons.extend(lab::wired(&bins)?);
        comparisons.extend(lab::in_place(&bins)?);
    }
    if wanted("plan") {
        comparisons.extend(plan::halves(&bins)?);
    }
    if wanted("fleet") {
        comparisons.push(fleet::beside_one_alone()?);
    }
    for comparison in &comparisons {
        println!("{comparison}");
    }
    let report = bins.join("..").join(REPORT);
    let json = serde_json::json!(comparisons.iter().map(measure::Comparison::to_json).collect::<Vec<_>>());
    std::fs::write(&report, format!("{json:#}\n")).map_err(|error| format!("write {}: {error}", report.display()))
}
