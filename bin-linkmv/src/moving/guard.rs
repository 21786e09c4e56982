//! Moves that cut something off, and so need `--force`.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use nicon_core::{Error, NsId, Result};
use nicon_rtnl::{Carry, Link, NetnsHandle, Relation};

/// How long a list of them is reused. The guard protects against oversights, not races, and listing them again for each link
/// would slow a batch down.
const FRESH: Duration = Duration::from_secs(1);

/// Refuses moves that cut something off.
#[derive(Default)]
pub(crate) struct Guard {
    listed: RefCell<Option<Listed>>,
}

/// The links that sit on top of others, as last listed.
struct Listed {
    when: Instant,
    ns: NsId,
    links: Rc<[Box<Link>]>,
}

impl Guard {
    /// Refuses to move a link that something else depends on.
    pub(crate) fn check(&self, link: &Link, carry: &Carry, from: &NetnsHandle) -> Result<()> {
        let refuse = |why: String| Err(Error::failed(format!("{} {why} (--force moves it anyway)", link.name)));
        if carry.has_default_route() {
            return refuse(format!("carries the default route of {}", from.label));
        }
        if let Some(master) = link.master {
            let master = from.netlink.link_at(master)?;
            return refuse(format!("is a port of {}", master.map_or("another link".to_owned(), |master| master.name)));
        }
        let stacked = self.stacked(from)?;
        let on_it = stacked.iter().filter(|other| other.lower == Some(link.ifindex) && other.lower_nsid.is_none());
        let names: Vec<&str> = on_it.map(|other| other.name.as_str()).collect();
        if names.is_empty() { Ok(()) } else { refuse(format!("has {} stacked on it", names.join(", "))) }
    }

    /// The links of a namespace that sit on top of others.
    fn stacked(&self, from: &NetnsHandle) -> Result<Rc<[Box<Link>]>> {
        if let Some(listed) = &*self.listed.borrow()
            && listed.ns == from.ns.id()
            && listed.when.elapsed() < FRESH
        {
            return Ok(listed.links.clone());
        }
        let mut links = from.netlink.links(None)?.entries;
        links.retain(|link| link.relation() == Some(Relation::Parent));
        let links: Rc<[Box<Link>]> = links.into();
        *self.listed.borrow_mut() = Some(Listed { when: Instant::now(), ns: from.ns.id(), links: links.clone() });
        Ok(links)
    }
}
