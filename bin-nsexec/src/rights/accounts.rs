//! Users and groups by name: as /etc/passwd and /etc/group of the root directory have them in which the command runs, and no
//! other source. Both files are the container's, which may put anything there.

use std::fs::File;
use std::os::fd::AsFd;
use std::path::Path;

use nicon_core::file::{FileInfo, open_below, read_at_most};
use nicon_core::{Context, Error, Result};
use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;

/// The most that is read of either file, in bytes.
const MAX_LENGTH: u64 = 1 << 20;

/// A user with their groups.
#[derive(Debug, PartialEq)]
pub(crate) struct Account {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// The groups that list the user as a member.
    pub(crate) groups: Vec<u32>,
}

impl Account {
    /// The user of this name.
    ///
    /// # Errors
    /// If there is none, or the files cannot be read.
    pub(crate) fn find(name: &str) -> Result<Self> {
        let (uid, gid) = user(&read("/etc/passwd")?, name).ok_or_else(|| unknown("user", name, "/etc/passwd"))?;
        let groups = groups_of(&read("/etc/group")?, name);
        Ok(Self { uid, gid, groups })
    }
}

/// The ID of the group of this name.
///
/// # Errors
/// As [`Account::find`].
pub(crate) fn find_group(name: &str) -> Result<u32> {
    let text = read("/etc/group")?;
    lines(&text).find_map(|fields| group(&fields, name)).ok_or_else(|| unknown("group", name, "/etc/group"))
}

fn unknown(what: &str, name: &str, path: &str) -> Error {
    Error::failed(format!("no {what} is called {name} in {path} of the root directory in which the command runs"))
}

/// Reads a file below the root directory, wherever links in it lead: never out of it.
fn read(path: &str) -> Result<String> {
    let what = || format!("read {path} in the root directory in which the command runs");
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let root = open("/", flags, Mode::empty()).context(what)?;
    let open = |flags: i32| open_below(root.as_fd(), Path::new(path), flags).context(what);
    // To open anything else can do something, or wait for it.
    let is_file = |file: &dyn AsFd| Ok::<bool, Error>(FileInfo::of(file.as_fd()).context(what)?.is_file());
    if !is_file(&open(libc::O_PATH)?)? {
        return Err(Error::failed(format!("{}: it is not a regular file", what())));
    }
    let file = File::from(open(libc::O_RDONLY | libc::O_NONBLOCK | libc::O_NOCTTY)?);
    let bytes = read_at_most(file, MAX_LENGTH).context(what)?;
    let bytes = bytes.ok_or_else(|| Error::failed(format!("{}: it is longer than 1 MiB", what())))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn lines(text: &str) -> impl Iterator<Item = Vec<&str>> {
    text.lines().map(|line| line.split(':').collect())
}

/// User and group ID of `name:password:UID:GID:...`, see `passwd(5)`.
fn user(passwd: &str, name: &str) -> Option<(u32, u32)> {
    lines(passwd).find_map(|fields| match fields[..] {
        [own, _, uid, gid, ..] if own == name => Some((id(uid)?, id(gid)?)),
        _ => None,
    })
}

/// The ID of `name:password:GID:...`, see `group(5)`.
fn group(fields: &[&str], name: &str) -> Option<u32> {
    match fields {
        [own, _, gid, ..] if *own == name => id(gid),
        _ => None,
    }
}

/// Those of `name:password:GID:member,member` that have this member, each once, in ascending order.
fn groups_of(text: &str, name: &str) -> Vec<u32> {
    let gid = |fields: Vec<&str>| match fields[..] {
        [_, _, gid, members, ..] if members.split(',').any(|member| member == name) => id(gid),
        _ => None,
    };
    let mut groups: Vec<u32> = lines(text).filter_map(gid).collect();
    groups.sort_unstable();
    groups.dedup();
    groups
}

/// The kernel takes -1 for "leave it as it is".
fn id(text: &str) -> Option<u32> {
    text.parse().ok().filter(|id| *id != u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0::/:/bin/sh\nann:x:7:8:Ann\nbad:x:-1:0\nmax:x:4294967295:0\nann:x:9:9\n\n+\n";
    const GROUP: &str = "root:x:0:\nstaff:x:50:ann,bob\naudio:x:63:bob\nstaff2:x:50:ann\nlate:x:51:bob,ann\nx";

    #[test]
    fn users_and_groups_of_files() {
        assert_eq!(user(PASSWD, "ann"), Some((7, 8)));
        assert_eq!([user(PASSWD, "bad"), user(PASSWD, "max"), user(PASSWD, "an"), user(PASSWD, "+")], [None; 4]);
        assert_eq!(groups_of(GROUP, "ann"), [50, 51]);
        assert_eq!(lines(GROUP).find_map(|fields| group(&fields, "audio")), Some(63));
        assert_eq!(lines(GROUP).find_map(|fields| group(&fields, "x")), None);
    }
}
