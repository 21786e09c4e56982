//! What sits on top of links.

use std::cell::RefCell;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::rc::Rc;
use std::time::{Duration, Instant};

use nicon_core::{NsId, Result};
use nicon_rtnl::uppers::{Crossing, Upper, Uppers};
use nicon_rtnl::{Link, NetnsHandle};

/// How long a list is reused. It protects against oversights, not races, and asking every network namespace again for each link
/// would slow a batch down.
const FRESH: Duration = Duration::from_secs(1);

/// What sits on links, as last listed.
#[derive(Default)]
pub(crate) struct OnTop(RefCell<Option<Listed>>);

struct Listed {
    when: Instant,
    crossing: Crossing,
    /// What sits on the links of each namespace for which that was asked.
    of: HashMap<NsId, Rc<Uppers>>,
}

impl OnTop {
    /// What `pick` finds among all that sits on the links of a namespace. If it finds anything in an earlier list, it looks again: this
    /// run itself may have removed it since.
    ///
    /// # Errors
    /// If that cannot be found out.
    pub(crate) fn find(&self, netns: &NetnsHandle, pick: impl Fn(&Uppers) -> Vec<String>) -> Result<Vec<String>> {
        let found = pick(&*self.of(netns)?);
        if found.is_empty() {
            return Ok(found);
        }
        self.0.take();
        Ok(pick(&*self.of(netns)?))
    }

    /// What sits on the links of a namespace, as it was a second ago at most.
    ///
    /// # Errors
    /// If that cannot be found out.
    pub(crate) fn of(&self, netns: &NetnsHandle) -> Result<Rc<Uppers>> {
        let mut last = self.0.borrow_mut();
        let listed = match last.take().filter(|listed| listed.when.elapsed() < FRESH) {
            Some(listed) => listed,
            None => Listed { when: Instant::now(), crossing: netns.crossing()?, of: HashMap::new() },
        };
        let listed = last.insert(listed);
        Ok(match listed.of.entry(netns.ns.id()) {
            Entry::Occupied(known) => known.get().clone(),
            Entry::Vacant(unknown) => unknown.insert(listed.crossing.uppers(netns)?.into()).clone(),
        })
    }
}

/// The links that the kernel destroys when the one that they sit on leaves its namespace.
pub(crate) fn falling(uppers: &Uppers, link: &Link) -> Vec<String> {
    uppers.on(link.ifindex).filter(|upper| upper.link.falls_with_lower()).map(text).collect()
}

/// The links that go with the one that they sit on when it is removed: the kernel destroys them, or they lead nowhere.
pub(crate) fn stacked(uppers: &Uppers, link: &Link) -> Vec<String> {
    uppers.on(link.ifindex).map(text).collect()
}

/// A link, and where it is if not in the namespace of the one that it sits on.
pub(crate) fn text(upper: &Upper) -> String {
    let name = &upper.link.name;
    upper.place.as_ref().map_or_else(|| name.clone(), |place| format!("{name} in {place}"))
}
