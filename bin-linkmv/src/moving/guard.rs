//! Moves that cut something off, and so need `--force`.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use nicon_core::{Error, NsId, Result};
use nicon_rtnl::uppers::{Upper, Uppers};
use nicon_rtnl::{Carry, Link, NetnsHandle};

/// How long a list of what sits on what is reused. The guard protects against oversights, not races, and asking every network
/// namespace again for each link would slow a batch down.
const FRESH: Duration = Duration::from_secs(1);

/// Refuses moves that cut something off.
pub(crate) struct Guard {
    /// Whether such moves are made all the same.
    force: bool,
    listed: RefCell<Option<Listed>>,
}

/// The links that sit on those of a namespace, as last listed.
struct Listed {
    when: Instant,
    ns: NsId,
    uppers: Rc<Uppers>,
}

impl Guard {
    pub(crate) fn new(force: bool) -> Self {
        Self { force, listed: RefCell::default() }
    }

    /// Whether such moves are made all the same.
    pub(crate) fn is_forced(&self) -> bool {
        self.force
    }

    /// Refuses to move a link that something else depends on, unless it is forced. Returns the links that the move destroys.
    pub(crate) fn check(&self, link: &Link, carry: &Carry, from: &NetnsHandle) -> Result<Vec<String>> {
        if self.force {
            let uppers = self.uppers(from)?;
            return Ok(uppers.on(link.ifindex).filter(|upper| upper.link.falls_with_lower()).map(text).collect());
        }
        let refuse = |why: String| Err(Error::failed(format!("{} {why} (--force moves it anyway)", link.name)));
        if carry.has_default_route() {
            return refuse(format!("carries the default route of {}", from.label));
        }
        if let Some(master) = link.master {
            let master = from.netlink.link_at(master)?;
            return refuse(format!("is a port of {}", master.map_or("another link".to_owned(), |master| master.name)));
        }
        let uppers = self.uppers(from)?;
        let (falling, others): (Vec<_>, Vec<_>) =
            uppers.on(link.ifindex).partition(|upper| upper.link.falls_with_lower());
        if !falling.is_empty() || !others.is_empty() {
            let names = falling.iter().chain(&others).copied().map(text).collect::<Vec<_>>().join(", ");
            let falls = falling.iter().map(|upper| upper.link.name.as_str()).collect::<Vec<_>>().join(", ");
            let fate = if falls.is_empty() { falls } else { format!(", and the move would destroy {falls}") };
            return refuse(format!("has {names} stacked on it{fate}"));
        }
        match &uppers.doubt {
            Some(doubt) => refuse(format!("may have links stacked on it: {doubt}")),
            None => Ok(Vec::new()),
        }
    }

    /// What sits on the links of a namespace.
    fn uppers(&self, from: &NetnsHandle) -> Result<Rc<Uppers>> {
        if let Some(listed) = &*self.listed.borrow()
            && listed.ns == from.ns.id()
            && listed.when.elapsed() < FRESH
        {
            return Ok(listed.uppers.clone());
        }
        let uppers = Rc::new(from.uppers()?);
        *self.listed.borrow_mut() = Some(Listed { when: Instant::now(), ns: from.ns.id(), uppers: uppers.clone() });
        Ok(uppers)
    }
}

/// A link, and where it is if not in the namespace of the one that it sits on.
fn text(upper: &Upper) -> String {
    let name = &upper.link.name;
    upper.place.as_ref().map_or_else(|| name.clone(), |place| format!("{name} in {place}"))
}
