//! How a process is named on the command line.

use std::str::FromStr;

use nicon_core::{Error, Process, Record, Result};

/// `42`, `42:1234` or `self`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operand {
    /// Whoever has this PID now, or only the process with this pidfs inode.
    Pid(i32, Option<u64>),
    /// This program itself, as in /proc/self: what it was started in.
    Myself,
}

impl Operand {
    /// The record that asks for this process.
    ///
    /// # Errors
    /// Where the kernel has no pidfs and cannot tell whether it is the one: it is not guessed.
    pub(crate) fn record(self) -> Result<Record> {
        let mut record = Record::default();
        match self {
            Self::Myself => record.set("pid", std::process::id()),
            Self::Pid(pid, None) => record.set("pid", pid),
            Self::Pid(pid, Some(inode)) => {
                if Process::myself()?.pidfs()?.is_none() {
                    return Err(Error::failed(format!("{pid}:{inode}: this kernel has no pidfs (Linux 6.9)")));
                }
                record.set("pid", pid);
                record.set("pidfs", inode);
            }
        }
        Ok(record)
    }
}

impl FromStr for Operand {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (pid, inode) = match text.split_once(':') {
            Some((pid, inode)) => (pid, Some(inode)),
            None => (text, None),
        };
        let parsed = match (pid, inode) {
            ("self", None) => Some(Self::Myself),
            _ => number(pid).and_then(|pid| match inode {
                None => Some(Self::Pid(pid, None)),
                Some(inode) => number(inode).map(|inode| Self::Pid(pid, Some(inode))),
            }),
        };
        parsed.ok_or_else(|| Error::failed(format!("\"{text}\" is neither PID, PID:INODE, nor self")))
    }
}

/// A number of digits alone: no sign, as the standard library would take it.
fn number<T: FromStr>(text: &str) -> Option<T> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_spellings() {
        assert_eq!("42".parse::<Operand>().unwrap(), Operand::Pid(42, None));
        assert_eq!("42:7".parse::<Operand>().unwrap(), Operand::Pid(42, Some(7)));
        assert_eq!("self".parse::<Operand>().unwrap(), Operand::Myself);
        for bad in ["", "+42", "-1", "4 2", "42:", ":42", "self:1", "42:7:1", "99999999999"] {
            assert!(bad.parse::<Operand>().is_err(), "{bad}");
        }
    }
}
