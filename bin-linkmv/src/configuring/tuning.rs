//! How a link works: its settings, flags, queue, offloads, netem and options as a port.

use nicon_core::link::{LinkSpec, Netem, OffloadSpec};
use nicon_core::{Error, Result};
use nicon_rtnl::netem::RootQdisc;
use nicon_rtnl::netlink::{about, set_flags};
use nicon_rtnl::packet_route::link::LinkFlags;
use nicon_rtnl::{Link, NetnsHandle};

use crate::configuring::configuration::Configuration;
use crate::link::port_options::PortChange;
use crate::link::sysctl::Sysctls;

/// What a link lacks of all that.
pub(crate) struct Tuning<'a> {
    settings: Sysctls,
    offloads: Vec<&'a OffloadSpec>,
    txqueuelen: Option<u32>,
    promisc: Option<bool>,
    port: PortChange,
    netem: NetemChange<'a>,
}

/// How the netem of a link is to change.
enum NetemChange<'a> {
    None,
    Set(&'a Netem),
    Remove,
}

impl<'a> Tuning<'a> {
    /// What a link of its namespace lacks.
    ///
    /// # Errors
    /// If the kernel does not answer, or could not give it.
    pub(crate) fn lacking(configuration: &Configuration<'a>, link: &Link) -> Result<Self> {
        let Configuration { spec, netns, master, .. } = *configuration;
        Ok(Self {
            settings: lacking_settings(spec, link, netns)?,
            port: PortChange::of(spec, link, master, netns)?,
            netem: netem(configuration, link)?,
            ..Self::surviving(spec, link, netns)?
        })
    }

    /// What a link will lack when it has moved from `netns`.
    ///
    /// # Errors
    /// As [`Tuning::lacking`].
    pub(crate) fn after_move(spec: &'a LinkSpec, link: &Link, netns: &NetnsHandle) -> Result<Self> {
        Self::surviving(spec, link, netns)
    }

    /// What a link will lack that the kernel is to make.
    pub(crate) fn of_new(spec: &'a LinkSpec) -> Self {
        Self {
            offloads: spec.offloads.iter().collect(),
            txqueuelen: spec.txqueuelen,
            promisc: spec.promisc.filter(|on| *on),
            ..Self::of_network(spec)
        }
    }

    /// What a link of this namespace lacks of that which survives a move, and all of the rest.
    fn surviving(spec: &'a LinkSpec, link: &Link, netns: &NetnsHandle) -> Result<Self> {
        let txqueuelen = match spec.txqueuelen {
            Some(wanted) if netns.netlink.parameters(link.ifindex)?.txqueuelen() != Some(wanted) => Some(wanted),
            _ => None,
        };
        Ok(Self {
            offloads: netns.differing_offloads(link, &spec.offloads)?,
            txqueuelen,
            promisc: spec.promisc.filter(|on| *on != link.flags.contains(LinkFlags::Promisc)),
            ..Self::of_network(spec)
        })
    }

    /// All that a link does not have in a network namespace that is new to it.
    fn of_network(spec: &'a LinkSpec) -> Self {
        Self {
            settings: Sysctls::asked(&spec.settings),
            port: PortChange::of_new(spec),
            netem: spec.netem.as_ref().map_or(NetemChange::None, NetemChange::Set),
            offloads: Vec::new(),
            txqueuelen: None,
            promisc: None,
        }
    }

    /// Checks that a link which is about to move can have what survives the move, and that it has the settings at all.
    ///
    /// # Errors
    /// If it has no such offload or setting.
    pub(crate) fn check_surviving(spec: &LinkSpec, link: &Link, netns: &NetnsHandle) -> Result<()> {
        netns.differing_offloads(link, &spec.offloads)?;
        lacking_settings(spec, link, netns).map(drop)
    }

