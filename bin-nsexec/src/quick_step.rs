//! The quick step: into the network, and what else does not let the container near us, and on to the command.
//!
//! `--target PID --net COMMAND` takes four system calls and an exec: less than it takes to start this program for them. So
//! they are made before it starts (see [`crate::early`]), where the command line is so plain that nothing needs to be looked
//! up, and nothing to be told. What is not understood, or fails, is left to the program, which begins anew.

use std::mem::MaybeUninit;

use libc::{EACCES, ENOENT, ENOTDIR};

use crate::early::{Path, Pidfd, Strings, Text, close_all_but_standard};

/// What was understood of a command line.
struct Wish {
    pid: usize,
    types: i32,
    command: Strings,
}

/// Becomes the command, where that is quick.
pub(crate) fn take(arguments: &Strings, environment: &Strings) {
    let Some(wish) = Wish::parse(arguments.clone()) else { return };
    let _ = wish.fulfil(environment);
}

impl Wish {
    /// Understands a part of what [`crate::args::Args`] does, in the same sense.
    fn parse(mut words: Strings) -> Option<Self> {
        words.next()?;
        let (mut pid, mut types) = (0, 0);
        loop {
            let command = words.clone();
            let mut word = words.next()?;
            if word.next()? != b'-' {
                return (pid != 0 && types != 0).then_some(Self { pid, types, command });
            }
            let operand = if is(&word, b"t") || is(&word, b"-target") {
                words.next()?
            } else if let Some(operand) = word.clone().behind(b"t").or_else(|| word.clone().behind(b"-target=")) {
                operand
            } else {
                match ns_type(&word)? {
                    // Twice the same is an error, which is not ours to tell.
                    again if types & again != 0 => return None,
                    new => types |= new,
                }
                continue;
            };
            if pid != 0 {
                return None;
            }
            pid = number(operand)?;
        }
    }

    /// Comes back where something fails.
    fn fulfil(self, environment: &Strings) -> Option<()> {
        let Self { pid, types, command } = self;
        Pidfd::open(pid)?.join(types)?;
        close_all_but_standard()?;
        let program = command.clone().next()?;
        let mut room = [MaybeUninit::uninit(); libc::PATH_MAX as usize];
        if program.clone().any(|byte| byte == b'/') {
            let mut path = Path::new(&mut room);
            program.clone().try_for_each(|byte| path.push(byte))?;
            path.execute(&command, environment)?;
            return None;
        }
        let mut directories = environment.clone().find_map(|variable| variable.behind(b"PATH="))?;
        loop {
            let mut path = Path::new(&mut room);
            let end = loop {
                match directories.next() {
                    Some(byte) if byte != b':' => path.push(byte)?,
                    end => break end,
                }
            };
            // An empty entry is the working directory.
            if path.is_empty() {
                path.push(b'.')?;
            }
            path.push(b'/')?;
            program.clone().try_for_each(|byte| path.push(byte))?;
            match path.execute(&command, environment)? {
                ENOENT | ENOTDIR | EACCES if end.is_some() => {}
                _ => return None,
            }
        }
    }
}

/// The type of namespace that an option without an operand stands for.
fn ns_type(option: &Text) -> Option<i32> {
    let among = |letter: &[u8], word: &[u8]| is(option, letter) || is(option, word);
    match () {
        () if among(b"n", b"-net") => Some(libc::CLONE_NEWNET),
        () if among(b"u", b"-uts") => Some(libc::CLONE_NEWUTS),
        () if among(b"i", b"-ipc") => Some(libc::CLONE_NEWIPC),
        () if among(b"C", b"-cgroup") => Some(libc::CLONE_NEWCGROUP),
        () => None,
    }
}

fn is(text: &Text, word: &[u8]) -> bool {
    text.clone().behind(word).is_some_and(|mut rest| rest.next().is_none())
}

/// A PID in decimal; `None` for anything else.
fn number(mut text: Text) -> Option<usize> {
    let digit = |byte: u8| byte.is_ascii_digit().then(|| i32::from(byte - b'0'));
    let number = text.try_fold(0, |number: i32, byte| number.checked_mul(10)?.checked_add(digit(byte)?))?;
    usize::try_from(number).ok().filter(|number| *number != 0)
}
