//! What is attached to a link and goes with a move, besides addresses, routes and settings.

use std::collections::BTreeMap;

use nicon_core::{Error, Result};
use nicon_rtnl::forwarding::ForwardingEntry;
use nicon_rtnl::netem::RootQdisc;
use nicon_rtnl::qdisc::Qdisc;
use nicon_rtnl::vlan::Vlans;
use nicon_rtnl::{Carry, Link, NetnsHandle};
use serde::{Deserialize, Serialize};

use crate::link::missing::Missing;

/// A link that may have another ifindex by now than the requests which restore what it had.
#[derive(Clone, Copy)]
pub(crate) struct Renumbered {
    pub(crate) was: u32,
    pub(crate) now: u32,
}

/// What is attached to a link, as its `undo` has it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Attached {
    /// The requests that restore queueing disciplines, in hexadecimal.
    #[serde(default)]
    qdiscs: Vec<String>,
    /// The request that restores the VLANs of a bridge's port.
    #[serde(default)]
    vlans: Option<String>,
    /// The requests that restore entries of forwarding databases.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    fdb: Vec<String>,
    /// What nothing restores, by kind: neither `--undo`, nor what follows a move that fails.
    #[serde(default, alias = "forfeit")]
    unrestorable: BTreeMap<String, Vec<String>>,
}

impl Attached {
    /// Reads what is attached to a link.
    ///
    /// # Errors
    /// If the kernel does not answer.
    pub(crate) fn of(netns: &NetnsHandle, link: &Link, carry: &Carry) -> Result<Self> {
        let netlink = &netns.netlink;
        let (flawed, whole): (Vec<_>, Vec<_>) = netlink.qdiscs(link.ifindex)?.into_iter().partition(Qdisc::is_flawed);
        let is_port = link.master.is_some();
        let vlans = if is_port { netlink.vlans(link.ifindex)? } else { None };
        let mut unrestorable = BTreeMap::new();
        for (kind, texts) in [
            ("qdisc", flawed.iter().map(ToString::to_string).collect()),
            ("route", carry.shared_routes().to_vec()),
            ("nexthop", netlink.nexthops(link.ifindex)),
            ("mdb", if is_port { netlink.groups(link.ifindex) } else { Vec::new() }),
            ("maddr", netns.multicast(link.ifindex)?),
            ("autojoin", carry.joined()),
            ("ipv6", netns.ipv6_identifiers(link)?),
        ] {
            if !texts.is_empty() {
                unrestorable.insert(kind.to_owned(), texts);
            }
        }
        Ok(Self {
            qdiscs: whole.iter().map(Qdisc::to_hex).collect(),
            vlans: vlans.as_ref().map(Vlans::to_hex),
            fdb: netlink.forwarding(link)?.iter().map(ForwardingEntry::to_hex).collect(),
            unrestorable,
        })
    }

    /// Reads what a change of a link where it is can take from it.
    ///
    /// # Errors
    /// If the kernel does not answer.
    pub(crate) fn in_place(netns: &NetnsHandle, link: &Link) -> Result<Self> {
        let netlink = &netns.netlink;
        let is_port = link.master.is_some();
        // A port without VLANs must be told from one whose VLANs are not known.
        let vlans = if is_port {
            Some(netlink.vlans(link.ifindex)?.unwrap_or_else(|| Vlans::none(link.ifindex)))
        } else {
            None
        };
        let qdiscs = netlink.qdiscs(link.ifindex)?;
        Ok(Self {
            qdiscs: qdiscs.iter().filter(|qdisc| qdisc.is_ours() || !qdisc.is_flawed()).map(Qdisc::to_hex).collect(),
            vlans: vlans.as_ref().map(Vlans::to_hex),
            ..Self::default()
        })
    }

    /// Takes from a link the netem that nicon has given it since, if it had none.
    pub(crate) fn remove_netem(&self, netns: &NetnsHandle, Renumbered { was, now }: Renumbered) -> Result<()> {
        let had = self.qdiscs.iter().filter_map(|text| Qdisc::from_hex(text, was, now)).any(|qdisc| qdisc.is_ours());
        if had || !matches!(netns.netlink.root_qdisc(now)?, RootQdisc::Ours(_)) {
            return Ok(());
        }
        netns.netlink.remove_netem(now).map_err(|error| error.context("remove its netem"))
    }

