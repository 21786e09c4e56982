//! A process as people write it down: `42`, or `42:1234`.

use std::fmt;
use std::str::FromStr;

use crate::{Error, Result};

/// A PID, and the inode number of its pidfd, which tells the process from all others that have the PID before or after it. This
/// is the notation of `nsenter(1)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PidInode {
    /// The PID, from 1.
    pub pid: i32,
    /// What [`Process::pidfs`](crate::Process::pidfs) returns for that process; `None` for whichever process has the PID.
    pub pidfs: Option<u64>,
}

impl FromStr for PidInode {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (pid, inode) = text.split_once(':').map_or((text, None), |(pid, inode)| (pid, Some(inode)));
        let parsed = || {
            let pid = number(pid).filter(|pid| *pid > 0)?;
            let pidfs = match inode {
                Some(inode) => Some(number(inode)?),
                None => None,
            };
            Some(Self { pid, pidfs })
        };
        parsed().ok_or_else(|| Error::invalid(format!("\"{text}\" is not a PID, or PID:INODE")))
    }
}

/// Parses digits. The standard library would also accept a sign.
fn number<T: FromStr>(text: &str) -> Option<T> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

impl fmt::Display for PidInode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.pid)?;
        self.pidfs.iter().try_for_each(|inode| write!(f, ":{inode}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pid_may_have_an_inode_number() {
        assert_eq!("42".parse::<PidInode>().unwrap(), PidInode { pid: 42, pidfs: None });
        assert_eq!("42:7".parse::<PidInode>().unwrap(), PidInode { pid: 42, pidfs: Some(7) });
        assert_eq!(PidInode { pid: 42, pidfs: Some(7) }.to_string(), "42:7");
        for text in ["", "0", "+42", "-1", "4 2", "42:", ":42", "42:x", "42:7:1", "99999999999"] {
            assert!(text.parse::<PidInode>().is_err(), "{text}");
        }
    }
}
