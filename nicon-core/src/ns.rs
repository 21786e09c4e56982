//! Namespaces: their types, their identities, and handles that keep them alive.

use std::ffi::CStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::str::FromStr;
use std::sync::{Arc, OnceLock};
use std::{fmt, io};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open, readlinkat};
use nix::sys::stat::{Mode, fstat, stat};

use crate::{Context, Error, Result, sys};

/// The types of namespace, in the order in which the protocol lists them; see `namespaces(7)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum NsType {
    /// User and group IDs, capabilities.
    User,
    /// The root of the visible cgroup tree.
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

    /// The kernel's name, as in /proc/PID/ns.
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

    /// Another name that is accepted: that of the long option of `nsenter(1)`.
    #[must_use]
    pub fn alias(self) -> Option<&'static str> {
        match self {
            Self::Mnt => Some("mount"),
            Self::Net => Some("network"),
            _ => None,
        }
    }

    /// The flag of `clone(2)` and `setns(2)` for the type.
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
            // CLONE_NEWTIME of linux/sched.h, which libc has only for some targets.
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
        let is_meant = |ns_type: &Self| ns_type.name() == name || ns_type.alias() == Some(name);
        Self::ALL.into_iter().find(is_meant).ok_or_else(|| {
            let known = Self::ALL.map(Self::name).join(", ");
            Error::invalid(format!("unknown namespace type \"{name}\" (the types are {known})"))
        })
    }
}

/// Parses the kernel's notation for a namespace, `net:[4026531840]`: its type and inode number.
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
    /// The identity of the namespace of a link in /proc. Reading the link takes half as long as following it, for which the
    /// kernel creates an inode. All namespaces are on the same device, whose number is read once.
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

    /// The identity of the file at `path`, which is a namespace if the device is that of nsfs. Never waits for the server
    /// of a file system, so `path` may be any descriptor in /proc/PID/fd.
    ///
    /// # Errors
    /// What `statx(2)` fails with.
    pub fn at(dir: impl AsFd, path: &CStr) -> io::Result<Self> {
        Ok(sys::stat_without_sync(dir, path).map(|stat| Self { dev: stat.dev, ino: stat.ino })?)
    }
}

/// An open namespace. It exists as long as this handle, even after its last process has exited.
#[derive(Clone, Debug)]
pub struct Namespace {
    /// Shared with those that are clones of this.
    fd: Arc<OwnedFd>,
    id: NsId,
}

impl Namespace {
    /// Opens a namespace by its file, such as `/proc/42/ns/net` or `/run/netns/blue`. A FIFO there does not hold us up: what is opened
    /// need not be a namespace before it tells its [type](Self::ns_type).
    ///
    /// # Errors
    /// [`Status::Failed`](crate::Status::Failed) with the kernel's reason.
    pub fn open(path: &Path) -> Result<Self> {
        let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
        let fd = open(path, flags, Mode::empty());
        fd.and_then(Self::hold).context(|| format!("open {}", path.display()))
    }

    /// Takes an open nsfs descriptor.
    ///
    /// # Errors
    /// What `fstat(2)` fails with.
    pub fn from_fd(fd: OwnedFd) -> io::Result<Self> {
        Ok(Self::hold(fd)?)
    }

    /// The network namespace that keeps a socket, or a descriptor of /dev/net/tun, and is kept by it (`SIOCGSKNS`, Linux 4.10; of TUN,
    /// Linux 4.17).
    ///
    /// # Errors
    /// EPERM without `CAP_NET_ADMIN` in the user namespace that owns it, ENOTTY for another file.
    pub fn of_socket(socket: impl AsFd) -> io::Result<Self> {
        Ok(sys::socket_netns(socket).and_then(Self::hold)?)
    }

    pub(crate) fn hold(fd: OwnedFd) -> nix::Result<Self> {
        let stat = fstat(&fd)?;
        Ok(Self { fd: Arc::new(fd), id: NsId { dev: stat.st_dev, ino: stat.st_ino } })
    }

    /// Its identity.
    #[must_use]
    pub fn id(&self) -> NsId {
        self.id
    }

