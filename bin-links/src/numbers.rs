//! The numbers by which network namespaces know each other.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use nicon_core::{Namespace, NsId, Result};
use nicon_rtnl::NetnsHandle;

/// For how long a namespace that could not be found is not looked for again.
const PAUSE: Duration = Duration::from_secs(1);

/// The kernel numbers the namespaces that links lead to, but does not say which they are. It has to be asked for the number of
/// each. None is asked for twice.
#[derive(Default)]
pub(crate) struct Numbers(RefCell<BTreeMap<NsId, Known>>);

/// What one namespace answered.
#[derive(Default)]
struct Known {
    namespaces: BTreeMap<i32, NsId>,
    /// Those whose numbers it was asked for.
    asked: BTreeSet<NsId>,
    /// When a number was looked for in vain.
    in_vain: BTreeMap<i32, Instant>,
}

impl Numbers {
    /// Which namespace `netns` knows by the number `nsid`, if it is one of `candidates`.
    pub(crate) fn identify<'n>(
        &self,
        netns: &NetnsHandle,
        nsid: i32,
        candidates: impl Iterator<Item = &'n Namespace>,
    ) -> Result<Option<NsId>> {
        let mut known = self.0.borrow_mut();
        let known = known.entry(netns.ns.id()).or_default();
        if let Some(id) = known.namespaces.get(&nsid) {
            return Ok(Some(*id));
        }
        if known.in_vain.get(&nsid).is_some_and(|at| at.elapsed() < PAUSE) {
            return Ok(None);
        }
        for ns in candidates {
            let id = ns.id();
            if !known.asked.insert(id) {
                continue;
            }
            let Some(number) = netns.netlink.nsid_of(ns)? else { continue };
            known.namespaces.insert(number, id);
            if number == nsid {
                known.in_vain.remove(&nsid);
                return Ok(Some(id));
            }
        }
        known.in_vain.insert(nsid, Instant::now());
        Ok(None)
    }

    /// Forgets what one namespace answered of a number that was given or taken away. Returns the numbers that are to be looked for
    /// again: an earlier namespace may have been in the way of the one that now has its inode number.
    pub(crate) fn forget(&self, netns: NsId, nsid: i32) -> BTreeSet<i32> {
        let mut again = BTreeSet::from([nsid]);
        if let Some(known) = self.0.borrow_mut().get_mut(&netns) {
            known.namespaces.remove(&nsid);
            known.asked = known.namespaces.values().copied().collect();
            again.extend(std::mem::take(&mut known.in_vain).into_keys());
        }
        again
    }

    /// A namespace is listed that may be one of those that were looked for in vain.
    pub(crate) fn note_listed(&self, id: NsId) {
        for known in self.0.borrow_mut().values_mut().filter(|known| !known.in_vain.is_empty()) {
            known.asked.remove(&id);
            known.in_vain.clear();
        }
    }

    /// Forgets all that one namespace answered.
    pub(crate) fn forget_all(&self, netns: NsId) {
        self.0.borrow_mut().remove(&netns);
    }
}
