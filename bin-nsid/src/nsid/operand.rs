//! Processes on the command line.

use std::str::FromStr;

use nicon_core::{Error, Process, Record, Result};

/// `42`, `42:1234` or `self`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operand {
    /// The process that has this PID now, or only the one with this inode number on pidfs.
    Pid(i32, Option<u64>),
    /// This program itself, as in /proc/self. It is in the namespaces of its caller.
    Myself,
}

impl Operand {
    /// The record that asks for this process.
    ///
    /// # Errors
    /// If the kernel has no pidfs, so that the inode number cannot be checked.
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
        parsed.ok_or_else(|| {
            let way_out = "for a container: nicon-resolve PATH | nicon-nsid";
            Error::failed(format!("\"{text}\" is not a PID, PID:INODE or self ({way_out})"))
        })
    }
}

/// Parses digits. The standard library would also accept a sign.
fn number<T: FromStr>(text: &str) -> Option<T> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operands_are_parsed() {
        assert_eq!("42".parse::<Operand>().unwrap(), Operand::Pid(42, None));
        assert_eq!("42:7".parse::<Operand>().unwrap(), Operand::Pid(42, Some(7)));
        assert_eq!("self".parse::<Operand>().unwrap(), Operand::Myself);
        for bad in ["", "+42", "-1", "4 2", "42:", ":42", "self:1", "42:7:1", "99999999999"] {
            assert!(bad.parse::<Operand>().is_err(), "{bad}");
        }
    }
}
