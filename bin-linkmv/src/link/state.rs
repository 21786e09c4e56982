//! The state of a link in the namespace that it came from.

use nicon_core::{Error, Result};
use nicon_rtnl::netlink::about;
use nicon_rtnl::packet_route::link::{LinkAttribute, LinkFlags};
use nicon_rtnl::route::Route;
use nicon_rtnl::{Carry, Link, NetnsHandle, Offloads, Parameters};
use serde::{Deserialize, Serialize};

use crate::link::altnames::{self, Added, Removed};
use crate::link::attached::{Attached, Renumbered};
use crate::link::master::{self, Master, Own};
use crate::link::missing::Missing;
use crate::link::port;
use crate::link::sysctl::Sysctls;
use crate::link::tag::is_tag;

/// The kinds of links that the kernel makes on request, and that do not end with their network namespace: `netns_refund` of
/// `struct rtnl_link_ops`.
const LASTING: [&str; 2] = ["can", "dsa"];

/// The state of a link. What version 0.1 did not record yet is not restored.
#[derive(Serialize, Deserialize)]
pub(crate) struct State {
    pub(crate) ifindex: u32,
    /// What identifies it; see [`nicon_rtnl::sysfs`].
    #[serde(default)]
    pub(crate) inode: Option<u64>,
    /// Whether it is a network card, or another link that does not end with its network namespace.
    #[serde(default)]
    pub(crate) card: bool,
    pub(crate) up: bool,
    alias: String,
    master: Option<u32>,
    /// What identifies the master.
    #[serde(default)]
    port_of: Option<Master>,
    mtu: Option<u32>,
    pub(crate) mac: Option<String>,
    /// Its own address and MTU, if it was taken from a master, which may have lent it others.
    #[serde(default)]
    own: Option<Own>,
    /// For people. `requests` is what gets restored.
    addresses: Vec<String>,
    #[serde(skip_deserializing)]
    routes: Vec<Route>,
    requests: Vec<String>,
    /// The addresses and routes that it got where it is, as requests: they go when that is undone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    given: Vec<String>,
    #[serde(default)]
    altnames: Option<Vec<String>>,
    #[serde(default)]
    sysctl: Sysctls,
    #[serde(default)]
    parameters: Parameters,
    #[serde(default)]
    offloads: Option<Offloads>,
    /// The request that sets its options as a port, in hexadecimal.
    #[serde(default)]
    port: Option<String>,
    #[serde(flatten)]
    pub(crate) attached: Attached,
}

impl State {
    /// Reads the state of a link, of which a part is known.
    ///
    /// # Errors
    /// If the kernel does not answer.
    pub(crate) fn of(
        netns: &NetnsHandle,
        link: &Link,
        carry: &Carry,
        settings: &Sysctls,
        attached: &Attached,
    ) -> Result<Self> {
        let port = match link.master {
            Some(_) => port::request(&netns.netlink.link_message(link.ifindex)?),
            None => None,
        };
        Ok(Self {
            ifindex: link.ifindex,
            inode: netns.inode(link)?,
            card: is_card(link),
            up: link.is_up(),
            alias: link.alias.clone(),
            master: link.master,
            port_of: Master::of(netns, link)?,
            mtu: link.mtu,
            mac: link.mac.clone(),
            own: None,
            addresses: carry.addresses(),
            routes: carry.routes(),
            requests: carry.to_hex(),
            given: Vec::new(),
            altnames: Some(link.altnames.iter().filter(|altname| !is_tag(altname)).cloned().collect()),
            sysctl: settings.clone(),
            parameters: netns.netlink.parameters(link.ifindex)?,
            offloads: netns.offloads(link.ifindex)?,
            port,
            attached: attached.clone(),
        })
    }

    /// The addresses, routes and settings that the link had, addressed to its present ifindex.
    ///
    /// # Errors
    /// If they cannot be read.
    pub(crate) fn carried(&self, ifindex: u32) -> Result<(Carry, Sysctls)> {
        Ok((Carry::from_hex(&self.requests, self.ifindex, ifindex)?, self.sysctl.clone()))
    }

    /// Records what the link is about to get where it is.
    pub(crate) fn set_given(&mut self, given: &Carry) {
        self.given = given.to_hex();
    }

    /// Takes from a link that did not leave its namespace what it got there, and did not have.
    pub(crate) fn take_given(&self, link: &Link, netns: &NetnsHandle, missing: &mut Missing) {
        match Carry::from_hex(&self.given, self.ifindex, link.ifindex) {
            Ok(given) => given.take_away(&netns.netlink).for_each(|taken| missing.unless(taken)),
            Err(error) => missing.unless(Err(error)),
        }
        let carried = self.carried(link.ifindex);
        missing.unless(carried.and_then(|(carry, _)| carry.take_unordered(&netns.netlink, link.ifindex)));
        missing.unless(self.attached.remove_netem(netns, self.renumbered(link)));
    }

    /// Its settings that are recorded.
    pub(crate) fn settings(&self) -> &Sysctls {
        &self.sysctl
    }

