//! The ends of a topology's links.

use nicon_core::Record;
use nicon_core::link::LinkName;
use nicon_core::suggest::nearest;

use super::nodes::{Nodes, Place};
use super::values::Values;
use crate::fault::{Fault, Position};
use crate::plan;
use crate::wanted::Wanted;
use crate::yaml::{Node, unknown_key};

/// The keys of an end.
const KEYS: [&str; 6] = ["interface", "ipv4", "ipv6", "mac", "node", "vars"];

/// One end: its node, and what the link is called and gets there.
pub(super) struct End {
    pub(super) node: String,
    pub(super) interface: String,
    pub(super) position: Position,
    mac: Option<String>,
    /// Its addresses, of version 4 and 6.
    addresses: [Option<String>; 2],
}

impl End {
    /// An end that only has a name, written `node:interface`, or as the interface of the host.
    pub(super) fn new(node: &str, interface: &str, position: Position) -> Self {
        Self { node: node.to_owned(), interface: interface.to_owned(), position, mac: None, addresses: [None, None] }
    }

    /// Reads an end in either form.
    ///
    /// # Errors
    /// All its faults.
    pub(super) fn read(node: &Node, values: &Values) -> Result<Self, Vec<Fault>> {
        let position = node.position;
        let Some(entries) = node.entries() else {
            let text = values.text("endpoints", node).map_err(|fault| vec![fault])?;
            return match text.split_once(':') {
                Some((node, interface)) if !node.is_empty() && !interface.is_empty() => {
                    Ok(Self::new(node, interface, position))
                }
                _ => Err(vec![position.fault(format!("endpoints: \"{text}\" is not NODE:INTERFACE"))]),
            };
        };
        let mut faults: Vec<_> = entries
            .iter()
            .filter(|entry| !KEYS.contains(&&*entry.key))
            .map(|entry| unknown_key(entry, &KEYS))
            .collect();
        let mut text = |key: &str| match node.get(key).map(|value| values.text(key, value)) {
            Some(Ok(text)) => Some(text).filter(|text| !text.is_empty()),
            Some(Err(fault)) => {
                faults.push(fault);
                None
            }
            None => None,
        };
        let (name, interface) = (text("node"), text("interface"));
        let (mac, addresses) = (text("mac").map(|mac| colons(&mac)), [text("ipv4"), text("ipv6")]);
        for (key, value) in ["ipv4", "ipv6"].into_iter().zip(&addresses) {
            check_address(key, value.as_deref(), node.get(key).unwrap_or(node), &mut faults);
        }
        check("mac", "mac", mac.as_deref(), node.get("mac").unwrap_or(node), &mut faults);
        for (key, value) in [("node", &name), ("interface", &interface)] {
            if value.is_none() && faults.is_empty() {
                faults.push(position.fault(format!("the endpoint has no {key}")));
            }
        }
        match (name, interface) {
            (Some(node), Some(interface)) if faults.is_empty() => {
                Ok(Self { node, interface, position, mac, addresses })
            }
            _ => Err(faults),
        }
    }

    /// Adds what the link as a whole says of its addresses, of version 4 or 6, unless the end says it.
    pub(super) fn add_address(&mut self, version: usize, address: String) {
        self.addresses[version].get_or_insert(address);
    }

    /// Whether it gets an address.
    pub(super) fn has_address(&self) -> bool {
        self.addresses.iter().any(Option::is_some)
    }

    /// Where the end lies.
    ///
    /// # Errors
    /// If there is no such node, or it can have no links, or none of that name.
    pub(super) fn place<'a>(&self, nodes: &'a Nodes) -> Result<&'a Place, Fault> {
        let Some(place) = nodes.get(&self.node) else {
            let similar = nearest(&self.node, nodes.names()).first().map(|name| format!(": did you mean {name}?"));
            return Err(self.position.fault(format!(
                "there is no node \"{}\"{}",
                self.node,
                similar.unwrap_or_default()
            )));
        };
        if let Some(why) = &place.refused {
            return Err(self.position.fault(format!("{}: {why}", self.node)));
        }
        if let Err(error) = self.name(place).0.parse::<LinkName>() {
            let way_out = "nicon does not know the names that network systems have for links: give the one in the container, such as eth1";
            return Err(self.position.fault(format!("{error}: {way_out}")));
        }
        Ok(place)
    }

    /// What the link is called in its place, and the alternative name of one whose name is longer than a name can be: then
    /// it has a short one, too, which always is the same for it.
    pub(super) fn name(&self, place: &Place) -> (String, Option<String>) {
        let long = &self.interface;
        if long.len() <= LinkName::MAX || !place.takes_long_names {
            return (long.clone(), None);
        }
        // FNV-1a (draft-eastlake-fnv).
        let hash = |hash: u32, byte: u8| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
        (format!("clab-{:08x}", long.bytes().fold(0x811c_9dc5, hash)), Some(long.clone()))
    }

    /// A record of a link at this end, with what it asks for: `act` says what is to be done.
    pub(super) fn wanted(&self, place: &Place, act: (&str, &str), wishes: &Record) -> Wanted {
        let mut record = Record::default();
        record.set("target", &place.target);
        record.set(act.0, act.1);
        let (name, altname) = self.name(place);
        record.set("name", name);
        record.extend(wishes);
        let addresses: Vec<_> = self.addresses.iter().flatten().collect();
        if !addresses.is_empty() {
            record.set("addr", addresses);
        }
        for (field, value) in [("mac", &self.mac), ("master", &place.master)] {
            if let Some(value) = value {
                record.set(field, value);
            }
        }
        if let Some(altname) = altname {
            record.set("altname", vec![altname]);
        }
        Wanted { record, position: self.position, namespace: place.namespace.clone() }
    }
}

/// Makes sure that an address is one of the version that its key says.
pub(super) fn check_address(key: &str, address: Option<&str>, node: &Node, faults: &mut Vec<Fault>) {
    let Some(text) = address else { return };
    if text.contains(':') == (key == "ipv4") {
        faults.push(node.position.fault(format!("{key}: \"{text}\" is of the other version")));
    }
    check(key, "addr", address, node, faults);
}

fn check(key: &str, field: &str, value: Option<&str>, node: &Node, faults: &mut Vec<Fault>) {
    if let Some(Err(error)) = value.map(|value| plan::check_wish(field, value)) {
        faults.push(node.position.fault(format!("{key}: {error}")));
    }
}

/// A hardware address as Linux writes it: Go also reads `00-00-5e-00-53-01` and `0000.5e00.5301`.
fn colons(mac: &str) -> String {
    let digits: Vec<char> = mac.chars().filter(char::is_ascii_hexdigit).collect();
    if digits.len() != 12 || mac.contains(':') {
        return mac.to_owned();
    }
    digits.chunks(2).map(|pair| pair.iter().collect::<String>()).collect::<Vec<_>>().join(":")
}
