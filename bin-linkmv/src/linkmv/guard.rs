//! Moves that cut something off, and so need `--force`.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use nicon_core::{Error, NsId, Result};
use nicon_linkmv::{Carry, Link, Place};

/// Links that lie on others.
const STACKED: [&str; 6] = ["vxlan", "vlan", "macvlan", "macvtap", "ipvlan", "macsec"];

/// For how long a list of them serves: it protects from an oversight, not from somebody who stacks links meanwhile, and to
/// ask again for each link of a batch would hold the kernel up.
const FRESH: Duration = Duration::from_secs(1);

/// The guard.
#[derive(Default)]
pub(crate) struct Guard {
    listed: RefCell<Option<Listed>>,
}

/// The links that lie on others.
struct Listed {
    when: Instant,
    ns: NsId,
    links: Rc<[Box<Link>]>,
}

impl Guard {
    /// Refuses to move a link that something else depends on.
    pub(crate) fn check(&self, link: &Link, carry: &Carry, from: &Place) -> Result<()> {
        let refuse = |why: String| Err(Error::failed(format!("{} {why} (--force moves it nevertheless)", link.name)));
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
        if names.is_empty() { Ok(()) } else { refuse(format!("carries {}", names.join(", "))) }
    }

    /// The links of a namespace that lie on others.
    fn stacked(&self, from: &Place) -> Result<Rc<[Box<Link>]>> {
        if let Some(listed) = &*self.listed.borrow()
            && listed.ns == from.ns.id()
            && listed.when.elapsed() < FRESH
        {
            return Ok(listed.links.clone());
        }
        let mut links = from.netlink.links(None)?.entries;
        links.retain(|link| link.kind.as_deref().is_some_and(|kind| STACKED.contains(&kind)));
        let links: Rc<[Box<Link>]> = links.into();
        *self.listed.borrow_mut() = Some(Listed { when: Instant::now(), ns: from.ns.id(), links: links.clone() });
        Ok(links)
    }
}
