//! Namespaces: their types, their identities, and handles that keep one alive.

use std::ffi::CStr;
use std::fmt;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::str::FromStr;
use std::sync::OnceLock;

use nix::errno::Errno;
use nix::fcntl::{OFlag, open, readlinkat};
use nix::sys::stat::{Mode, fstat, stat};

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

impl NsType {
    /// The flag of `clone(2)` and `setns(2)`, by which the kernel names the type.
    #[must_use]
    pub fn flag(self) -> i32 {
        match self {
            Self::User => libc::CLONE_NEWUSER,
            Self::Cgroup => libc::CLONE_NEWCGROUP,
            Self::Ipc => libc::CLONE_NEWIPC,
            Self::Uts => libc::CLONE_NEWUTS,
            Self::Net => libc::CLONE_NEWNET,
            Self::Pid => libc::CLONE_NEWPID,
            Self::Mnt => libc::CLONE_NEWNS,
            // linux/sched.h; libc names it only for some targets.
            Self::Time => 0x80,
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

/// Parses the kernel's spelling of a namespace, `net:[4026531840]`: its type and inode number.
#[must_use]
pub fn parse_link(link: &str) -> Option<(NsType, u64)> {
    let (name, ino) = link.strip_suffix(']')?.split_once(":[")?;
    Some((NsType::ALL.into_iter().find(|ns_type| ns_type.name() == name)?, ino.parse().ok()?))
}

/// The identity of a namespace: device and inode number on nsfs. See `namespaces(7)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NsId {
    /// Device number of nsfs.
    pub dev: u64,
    /// Inode number.
    pub ino: u64,
}

impl NsId {
    /// The identity of the namespace that a link in /proc names. To read the link takes half as long as to follow it, for which the
    /// kernel makes an inode each time. All namespaces are on one device, which is looked at once.
    pub(crate) fn named_by(dir: impl AsFd, link: &str) -> nix::Result<Self> {
        static NSFS: OnceLock<u64> = OnceLock::new();
        let text = readlinkat(dir, link)?;
        let (_, ino) = text.to_str().and_then(parse_link).ok_or(Errno::EINVAL)?;
        let dev = if let Some(dev) = NSFS.get() {
            *dev
        } else {
            let dev = stat("/proc/self/ns/mnt")?.st_dev;
            *NSFS.get_or_init(|| dev)
        };
        Ok(Self { dev, ino })
    }

    /// The identity of whatever `path` leads to: a namespace where the device is that of nsfs. Never waits for a file
    /// server, so that any descriptor in /proc/PID/fd may be asked about.
    ///
    /// # Errors
    /// What `statx(2)` fails with.
    pub fn at(dir: impl AsFd, path: &CStr) -> nix::Result<Self> {
        sys::stat_without_sync(dir, path).map(|stat| Self { dev: stat.dev, ino: stat.ino })
    }
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

    /// Another handle of the same namespace.
    ///
    /// # Errors
    /// [`Status::Failed`](crate::Status::Failed) where there are too many open descriptors.
    pub fn try_clone(&self) -> Result<Self> {
        let fd = self.fd.try_clone().doing(|| format!("copy the descriptor of namespace {}", self.id.ino))?;
        Ok(Self { fd, id: self.id })
    }

    /// What type of namespace it is (`NS_GET_NSTYPE`, Linux 4.11).
    ///
    /// # Errors
    /// [`Status::Failed`](crate::Status::Failed) where it is of none that we know, or the descriptor is not one of nsfs.
    pub fn ns_type(&self) -> Result<NsType> {
        let flag = sys::ns_get_nstype(&self.fd).doing(|| format!("find the type of namespace {}", self.id.ino))?;
        let known = NsType::ALL.into_iter().find(|ns_type| ns_type.flag() == flag);
        known.ok_or_else(|| Error::failed(format!("namespace {} is of an unknown type ({flag:#x})", self.id.ino)))
    }

    /// The user namespace that owns it (`NS_GET_USERNS`, Linux 4.9), or `None` where that lies outside of the caller's
    /// own namespaces. For a user namespace that is its parent.
    ///
    /// # Errors
    /// [`Status::Failed`](crate::Status::Failed) with the kernel's reason.
    pub fn owner(&self) -> Result<Option<Self>> {
        match sys::ns_get_userns(&self.fd).and_then(Self::from_fd) {
            Ok(owner) => Ok(Some(owner)),
            Err(Errno::EPERM) => Ok(None),
            Err(errno) => Err(Error::os(format!("find the owner of namespace {}", self.id.ino), errno)),
        }
    }

    /// The user ID of whoever made a user namespace (`NS_GET_OWNER_UID`, Linux 4.11), as our own user namespace sees it.
    ///
    /// # Errors
    /// [`Status::Failed`](crate::Status::Failed) for other types of namespace.
    pub fn owner_uid(&self) -> Result<u32> {
        sys::ns_get_owner_uid(&self.fd).doing(|| format!("find the owner of namespace {}", self.id.ino))
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
    fn an_identity_is_the_same_by_path_and_by_handle() {
        let root = std::fs::File::open("/").unwrap();
        let own = Namespace::open("/proc/self/ns/net".as_ref()).unwrap();
        assert_eq!(NsId::at(&root, c"/proc/self/ns/net"), Ok(own.id()));
        assert_eq!(NsId::named_by(&root, "/proc/self/ns/net"), Ok(own.id()));
    }

    #[test]
    fn links_are_spelled_as_the_kernel_does() {
        assert_eq!(parse_link("pid:[4026532565]"), Some((NsType::Pid, 4_026_532_565)));
        for bad in ["", "4026532565", "pid:[]", "pid:[x]", "pid:[1", "pid:1]", "net_for:[1]", "socket:[42]", "net:[-1]"]
        {
            assert_eq!(parse_link(bad), None, "{bad}");
        }
    }

    #[test]
    fn types_and_owners_are_what_the_kernel_says() {
        for ns_type in NsType::ALL {
            let Ok(own) = Namespace::open(&Path::new("/proc/self/ns").join(ns_type.name())) else { continue };
            assert_eq!(own.ns_type().unwrap(), ns_type);
            assert_eq!(own.owner_uid().is_ok(), ns_type == NsType::User);
        }
        let net = Namespace::open("/proc/self/ns/net".as_ref()).unwrap();
        assert!(net.owner().is_ok() && net.parent().is_err());
    }

    #[test]
    fn names_are_the_kernels() {
        for ns_type in NsType::ALL {
            assert!(Path::new("/proc/self/ns").join(ns_type.name()).exists() || ns_type == NsType::Time);
            assert_eq!(ns_type.name().parse::<NsType>().unwrap(), ns_type);
        }
        assert!("network".parse::<NsType>().unwrap_err().to_string().contains("net"));
    }
}
