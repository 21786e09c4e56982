//! The guarded step: a command in a container's namespaces, started before the C library is.
//!
//! Of all that the program does, only a part is in the command's way: to join, to give up what the container must not have,
//! and to execute. If a plain command line asks for no more, that is all that is done. The two processes that watch over the
//! command only wait; when anything but its end happens, a signal or a stop, they become the rest of this program (see
//! [`started`]), which knows what to do. What is not understood, or fails, is left to the program, which begins anew.
//!
//! It is the same in all that can be seen as what [`crate::supervise`] and [`crate::keeper`] do, but that the keeper stays
//! outside of the container: the C library, which is yet to start in it, looks files up by their names.

use std::mem::MaybeUninit;
use std::sync::atomic::Ordering;

use libc::{CLONE_NEWPID, PR_CAPBSET_DROP, PR_CAPBSET_READ, PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS};

use crate::early::process::{self, Pidfd, Signals, prctl};
use crate::early::system::{self, Socket};
use crate::early::text::{Path, Strings, Text};
use crate::early::{IS_COPY, started};
use crate::wish::Wish;
use crate::{keeper, signals};

/// What the three processes share.
struct Start<'a> {
    wish: &'a Wish,
    environment: &'a Strings,
    target: Pidfd,
    /// `None` if files are the caller's.
    limits: Option<Limits>,
    signals: Signals,
}

/// Starts the command, if the command line is plain.
pub(crate) fn take(arguments: &Strings, environment: &Strings) {
    let wish = Wish::parse(arguments.clone()).filter(Wish::is_contained);
    if let Some(wish) = wish.filter(|_| IS_COPY.load(Ordering::Relaxed) && system::is_standard_plain()) {
        let _ = start(&wish, environment);
    }
}

fn start(wish: &Wish, environment: &Strings) -> Option<()> {
    if prctl(PR_SET_DUMPABLE, 0) != 0 || !system::is_proc_ours() {
        return None;
    }
    let target = Pidfd::open(wish.pid)?;
    let limits = if wish.runs_container_code() { Some(Limits::of(&wish.digits)?) } else { None };
    // What was read of the target by name is true of it if it has lived until now.
    if !target.lives() {
        return None;
    }
    let (near, far) = Socket::pair()?;
    let start = Start { wish, environment, target, limits, signals: Signals::hold(signals::HELD)? };
    match process::fork() {
        Some(0) => {
            near.close();
            if start.keep(&far).is_none() {
                give_up(&far);
            }
        }
        Some(keeper) => {
            far.close();
            return start.watch(keeper, &near);
        }
        None => {
            near.close();
            far.close();
            start.signals.give_back()?;
        }
    }
    Some(())
}

impl Start<'_> {
    /// Acts as the watcher. Usually all it has to do is to report how the command ended.
    fn watch(&self, keeper: i32, link: &Socket) -> Option<()> {
        let _ = system::close_all_but_standard_and(link);
        let _ = process::wait_for_news(signals::READ, [None, None]);
        match process::exited(keeper) {
            // Then the program starts again.
            Some(_) if link.word() == Some(keeper::GAVE_UP) => self.signals.give_back(),
            Some(status) => process::exit(status.into()),
            None => {
                started::watcher(keeper, link, &self.signals);
                Some(())
            }
        }
    }

    /// Acts as the keeper.
    fn keep(&self, link: &Socket) -> Option<()> {
        process::begin_session()?;
        if self.wish.types & CLONE_NEWPID != 0 {
            // It takes effect with the next child.
            self.target.join(CLONE_NEWPID)?;
        }
        let (executed, until_exec) = Socket::pair()?;
        match process::fork()? {
            0 => {
                executed.close();
                let _ = self.become_command(link);
                give_up(link);
            }
            child => {
                until_exec.close();
                // Signals stay pending until the exec: so the watcher sees that it is held up.
                let _ = process::wait_for_news(0, [Some(link), Some(&executed)]);
                // Closing the last descriptor of the mount that we run from takes a while: here it delays nothing.
                let _ = system::close_all_but_standard_and(link);
                let _ = process::wait_for_news(signals::READ, [Some(link), None]);
                if let Some(status) = process::exited(child) {
                    process::exit(status.into());
                }
                started::keeper(child, link);
                Some(())
            }
        }
    }

    /// Becomes the command; returns only if something fails.
    fn become_command(&self, link: &Socket) -> Option<()> {
        process::die_with_parent()?;
        process::begin_group()?;
        match self.wish.types & !CLONE_NEWPID {
            0 => {}
            types => self.target.join(types)?,
        }
        if let Some(limits) = &self.limits {
            if !system::is_inside_root() {
                return None;
            }
            limits.impose()?;
        }
        // If the keeper is gone, so is its watcher.
        if !link.is_quiet() {
            return None;
        }
        self.signals.give_back()?;
        system::close_others_on_exec()?;
        self.wish.become_command(self.environment)
    }
}

