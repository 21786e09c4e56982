//! The link that another one is a port of.

use nicon_core::link::mac;
use nicon_core::{Error, Result};
use nicon_rtnl::netlink::about;
use nicon_rtnl::packet_route::link::{InfoBond, InfoData, InfoKind, LinkAttribute, LinkInfo, LinkMessage};
use nicon_rtnl::{Link, NetnsHandle};
use serde::{Deserialize, Serialize};

use crate::link::find::by_inode;
use crate::link::set_while_down;

/// What identifies a master, and what it thought of the port.
#[derive(Serialize, Deserialize)]
pub(crate) struct Master {
    name: String,
    /// See [`nicon_rtnl::sysfs`].
    inode: Option<u64>,
    /// Whether it is a bond of which the port was the active one.
    active: bool,
}

/// The address and MTU that a link has while it is not a port. A bond and a team lend their own to their ports.
#[derive(Serialize, Deserialize)]
pub(crate) struct Own {
    pub(crate) mac: Option<String>,
    pub(crate) mtu: Option<u32>,
}

impl Master {
    /// That of a link; `None` if it is not a port.
    pub(crate) fn of(netns: &NetnsHandle, link: &Link) -> Result<Option<Self>> {
        let Some(ifindex) = link.master else { return Ok(None) };
        let Some(master) = netns.netlink.link_at(ifindex)? else { return Ok(None) };
        let active = is_active(&netns.netlink.link_message(ifindex)?, link.ifindex);
        Ok(Some(Self { inode: netns.inode(&master)?, name: master.name, active }))
    }

    /// Finds it again: the very same one, or the one that has its name now.
    pub(crate) fn find(&self, netns: &NetnsHandle) -> Result<Link> {
        let named = netns.netlink.link(&self.name)?;
        let same = match self.inode {
            Some(inode) => by_inode(inode, named.clone(), netns)?,
            None => None,
        };
        same.or(named).ok_or_else(|| Error::no(format!("make it a port of {}: it is gone", self.name)))
    }

    /// Makes a port the active one of its bond, if it was.
    pub(crate) fn activate(&self, netns: &NetnsHandle, master: u32, port: u32) -> Result<()> {
        if !self.active || is_active(&netns.netlink.link_message(master)?, port) {
            return Ok(());
        }
        let mut message = about(master);
        message.attributes.push(LinkAttribute::LinkInfo(vec![
            LinkInfo::Kind(InfoKind::Bond),
            LinkInfo::Data(InfoData::Bond(vec![InfoBond::ActivePort(port)])),
        ]));
        let set = netns.netlink.set_link_and_port(message);
        set.map_err(|error| error.context(&format!("make it the active port of {}", self.name)))
    }
}

/// Makes a link a port of `master`, or of none if that is zero.
pub(crate) fn set(netns: &NetnsHandle, link: &Link, master: u32) -> Result<()> {
    let mut message = about(link.ifindex);
    message.attributes.push(LinkAttribute::Controller(master));
    let context = if master == 0 { "detach it from its master" } else { "make it a port of its master again" };
    set_while_down::change(netns, link, message).map_err(|error| error.context(context))
}

/// Sets a link's MTU and hardware address, as far as they differ. The steps do not depend on each other.
pub(crate) fn lend(netns: &NetnsHandle, link: &Link, own: &Own) -> [Result<()>; 2] {
    let set = |attribute, context: &str| {
        let mut message = about(link.ifindex);
        message.attributes.push(attribute);
        set_while_down::change(netns, link, message).map_err(|error| error.context(context))
    };
    let mtu = match own.mtu.filter(|mtu| link.mtu != Some(*mtu)) {
        Some(mtu) => set(LinkAttribute::Mtu(mtu), &format!("set MTU {mtu}")),
        None => Ok(()),
    };
    let mac = match own.mac.as_ref().filter(|mac| link.mac.as_ref() != Some(*mac)) {
        Some(address) => match mac::bytes(address) {
            Some(bytes) => set(LinkAttribute::Address(bytes), &format!("set address {address}")),
            None => Err(Error::failed(format!("field \"undo\": \"{address}\" is no address"))),
        },
        None => Ok(()),
    };
    [mtu, mac]
}

/// Whether a port is the active one of this bond.
fn is_active(master: &LinkMessage, port: u32) -> bool {
    let infos = master.attributes.iter().filter_map(|attribute| match attribute {
        LinkAttribute::LinkInfo(infos) => Some(infos),
        _ => None,
    });
    infos.flatten().any(|info| match info {
        LinkInfo::Data(InfoData::Bond(options)) => options.contains(&InfoBond::ActivePort(port)),
        _ => false,
    })
}
