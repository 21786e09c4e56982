//! `nicon-lab`: raises the lab for one command.

use nicon_lab::fleet::Fleet;
use nicon_lab::{Lab, LabName, bins, isolate, keep, machine, nest, requirements, search_path, tool};
use std::{env, ffi::OsString, os::unix::process::ExitStatusExt, path::Path, process::ExitCode};

const USAGE: &str = "\
usage: nicon-lab run|fleet [--] COMMAND [ARGUMENT...]

Raises a nest of three Docker daemons with the container setup.olt_1.lt_1, runs COMMAND beside it in a mount and
network namespace of its own, with nicon's programs in its PATH, and takes everything down again.
Exits with COMMAND's status, or 125 when there is no lab.

fleet raises three machines instead, lab1 to lab3, which ssh reaches from COMMAND; NICON_FLEET is the directory of an inventory.";

fn main() -> ExitCode {
    let arguments: Vec<OsString> = env::args_os().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(|word| word.to_str().unwrap_or_default()).collect();
    let outcome = match words[..] {
        ["run", "--", _, ..] => run(&arguments[2..]),
        ["run", first, ..] if !first.starts_with('-') => run(&arguments[1..]),
        ["fleet", "--", _, ..] => run_beside_fleet(&arguments[2..]),
        ["fleet", first, ..] if !first.starts_with('-') => run_beside_fleet(&arguments[1..]),
        ["keeper"] => keep().map(|()| ExitCode::SUCCESS),
        ["nest", name] => name.parse::<LabName>().and_then(nest).map(|never| match never {}),
        ["--help" | "-h"] => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(125);
        }
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("nicon-lab: {error}");
        ExitCode::from(125)
    })
}

fn run(words: &[OsString]) -> Result<ExitCode, String> {
    requirements()?;
    let bins = bins()?;
    isolate()?;
    let lab = Lab::start("/proc/self/exe")?;
    command(words, &bins, &[("NICON_LAB", lab.name().to_string().into())])
}

fn run_beside_fleet(words: &[OsString]) -> Result<ExitCode, String> {
    let fleet = Fleet::raise(machine::root_for("fleet")?)?;
    command(words, &bins()?, &[("NICON_FLEET", fleet.directory().into())])
}

/// Runs a command with nicon's programs in its PATH, and gives its status.
fn command(words: &[OsString], bins: &Path, settings: &[(&str, OsString)]) -> Result<ExitCode, String> {
    let directories = [bins.to_owned()].into_iter().chain(env::split_paths(&search_path()).collect::<Vec<_>>());
    let path = env::join_paths(directories).map_err(|error| format!("PATH: {error}"))?;
    // The command must not outlive a runner that is killed: it would keep the namespaces.
    let status = tool("setpriv")
        .args(["--pdeathsig", "KILL", "--"])
        .args(words)
        .env("PATH", path)
        .env("NICON_BIN_DIR", bins)
        .envs(settings.iter().map(|(name, value)| (name, value)))
        .status()
        .map_err(|error| format!("run setpriv: {error}"))?;
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    Ok(ExitCode::from(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(125)))
}
