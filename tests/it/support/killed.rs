//! Killing a program at each of its system calls in turn.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use libtest_mimic::Failed;
use nicon_lab::{LIMIT, output_of_input, tool};

use crate::support::suite::Suite;

/// The calls that only look, wait or prepare: a program that dies at one of them has done what it had done at the call
/// before. Any other has its turn, also one that nobody thought of.
const HARMLESS: &str = " access arch_prctl bind brk clone3 close connect dup epoll_create1 epoll_ctl epoll_pwait epoll_wait
    eventfd2 execve exit exit_group fcntl fsconfig fsmount fsopen fstat fstatfs futex getdents64 getpid getrandom getsockname getsockopt gettid
    ioctl lseek madvise mmap mprotect munmap newfstatat open openat pidfd_open poll ppoll prctl prlimit64 read readlink
    readlinkat recvfrom recvmsg rseq rt_sigaction rt_sigprocmask rt_sigreturn sched_getaffinity set_robust_list
    set_tid_address setns setsockopt sigaltstack socket socketpair statx uname ";

/// Has strace follow all threads, and stop them at no other calls than it is to trace.
const FOLLOW: &[&str] = &["-f", "--seccomp-bpf"];

/// The call that changes links, of which the first thread's count: another one only asks each namespace of the machine what is
/// there, and of whichever thread makes it for the nth time strace kills.
const MESSAGE: &str = "sendto";

/// Runs `words` to its end, and then again and again, each time killed one call later; `after` looks at what is left. A
/// run that is not killed ends with `status`. Tells how many kills there were.
pub(crate) fn at_each_call(
    suite: &Suite,
    (words, input, status): (&[&str], &str, i32),
    mut after: impl FnMut() -> Result<(), Failed>,
) -> Result<usize, Failed> {
    let calls = calls(suite, words, input)?;
    after()?;
    let mut kills = 0;
    for (call, count) in calls {
        for when in 1..=count {
            let inject = format!("inject={call}:signal=KILL:when={when}");
            let options = ["-o", "/dev/null", "-e", &format!("trace={call}"), "-e", &inject];
            let follow = if call == MESSAGE { &[][..] } else { FOLLOW };
            let ran = output_of_input(&mut strace(suite, &[follow, &options].concat(), words)?, input, LIMIT)?;
            let killed = ran.status.signal() == Some(9) || ran.code() == Some(128 + 9);
            if !killed && ran.code() != Some(status) {
                return Err(format!("{call} {when}: neither killed nor done: {ran:?}").into());
            }
            after().map_err(|error| format!("{call} {when}: {error:?} after {ran:?}"))?;
            kills += usize::from(killed);
        }
    }
    if kills == 0 {
        return Err(format!("{words:?} was killed at none of its calls").into());
    }
    Ok(kills)
}

/// How often a run makes each of the calls that matter.
fn calls(suite: &Suite, words: &[&str], input: &str) -> Result<BTreeMap<String, usize>, Failed> {
    // Tests run beside each other.
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let trace = format!("/run/calls-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    output_of_input(&mut strace(suite, &[FOLLOW, &["-o", &trace]].concat(), words)?, input, LIMIT)?;
    let text = std::fs::read_to_string(&trace)?;
    std::fs::remove_file(&trace)?;
    let (mut calls, mut first) = (BTreeMap::new(), None);
    for line in text.lines() {
        // A PID, the call, and its arguments; signals and the end are told in other ways.
        let Some((pid, rest)) = line.split_once(' ') else { continue };
        let call = rest.trim_start().split_once('(');
        let call = call
            .map(|(call, _)| call)
            .filter(|call| call.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'));
        let is_first = *first.get_or_insert(pid) == pid;
        let call = call.filter(|call| is_first || *call != MESSAGE);
        if let Some(call) = call.filter(|call| !HARMLESS.split_whitespace().any(|harmless| harmless == *call)) {
            *calls.entry(call.to_owned()).or_default() += 1;
        }
    }
    Ok(calls)
}

fn strace(suite: &Suite, options: &[&str], words: &[&str]) -> Result<Command, Failed> {
    let mut command = tool("strace");
    command.arg("-qq").args(options).arg(suite.bins()?.join(words[0])).args(&words[1..]);
    Ok(command)
}
