//! The processes that make sure that nothing of a lab outlives its runner.
//!
//! The runner holds a pipe to the *keeper*; the end of the pipe, for whatever reason, ends the lab. The keeper's child
//! is PID 1 of the lab's PID namespace, the *nest*: when it dies, the kernel kills all that is in there, and it asks
//! the kernel to be killed when the keeper dies.

use crate::{LabName, cgroup, image, tool};
use nix::{
    errno::Errno,
    mount::{MsFlags, mount},
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sched::{CloneFlags, unshare},
    sys::{prctl::set_pdeathsig, signal::Signal, wait::wait},
};
use std::{
    convert::Infallible,
    fs::File,
    io::{self, Write},
    os::fd::AsFd,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

/// The keeper: raises the nest, says `NAME PID` on standard output (the lab's name, the nest's PID), waits for the end
/// of standard input, and removes everything.
///
/// # Errors
/// When the nest cannot be raised.
pub fn keep() -> Result<(), String> {
    cgroup::sweep();
    let name = LabName::of_this_keeper()?;
    image::write(name)?;
    // From here on a thread could not be started; the next child is PID 1 of the new namespace.
    unshare(CloneFlags::CLONE_NEWPID).map_err(|errno| format!("unshare PID namespace: {errno}"))?;
    let nest = Command::new("/proc/self/exe")
        .args(["nest", &name.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .map_err(|error| format!("start the nest: {error}"))?;
    // A runner that is gone already reads as the end of input below.
    let _ = writeln!(io::stdout(), "{name} {}", nest.id());
    let _ = io::copy(&mut io::stdin(), &mut io::sink());
    tear_down(nest, name)
}

fn tear_down(mut nest: Child, name: LabName) -> Result<(), String> {
    nest.kill().map_err(|error| format!("kill the nest: {error}"))?;
    // PID 1 is gone only when all in its namespace are, and a frozen process dies only when it is thawed.
    while let Ok(None) = nest.try_wait() {
        cgroup::thaw(name);
        thread::sleep(Duration::from_millis(5));
    }
    cgroup::remove(name);
    Ok(())
}

/// PID 1 of the lab: runs the outer daemon, reaps what it leaves behind, and ends with it.
///
/// # Errors
/// Whatever ended it.
pub fn nest(name: LabName) -> Result<Infallible, String> {
    set_pdeathsig(Signal::SIGKILL).map_err(|errno| format!("ask for a signal on the keeper's death: {errno}"))?;
    if keeper_is_gone().map_err(|errno| format!("poll the keeper's pipe: {errno}"))? {
        return Err("the keeper is gone".into());
    }
    unshare(CloneFlags::CLONE_NEWNS).map_err(|errno| format!("unshare mount namespace: {errno}"))?;
    mount(Some("proc"), "/proc", Some("proc"), MsFlags::empty(), None::<&str>)
        .map_err(|errno| format!("mount /proc: {errno}"))?;
    let daemon = outer_daemon(name).map_err(|error| format!("start dockerd: {error}"))?;
    loop {
        match wait() {
            Ok(status) if status.pid().is_some_and(|pid| pid.as_raw().unsigned_abs() == daemon.id()) => {
                return Err(format!("the outer dockerd ended: {status:?}"));
            }
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(format!("wait for children: {errno}")),
        }
    }
}

/// A keeper that died before we asked for the signal sends none, but its end of our standard input is closed.
fn keeper_is_gone() -> nix::Result<bool> {
    let stdin = io::stdin();
    let mut pipe = [PollFd::new(stdin.as_fd(), PollFlags::POLLIN)];
    Ok(poll(&mut pipe, PollTimeout::ZERO)? > 0)
}

fn outer_daemon(name: LabName) -> io::Result<Child> {
    let directory = image::directory(name);
    let log = File::create(directory.join("dockerd.log"))?;
    tool("dockerd")
        .arg("--config-file")
        .arg(image::daemon_settings(name))
        .arg("--data-root")
        .arg(directory.join("docker"))
        // Tells dockerd to leave the machine's AppArmor profiles alone.
        .env("container", "docker")
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()
}
