//! What the processes of a terminal wait for.

use std::fs;
use std::ops::ControlFlow;
use std::os::fd::AsFd;

use nicon_core::walk::walk;
use nix::unistd::{Pid, tcgetpgrp};

/// Calls that may wait for what is typed, besides those that read from one descriptor.
const WAITS: &[i64] = &[
    libc::SYS_ppoll,
    libc::SYS_pselect6,
    libc::SYS_epoll_pwait,
    libc::SYS_epoll_pwait2,
    libc::SYS_io_uring_enter,
    libc::SYS_io_getevents,
    libc::SYS_splice,
    libc::SYS_sendfile,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_poll,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_select,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_epoll_wait,
];

/// Whether none of a terminal's foreground processes waits for what is typed, as far as the kernel tells. If it does not tell,
/// they may.
///
/// `session` is that of the terminal, and one of its ends is open.
pub(super) fn is_elsewhere(terminal: impl AsFd, session: Pid) -> bool {
    let Ok(foreground) = tcgetpgrp(terminal) else { return false };
    let mut is_elsewhere = true;
    let walked = walk(|process| {
        let is_one = |stat: nicon_core::walk::Stat| {
            !stat.ended && stat.group == foreground.as_raw() && stat.session == session.as_raw()
        };
        if process.stat().is_some_and(is_one) && !waits_elsewhere(process.pid()) {
            is_elsewhere = false;
            return Ok(ControlFlow::Break(()));
        }
        Ok(ControlFlow::Continue(()))
    });
    walked.is_ok() && is_elsewhere
}

/// Whether no thread of this process waits for what is typed, nor looks for it from time to time.
fn waits_elsewhere(pid: i32) -> bool {
    if looks_at_terminal(pid) {
        return false;
    }
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else { return false };
    let mut threads = threads.filter_map(Result::ok);
    threads.all(|thread| {
        let call = fs::read_to_string(thread.path().join("syscall"));
        call.is_ok_and(|call| is_elsewhere_in(&call, |fd| is_terminal(pid, fd)))
    })
}

/// Whether this process has a terminal open such that to read does not wait, or that a signal tells when there is something.
fn looks_at_terminal(pid: i32) -> bool {
    // What it inherits is one open file, as a rule. See `proc_pid_fdinfo(5)`.
    (0..=2).any(|fd| {
        let info = fs::read_to_string(format!("/proc/{pid}/fdinfo/{fd}")).unwrap_or_default();
        let flags = info.lines().find_map(|line| line.strip_prefix("flags:"));
        let flags = flags.and_then(|flags| i32::from_str_radix(flags.trim(), 8).ok()).unwrap_or_default();
        flags & (libc::O_NONBLOCK | libc::O_ASYNC) != 0
            && flags & libc::O_ACCMODE != libc::O_WRONLY
            && is_terminal(pid, fd)
    })
}

/// What /proc/PID/syscall tells: see `proc_pid_syscall(5)`.
fn is_elsewhere_in(call: &str, is_terminal: impl Fn(u32) -> bool) -> bool {
    let words: Vec<&str> = call.split_whitespace().collect();
    let number = |index: usize| u64::from_str_radix(words.get(index)?.trim_start_matches("0x"), 16).ok();
    match (words.first().and_then(|word| word.parse().ok()), number(7)) {
        // A stack within 4 GiB is that of a program for another architecture, whose calls have other numbers.
        (Some(0..), Some(0..=0xffff_ffff)) => false,
        (Some(libc::SYS_read | libc::SYS_readv), _) => {
            number(1).and_then(|fd| fd.try_into().ok()).is_some_and(|fd| !is_terminal(fd))
        }
        // It was stopped meanwhile, and either waits for descriptors, by an address, or sleeps, by the number of a clock.
        (Some(libc::SYS_restart_syscall), _) => number(1).is_some_and(|first| first < 0x1000),
        (Some(call), _) => !WAITS.contains(&call),
        // On a processor, it waits for nothing.
        (None, _) => words == ["running"],
    }
}

/// Whether a descriptor may lead to a terminal: by its name, since to open or inspect it may take forever.
fn is_terminal(pid: i32, fd: u32) -> bool {
    match fs::read_link(format!("/proc/{pid}/fd/{fd}")) {
        Ok(path) => {
            let path = path.to_string_lossy();
            path.starts_with('/') && (path.contains("/pts/") || path.contains("/tty") || path.contains("/console"))
        }
        Err(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_for_what() {
        let is_elsewhere = |call: &str| is_elsewhere_in(call, |fd| fd == 0);
        let call =
            |number: i64, first: &str| format!("{number} {first} 0x7ffd 0x1000 0x0 0x0 0x0 0x7ffd6b1c3c38 0x7f1\n");
        assert!(is_elsewhere("running\n"));
        assert!(is_elsewhere(&call(libc::SYS_wait4, "0xffffffff")));
        assert!(is_elsewhere(&call(libc::SYS_read, "0x3")));
        assert!(!is_elsewhere(&call(libc::SYS_read, "0x0")));
        assert!(!is_elsewhere(&call(libc::SYS_ppoll, "0x0")));
        assert!(is_elsewhere(&call(libc::SYS_restart_syscall, "0x0")));
        assert!(!is_elsewhere(&call(libc::SYS_restart_syscall, "0x7ffe")));
        assert!(!is_elsewhere(&call(libc::SYS_sendfile, "0x4")));
        // It waits for memory; it is not ours to ask; it has 32 bits, where 3 is read(2).
        assert!(is_elsewhere("-1 0x7ffdf 0x7f1\n") && !is_elsewhere(""));
        assert!(!is_elsewhere("3 0x0 0xffa0 0x400 0x0 0x0 0x0 0xff9b1c3c 0xf7f2a559\n"));
    }
}
