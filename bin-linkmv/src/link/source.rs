//! The network namespace that links are moved out of.

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use nicon_core::Result;
use nicon_rtnl::conf::Conf;
use nicon_rtnl::{Link, NetnsHandle};

use crate::link::sysctl::Sysctls;
use crate::link::tag::recorded_origin;

/// A network namespace, and what is known about all of its links.
pub(crate) struct Source {
    pub(crate) netns: Rc<NetnsHandle>,
    /// The defaults of settings that the kernel reports with a link, and of those that have to be read.
    defaults: OnceCell<(Sysctls, Sysctls)>,
    /// The settings of links that were read before. Reading them takes a hundred files a link, but most links have the same
    /// settings, and one netlink message shows whether they do.
    known: RefCell<HashMap<Conf, Sysctls>>,
    /// Links that came back to it under another name, as last listed.
    returned: RefCell<Option<(Instant, Rc<[Link]>)>>,
}

/// How long a list of links that came back is reused: most names that are not found are just wrong, and many may be.
const FRESH: Duration = Duration::from_secs(1);

impl Source {
    pub(crate) fn new(netns: NetnsHandle) -> Self {
        Self {
            netns: Rc::new(netns),
            defaults: OnceCell::new(),
            known: RefCell::default(),
            returned: RefCell::default(),
        }
    }

    /// Keeps what is known about the `last` source if this is the same namespace.
    pub(super) fn after(last: Option<Self>, netns: NetnsHandle) -> Self {
        match last.filter(|last| last.netns.is(&netns)) {
            Some(last) => Self { netns: Rc::new(netns), ..last },
            None => Self::new(netns),
        }
    }

    /// The links of which it is noted that they came from this namespace, and that are in it again.
    pub(crate) fn returned(&self) -> Result<Rc<[Link]>> {
        if let Some((when, links)) = &*self.returned.borrow()
            && when.elapsed() < FRESH
        {
            return Ok(links.clone());
        }
        let mut links = self.netns.netlink.links(None)?.entries;
        links.retain(|link| recorded_origin(link).is_some_and(|origin| origin.netns == self.netns.ns.id().ino));
        let links: Rc<[Link]> = links.into_iter().map(|link| *link).collect();
        *self.returned.borrow_mut() = Some((Instant::now(), links.clone()));
        Ok(links)
    }

    /// The settings of a link that are not the namespace's defaults.
    pub(crate) fn settings(&self, ifindex: u32, name: &str) -> Result<Sysctls> {
        if self.defaults.get().is_none() {
            let _ = self.defaults.set(Sysctls::defaults(&self.netns)?.split_reported());
        }
        let (reported, unreported) = self.defaults.get().expect("just set");
        let read = |defaults| Sysctls::of(&self.netns, name, defaults);
        let conf = self.netns.netlink.conf(ifindex)?;
        if let Some(settings) = conf.as_ref().and_then(|conf| self.known.borrow().get(conf).cloned()) {
            return Ok(settings.and(read(unreported)?));
        }
        let settings = read(reported)?;
        // They may have been changed while they were read.
        let after = self.netns.netlink.conf(ifindex)?;
        if let Some(conf) = conf.filter(|conf| after.as_ref() == Some(conf)) {
            self.known.borrow_mut().insert(conf, settings.clone());
        }
        Ok(settings.and(read(unreported)?))
    }
}
