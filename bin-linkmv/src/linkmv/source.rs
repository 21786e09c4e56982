//! The network namespace that links are moved out of.

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;

use nicon_core::Result;
use nicon_linkmv::conf::Conf;
use nicon_linkmv::{Link, Place};

use crate::sysctl::Sysctls;

/// A place, and what holds for all links of it.
pub(crate) struct Source {
    pub(crate) place: Place,
    /// Those that are told with a link, and those that are not.
    defaults: OnceCell<(Sysctls, Sysctls)>,
    /// The settings of links that were looked at. To read them takes a hundred files for each link, most links have the same,
    /// and of nearly all settings the kernel tells with one message whether they have.
    known: RefCell<HashMap<Conf, Sysctls>>,
}

impl Source {
    pub(crate) fn new(place: Place) -> Self {
        Self { place, defaults: OnceCell::new(), known: RefCell::default() }
    }

    /// What is known of the `last` place still holds where this is the same namespace.
    pub(crate) fn after(last: Option<Self>, place: Place) -> Self {
        match last.filter(|last| last.place.is(&place)) {
            Some(last) => Self { place, ..last },
            None => Self::new(place),
        }
    }

    /// The settings of a link that are not the namespace's defaults.
    pub(crate) fn settings(&self, home: &Place, link: &Link) -> Result<Sysctls> {
        if self.defaults.get().is_none() {
            let _ = self.defaults.set(Sysctls::defaults(&self.place, home)?.told_and_untold());
        }
        let (told, untold) = self.defaults.get().expect("just set");
        let read = |defaults| Sysctls::of(&self.place, home, &link.name, defaults);
        let conf = self.place.netlink.conf(link.ifindex)?;
        if let Some(settings) = conf.as_ref().and_then(|conf| self.known.borrow().get(conf).cloned()) {
            return Ok(settings.and(read(untold)?));
        }
        let settings = read(told)?;
        // They may have been changed while they were read.
        let after = self.place.netlink.conf(link.ifindex)?;
        if let Some(conf) = conf.filter(|conf| after.as_ref() == Some(conf)) {
            self.known.borrow_mut().insert(conf, settings.clone());
        }
        Ok(settings.and(read(untold)?))
    }
}
