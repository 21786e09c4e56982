//! What is attached to a link and goes with a move, besides addresses, routes and settings.

use nicon_core::{Error, Result};
use nicon_rtnl::qdisc::Qdisc;
use nicon_rtnl::vlan::Vlans;
use nicon_rtnl::{Carry, Link, NetnsHandle};
use serde::{Deserialize, Serialize};

use crate::link::missing::Missing;

/// What is attached to a link, as its `undo` has it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Attached {
    /// The requests that restore queueing disciplines, in hexadecimal.
    #[serde(default)]
    qdiscs: Vec<String>,
    /// The request that restores the VLANs of a bridge's port.
    #[serde(default)]
    vlans: Option<String>,
    #[serde(default, alias = "forfeit")]
    unrestorable: Unrestorable,
}

/// What nothing restores: neither `--undo`, nor what follows a move that fails.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Unrestorable {
    #[serde(default)]
    qdisc: Vec<String>,
    /// Only in what earlier versions wrote.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    vlan: Vec<String>,
    /// Multipath routes of which it was one nexthop.
    #[serde(default)]
    route: Vec<String>,
}

impl Attached {
    /// Reads what is attached to a link.
    ///
    /// # Errors
    /// If the kernel does not answer.
    pub(crate) fn of(netns: &NetnsHandle, link: &Link, carry: &Carry) -> Result<Self> {
        let netlink = &netns.netlink;
        let (flawed, whole): (Vec<_>, Vec<_>) = netlink.qdiscs(link.ifindex)?.into_iter().partition(Qdisc::is_flawed);
        let vlans = if link.master.is_some() { netlink.vlans(link.ifindex)? } else { None };
        let texts = |qdiscs: &[Qdisc]| qdiscs.iter().map(ToString::to_string).collect();
        let unrestorable =
            Unrestorable { qdisc: texts(&flawed), vlan: Vec::new(), route: carry.shared_routes().to_vec() };
        Ok(Self {
            qdiscs: whole.iter().map(Qdisc::to_hex).collect(),
            vlans: vlans.as_ref().map(Vlans::to_hex),
            unrestorable,
        })
    }

    /// Refuses to move a link that would lose for good what is attached to it.
    ///
    /// # Errors
    /// What it would lose.
    pub(crate) fn check(&self, name: &str) -> Result<()> {
        let Unrestorable { qdisc, vlan, route } = &self.unrestorable;
        let lost: Vec<String> = [("qdisc", qdisc), ("VLAN", vlan), ("route", route)]
            .into_iter()
            .flat_map(|(kind, texts)| texts.iter().map(move |text| format!("{kind} {text}")))
            .collect();
        if lost.is_empty() {
            return Ok(());
        }
        let lost = lost.join(", ");
        Err(Error::failed(format!("{name} would lose for good: {lost} (--force moves it anyway)")))
    }

    /// The queueing disciplines, VLANs and multipath routes, in short.
    pub(crate) fn lost(&self, ifindex: u32) -> [Vec<String>; 3] {
        let Unrestorable { qdisc, vlan, route } = self.unrestorable.clone();
        let qdiscs = self.qdiscs.iter().filter_map(|text| Qdisc::from_hex(text, ifindex, ifindex));
        let vlans = self.vlans.iter().filter_map(|text| Vlans::from_hex(text, ifindex));
        [
            qdiscs.map(|qdisc| qdisc.to_string()).chain(qdisc).collect(),
            vlans.flat_map(|vlans| vlans.texts()).chain(vlan).collect(),
            route,
        ]
    }

    /// Restores the VLANs of a port.
    pub(crate) fn restore_vlans(&self, netns: &NetnsHandle, ifindex: u32) -> Result<()> {
        let Some(text) = &self.vlans else { return Ok(()) };
        let vlans = Vlans::from_hex(text, ifindex);
        netns.netlink.set_vlans(&vlans.ok_or_else(|| Error::failed(format!("\"{text}\" sets no VLANs")))?)
    }

    /// Restores the queueing disciplines of a link that had the ifindex `was`, and looks whether they are the same.
    pub(crate) fn restore_qdiscs(
        &self,
        netns: &NetnsHandle,
        (was, ifindex): (u32, u32),
        missing: &mut Missing,
    ) -> Result<()> {
        if self.qdiscs.is_empty() {
            return Ok(());
        }
        let mut left = Vec::new();
        for text in &self.qdiscs {
            match Qdisc::from_hex(text, was, ifindex) {
                Some(qdisc) => left.push(qdisc),
                None => {
                    missing.unless(Err(Error::failed(format!("\"{text}\" is no queueing discipline of link {was}"))))
                }
            }
        }
        let present = netns.netlink.qdiscs(ifindex)?;
        left.retain(|qdisc| !present.iter().any(|other| other.is(qdisc)));
        // One that is the parent of another has to be there first.
        let mut errors = Vec::new();
        let mut progress = true;
        let wanted = left.clone();
        while progress && !left.is_empty() {
            let before = left.len();
            errors.clear();
            left.retain(|qdisc| match netns.netlink.put_qdisc(qdisc) {
                Ok(()) => false,
                Err(error) => {
                    errors.push(error.context(&format!("add qdisc {qdisc}")));
                    true
                }
            });
            progress = left.len() < before;
        }
        let present = netns.netlink.qdiscs(ifindex)?;
        for qdisc in wanted.iter().filter(|qdisc| !left.iter().any(|failed| failed.is(qdisc))) {
            if !present.iter().any(|other| other.is(qdisc)) {
                missing.unless(Err(Error::failed(format!("qdisc {qdisc} has other parameters than before"))));
            }
        }
        errors.into_iter().for_each(|error| missing.unless(Err(error)));
        Ok(())
    }
}