    /// The steps in the words of `sysctl`, `ethtool`, `ip`, `bridge` and `tc`: those before the link's own attributes, and those
    /// after them.
    pub(crate) fn words(&self, name: &str) -> [Vec<String>; 2] {
        let on = |on: bool| if on { "on" } else { "off" };
        let mut before: Vec<String> = self.settings.words(name).collect();
        before.extend(self.offloads.iter().map(|offload| format!("ethtool -K {name} {offload}")));
        before.extend(self.txqueuelen.map(|length| format!("link set {name} txqueuelen {length}")));
        before.extend(self.promisc.map(|promisc| format!("link set {name} promisc {}", on(promisc))));
        let mut after = self.port.words(name);
        after.extend(match self.netem {
            NetemChange::None => None,
            NetemChange::Set(netem) => Some(format!("tc qdisc replace dev {name} root handle 6e69: {netem}")),
            NetemChange::Remove => Some(format!("tc qdisc del dev {name} root")),
        });
        [before, after]
    }
}

impl Configuration<'_> {
    /// Gives a link what it is to have before it comes up, and before it is a port.
    ///
    /// # Errors
    /// The first change that the kernel rejects.
    pub(crate) fn tune(&self, link: &Link) -> Result<()> {
        let Self { spec, netns, .. } = *self;
        lacking_settings(spec, link, netns)?.give(netns, &link.name)?;
        if spec.offloads.is_empty() && spec.txqueuelen.is_none() && spec.promisc.is_none() {
            return Ok(());
        }
        let Tuning { offloads, txqueuelen, promisc, .. } = Tuning::surviving(spec, link, netns)?;
        if !offloads.is_empty() {
            netns.switch_offloads(link, &spec.offloads)?;
        }
        if let Some(length) = txqueuelen {
            let set = netns.netlink.set_txqueuelen(link.ifindex, length);
            set.map_err(|error| error.context(&self.context(&format!("set txqueuelen {length} of"), link)))?;
        }
        if let Some(promisc) = promisc {
            let mut message = about(link.ifindex);
            set_flags(&mut message, LinkFlags::Promisc, promisc);
            let set = netns.netlink.set_link(message);
            set.map_err(|error| error.context(&self.context("switch the promiscuous mode of", link)))?;
        }
        Ok(())
    }

    /// Gives a link its options as a port, and its netem.
    ///
    /// # Errors
    /// The first change that the kernel rejects.
    pub(crate) fn tune_as_port(&self, link: &Link) -> Result<()> {
        let Self { spec, netns, .. } = *self;
        if !spec.port.is_empty() {
            let now = netns.netlink.link_at(link.ifindex)?;
            let now = now.ok_or_else(|| Error::no(format!("{} has vanished from {}", link.name, netns.label)))?;
            PortChange::of(spec, &now, None, netns)?.give(netns, &now)?;
        }
        match netem(self, link)? {
            NetemChange::None => Ok(()),
            NetemChange::Set(netem) => {
                let set = netns.netlink.set_netem(link.ifindex, netem);
                set.map_err(|error| error.context(&self.context(&format!("set {netem} for"), link)))
            }
            NetemChange::Remove => {
                let removed = netns.netlink.remove_netem(link.ifindex);
                removed.map_err(|error| error.context(&self.context("remove the netem of", link)))
            }
        }
    }
}

fn lacking_settings(spec: &LinkSpec, link: &Link, netns: &NetnsHandle) -> Result<Sysctls> {
    if spec.settings.is_empty() {
        return Ok(Sysctls::default());
    }
    Sysctls::asked(&spec.settings).lacking(netns, &link.name)
}

/// How the netem of a link is to change.
///
/// # Errors
/// If somebody else gave it a root queueing discipline.
fn netem<'a>(configuration: &Configuration<'a>, link: &Link) -> Result<NetemChange<'a>> {
    let Configuration { spec, netns, exact, .. } = *configuration;
    // Most links have no netem, and the kernel says so with the link.
    if spec.netem.is_none() && (!exact || link.qdisc != "netem") {
        return Ok(NetemChange::None);
    }
    match (netns.netlink.root_qdisc(link.ifindex)?, &spec.netem) {
        (RootQdisc::Ours(_), None) => Ok(NetemChange::Remove),
        (RootQdisc::Ours(present), Some(wanted)) if present == *wanted => Ok(NetemChange::None),
        (RootQdisc::Others(qdisc), Some(_)) => {
            let name = &link.name;
            let way_out = format!("tc qdisc del dev {name} root");
            Err(Error::failed(format!("{name} in {} has a qdisc already: {qdisc} ({way_out})", netns.label)))
        }
        (_, Some(wanted)) => Ok(NetemChange::Set(wanted)),
        (_, None) => Ok(NetemChange::None),
    }
}
