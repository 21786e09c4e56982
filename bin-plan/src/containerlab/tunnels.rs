//! Links between machines: VXLANs in a node, or on the host and stitched to a pair into the node.

use std::net::IpAddr;

use nicon_core::Record;
use nicon_core::link::kind::TARGETS_OWN;
use nicon_core::path::HOST;

use super::end::End;
use super::ends::needed;
use super::making::Making;
use crate::fault::Fault;
use crate::wanted::Wanted;
use crate::yaml::Node;

/// The keys of such making.
pub(super) const KEYS: &[&str] = &["dst-port", "endpoint", "parent-interface", "remote", "src-port", "udp-port", "vni"];

/// The port of links that do not say it: the usual one, 4789, may be filtered, or taken.
const PORT: u32 = 14789;

/// A VXLAN in a node.
pub(super) fn vxlan(making: &Making, link: &Node, end: &End, mtu: Option<u32>) -> Result<Vec<Wanted>, Vec<Fault>> {
    let mut wishes = wishes(making, link, mtu)?;
    making.set_below(&mut wishes);
    making.made(end, "vxlan", &wishes)
}

/// A VXLAN on the host, and a pair into the node: what arrives at one end on the host leaves by the other.
pub(super) fn stitched(making: &Making, link: &Node, end: &End, mtu: Option<u32>) -> Result<Vec<Wanted>, Vec<Fault>> {
    let mut wishes = wishes(making, link, mtu)?;
    let on_host = |prefix: &str| End::new(HOST, &format!("{prefix}-{}_{}", end.node, end.interface), end.position);
    let (veth, vxlan) = (on_host("ve"), on_host("vx"));
    let mut all = making.pair([end, &veth], mtu)?;
    wishes.set("from", TARGETS_OWN);
    wishes.set("stitch", all[1].record.cell("name"));
    all.extend(making.made(&vxlan, "vxlan", &wishes)?);
    Ok(all)
}

/// What a link says of its tunnel.
fn wishes(making: &Making, link: &Node, mtu: Option<u32>) -> Result<Record, Vec<Fault>> {
    let one = |fault| vec![fault];
    let given = |key: &str| link.get(key).filter(|node| !node.is_nothing());
    let mut wishes = Record::default();
    if let Some(parent) = given("parent-interface") {
        wishes.set("parent", making.values.text("parent-interface", parent).map_err(one)?);
    }
    let vni = needed(link, "vni").map_err(one)?;
    wishes.set("vni", making.values.number("vni", vni, &(0..=0xff_ffff)).map_err(one)?);
    let remote = needed(link, "remote").map_err(one)?;
    let address = making.values.text("remote", remote).map_err(one)?;
    if address.parse::<IpAddr>().is_err() {
        return Err(vec![
            remote.position.fault(format!("remote: \"{address}\" is not an IP address: names are not looked up")),
        ]);
    }
    wishes.set("remote", address);
    let port = given("dst-port").map(|port| ("dst-port", port)).or_else(|| Some(("udp-port", given("udp-port")?)));
    let port = port.map(|(key, port)| making.values.number(key, port, &(0..=65535))).transpose().map_err(one)?;
    wishes.set("dst_port", port.filter(|port| *port > 0).unwrap_or(PORT));
    if let Some(port) = given("src-port") {
        return Err(vec![port.position.fault("src-port: the port that a VXLAN sends from is not set")]);
    }
    if let Some(mtu) = mtu {
        wishes.set("mtu", mtu);
    }
    Ok(wishes)
}
