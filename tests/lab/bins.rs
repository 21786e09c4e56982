//! Finding nicon's programs.

use crate::{
    requirements::tool,
    run::{LIMIT, output_within},
};
use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Prints the target that they are built for.
const CHOICE_OF_TARGET: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../.cargo/target");

/// The directory of nicon's programs: `NICON_BIN_DIR`; else the caller's own, when it is installed among them; else
/// they are built in release mode.
///
/// Call it before [`crate::isolate`]: cargo may want the network.
///
/// # Errors
/// When cargo fails.
pub fn bins() -> Result<PathBuf, String> {
    if let Some(directory) = env::var_os("NICON_BIN_DIR").filter(|value| !value.is_empty()) {
        let directory = PathBuf::from(directory);
        return directory.canonicalize().map_err(|error| format!("NICON_BIN_DIR {}: {error}", directory.display()));
    }
    let own = env::current_exe().ok().and_then(|exe| exe.parent().map(Path::to_owned));
    if let Some(own) = own.filter(|own| own.join("nicon-resolve").exists() && own.join("nicon-lab").exists()) {
        return Ok(own);
    }
    build()
}

/// One of nicon's programs in `bins`, by name.
#[must_use]
pub fn command(bins: &Path, program: &str) -> Command {
    let mut command = Command::new(bins.join(program));
    crate::requirements::clean(&mut command);
    command
}

/// Copies a program to where it can be executed at once. Another process does it: while a file of ours is open for writing, a
/// child that another thread starts has it open, too, and nobody can execute it (`ETXTBSY` of `execve(2)`).
///
/// # Errors
/// When it cannot be copied.
pub fn copy_program(from: impl AsRef<Path>, to: impl AsRef<Path>) -> Result<(), String> {
    let (from, to) = (from.as_ref(), to.as_ref());
    let copy = "cp -- \"$1\" \"$2.$$\" && mv -- \"$2.$$\" \"$2\"";
    output_within(tool("sh").args(["-c", copy, "sh"]).arg(from).arg(to), LIMIT)?.ok().map(drop)
}

/// Builds the programs and asks cargo where they went: that depends on settings and the environment.
fn build() -> Result<PathBuf, String> {
    let target = match env::var("CARGO_BUILD_TARGET") {
        Ok(target) => target,
        Err(_) => output_within(&mut Command::new(CHOICE_OF_TARGET), LIMIT)?.ok()?.trim().to_owned(),
    };
    let output = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .env("CARGO_BUILD_TARGET", target)
        .args(["build", "--release", "--workspace", "--bins", "--message-format=json-render-diagnostics", "--quiet"])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("run cargo build: {error}"))?;
    if !output.status.success() {
        return Err(format!("cargo build: {}", output.status));
    }
    let messages = serde_json::Deserializer::from_slice(&output.stdout).into_iter::<serde_json::Value>();
    let mut executables = messages.flatten().filter_map(|message| Some(message["executable"].as_str()?.to_owned()));
    let program = executables.find(|path| path.ends_with("/nicon-lab")).ok_or("cargo build: no nicon-lab")?;
    Path::new(&program).parent().map(Path::to_owned).ok_or_else(|| format!("no directory: {program}"))
}
