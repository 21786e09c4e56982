//! The network namespaces of a run.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::rc::Rc;

use nicon_core::{Error, Record, Result, Status, proc};
use nicon_rtnl::{Link, NetnsHandle, netns};
use nix::libc;
use serde_json::Value;

use crate::link::find::by_inode;
use crate::link::from::{self, Said, said};
use crate::link::source::Source;

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
    /// The last one that links were moved out of: consecutive records mostly name the same.
    source: RefCell<Option<Rc<Source>>>,
    /// Whether the kernel was seen to leave [alternative names](crate::link::altnames) behind when a link goes elsewhere.
    leaves_altnames: Cell<bool>,
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
        let (held, named, source) = (RefCell::default(), RefCell::default(), RefCell::default());
        Self { home, held, named, source, leaves_altnames: Cell::new(false) }
    }

    /// Whether a link that goes elsewhere has to be given its alternative names there.
    pub(crate) fn leaves_altnames(&self) -> bool {
        self.leaves_altnames.get()
    }

    /// Notes that the kernel has left alternative names behind.
    pub(crate) fn note_altnames_left(&self) {
        self.leaves_altnames.set(true);
    }

    /// Opens that of a record. Many records name the same: its process is pinned once. Behind a name there may be another one each
    /// time.
    ///
    /// # Errors
    /// As [`NetnsHandle::open_record`].
    pub(crate) fn of_record(&self, record: &Record) -> Result<Rc<NetnsHandle>> {
        let who = identity(record);
        if let Some(known) = self.named.borrow().get(&who).filter(|known| known.check_alive().is_ok()) {
            return Ok(known.clone());
        }
        let netns = Rc::new(self.home.open_record(record)?);
        if self.named.borrow().len() == MOST {
            self.let_go();
        }
        self.remember(who, &netns);
        Ok(netns)
    }

    /// Remembers the namespace of a process.
    fn remember(&self, who: String, netns: &Rc<NetnsHandle>) {
        if netns.process().is_some() {
            self.named.borrow_mut().insert(who, Rc::clone(netns));
        }
    }

    /// One that links are moved out of.
    pub(crate) fn source(&self, netns: &NetnsHandle) -> Rc<Source> {
        self.source_after(self.source.take(), netns.clone())
    }

    /// The same of one that the field `from` of a record names.
    ///
    /// # Errors
    /// As [`NetnsHandle::open_field`].
    pub(crate) fn source_named(&self, from: &Value) -> Result<Rc<Source>> {
        let last = self.source.take();
        let netns = from::open(from, last.as_ref().map_or(&self.home, |last| &last.netns))?;
        Ok(self.source_after(last, netns))
    }

    /// The one that the parent of a record's link is in, by the field `from`: see [`from::open_from`]. What is open of the last one is reused.
    ///
    /// # Errors
    /// As [`NetnsHandle::open_field`].
    pub(crate) fn parents_of(&self, record: &Record, own: &NetnsHandle) -> Result<NetnsHandle> {
        match said(record) {
            Said::Nothing => Ok(self.home.clone()),
            Said::Target => Ok(own.clone()),
            Said::Named(from) => self.source_named(from).map(|source| NetnsHandle::clone(&source.netns)),
        }
    }

    fn source_after(&self, last: Option<Rc<Source>>, netns: NetnsHandle) -> Rc<Source> {
        let source = Rc::new(Source::after(last.and_then(Rc::into_inner), netns));
        self.source.replace(Some(Rc::clone(&source)));
        source
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
        for (at, netns) in opened {
            self.remember(who[at].clone(), &Rc::new(netns));
        }
        Ok(())
    }

    /// Lets go of those that records have named: a namespace, and the links in it, would live for as long as it is open.
    pub(crate) fn let_go(&self) {
        self.named.borrow_mut().clear();
        self.source.take();
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

    /// The link with an inode number (see [`nicon_rtnl::sysfs`]), in whichever namespace of this machine it is.
    ///
    /// # Errors
    /// If it is not found, but may be where we may not look; or if /proc cannot be read.
    pub(crate) fn find_link(&self, inode: u64) -> Result<Option<(NetnsHandle, Link)>> {
        for netns in self.held.borrow().values().chain([&self.home]) {
            if let Ok(Some(link)) = by_inode(inode, None, netns) {
                return Ok(Some((netns.clone(), link)));
            }
        }
        let mut found = None;
        let doubt = self.look_into_all(|netns| {
            found = by_inode(inode, None, netns)?.map(|link| (netns.clone(), link));
            Ok(found.is_none())
        })?;
        match doubt {
            Some(doubt) if found.is_none() => Err(doubt),
            _ => Ok(found),
        }
    }

    /// The inode numbers (see [`nicon_rtnl::sysfs`]) of all links of this machine; `None` if some may be missing.
    ///
    /// # Errors
    /// If /proc cannot be read.
    pub(crate) fn inodes(&self) -> Result<Option<HashSet<u64>>> {
        let (mut inodes, mut is_whole) = (HashSet::new(), true);
        let doubt = self.look_into_all(|netns| {
            for link in netns.netlink.links(None)?.entries {
                match netns.inode(&link)? {
                    Some(inode) => drop(inodes.insert(inode)),
                    None => is_whole = false,
                }
            }
            Ok(is_whole)
        })?;
        Ok((is_whole && doubt.is_none()).then_some(inodes))
    }

    /// Looks into the network namespaces of this machine, for as long as `look` says that it goes on. Returns why there may be more of them. One
    /// of a user namespace outside ours is passed over.
    fn look_into_all(&self, mut look: impl FnMut(&NetnsHandle) -> Result<bool>) -> Result<Option<Error>> {
        let census = netns::all()?;
        let mut doubt = proc::complaint_within_reach(&census.denied).or(census.unread);
        for found in census.found {
            let looked = found.look(|way| match self.home.open_namespace(way.open()?, way.way.to_string()) {
                Ok(netns) => look(&netns),
                Err(error) if error.errno() == Some(libc::EPERM) && way.open()?.owner()?.is_none() => Ok(true),
                Err(error) => Err(error),
            });
            match looked {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) if error.status() == Status::No => {}
                Err(error) => doubt = doubt.or_else(|| Some(error.prefix(format!("look into {}", found.way)))),
            }
        }
        Ok(doubt)
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
