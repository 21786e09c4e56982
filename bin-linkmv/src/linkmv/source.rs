//! The network namespace that links are moved out of.

use std::cell::OnceCell;

use nicon_core::Result;
use nicon_linkmv::Place;

use crate::sysctl::Sysctls;

/// A place, and what holds for all links of it.
pub(crate) struct Source {
    pub(crate) place: Place,
    defaults: OnceCell<Sysctls>,
}

impl Source {
    pub(crate) fn new(place: Place) -> Self {
        Self { place, defaults: OnceCell::new() }
    }

    /// The settings of a link that are not the namespace's defaults.
    pub(crate) fn settings(&self, home: &Place, link: &str) -> Result<Sysctls> {
        if self.defaults.get().is_none() {
            let _ = self.defaults.set(Sysctls::defaults(&self.place, home)?);
        }
        let defaults = self.defaults.get().expect("just set");
        Sysctls::of(&self.place, home, link, defaults)
    }
}