    /// Its type (`NS_GET_NSTYPE`, Linux 4.11).
    ///
    /// # Errors
    /// [`Status::Failed`](crate::Status::Failed) if the type is unknown, or the file is not a namespace.
    pub fn ns_type(&self) -> Result<NsType> {
        let flag = sys::ns_get_nstype(self).context(|| format!("find the type of namespace {}", self.id.ino))?;
        let known = NsType::ALL.into_iter().find(|ns_type| ns_type.flag() == flag);
        known.ok_or_else(|| Error::failed(format!("namespace {} is of an unknown type ({flag:#x})", self.id.ino)))
    }

    /// The user namespace that owns it (`NS_GET_USERNS`, Linux 4.9), or `None` if that is outside the caller's own
    /// namespaces. The owner of a user namespace is its parent.
    ///
    /// # Errors
    /// [`Status::Failed`](crate::Status::Failed) with the kernel's reason.
    pub fn owner(&self) -> Result<Option<Self>> {
        match sys::ns_get_userns(self).and_then(Self::hold) {
            Ok(owner) => Ok(Some(owner)),
            Err(Errno::EPERM) => Ok(None),
            Err(errno) => Err(Error::os(format!("find the owner of namespace {}", self.id.ino), errno)),
        }
    }

    /// The ID, in our own user namespace, of the user who created a user namespace (`NS_GET_OWNER_UID`, Linux 4.11).
    ///
    /// # Errors
    /// [`Status::Failed`](crate::Status::Failed) for other types of namespace.
    pub fn owner_uid(&self) -> Result<u32> {
        sys::ns_get_owner_uid(self).context(|| format!("find the owner of namespace {}", self.id.ino))
    }

    /// The parent of a PID or user namespace (`NS_GET_PARENT`, Linux 4.9), or `None` if it is outside the caller's own
    /// namespaces.
    ///
    /// # Errors
    /// [`Status::Failed`](crate::Status::Failed) for other types of namespace.
    pub fn parent(&self) -> Result<Option<Self>> {
        match sys::ns_get_parent(self).and_then(Self::hold) {
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
    fn path_and_handle_have_the_same_identity() {
        let root = std::fs::File::open("/").unwrap();
        let own = Namespace::open("/proc/self/ns/net".as_ref()).unwrap();
        assert_eq!(NsId::at(&root, c"/proc/self/ns/net").unwrap(), own.id());
        assert_eq!(NsId::named_by(&root, "/proc/self/ns/net"), Ok(own.id()));
    }

    #[test]
    fn a_socket_is_in_our_own_network_namespace() {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        match Namespace::of_socket(&socket) {
            Ok(found) => assert_eq!(found.id(), Namespace::open("/proc/self/ns/net".as_ref()).unwrap().id()),
            Err(error) => assert_eq!(error.raw_os_error(), Some(libc::EPERM)),
        }
        let file = std::fs::File::open("/").unwrap();
        assert_eq!(Namespace::of_socket(&file).unwrap_err().raw_os_error(), Some(libc::ENOTTY));
    }

    #[test]
    fn links_are_parsed_in_the_kernels_notation() {
        assert_eq!(parse_link("pid:[4026532565]"), Some((NsType::Pid, 4_026_532_565)));
        for bad in ["", "4026532565", "pid:[]", "pid:[x]", "pid:[1", "pid:1]", "net_for:[1]", "socket:[42]", "net:[-1]"]
        {
            assert_eq!(parse_link(bad), None, "{bad}");
        }
    }

    #[test]
    fn types_and_owners_match_the_kernel() {
        for ns_type in NsType::ALL {
            let Ok(own) = Namespace::open(&Path::new("/proc/self/ns").join(ns_type.name())) else { continue };
            assert_eq!(own.ns_type().unwrap(), ns_type);
            assert_eq!(own.owner_uid().is_ok(), ns_type == NsType::User);
        }
        let net = Namespace::open("/proc/self/ns/net".as_ref()).unwrap();
        assert!(net.owner().is_ok() && net.parent().is_err());
    }

    #[test]
    fn names_match_those_in_proc() {
        for ns_type in NsType::ALL {
            assert!(Path::new("/proc/self/ns").join(ns_type.name()).exists() || ns_type == NsType::Time);
            assert_eq!(ns_type.name().parse::<NsType>().unwrap(), ns_type);
        }
        assert_eq!("mount".parse::<NsType>().unwrap(), NsType::Mnt);
        assert_eq!("network".parse::<NsType>().unwrap(), NsType::Net);
        assert!("networks".parse::<NsType>().unwrap_err().to_string().contains("net"));
    }
}
