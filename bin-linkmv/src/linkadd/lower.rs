//! What a link is made on.

use nicon_core::link::kind::{Settings, Vxlan};
use nicon_core::{Error, Result};
use nicon_rtnl::{Link, NetnsHandle};

use crate::link::find::find;
use crate::linkadd::asked::Asked;

/// The namespace from which a link is made, and the link below it if it has one.
pub(crate) struct Lower {
    /// That of the link below, or of the sockets that a tunnel sends by; a bridge is made from its own.
    pub(crate) netns: NetnsHandle,
    pub(crate) link: Option<Link>,
}

impl Lower {
    /// Finds the link below.
    ///
    /// # Errors
    /// [`nicon_core::Status::No`] if it is not there.
    pub(crate) fn find(asked: &Asked, netns: NetnsHandle) -> Result<Self> {
        let Some(parent) = &asked.kind.parent else { return Ok(Self { netns, link: None }) };
        let link = find(parent, &netns)?;
        let link = link.ok_or_else(|| Error::no(format!("parent: no link {parent} in {}", netns.label)))?;
        Ok(Self { netns, link: Some(link) })
    }

    pub(crate) fn ifindex(&self) -> Option<u32> {
        self.link.as_ref().map(|link| link.ifindex)
    }

    /// Whether a link of a namespace is on it.
    ///
    /// # Errors
    /// If the kernel does not answer.
    pub(crate) fn is_below(&self, link: &Link, own: &NetnsHandle) -> Result<bool> {
        Ok(link.lower == self.ifindex() && own.leads_into(link, &self.netns)?)
    }

    /// Makes sure that a link on the one below could come up. The kernel brings up no VLAN on a link that is down
    /// (`vlan_dev_open` in `net/8021q/vlan_dev.c`).
    ///
    /// # Errors
    /// If the one below is down.
    pub(crate) fn check_up(&self, asked: &Asked) -> Result<()> {
        let is_vlan = matches!(asked.kind.settings, Settings::Vlan(_));
        match self.link.as_ref().filter(|lower| asked.link.spec.up && is_vlan && !lower.is_up()) {
            Some(Link { name, .. }) => Err(Error::failed(format!(
                "{name} in {} is down, so no vlan on it can come up (bring it up before, or leave the vlan down: --no-up)",
                self.netns.label
            ))),
            None => Ok(()),
        }
    }

    /// The link by which its packets leave: the one below or, if a VXLAN has none, the one that leads to its other end.
    fn carrier(&self, asked: &Asked) -> Result<Option<Link>> {
        match (&self.link, &asked.kind.settings) {
            (None, Settings::Vxlan(Vxlan { remote: Some(remote), .. })) if !remote.is_multicast() => {
                self.netns.netlink.way_to(*remote)
            }
            (lower, _) => Ok(lower.clone()),
        }
    }

    /// Checks a requested MTU against that of the link below: the kernel would cut it, or even grant one that no packet gets
    /// through with.
    ///
    /// # Errors
    /// If it is out of range, or the kernel does not answer.
    pub(crate) fn check_mtu(&self, asked: &Asked) -> Result<()> {
        let Some(mtu) = asked.link.spec.mtu else { return Ok(()) };
        let Some(lower) = self.carrier(asked)? else { return Ok(()) };
        let headroom = match &asked.kind.settings {
            Settings::Vxlan(vxlan) => vxlan.headroom(),
            // The kernel does not bind it.
            Settings::Ipvlan(_) => return Ok(()),
            _ => 0,
        };
        match lower.mtu.map(|most| most.saturating_sub(headroom)).filter(|most| mtu > *most) {
            Some(most) => Err(Error::failed(format!(
                "MTU {mtu} is out of range for {}: with {} below it, it is {most} at most",
                asked.link.name, lower.name
            ))),
            None => Ok(()),
        }
    }
}
