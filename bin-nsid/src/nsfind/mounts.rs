//! Namespaces that are mounted on a file, as by `ip netns add`. The kernel lists them in /proc/PID/mountinfo.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use nicon_core::{NsType, ns};

/// A mounted namespace.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Mount {
    /// The mount's ID, unique among the mounts of the machine.
    pub(crate) id: u64,
    /// Type and inode number of the namespace.
    pub(crate) namespace: (NsType, u64),
    /// Where it is mounted, below the root directory of the process whose mountinfo this is.
    pub(crate) path: OsString,
}

/// Parses a line of /proc/PID/mountinfo; `None` if it is not about a namespace. See `proc_pid_mountinfo(5)`.
pub(crate) fn parse(line: &[u8]) -> Option<Mount> {
    let mut fields = line.split(|&byte| byte == b' ');
    let id = text(fields.next()?)?.parse().ok()?;
    let root = text(fields.nth(2)?)?;
    let path = unescape(fields.next()?);
    // A separator ends the optional fields; the file system's type follows.
    let filesystem = fields.skip_while(|field| *field != b"-").nth(1)?;
    (filesystem == b"nsfs").then_some(Mount { id, namespace: ns::parse_link(root)?, path: OsString::from_vec(path) })
}

fn text(field: &[u8]) -> Option<&str> {
    std::str::from_utf8(field).ok()
}

/// Undoes the escapes of white space and backslashes: a backslash and three octal digits.
fn unescape(mut field: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(field.len());
    while let [first, rest @ ..] = field {
        if let [b'\\', a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', rest @ ..] = field {
            plain.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
            field = rest;
        } else {
            plain.push(*first);
            field = rest;
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_mounts_of_namespaces_are_parsed() {
        let netns = br"242 25 0:4 net:[4026532546] /run/netns/a\040b\134\012 rw shared:7 master:1 - nsfs nsfs rw";
        let mount = Mount { id: 242, namespace: (NsType::Net, 4_026_532_546), path: "/run/netns/a b\\\n".into() };
        assert_eq!(parse(netns), Some(mount));
        for other in [
            &b"22 27 0:21 / /proc rw,relatime - proc proc rw"[..],
            b"22 27 0:21 /net:[1] /x rw - tmpfs nsfs rw",
            b"22 27 0:21 net:[1] /x rw - ext4 nsfs rw",
            b"22 27",
            b"",
        ] {
            assert_eq!(parse(other), None);
        }
    }
}
