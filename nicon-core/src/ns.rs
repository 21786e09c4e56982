//! Namespaces: their types, their identities, and handles that keep one alive.

use std::fmt;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::str::FromStr;

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::{Mode, fstat};

use crate::{Doing, Error, Result, sys};

/// The types of namespace, in the order in which the protocol lists them; see `namespaces(7)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NsType {
    /// User and group IDs, capabilities.
    User,
    /// The root of the cgroup tree that is seen.
    Cgroup,
    /// System V IPC and POSIX message queues.
    Ipc,
    /// Host name and domain name.
    Uts,
    /// Network devices, addresses, routes, ports.
    Net,
    /// Process IDs.
    Pid,
    /// Mount points.
    Mnt,
    /// Boot and monotonic clocks.
    Time,
}

impl NsType {
    /// All types.
    pub const ALL: [Self; 8] =
        [Self::User, Self::Cgroup, Self::Ipc, Self::Uts, Self::Net, Self::Pid, Self::Mnt, Self::Time];

    /// The kernel's name: that of the link in /proc/PID/ns.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Cgroup => "cgroup",
            Self::Ipc => "ipc",
            Self::Uts => "uts",
            Self::Net => "net",
            Self::Pid => "pid",
            Self::Mnt => "mnt",
            Self::Time => "time",
        }
    }
}

impl fmt::Display for NsType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for NsType {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|ns_type| ns_type.name() == name).ok_or_else(|| {
            let known = Self::ALL.map(Self::name).join(", ");
            Error::failed(format!("unknown namespace type \"{name}\" (the types are {known})"))
        })
    }
}

/// The identity of a namespace: device and inode number on nsfs. See `namespaces(7)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NsId {
    /// Device number of nsfs.
    pub dev: u64,
    /// Inode number.
    pub ino: u64,
}

/// An open namespace: it lives as long as this handle, whatever becomes of its processes.
#[derive(Debug)]
pub struct Namespace {
    fd: OwnedFd,
    id: NsId,
}

impl Namespace {
    /// Opens a namespace by its file, such as `/proc/42/ns/net` or `/run/netns/blue`.
    ///
    /// # Errors
    /// [`Status::Failed`](crate::Status::Failed) with the kernel's reason.
    pub fn open(path: &Path) -> Result<Self> {
        let fd = open(path, OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty());
        fd.and_then(Self::from_fd).doing(|| format!("open {}", path.display()))
    }

    /// Takes an open nsfs descriptor.
    ///
    /// # Errors
    /// What `fstat(2)` fails with.
    pub fn from_fd(fd: OwnedFd) -> nix::Result<Self> {
        let stat = fstat(&fd)?;
        Ok(Self { fd, id: NsId { dev: stat.st_dev, ino: stat.st_ino } })
    }

    /// Its identity.
    #[must_use]
    pub fn id(&self) -> NsId {
        self.id
    }

    /// The parent of a PID or user namespace (`NS_GET_PARENT`, Linux 4.9), or `None` where it lies outside of the
    /// caller's own namespaces.
    ///
    /// # Errors
    /// [`Status::Failed`](crate::Status::Failed) for other types of namespace.
    pub fn parent(&self) -> Result<Option<Self>> {
        match sys::ns_get_parent(&self.fd).and_then(Self::from_fd) {
            Ok(parent) => Ok(Some(parent)),
            Err(Errno::EPERM) => Ok(None),
            Err(errno) => Err(Error::os(format!("find the parent of namespace {}", self.id.ino), errno)),
        }
    }
}

impl AsFd for Namespace {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_kernels() {
        for ns_type in NsType::ALL {
            assert!(Path::new("/proc/self/ns").join(ns_type.name()).exists() || ns_type == NsType::Time);
            assert_eq!(ns_type.name().parse::<NsType>().unwrap(), ns_type);
        }
        assert!("network".parse::<NsType>().unwrap_err().to_string().contains("net"));
    }
}
