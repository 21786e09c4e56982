//! A link, as the kernel tells it.

use rtnetlink::packet_route::link::{LinkAttribute, LinkFlags, LinkMessage, Prop};

/// What is looked at of a link.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) ifindex: u32,
    pub(crate) name: String,
    /// Its hardware address as `ip link` prints it, where it has one.
    pub(crate) mac: Option<String>,
    /// Its alias (`ip link set alias`); empty where it has none.
    pub(crate) alias: String,
    /// Its alternative names.
    pub(crate) altnames: Vec<String>,
    /// The ifindex of the bridge, bond or VRF that it is a port of.
    pub(crate) master: Option<u32>,
    pub(crate) mtu: Option<u32>,
    pub(crate) up: bool,
    /// Whether it can be moved to another network namespace; Linux 6.15 tells, older ones only when one tries.
    pub(crate) immutable: bool,
}

impl From<LinkMessage> for Link {
    fn from(message: LinkMessage) -> Self {
        let flags = message.header.flags;
        let mut link = Self {
            ifindex: message.header.index,
            up: flags.contains(LinkFlags::Up),
            // The loopback device has never been movable.
            immutable: flags.contains(LinkFlags::Loopback),
            ..Self::default()
        };
        for attribute in message.attributes {
            match attribute {
                LinkAttribute::IfName(name) => link.name = name,
                LinkAttribute::Address(bytes) if !bytes.is_empty() => link.mac = Some(mac(&bytes)),
                LinkAttribute::IfAlias(alias) => link.alias = alias,
                LinkAttribute::Controller(ifindex) => link.master = Some(ifindex),
                LinkAttribute::Mtu(mtu) => link.mtu = Some(mtu),
                LinkAttribute::NetnsImmutable(immutable) => link.immutable |= immutable,
                LinkAttribute::PropList(props) => link.altnames.extend(props.into_iter().filter_map(altname)),
                _ => {}
            }
        }
        link
    }
}

fn mac(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":")
}

fn altname(prop: Prop) -> Option<String> {
    match prop {
        Prop::AltIfName(name) => Some(name),
        _ => None,
    }
}
