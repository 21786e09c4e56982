//! The network namespaces that links are in.

use std::cell::OnceCell;
use std::path::Path;
use std::rc::Rc;

use nicon_core::link::Target;
use nicon_core::link::target::NAMED;
use nicon_core::machine::Machine;
use nicon_core::path::{HOST, Start};
use nicon_core::{Error, LinkName, Namespace, NsId, NsType, Process, Record, Result, Status};
use serde_json::Value;

use crate::ethtool::{Ethtool, Offloads};
use crate::inside::inside;
use crate::link::Link;
use crate::netlink::Netlink;
use crate::netns::{self, Way};
use crate::record::label;
use crate::sysfs::Sysfs;

/// A network namespace, held open, with a netlink socket in it. Work is done there from where this program is: nobody has to
/// enter it, and come home, for a request. A clone shares what is open in it.
#[derive(Clone)]
pub struct NetnsHandle {
    /// What messages call it.
    pub label: String,
    /// The namespace.
    pub ns: Namespace,
    /// A socket that was opened there.
    pub netlink: Rc<Netlink>,
    sysfs: SharedSysfs,
    /// The process that it was found by, if any.
    process: Option<Rc<Process>>,
    pub(crate) home: Rc<Home>,
}

/// The sysfs of a namespace, mounted when it is first needed; `None` if none can be had.
type SharedSysfs = Rc<OnceCell<Option<Sysfs>>>;

/// The namespace that this program is in, and what is open there.
pub(crate) struct Home {
    pub(crate) id: NsId,
    /// Whether nothing is asked twice.
    pub(crate) looks_once: bool,
    pub(crate) netlink: Rc<Netlink>,
    sysfs: SharedSysfs,
}

impl NetnsHandle {
    /// The network namespace that this program is in.
    ///
    /// # Errors
    /// If it cannot be opened.
    pub fn home() -> Result<Self> {
        Self::open_home(false)
    }

    /// The same for a program that changes nothing: in all namespaces that are opened through it, the kernel is asked once about
    /// all links, addresses, routes and queueing disciplines, and not again.
    ///
    /// # Errors
    /// As [`NetnsHandle::home`].
    pub fn home_looking_once() -> Result<Self> {
        Self::open_home(true)
    }

    fn open_home(looks_once: bool) -> Result<Self> {
        let Unopened { label, ns, process } = Unopened::home()?;
        let netlink = open(&ns, ns.id(), looks_once)?;
        let home = Home { id: ns.id(), looks_once, netlink, sysfs: Rc::default() };
        Ok(Self {
            label,
            ns,
            netlink: home.netlink.clone(),
            sysfs: home.sysfs.clone(),
            process: process.map(Rc::new),
            home: home.into(),
        })
    }

    /// Opens the namespace which a file names, such as `/run/netns/blue` or `/proc/42/ns/net`. Like all that is opened through
    /// a handle, it shares what is open in this one if both are one namespace.
    ///
    /// # Errors
    /// If it cannot be opened, or is no network namespace.
    pub fn open_file(&self, path: &Path) -> Result<Self> {
        self.open(Unopened::by_file(path)?)
    }

    /// Opens a namespace that is held already, under the name that messages call it.
    ///
    /// # Errors
    /// If it must not be entered.
    pub fn open_namespace(&self, ns: Namespace, label: String) -> Result<Self> {
        self.open(Unopened { label, ns, process: None })
    }

    /// Opens the namespace of the process which a record names. A record without one means what its target names, where that
    /// is no container: `host`, `netns:NAME` or `file:/PATH`.
    ///
    /// # Errors
    /// If the process is gone or another by now, or its namespace must not be entered.
    pub fn open_record(&self, record: &Record) -> Result<Self> {
        self.open(Unopened::by_record(record)?)
    }

    /// Opens the namespace which a field of a record names: a record, or what `--target` takes.
    ///
    /// # Errors
    /// As [`NetnsHandle::open_record`], and where the field is neither.
    pub fn open_field(&self, field: &str, value: &Value) -> Result<Self> {
        let record = match value {
            Value::Object(_) => Record::parse(&value.to_string())?,
            other => {
                Record::from(&Target::try_from(other).map_err(|error| error.prefix(format!("field \"{field}\"")))?)
            }
        };
        self.open_record(&record).map_err(|error| error.prefix(field))
    }

