//! Moves that cut something off, and so need `--force`.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use nicon_core::{Error, NsId, Result};
use nicon_linkmv::{Carry, Link, Place};
use rtnetlink::packet_route::link::{InfoData, InfoVxlan, LinkAttribute, LinkInfo, LinkMessage};

/// Links that lie on others.
const STACKED: [&str; 6] = ["vxlan", "vlan", "macvlan", "macvtap", "ipvlan", "macsec"];

/// For how long a list of them serves: it protects from an oversight, not from somebody who stacks links meanwhile, and to
/// ask again for each link of a batch would hold the kernel up.
const FRESH: Duration = Duration::from_secs(1);

/// The guard.
pub(crate) struct Guard {
    /// The kinds of link to ask for. One that the kernel does not know is asked for once: it filters nothing.
    kinds: RefCell<Vec<&'static str>>,
    listed: RefCell<Option<Listed>>,
}

/// The links that may lie on others.
struct Listed {
    when: Instant,
    ns: NsId,
    links: Rc<[LinkMessage]>,
}

impl Guard {
    pub(crate) fn new() -> Self {
        Self { kinds: RefCell::new(STACKED.to_vec()), listed: RefCell::new(None) }
    }

    /// Refuses to move a link that something else depends on.
    pub(crate) async fn check(&self, link: &Link, carry: &Carry, from: &Place) -> Result<()> {
        let refuse = |why: String| Err(Error::failed(format!("{} {why} (--force moves it nevertheless)", link.name)));
        if carry.has_default_route() {
            return refuse(format!("carries the default route of {}", from.label));
        }
        if let Some(master) = link.master {
            let master = from.netlink.link_at(master).await?;
            return refuse(format!("is a port of {}", master.map_or("another link".to_owned(), |master| master.name)));
        }
        let all = self.all_stacked(from).await?;
        let on_it = all.iter().filter(|message| lies_on(message, link.ifindex));
        let names: Vec<String> = on_it.map(|message| Link::from(message.clone()).name).collect();
        if names.is_empty() { Ok(()) } else { refuse(format!("carries {}", names.join(", "))) }
    }

    /// The links of a namespace that may lie on others.
    async fn all_stacked(&self, from: &Place) -> Result<Rc<[LinkMessage]>> {
        if let Some(listed) = &*self.listed.borrow()
            && listed.ns == from.ns.id()
            && listed.when.elapsed() < FRESH
        {
            return Ok(listed.links.clone());
        }
        let (kinds, mut all) = (self.kinds.borrow().clone(), Vec::new());
        for kind in kinds {
            let listed = from.netlink.messages(Some(kind)).await?;
            let is_of = |message: &LinkMessage| info(message, kind_of).is_some_and(|found| found == kind);
            if !listed.iter().all(is_of) {
                self.kinds.borrow_mut().retain(|known| *known != kind);
                // All links were listed, those of every kind.
                all = listed;
                break;
            }
            all.extend(listed);
        }
        let links: Rc<[LinkMessage]> = all.into();
        *self.listed.borrow_mut() = Some(Listed { when: Instant::now(), ns: from.ns.id(), links: links.clone() });
        Ok(links)
    }
}

fn lies_on(message: &LinkMessage, ifindex: u32) -> bool {
    let stacked = info(message, kind_of).is_some_and(|kind| STACKED.contains(&&*kind));
    let elsewhere = message.attributes.iter().any(|attribute| matches!(attribute, LinkAttribute::LinkNetNsId(_)));
    let lower = message.attributes.contains(&LinkAttribute::Link(ifindex));
    // Of a vxlan only its own part tells; before Linux 6.9 there is nothing else.
    let vxlan = info(message, |info| match info {
        LinkInfo::Data(InfoData::Vxlan(data)) => data.contains(&InfoVxlan::Link(ifindex)).then_some(()),
        _ => None,
    });
    (stacked && lower && !elsewhere) || vxlan.is_some()
}

fn kind_of(info: &LinkInfo) -> Option<String> {
    match info {
        LinkInfo::Kind(kind) => Some(kind.to_string()),
        _ => None,
    }
}

fn info<T>(message: &LinkMessage, pick: impl Fn(&LinkInfo) -> Option<T>) -> Option<T> {
    message.attributes.iter().find_map(|attribute| match attribute {
        LinkAttribute::LinkInfo(infos) => infos.iter().find_map(&pick),
        _ => None,
    })
}
