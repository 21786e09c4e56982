//! Moves that cut something off, and so need `--force`.

use nicon_core::{Error, Result};
use nicon_rtnl::{Carry, Link, NetnsHandle};

use crate::link::on_top::{OnTop, falling, stacked};

/// Refuses moves that cut something off.
pub(crate) struct Guard {
    /// Whether such moves are made all the same.
    force: bool,
    on_top: OnTop,
}

impl Guard {
    pub(crate) fn new(force: bool) -> Self {
        Self { force, on_top: OnTop::default() }
    }

    /// Whether such moves are made all the same.
    pub(crate) fn is_forced(&self) -> bool {
        self.force
    }

    /// Refuses to move a link that something else depends on, unless it is forced. Returns the links that the move destroys.
    pub(crate) fn check(&self, link: &Link, carry: &Carry, from: &NetnsHandle) -> Result<Vec<String>> {
        if self.force {
            // Whoever forces a move need not be able to look into every namespace.
            return Ok(self.on_top.of(from).map(|uppers| falling(&uppers, link)).unwrap_or_default());
        }
        let refuse = |why: String| Err(Error::failed(format!("{} {why} (--force moves it anyway)", link.name)));
        if carry.has_default_route() {
            return refuse(format!("carries the default route of {}", from.label));
        }
        if let Some(master) = link.master {
            let master = from.netlink.link_at(master)?;
            return refuse(format!("is a port of {}", master.map_or("another link".to_owned(), |master| master.name)));
        }
        let stacked = self.on_top.find(from, |uppers| stacked(uppers, link))?;
        let uppers = self.on_top.of(from)?;
        if !stacked.is_empty() {
            let falling = falling(&uppers, link);
            let fate = if falling.is_empty() { "" } else { ", and the move would destroy " };
            return refuse(format!("has {} stacked on it{fate}{}", stacked.join(", "), falling.join(", ")));
        }
        match &uppers.doubt {
            Some(doubt) => refuse(format!("may have links stacked on it: {doubt}")),
            None => Ok(Vec::new()),
        }
    }
}
