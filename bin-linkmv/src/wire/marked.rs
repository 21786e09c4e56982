//! The links of this machine that carry the mark of a plan.

use std::rc::Rc;

use nicon_core::link::Target;
use nicon_core::{Error, Record, Result, Status, proc};
use nicon_rtnl::netns::{self, Way};
use nicon_rtnl::{Link, NetnsHandle, Relation};

use crate::link::mark::Mark;
use crate::link::namespaces::Namespaces;

/// A link that carries a mark, and where it is.
pub(crate) struct MarkedLink {
    pub(crate) netns: Rc<NetnsHandle>,
    pub(crate) link: Link,
    pub(crate) mark: Mark,
}

/// All that were found.
pub(crate) struct Found {
    pub(crate) links: Vec<MarkedLink>,
    /// All namespaces that were looked into.
    pub(crate) namespaces: Vec<Rc<NetnsHandle>>,
    /// Why some may be missing: a namespace that may be within our reach could not be looked into.
    pub(crate) doubt: Option<Error>,
}

impl Found {
    /// The namespace in which the other end of a link is, or the one that it sits on.
    ///
    /// # Errors
    /// If the kernel does not answer.
    pub(crate) fn behind(&self, netns: &NetnsHandle, link: &Link) -> Result<Option<&NetnsHandle>> {
        for other in &self.namespaces {
            if netns.leads_into(link, other)? {
                return Ok(Some(other));
            }
        }
        Ok(None)
    }

    /// The other end of a pair, if it is found.
    ///
    /// # Errors
    /// If the kernel does not answer.
    pub(crate) fn peer(&self, netns: &NetnsHandle, link: &Link) -> Result<Option<(&NetnsHandle, Link)>> {
        let Some(ifindex) = link.lower.filter(|_| link.relation() == Some(Relation::Peer)) else { return Ok(None) };
        let Some(other) = self.behind(netns, link)? else { return Ok(None) };
        Ok(other.netlink.link_at(ifindex)?.map(|peer| (other, peer)))
    }
}

/// Looks for the marks of plans in every network namespace that a process or a name leads to.
///
/// # Errors
/// If /proc cannot be read, or the kernel does not answer.
pub(crate) fn find(plans: &[&str], namespaces: &Namespaces) -> Result<Found> {
    let census = netns::all()?;
    let doubt = proc::complaint_within_reach(&census.denied).or(census.unread);
    let mut found = Found { links: Vec::new(), namespaces: Vec::new(), doubt };
    for place in census.found {
        let looked = place.look(|way| {
            let netns = match namespaces.known(place.ino) {
                Some(known) => known,
                None => Rc::new(namespaces.home.open_namespace(way.open()?, label(way, namespaces))?),
            };
            Ok((netns.netlink.links(None)?.entries, netns))
        });
        match looked {
            Ok((links, netns)) => {
                found.namespaces.push(netns.clone());
                for link in links {
                    let mark = plans.iter().find_map(|plan| Mark::on(&link, plan));
                    found.links.extend(mark.map(|mark| MarkedLink { netns: netns.clone(), link: *link, mark }));
                }
            }
            Err(error) if error.status() == Status::No => {}
            Err(error) => found.doubt = found.doubt.or_else(|| Some(error.prefix(format!("look into {}", place.way)))),
        }
    }
    Ok(found)
}

/// What a record would call a namespace as its target.
fn label(place: &netns::Found, namespaces: &Namespaces) -> String {
    if place.ino == namespaces.home.ns.id().ino {
        return namespaces.home.label.clone();
    }
    match &place.way {
        Way::Process(pid) => format!("pid:{pid}"),
        Way::Name(path) => Record::from(&Target::File(path.clone())).cell("target"),
    }
}
