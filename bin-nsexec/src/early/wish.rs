//! The plain command lines that are understood before the C library starts: a target by its PID, namespaces of that target,
//! and a command. What else there is, and whatever is wrong with them, is left to [`crate::args`].

use std::mem::MaybeUninit;

use libc::{EACCES, ENOENT, ENOTDIR};

use super::text::{Path, Strings, Text};

/// What was understood of a command line.
pub(crate) struct Wish {
    pub(crate) pid: usize,
    /// The flags of `setns(2)`.
    pub(crate) types: i32,
    command: Strings,
}

impl Wish {
    /// Understands a part of what [`crate::args::Args`] does, in the same sense.
    pub(crate) fn parse(mut words: Strings) -> Option<Self> {
        words.next()?;
        let (mut target, mut types) = (None, 0);
        loop {
            let command = words.clone();
            let mut word = words.next()?;
            if word.next()? != b'-' {
                let pid = target?;
                return (types != 0).then_some(Self { pid, types, command });
            }
            let operand = if is(&word, b"t") || is(&word, b"-target") {
                words.next()?
            } else if let Some(operand) = word.clone().behind(b"t").or_else(|| word.clone().behind(b"-target=")) {
                operand
            } else {
                match ns_type(&word)? {
                    // Twice the same is an error, which the program reports.
                    again if types & again != 0 => return None,
                    new => types |= new,
                }
                continue;
            };
            if target.is_some() {
                return None;
            }
            target = Some(number(operand)?);
        }
    }

    /// Becomes the command, found as `execvp(3)` finds it; returns only if that fails.
    pub(crate) fn become_command(&self, environment: &Strings) -> Option<()> {
        let command = &self.command;
        let program = command.clone().next()?;
        let mut room = [MaybeUninit::uninit(); libc::PATH_MAX as usize];
        if program.clone().any(|byte| byte == b'/') {
            let mut path = Path::new(&mut room);
            path.push_all(program.clone())?;
            path.execute(command, environment)?;
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
            path.push_all(program.clone())?;
            match path.execute(command, environment)? {
                ENOENT | ENOTDIR | EACCES if end.is_some() => {}
                _ => return None,
            }
        }
    }
}

/// The type of namespace that an option without an operand stands for; of those by which the container's processes may
/// provide, see or control the command (see [`crate::args::Args::is_contained`]), none.
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
