//! What the lab needs of the machine.

use nix::unistd::geteuid;
use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
};

/// Run inside the nest as well, where of the machine only /usr is seen.
const IN_THE_NEST: [&str; 8] =
    ["containerd", "containerd-shim-runc-v2", "docker", "dockerd", "readlink", "runc", "sh", "sleep"];
const OUTSIDE: [&str; 4] = ["ip", "nsenter", "setpriv", "tar"];

/// Tells what is missing here to run the lab, in one line fit for a test report.
///
/// # Errors
/// The list of what is missing.
pub fn requirements() -> Result<(), String> {
    let mut missing = Vec::new();
    if !geteuid().is_root() {
        missing.push("to be root".to_owned());
    }
    if !Path::new("/bin").is_symlink() {
        missing.push("/bin to be a link to /usr/bin".to_owned());
    }
    for program in IN_THE_NEST {
        match find(program) {
            None => missing.push(program.to_owned()),
            Some(path) if !in_usr(&path) => missing.push(format!("{program} to be below /usr")),
            Some(_) => {}
        }
    }
    missing.extend(OUTSIDE.iter().filter(|program| find(program).is_none()).map(|program| (*program).to_owned()));
    if missing.is_empty() {
        return Ok(());
    }
    Err(format!("the lab needs {} (tests/lab/install-packages)", missing.join(", ")))
}

/// Whether a test that cannot run must fail rather than be reported as ignored (`NICON_MUST_RUN=1`).
#[must_use]
pub fn must_run() -> bool {
    env::var_os("NICON_MUST_RUN").is_some_and(|value| !value.is_empty() && value != "0")
}

/// `PATH`, with the system directories that a shell started by `su` may lack.
#[must_use]
pub fn search_path() -> OsString {
    let mut directories: Vec<PathBuf> = env::split_paths(&env::var_os("PATH").unwrap_or_default()).collect();
    for directory in ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin"] {
        if !directories.iter().any(|known| known == Path::new(directory)) {
            directories.push(directory.into());
        }
    }
    env::join_paths(directories).unwrap_or_default()
}

/// A command of the machine, with our search path, without colours, and without the user's settings of engines, which would lead their command
/// lines, and nicon, to other engines than the lab's.
#[must_use]
pub fn tool(program: &str) -> Command {
    let mut command = Command::new(program);
    clean(&mut command);
    command
}

pub(crate) fn clean(command: &mut Command) {
    command.env("PATH", search_path()).env("DOCKER_CONFIG", "/run/no-docker-config").env("NO_COLOR", "1");
    for name in ["DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_TLS", "DOCKER_TLS_VERIFY", "DOCKER_API_VERSION"]
        .into_iter()
        .chain(["CONTAINER_HOST", "CONTAINER_CONNECTION", "CONTAINERS_CONF"])
    {
        command.env_remove(name);
    }
}

fn find(program: &str) -> Option<PathBuf> {
    env::split_paths(&search_path()).map(|directory| directory.join(program)).find(|path| path.is_file())
}

fn in_usr(path: &Path) -> bool {
    path.canonicalize().is_ok_and(|path| path.starts_with("/usr"))
}