    fn open(&self, found: Unopened) -> Result<Self> {
        let netlink = match found.ns.id() {
            id if id == self.ns.id() => self.netlink.clone(),
            id if id == self.home.id => self.home.netlink.clone(),
            _ => open(&found.ns, self.home.id, self.home.looks_once)?,
        };
        Ok(self.with(found, netlink))
    }

    /// A handle to what was found, with a socket that is open in it.
    pub(crate) fn with(&self, Unopened { label, ns, process }: Unopened, netlink: Rc<Netlink>) -> Self {
        let sysfs = match ns.id() {
            id if id == self.ns.id() => self.sysfs.clone(),
            id if id == self.home.id => self.home.sysfs.clone(),
            _ => Rc::default(),
        };
        Self { label, ns, netlink, sysfs, process: process.map(Rc::new), home: self.home.clone() }
    }

    /// Whether this is the network namespace that this program is in.
    #[must_use]
    pub fn is_home(&self) -> bool {
        self.ns.id() == self.home.id
    }

    /// The ifindex of the link that another one is to become a port of.
    ///
    /// # Errors
    /// [`nicon_core::Status::No`] if there is none of that name.
    pub fn master(&self, name: &LinkName) -> Result<u32> {
        let master = self.netlink.link(name.as_str())?;
        let master = master.ok_or_else(|| Error::no(format!("master: no link {name} in {}", self.label)))?;
        Ok(master.ifindex)
    }

    /// Whether both are one namespace.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        self.ns.id() == other.ns.id()
    }

    /// Does something in this network namespace: what /proc/sys/net and a socket mean depends on where one opens them.
    ///
    /// # Errors
    /// If we may not enter it.
    pub fn inside<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T> {
        inside(&self.ns, self.home.id, work)
    }

    /// Holds the namespace in another way than by the file that it was opened by: what is mounted on that can then be unmounted.
    pub fn release_file(&mut self) {
        // Where /proc does not show our thread, it stays as it is.
        let again = self.inside(|| Namespace::open("/proc/thread-self/ns/net".as_ref()));
        if let Ok(Ok(again)) = again
            && again.id() == self.ns.id()
        {
            self.ns = again;
        }
    }

    /// The inode number by which a link of this namespace is known wherever it goes (see [`crate::sysfs`]); `None` if it is
    /// not there any more, or no sysfs can be had.
    ///
    /// # Errors
    /// If we may not enter the namespace.
    pub fn inode(&self, link: &Link) -> Result<Option<u64>> {
        Ok(self.sysfs()?.and_then(|sysfs| sysfs.inode(link)))
    }

    /// The wireless device that a link of this namespace belongs to, such as `phy0`, for a message.
    #[must_use]
    pub fn phy(&self, link: &Link) -> Option<String> {
        self.sysfs().ok()??.phy(link)
    }

    /// Whether the kernel ties a link to this namespace, as far as it tells before a move.
    ///
    /// # Errors
    /// If we may not enter the namespace.
    pub fn is_bound(&self, link: &Link) -> Result<bool> {
        if let Some(immutable) = link.immutable {
            return Ok(immutable);
        }
        // All wireless links are; up to Linux 6.11 every link tells it as an offload.
        let is_local = |ethtool: &Ethtool| ethtool.is_netns_local(link.ifindex).unwrap_or(false);
        Ok(self.phy(link).is_some() || self.ethtool()?.is_some_and(is_local))
    }

    fn sysfs(&self) -> Result<Option<&Sysfs>> {
        if self.sysfs.get().is_none() {
            let _ = self.sysfs.set(Sysfs::mount(&self.ns, self.home.id)?);
        }
        Ok(self.sysfs.get().and_then(Option::as_ref))
    }

    /// The offloads of a link; `None` if the kernel (before Linux 5.7) does not report them.
    ///
    /// # Errors
    /// If we may not enter the namespace.
    pub fn offloads(&self, ifindex: u32) -> Result<Option<Offloads>> {
        Ok(self.ethtool()?.and_then(|ethtool| ethtool.offloads(ifindex).ok()))
    }

    /// Switches the offloads of a link as they were.
    ///
    /// # Errors
    /// If the kernel does not do it.
    pub fn set_offloads(&self, ifindex: u32, offloads: &Offloads) -> Result<()> {
        let Some(ethtool) = self.ethtool()? else { return Ok(()) };
        ethtool.set_offloads(ifindex, offloads).map_err(|error| error.context("switch its offloads"))
    }

    pub(crate) fn ethtool(&self) -> Result<Option<&Ethtool>> {
        let ethtool = &self.netlink.ethtool;
        if ethtool.get().is_none() {
            let _ = ethtool.set(self.inside(|| Ethtool::open().ok())?);
        }
        Ok(ethtool.get().and_then(Option::as_ref))
    }

    /// The process that it was found by, if any.
    #[must_use]
    pub fn process(&self) -> Option<&Process> {
        self.process.as_deref()
    }

    /// Continues with another process in it, or with a name that keeps it, and returns whether there is any.
    ///
    /// # Errors
    /// If /proc cannot be read, or nothing is found and a name that may lead to it cannot be read.
    pub fn find_again(&mut self) -> Result<bool> {
        let ways = netns::find(self.ns.id().ino)?;
        for found in ways.found {
            let process = match found.way {
                Way::Process(pid) => match Process::pin(pid) {
                    Ok(process) => Some(process),
                    Err(error) if error.status() == Status::No => continue,
                    Err(error) => return Err(error),
                },
                Way::Name(_) => None,
            };
            self.process = process.map(Rc::new);
            return Ok(true);
        }
        ways.unread.map_or(Ok(false), Err)
    }

    /// Makes sure that the process still runs: without it the namespace may be held by nobody but us, and take its links
    /// with it when we go.
    ///
    /// # Errors
    /// [`nicon_core::Status::No`] if it has exited.
    pub fn check_alive(&self) -> Result<()> {
        match &self.process {
            Some(process) if !process.is_alive() => Err(Error::no(format!("{} exited meanwhile", self.label))),
            _ => Ok(()),
        }
    }
}

