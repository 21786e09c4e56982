//! The network namespaces of a run.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::rc::Rc;

use nicon_core::{Error, Record, Result, Status, proc};
use nicon_rtnl::{Link, NetnsHandle, netns};

use crate::link::find::by_inode;

/// How many of them are remembered. Each takes a few open files.
const MOST: usize = 128;

/// The fields of a record that name its process, or its namespace.
const IDENTITY: [&str; 7] = ["target", "pid", "starttime", "pidfs", "ns", "boot", "machine"];

/// The network namespace of this program, and those that the run holds open to its end.
pub(crate) struct Namespaces {
    pub(crate) home: NetnsHandle,
    /// By inode number.
    held: RefCell<BTreeMap<u64, NetnsHandle>>,
    /// Those that records have named, by what names them.
    named: RefCell<HashMap<String, Rc<NetnsHandle>>>,
    /// Whether the kernel was seen to leave [alternative names](crate::link::altnames) behind when a link goes elsewhere.
    pub(crate) leaves_altnames: Cell<bool>,
}

impl Namespaces {
    /// Those of a run that begins.
    ///
    /// # Errors
    /// If our own cannot be opened.
    pub(crate) fn new() -> Result<Self> {
        Ok(Self::by(NetnsHandle::home()?))
    }

    /// Those of a run that changes nothing.
    ///
    /// # Errors
    /// As [`Namespaces::new`].
    pub(crate) fn looking_once() -> Result<Self> {
        Ok(Self::by(NetnsHandle::home_looking_once()?))
    }

    fn by(home: NetnsHandle) -> Self {
        Self { home, held: RefCell::default(), named: RefCell::default(), leaves_altnames: Cell::new(false) }
    }

    /// Opens that of a record. Many records name the same: its process is pinned once.
    ///
    /// # Errors
    /// As [`NetnsHandle::open_record`].
    pub(crate) fn of_record(&self, record: &Record) -> Result<Rc<NetnsHandle>> {
        let who = identity(record);
        if let Some(known) = self.named.borrow().get(&who).filter(|known| known.check_alive().is_ok()) {
            return Ok(known.clone());
        }
        let netns = Rc::new(self.home.open_record(record)?);
        let mut named = self.named.borrow_mut();
        if named.len() == MOST {
            named.clear();
        }
        named.insert(who, netns.clone());
        Ok(netns)
    }

    /// Opens those of many records at once. What cannot be opened is told when a record that names it has its turn.
    ///
    /// # Errors
    /// If no thread can be started.
    pub(crate) fn open_all<'r>(&self, records: impl Iterator<Item = &'r Record>) -> Result<()> {
        let mut first = BTreeMap::new();
        for record in records {
            if first.len() < MOST {
                first.entry(identity(record)).or_insert(record);
            }
        }
        let (who, records): (Vec<String>, Vec<&Record>) = first.into_iter().unzip();
        let opened = self.home.open_records(&records)?;
        self.named.borrow_mut().extend(opened.into_iter().map(|(at, netns)| (who[at].clone(), Rc::new(netns))));
        Ok(())
    }

    /// Lets go of those that records have named: a namespace, and the links in it, would live for as long as it is open.
    pub(crate) fn let_go(&self) {
        self.named.borrow_mut().clear();
    }

    /// One that a record has named, by its inode number.
    pub(crate) fn known(&self, ino: u64) -> Option<Rc<NetnsHandle>> {
        self.named.borrow().values().find(|netns| netns.ns.id().ino == ino).cloned()
    }

    /// Holds one open: if its container ends meanwhile, the links in it can still be brought home.
    pub(crate) fn hold(&self, netns: &NetnsHandle) {
        self.held.borrow_mut().entry(netns.ns.id().ino).or_insert_with(|| netns.clone());
    }

    /// Makes sure that the processes of those that are held still run.
    ///
    /// # Errors
    /// [`Status::No`] if one has exited.
    pub(crate) fn check_alive(&self) -> Result<()> {
        self.held.borrow().values().try_for_each(NetnsHandle::check_alive)
    }

    /// The link with an inode number (see [`nicon_rtnl::sysfs`]), in whichever namespace of this machine it is. One that may not
    /// be entered is passed over.
    ///
    /// # Errors
    /// If /proc cannot be read.
    pub(crate) fn find_link(&self, inode: u64) -> Result<Option<(NetnsHandle, Link)>> {
        let held = self.held.borrow();
        let known = held.values().chain([&self.home]).map(|netns| Ok(netns.clone()));
        let open = |found: netns::Found| self.home.open_namespace(found.open()?, found.way.to_string());
        for netns in known.chain(netns::all()?.found.into_iter().map(open)) {
            let found = netns.and_then(|netns| Ok((by_inode(inode, None, &netns)?, netns)));
            if let Ok((Some(link), netns)) = found {
                return Ok(Some((netns, link)));
            }
        }
        Ok(None)
    }

    /// The inode numbers (see [`nicon_rtnl::sysfs`]) of all links of this machine; `None` if some may be missing.
    ///
    /// # Errors
    /// If /proc cannot be read.
    pub(crate) fn inodes(&self) -> Result<Option<HashSet<u64>>> {
        let census = netns::all()?;
        let mut inodes = HashSet::new();
        let open = |found: netns::Found| self.home.open_namespace(found.open()?, found.way.to_string());
        for found in census.found {
            let listed = open(found).and_then(|netns| Ok((netns.netlink.links(None)?.entries, netns)));
            match listed {
                Ok((links, netns)) => {
                    for link in links {
                        let Some(inode) = netns.inode(&link)? else { return Ok(None) };
                        inodes.insert(inode);
                    }
                }
                Err(error) if error.status() == Status::No => {}
                Err(_) => return Ok(None),
            }
        }
        let is_whole = census.unread.is_none() && proc::complaint_within_reach(&census.denied).is_none();
        Ok(is_whole.then_some(inodes))
    }

    /// Opens the one with an inode number, ours or any other. An error says `what` it is.
    ///
    /// # Errors
    /// If it is gone, or must not be entered.
    pub(crate) fn open(&self, ino: u64, what: &str) -> Result<NetnsHandle> {
        if ino == self.home.ns.id().ino {
            return Ok(self.home.clone());
        }
        if let Some(held) = self.held.borrow().get(&ino) {
            return Ok(held.clone());
        }
        if let Some(known) = self.known(ino) {
            return Ok(NetnsHandle::clone(&known));
        }
        let ways = netns::find(ino)?;
        let is_gone = || Error::no(format!("net:[{ino}], {what}, is not there any more"));
        let mut gone = ways.unread.unwrap_or_else(is_gone);
        for found in ways.found {
            match found.open() {
                Ok(ns) => return self.home.open_namespace(ns, found.way.to_string()),
                Err(error) if error.status() == Status::No => {}
                Err(error) => gone = error,
            }
        }
        Err(gone)
    }
}

/// What names a record's process, or its namespace.
fn identity(record: &Record) -> String {
    IDENTITY.map(|field| record.get(field).map(ToString::to_string).unwrap_or_default()).join(" ")
}