    /// Refuses to move a link that would lose for good what is attached to it.
    ///
    /// # Errors
    /// What it would lose.
    pub(crate) fn check(&self, name: &str) -> Result<()> {
        let lost =
            self.unrestorable.iter().flat_map(|(kind, texts)| texts.iter().map(move |text| format!("{kind} {text}")));
        let lost = lost.collect::<Vec<_>>().join(", ");
        if lost.is_empty() {
            return Ok(());
        }
        Err(Error::failed(format!("{name} would lose for good: {lost} (--force moves it anyway)")))
    }

    /// What a link with this ifindex loses of it in a move, in short, by kind.
    pub(crate) fn lost(&self, ifindex: u32) -> BTreeMap<String, Vec<String>> {
        let qdiscs = self.qdiscs.iter().filter_map(|text| Qdisc::from_hex(text, ifindex, ifindex));
        let vlans = self.vlans.iter().filter_map(|text| Vlans::from_hex(text, ifindex));
        let entries = self.fdb.iter().filter_map(|text| ForwardingEntry::from_hex(text, ifindex, ifindex));
        let mut lost = BTreeMap::from([
            ("qdisc".to_owned(), qdiscs.map(|qdisc| qdisc.to_string()).collect::<Vec<_>>()),
            ("vlan".to_owned(), vlans.flat_map(|vlans| vlans.texts()).collect()),
        ]);
        let entries: Vec<_> = entries.map(|entry| entry.to_string()).collect();
        if !entries.is_empty() {
            lost.insert("fdb".to_owned(), entries);
        }
        for (kind, texts) in &self.unrestorable {
            lost.entry(kind.clone()).or_default().extend(texts.iter().cloned());
        }
        lost
    }

    /// Restores the entries of a link in forwarding databases.
    pub(crate) fn restore_fdb(&self, netns: &NetnsHandle, Renumbered { was, now }: Renumbered, missing: &mut Missing) {
        for text in &self.fdb {
            missing.unless(match ForwardingEntry::from_hex(text, was, now) {
                Some(entry) => netns
                    .netlink
                    .put_forwarding(&entry)
                    .map_err(|error| error.context(&format!("add forwarding entry {entry}"))),
                None => Err(Error::failed(format!("\"{text}\" is no forwarding entry of link {was}"))),
            });
        }
    }

    /// Restores the VLANs of a port.
    pub(crate) fn restore_vlans(&self, netns: &NetnsHandle, ifindex: u32) -> Result<()> {
        let Some(text) = &self.vlans else { return Ok(()) };
        let vlans = Vlans::from_hex(text, ifindex);
        netns.netlink.set_vlans(&vlans.ok_or_else(|| Error::failed(format!("\"{text}\" sets no VLANs")))?)
    }

    /// Restores the queueing disciplines of a link, and looks whether they are the same.
    pub(crate) fn restore_qdiscs(
        &self,
        netns: &NetnsHandle,
        Renumbered { was, now }: Renumbered,
        missing: &mut Missing,
    ) -> Result<()> {
        if self.qdiscs.is_empty() {
            return Ok(());
        }
        let mut left = Vec::new();
        for text in &self.qdiscs {
            match Qdisc::from_hex(text, was, now) {
                Some(qdisc) => left.push(qdisc),
                None => {
                    missing.unless(Err(Error::failed(format!("\"{text}\" is no queueing discipline of link {was}"))));
                }
            }
        }
        let present = netns.netlink.qdiscs(now)?;
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
        let present = netns.netlink.qdiscs(now)?;
        for qdisc in wanted.iter().filter(|qdisc| !left.iter().any(|failed| failed.is(qdisc))) {
            if !present.iter().any(|other| other.is(qdisc)) {
                missing.unless(Err(Error::failed(format!("qdisc {qdisc} has other parameters than before"))));
            }
        }
        for error in errors {
            missing.unless(Err(error));
        }
        Ok(())
    }
}