    /// Whether another one is the same state, read at another time. Requests are compared without the times that they hold.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        let without_times = |state: &Self| {
            let mut value = serde_json::to_value(state).expect("plain data");
            let fields = value.as_object_mut().expect("an object");
            fields.retain(|field, _| !["routes", "requests", "given", "card"].contains(&field.as_str()));
            (value, state.carried(state.ifindex).map(|(carry, _)| carry.routes()).ok())
        };
        without_times(self) == without_times(other)
    }

    /// Whether it was a port.
    pub(crate) fn is_port(&self) -> bool {
        self.master.is_some()
    }

    /// Records what the link is like while it is not a port.
    pub(crate) fn set_own(&mut self, link: &Link) {
        self.own = Some(Own { mac: link.mac.clone(), mtu: link.mtu });
    }

    /// Whether the link was taken from its master since, and it is not recorded yet what it is like alone.
    pub(crate) fn is_detached(&self, link: &Link) -> bool {
        self.port_of.is_some() && self.own.is_none() && link.master.is_none()
    }

    /// Restores a link that is back in its namespace under its old name. It becomes a port, and comes up, only when it has what it needs
    /// before: IPv6 assigns addresses according to the settings as soon as the link is up.
    ///
    /// # Errors
    /// If the link is gone. All else that cannot be restored is `missing`.
    pub(crate) fn restore(&self, link: &Link, origin: &NetnsHandle, missing: &mut Missing) -> Result<()> {
        let netlink = &origin.netlink;
        let again =
            || netlink.link_at(link.ifindex)?.ok_or_else(|| Error::no(format!("{} has vanished again", link.name)));
        let mut link = link.clone();
        let wanted = self.find_master(origin).unwrap_or_else(|error| {
            missing.unless(Err(error));
            None
        });
        if link.master.is_some() && link.master != wanted {
            missing.unless(master::set(origin, &link, 0));
            link = again()?;
        }
        missing.unless(self.restore_alias(&link, origin));
        let as_port = Own { mac: self.mac.clone(), mtu: self.mtu };
        let own = if link.master.is_some() { None } else { self.own.as_ref() };
        for set in master::lend(origin, &link, own.unwrap_or(&as_port)) {
            missing.unless(set);
        }
        let present = netlink.parameters(link.ifindex)?;
        for (name, value) in self.parameters.differing_from(&present) {
            let set = netlink.set_parameter(link.ifindex, name, value);
            missing.unless(set.map_err(|error| error.context(&format!("set {name} to {value}"))));
        }
        if let Some(offloads) = &self.offloads {
            missing.unless(origin.set_offloads(link.ifindex, offloads));
        }
        self.sysctl.write_each(origin, &link.name).for_each(|written| missing.unless(written));
        self.restore_altnames(&link, origin, missing);
        if let Some(wanted) = wanted {
            if link.master != Some(wanted) {
                missing.unless(master::set(origin, &link, wanted));
                link = again()?;
            }
            missing.unless(self.restore_port(&link, origin));
            missing.unless(self.attached.restore_vlans(origin, link.ifindex));
        }
        if self.up && !link.is_up() {
            missing.unless(netlink.set_up(link.ifindex, true).map_err(|error| error.context("bring it up")));
        }
        if let (Some(wanted), Some(master)) = (wanted, &self.port_of) {
            missing.unless(master.activate(origin, wanted, link.ifindex));
        }
        match self.carried(link.ifindex) {
            Ok((carry, _)) => {
                for (request, what) in carry.requests() {
                    missing.unless(netlink.put_entry(request).map_err(|error| error.context(&what)));
                }
            }
            Err(error) => missing.unless(Err(error)),
        }
        self.attached.restore_fdb(origin, self.renumbered(&link), missing);
        let restored = self.attached.restore_qdiscs(origin, self.renumbered(&link), missing);
        missing.unless(restored);
        Ok(())
    }

    /// The alternative names that it had, if they are recorded.
    pub(super) fn altnames(&self) -> &[String] {
        self.altnames.as_deref().unwrap_or_default()
    }

    /// The ifindex that the link had, and has now.
    fn renumbered(&self, link: &Link) -> Renumbered {
        Renumbered { was: self.ifindex, now: link.ifindex }
    }

    /// The ifindex of the link that it was a port of.
    fn find_master(&self, origin: &NetnsHandle) -> Result<Option<u32>> {
        match &self.port_of {
            Some(master) => master.find(origin).map(|master| Some(master.ifindex)),
            None => Ok(self.master),
        }
    }

    fn restore_alias(&self, link: &Link, origin: &NetnsHandle) -> Result<()> {
        if link.alias == self.alias {
            return Ok(());
        }
        let mut message = about(link.ifindex);
        message.attributes.push(LinkAttribute::IfAlias(self.alias.clone()));
        origin.netlink.set_link(message).map_err(|error| error.context(&format!("set alias \"{}\"", self.alias)))
    }

    fn restore_altnames(&self, link: &Link, origin: &NetnsHandle, missing: &mut Missing) {
        let Some(wanted) = &self.altnames else { return };
        for altname in link.altnames.iter().filter(|altname| !wanted.contains(altname) && !is_tag(altname)) {
            missing.unless(altnames::remove(origin, link, altname).and_then(Removed::or_fail));
        }
        for altname in wanted.iter().filter(|altname| !link.altnames.contains(altname)) {
            missing.unless(altnames::add(origin, link, altname).and_then(Added::or_fail));
        }
    }

    fn restore_port(&self, link: &Link, origin: &NetnsHandle) -> Result<()> {
        let Some(port) = &self.port else { return Ok(()) };
        let set = origin.netlink.set_link_and_port(port::read(port, link.ifindex)?);
        set.map_err(|error| error.context("set its options as a port of its master"))
    }
}

/// Whether the kernel puts a link into the initial network namespace when its own ends (`default_device_exit_net` in net/core/dev.c).
fn is_card(link: &Link) -> bool {
    match &link.kind {
        Some(kind) => LASTING.contains(&kind.as_str()),
        None => !link.flags.contains(LinkFlags::Loopback),
    }
}
