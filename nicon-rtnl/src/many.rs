//! Opening many network namespaces at once: the thread that enters them enters one after another, and ends.

use std::collections::HashMap;
use std::rc::Rc;

use nicon_core::{NsId, Record, Result};
use nix::sched::{CloneFlags, setns};

use crate::handle::{NetnsHandle, Unopened};
use crate::inside::on_a_thread;
use crate::netlink::Netlink;

impl NetnsHandle {
    /// Opens the namespaces of the processes which records name, as [`NetnsHandle::open_record`] does one. Those of which nothing
    /// can be opened are left out: [`NetnsHandle::open_record`] says why.
    ///
    /// # Errors
    /// If no thread can be started.
    pub fn open_records(&self, records: &[&Record]) -> Result<Vec<(usize, Self)>> {
        let found = records.iter().enumerate().filter_map(|(at, record)| Some((at, Unopened::by_record(record).ok()?)));
        let found: Vec<(usize, Unopened)> = found.collect();
        let mut others: Vec<_> = found.iter().map(|(_, found)| &found.ns).collect();
        others.retain(|ns| ns.id() != self.home.id);
        others.sort_by_key(|ns| (ns.id().dev, ns.id().ino));
        others.dedup_by_key(|ns| ns.id());
        let opened = on_a_thread(|| {
            let enter = |ns: &&nicon_core::Namespace| {
                setns(ns, CloneFlags::CLONE_NEWNET)
                    .ok()
                    .and_then(|()| Netlink::open().ok())
                    .map(|netlink| (ns.id(), netlink))
            };
            others.iter().filter_map(enter).collect::<Vec<_>>()
        })?;
        let looks_once = self.home.looks_once;
        let once = |netlink: Netlink| Rc::new(if looks_once { netlink.looking_once() } else { netlink });
        let opened: HashMap<NsId, Rc<Netlink>> = opened.into_iter().map(|(id, netlink)| (id, once(netlink))).collect();
        let handle = |(at, found): (usize, Unopened)| {
            let netlink =
                if found.ns.id() == self.home.id { &self.home.netlink } else { opened.get(&found.ns.id())? };
            Some((at, self.with(found, netlink.clone())))
        };
        Ok(found.into_iter().filter_map(handle).collect())
    }
}
