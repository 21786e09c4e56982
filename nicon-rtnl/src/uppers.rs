//! What sits on top of the links of a network namespace, in this and in all others.
//!
//! The kernel says of each link which one is below it, and where, but of none what is on top of it; so all are asked.

use nicon_core::path::HOST;
use nicon_core::{Error, Namespace, Result, Status, proc};
use nix::errno::Errno;
use nix::sched::{CloneFlags, setns};

use crate::handle::NetnsHandle;
use crate::kind::Relation;
use crate::link::Link;
use crate::netlink::{Netlink, on_a_thread};
use crate::netns::{self, Found};

/// A link that sits on top of another.
pub struct Upper {
    /// The link.
    pub link: Box<Link>,
    /// Where it is; `None` if in the namespace of the other.
    pub place: Option<String>,
}

/// The links that sit on those of one network namespace.
pub struct Uppers {
    /// All that were found.
    pub found: Vec<Upper>,
    /// Why some may be missing: a namespace that may be within our reach could not be looked into.
    pub doubt: Option<Error>,
}

impl Uppers {
    /// Those on the link with this ifindex.
    pub fn on(&self, ifindex: u32) -> impl Iterator<Item = &Upper> {
        self.found.iter().filter(move |upper| match upper.place {
            None => upper.link.sits_on(ifindex),
            Some(_) => upper.link.lower == Some(ifindex),
        })
    }
}

impl NetnsHandle {
    /// What sits on the links of this namespace, here and wherever a process or a name leads to. A namespace that belongs to a
    /// user namespace outside our own is passed over: only who rules over us can have put something in there on a link of ours.
    ///
    /// # Errors
    /// If /proc cannot be read, or the kernel does not answer.
    pub fn uppers(&self) -> Result<Uppers> {
        let here = on_top(&self.netlink)?.filter(|link| link.lower_nsid.is_none());
        let mut found: Vec<Upper> = here.map(|link| Upper { link, place: None }).collect();
        let census = netns::all()?;
        let ours = &self.ns;
        let mut doubt = proc::complaint_within_reach(&census.denied);
        let mut elsewhere = census.found;
        elsewhere.retain(|other| other.ino != ours.id().ino);
        if let Some(position) = elsewhere.iter().position(|other| other.ino == self.home.id.ino) {
            // No rights are needed there.
            elsewhere.swap_remove(position);
            found.extend(on_links_of(ours, &self.home.netlink, HOST)?);
        }
        if !elsewhere.is_empty() {
            let looked = on_a_thread(|| elsewhere.iter().map(|other| look_into(other, ours)).collect::<Vec<_>>())?;
            for (other, looked) in elsewhere.iter().zip(looked) {
                match looked {
                    Ok(there) => found.extend(there),
                    Err(error) if error.status() == Status::No => {}
                    Err(error) => doubt = doubt.or_else(|| Some(error.prefix(format!("look into {}", other.way)))),
                }
            }
        }
        Ok(Uppers { found, doubt })
    }
}

/// What sits on the links of `ours` in another namespace, which this thread enters.
fn look_into(other: &Found, ours: &Namespace) -> Result<Vec<Upper>> {
    let look = |other: &Found| match enter(other)? {
        Some(netlink) => on_links_of(ours, &netlink, &other.way.to_string()),
        None => Ok(Vec::new()),
    };
    match look(other) {
        // The process by which it was found has ended, but there may be others.
        Err(error) if error.status() == Status::No => {
            let ways = netns::find(other.ino)?;
            ways.iter().map(look).find(|looked| !is_no(looked)).unwrap_or(Err(error))
        }
        looked => looked,
    }
}

fn is_no<T>(looked: &Result<T>) -> bool {
    looked.as_ref().is_err_and(|error| error.status() == Status::No)
}

/// A socket in another namespace, which this thread enters; `None` if it belongs to a user namespace outside our own.
fn enter(other: &Found) -> Result<Option<Netlink>> {
    let ns = other.open()?;
    match setns(&ns, CloneFlags::CLONE_NEWNET) {
        Ok(()) => Netlink::open().map(Some),
        Err(Errno::EPERM) if ns.owner()?.is_none() => Ok(None),
        Err(errno) => Err(Error::os("enter it", errno)),
    }
}

/// The links of another namespace that sit on one of `ours`.
fn on_links_of(ours: &Namespace, netlink: &Netlink, place: &str) -> Result<Vec<Upper>> {
    let links: Vec<_> = on_top(netlink)?.filter(|link| link.lower_nsid.is_some()).collect();
    if links.is_empty() {
        return Ok(Vec::new());
    }
    let our_number = netlink.nsid_of(ours)?;
    let on_us = links.into_iter().filter(|link| link.lower_nsid == our_number);
    Ok(on_us.map(|link| Upper { link, place: Some(place.to_owned()) }).collect())
}

/// The links of a namespace that sit on top of others.
fn on_top(netlink: &Netlink) -> Result<impl Iterator<Item = Box<Link>>> {
    let links = netlink.links(None)?.entries.into_iter();
    Ok(links.filter(|link| link.relation() == Some(Relation::Parent)))
}
