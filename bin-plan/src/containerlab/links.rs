//! The links of a topology, by their types.

use nicon_core::Record;
use nicon_core::link::Selector;
use nicon_core::path::HOST;

use super::end::End;
use super::ends;
use super::making::{MTU, Making};
use super::nodes::MGMT_NET;
use super::tunnels;
use super::values::Values;
use crate::fault::Fault;
use crate::wanted::Wanted;
use crate::yaml::{Node, unknown_key};

/// What an end is written with that is a link of the host.
const MACVLAN: &str = "macvlan";

/// The keys of all links.
const KEYS: [&str; 6] = ["ipv4", "ipv6", "labels", "mtu", "type", "vars"];

/// The keys of links of each type, besides.
const TYPES: [(&str, &[&str]); 7] = [
    ("veth", &["endpoints"]),
    (HOST, &["endpoint", "host-interface"]),
    (MGMT_NET, &["endpoint", "host-interface"]),
    (MACVLAN, &["endpoint", "host-interface", "mode"]),
    ("vxlan", tunnels::KEYS),
    ("vxlan-stitch", tunnels::KEYS),
    ("dummy", &["endpoint"]),
];

/// The type of links whose ends say it.
const BRIEF: &str = "brief";

/// The records of a link.
///
/// # Errors
/// All its faults.
pub(super) fn read(link: &Node, making: &Making) -> Result<Vec<Wanted>, Vec<Fault>> {
    let Some(entries) = link.entries() else {
        return Err(vec![link.expected("links", "a map")]);
    };
    let (of, keys) = type_of(link, making.values).map_err(|fault| vec![fault])?;
    let known: Vec<&str> = KEYS.iter().chain(keys).copied().collect();
    let unknown = entries.iter().filter(|entry| !known.contains(&&*entry.key));
    let mut faults: Vec<_> = unknown.map(|entry| unknown_key(entry, &known)).collect();
    let mtu = mtu(link, making.values).unwrap_or_else(|fault| {
        faults.push(fault);
        None
    });
    let ends = ends::read(link, keys, making.values).unwrap_or_else(|more| {
        faults.extend(more);
        Vec::new()
    });
    if !faults.is_empty() {
        return Err(faults);
    }
    match &ends[..] {
        [end] if of == "dummy" => dummy(making, end, mtu),
        [end] if of == "vxlan" => tunnels::vxlan(making, link, end, mtu),
        [end] => tunnels::stitched(making, link, end, mtu),
        [end, other] if other.node == MACVLAN => macvlan(making, link, [end, other], mtu),
        [other, end] if other.node == MACVLAN => macvlan(making, link, [end, other], mtu),
        [end, other] => making.pair([end, other], mtu),
        _ => unreachable!("a link has one end or two"),
    }
}

/// The type of a link, and the keys that links of that type have.
fn type_of(link: &Node, values: &Values) -> Result<(&'static str, &'static [&'static str]), Fault> {
    let Some(node) = link.get("type").filter(|of| !of.is_nothing()) else { return Ok(TYPES[0]) };
    let text = values.text("type", node)?.trim().to_lowercase();
    let known = TYPES.iter().find(|(name, _)| *name == text || text == BRIEF);
    known.copied().ok_or_else(|| {
        node.position.fault(match &*text {
            "veth-stitch" => "type: veth-stitch is not made: veth carries the same frames".to_owned(),
            _ => format!("type: unknown type \"{text}\" (the types are {})", TYPES.map(|(name, _)| name).join(", ")),
        })
    })
}

/// The MTU that a link asks for. 0 stands for none.
fn mtu(link: &Node, values: &Values) -> Result<Option<u32>, Fault> {
    let Some(node) = link.get("mtu").filter(|mtu| !mtu.is_nothing()) else { return Ok(None) };
    Ok(Some(values.number("mtu", node, &(0..=i32::MAX as u32))?).filter(|mtu| *mtu > 0))
}

fn dummy(making: &Making, end: &End, mtu: Option<u32>) -> Result<Vec<Wanted>, Vec<Fault>> {
    let mut wishes = Record::default();
    wishes.set("mtu", mtu.unwrap_or(MTU));
    making.made(end, "dummy", &wishes)
}

/// A macvlan has the MTU of the link that it is on, unless it asks for another.
fn macvlan(
    making: &Making,
    link: &Node,
    [end, parent]: [&End; 2],
    mtu: Option<u32>,
) -> Result<Vec<Wanted>, Vec<Fault>> {
    if parent.has_address() {
        return Err(vec![parent.position.fault("a link of the host that others are on gets no address")]);
    }
    if let Err(error) = parent.interface.parse::<Selector>() {
        return Err(vec![parent.position.fault(error.to_string())]);
    }
    let mut wishes = Record::default();
    wishes.set("parent", &parent.interface);
    making.set_below(&mut wishes);
    if let Some(mode) = link.get("mode").filter(|mode| !mode.is_nothing()) {
        wishes.set("mode", making.values.text("mode", mode).map_err(|fault| vec![fault])?);
    }
    wishes.set("promisc", true);
    if let Some(mtu) = mtu {
        wishes.set("mtu", mtu);
    }
    making.made(end, MACVLAN, &wishes)
}
