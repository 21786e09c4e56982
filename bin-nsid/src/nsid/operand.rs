//! Processes on the command line.

use std::str::FromStr;

use nicon_core::process::PidInode;
use nicon_core::{Error, Process, Record, Result};

/// `42`, `42:1234` or `self`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operand {
    /// The process that has this PID now, or only the one with this inode number on pidfs.
    Pid(PidInode),
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
            Self::Pid(process) => {
                if process.pidfs.is_some() && Process::myself()?.pidfs()?.is_none() {
                    return Err(Error::failed(format!("{process}: this kernel has no pidfs (Linux 6.9)")));
                }
                record.set("pid", process.pid);
                process.pidfs.iter().for_each(|inode| record.set("pidfs", inode));
            }
        }
        Ok(record)
    }
}

impl FromStr for Operand {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        if text == "self" {
            return Ok(Self::Myself);
        }
        text.parse().map(Self::Pid).map_err(|_| {
            let way_out = "for a container: nicon-resolve PATH | nicon-nsid";
            Error::failed(format!("\"{text}\" is not a PID, PID:INODE or self ({way_out})"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operands_are_parsed() {
        assert_eq!("42:7".parse::<Operand>().unwrap(), Operand::Pid(PidInode { pid: 42, pidfs: Some(7) }));
        assert_eq!("self".parse::<Operand>().unwrap(), Operand::Myself);
        for bad in ["", "+42", "-1", "4 2", "42:", ":42", "self:1", "42:7:1", "99999999999"] {
            assert!(bad.parse::<Operand>().is_err(), "{bad}");
        }
    }
}