/// Opens a socket in a namespace.
fn open(ns: &Namespace, home: NsId, looks_once: bool) -> Result<Rc<Netlink>> {
    let netlink = Netlink::open_in(ns, home)?;
    Ok(Rc::new(if looks_once { netlink.looking_once() } else { netlink }))
}

/// A network namespace in which nothing was opened yet.
pub(crate) struct Unopened {
    label: String,
    pub(crate) ns: Namespace,
    process: Option<Process>,
}

impl Unopened {
    fn home() -> Result<Self> {
        let ns = Namespace::open("/proc/self/ns/net".as_ref())?;
        Ok(Self { label: HOST.to_owned(), ns, process: None })
    }

    fn by_file(path: &Path) -> Result<Self> {
        let named = path.strip_prefix(NAMED).ok();
        let ns = Namespace::open(path).map_err(|error| match (error.errno(), named) {
            (Some(nix::libc::ENOENT), Some(name)) => {
                let name = name.display();
                Error::no(format!("no network namespace is called \"{name}\" (`ip netns` lists them; for a container, pipe in what nicon-resolve prints, or give its PID: $(nicon-resolve --pid {name}))"))
            }
            _ => error,
        })?;
        let label = path.display().to_string();
        match ns.ns_type() {
            Ok(NsType::Net) => Ok(Self { label, ns, process: None }),
            _ => Err(Error::failed(format!("{label} is not a network namespace"))),
        }
    }

    pub(crate) fn by_record(record: &Record) -> Result<Self> {
        // `host` is another namespace on another machine, too.
        Machine::this()?.check(record)?;
        let target = record.text("target")?;
        let has_pid = record.get("pid").is_some_and(|pid| !pid.is_null());
        if let Some(target) = target.filter(|target| has_pid && matches!(Start::parse(target), Ok(Some(_)))) {
            let why = format!("the record's target is {target}, which is no process, and it has a \"pid\" as well");
            return Err(Error::failed(format!("{why}: remove one of them")));
        }
        match target.filter(|_| !has_pid).map(Target::without_container).transpose()?.flatten() {
            Some(Target::Host) => Self::home(),
            Some(Target::File(file)) => Self::by_file(&file),
            Some(Target::Pid(_)) | None => {
                let process = Process::from_record(record)?;
                let ns = process.namespace(NsType::Net)?;
                Ok(Self { label: label(record), ns, process: Some(process) })
            }
        }
    }
}
