//! What sits on top of the links of a network namespace, in this and in all others.
//!
//! The kernel says of each link which one is below it, and where, but of none what is on top of it; so all are asked.

use std::rc::Rc;

use nicon_core::path::HOST;
use nicon_core::{Error, Result, Status, proc};
use nix::errno::Errno;
use nix::sched::{CloneFlags, setns};

use crate::handle::NetnsHandle;
use crate::inside::on_a_thread;
use crate::kind::Relation;
use crate::link::Link;
use crate::netlink::Netlink;
use crate::netns::{self, Found};

/// A link that sits on top of another.
pub struct Upper {
    /// The link.
    pub link: Link,
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

/// The links of this machine that sit on links of other network namespaces.
pub struct Crossing {
    places: Vec<Place>,
    doubt: Option<Error>,
}

/// A namespace with such links.
struct Place {
    ino: u64,
    words: String,
    netlink: Rc<Netlink>,
    links: Vec<Link>,
}

impl NetnsHandle {
    /// Looks for them wherever a process or a name leads to. A namespace that belongs to a user namespace outside our own is
    /// passed over: only who rules over us can have put something in there on a link of ours.
    ///
    /// # Errors
    /// If /proc cannot be read, or the kernel does not answer.
    pub fn crossing(&self) -> Result<Crossing> {
        let census = netns::all()?;
        let mut doubt = proc::complaint_within_reach(&census.denied).or(census.unread);
        let (mut places, mut elsewhere) = (Vec::new(), census.found);
        if let Some(position) = elsewhere.iter().position(|other| other.ino == self.home.id.ino) {
            // No rights are needed there.
            let Found { ino, .. } = elsewhere.swap_remove(position);
            let links = across(&self.home.netlink)?;
            places.push(Place { ino, words: HOST.to_owned(), netlink: self.home.netlink.clone(), links });
        }
        if !elsewhere.is_empty() {
            let looked = on_a_thread(|| elsewhere.iter().map(look_into).collect::<Vec<_>>())?;
            for (other, looked) in elsewhere.iter().zip(looked) {
                match looked {
                    Ok(Some((netlink, links))) => {
                        let words = other.way.to_string();
                        places.push(Place { ino: other.ino, words, netlink: netlink.into(), links });
                    }
                    Ok(None) => {}
                    Err(error) if error.status() == Status::No => {}
                    Err(error) => doubt = doubt.or_else(|| Some(error.prefix(format!("look into {}", other.way)))),
                }
            }
        }
        Ok(Crossing { places, doubt })
    }
}

impl Crossing {
    /// What sits on the links of a namespace, there and elsewhere.
    ///
    /// # Errors
    /// If the kernel does not answer.
    pub fn uppers(&self, of: &NetnsHandle) -> Result<Uppers> {
        let here = on_top(&of.netlink)?.filter(|link| link.lower_nsid.is_none());
        let mut found: Vec<Upper> = here.map(|link| Upper { link, place: None }).collect();
        for place in self.places.iter().filter(|place| place.ino != of.ns.id().ino && !place.links.is_empty()) {
            let number = place.netlink.nsid_of(&of.ns)?;
            let on_it = place.links.iter().filter(|link| number.is_some() && link.lower_nsid == number);
            found.extend(on_it.map(|link| Upper { link: link.clone(), place: Some(place.words.clone()) }));
        }
        Ok(Uppers { found, doubt: self.doubt.clone() })
    }
}

/// The links of another namespace, which this thread enters, that sit on links elsewhere; `None` if there are none, or it is
/// passed over.
fn look_into(other: &Found) -> Result<Option<(Netlink, Vec<Link>)>> {
    let look = |other: &Found| -> Result<_> {
        let Some(netlink) = enter(other)? else { return Ok(None) };
        let links = across(&netlink)?;
        Ok((!links.is_empty()).then_some((netlink, links)))
    };
    other.look(look)
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

/// The links of a namespace that sit on top of links of others.
fn across(netlink: &Netlink) -> Result<Vec<Link>> {
    Ok(on_top(netlink)?.filter(|link| link.lower_nsid.is_some()).collect())
}

/// The links of a namespace that sit on top of others.
fn on_top(netlink: &Netlink) -> Result<impl Iterator<Item = Link>> {
    let links = netlink.links(None)?.entries.into_iter().map(|link| *link);
    Ok(links.filter(|link| link.relation() == Some(Relation::Parent)))
}