/// Ends the process, and has the watcher start again.
fn give_up(link: &Socket) -> ! {
    link.say(keeper::GAVE_UP);
    process::exit(crate::run::FAILED.into())
}

/// The most that the command may have: see [`crate::capability::Limits`].
struct Limits {
    bounding: u64,
    permitted: u64,
}

impl Limits {
    /// Those of a target whose cgroups, user namespace and label are ours, so that there is nothing else to follow.
    fn of(pid: &Text) -> Option<Self> {
        if !compare(pid, b"/cgroup")? || identity(ours(), b"/ns/user")? != identity(pid.clone(), b"/ns/user")? {
            return None;
        }
        // A security module that is not at work has no label for us.
        let has_another = |label: &[u8]| compare(pid, label) == Some(false);
        if has_another(b"/attr/current") || has_another(b"/attr/apparmor/current") {
            return None;
        }
        let mut room = [MaybeUninit::uninit(); 4096];
        let status = read(pid.clone(), b"/status", &mut room)?;
        Some(Self { bounding: set(status, b"\nCapBnd:\t")?, permitted: set(status, b"\nCapPrm:\t")? })
    }

    fn impose(&self) -> Option<()> {
        let allowed = self.bounding & self.permitted;
        for capability in 0..64 {
            if allowed & (1 << capability) == 0 {
                match i32::try_from(-prctl(PR_CAPBSET_DROP, capability)) {
                    Ok(0) => {}
                    // Beyond the last one that the kernel knows.
                    Ok(libc::EINVAL) => break,
                    Ok(libc::EPERM) if prctl(PR_CAPBSET_READ, capability) != 1 => {}
                    _ => return None,
                }
            }
        }
        if prctl(PR_SET_NO_NEW_PRIVS, 1) != 0 {
            return None;
        }
        process::limit_capabilities(self.permitted)
    }
}

/// The name of our own directory in /proc.
fn ours() -> impl Iterator<Item = u8> {
    b"self".iter().copied()
}

/// Whether a file says the same of the target as of us; `None` if it says nothing of us.
fn compare(pid: &Text, file: &[u8]) -> Option<bool> {
    let (mut own, mut theirs) = ([MaybeUninit::uninit(); 4096], [MaybeUninit::uninit(); 4096]);
    let own = read(ours(), file, &mut own)?;
    Some(read(pid.clone(), file, &mut theirs).is_some_and(|theirs| own.iter().eq(theirs)))
}

fn read<'a>(process: impl Iterator<Item = u8>, file: &[u8], room: &'a mut [MaybeUninit<u8>]) -> Option<&'a [u8]> {
    let mut path = [MaybeUninit::uninit(); 64];
    system::read(&mut of(process, file, &mut path)?, room)
}

fn identity(process: impl Iterator<Item = u8>, file: &[u8]) -> Option<(u64, u64)> {
    let mut path = [MaybeUninit::uninit(); 64];
    system::identity(&mut of(process, file, &mut path)?)
}

/// The path of a file of a process.
fn of<'a>(process: impl Iterator<Item = u8>, file: &[u8], room: &'a mut [MaybeUninit<u8>]) -> Option<Path<'a>> {
    let mut path = Path::new(room);
    path.push_all(b"/proc/".iter().copied())?;
    path.push_all(process)?;
    path.push_all(file.iter().copied())?;
    Some(path)
}

/// The set of capabilities that follows `name` in hexadecimal, which begins with the end of the line before: the name of
/// a process may look like a line, but has none in it.
fn set(status: &[u8], name: &[u8]) -> Option<u64> {
    let start = status.windows(name.len()).position(|bytes| bytes.iter().eq(name))?;
    let digits = status.iter().skip(start + name.len()).take_while(|byte| **byte != b'\n');
    digits.copied().try_fold(0_u64, |set, byte| {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            _ => return None,
        };
        Some(set << 4 | u64::from(digit))
    })
}
