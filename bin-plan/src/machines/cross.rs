//! A link from one machine to another: a VXLAN end on each.

use nicon_core::Record;
use nicon_core::link::kind::vxlan::headroom;
use serde_json::Map;

use super::address::Address;
use super::declared::{Machine, Machines};
use super::mac::mac;
use super::vni::Numbers;
use crate::fault::Fault;
use crate::wanted::Wanted;

/// Makes a VXLAN end of that end of a pair which is `here`.
///
/// # Errors
/// If there is no way from one machine to the other, or none for packets that large.
pub(super) fn cross(machines: &Machines, here: &str, link: &mut [Wanted], numbers: &mut Numbers) -> Result<(), Fault> {
    let [one, other] = link else { return Ok(()) };
    let ends = [&one.record, &other.record];
    let [ours, theirs] = ends.map(|end| machines.get(&end.cell("on")));
    let (Some(ours), Some(theirs)) = (ours, theirs) else { return Ok(()) };
    let most = most(ours, theirs);
    check_way(ours, theirs)
        .and_then(|()| check_mtu(ends, ours, theirs, most))
        .map_err(|why| one.position.fault(why))?;
    let names = ends.map(|end| ["on", "target", "name"].map(|field| end.cell(field)).join(" "));
    let vni = match one.record.get("vni") {
        Some(vni) => vni.clone(),
        None => numbers.give(names.each_ref().map(String::as_str), one.position).into(),
    };
    let far_ends =
        ends.map(|end| Map::from_iter(["on", "target", "name"].map(|key| (key.to_owned(), end.cell(key).into()))));
    let [one_end, other_end] = far_ends;
    for ((wanted, name), far_end) in [one, other].into_iter().zip(names).zip([other_end, one_end]) {
        let record = &mut wanted.record;
        if record.cell("on") != here {
            continue;
        }
        record.remove("pair");
        record.set("kind", "vxlan");
        record.set("vni", vni.clone());
        record.set("learning", false);
        if record.get("mtu").is_none() {
            record.set("mtu", most);
        }
        if record.get("mac").is_none() {
            record.set("mac", mac(numbers.plan(), &name));
        }
        record.set("remote_end", far_end);
    }
    Ok(())
}

/// Both machines say how they are reached.
fn check_way(ours: &Machine, theirs: &Machine) -> Result<(), String> {
    match [ours, theirs].into_iter().find(|machine| machine.address.is_none()) {
        Some(Machine { name, .. }) => Err(format!(
            "the link leads from {} to {}: how is {name} reached? Say it: machines: {{{name}: {{address: ..}}}}",
            ours.name, theirs.name
        )),
        None => Ok(()),
    }
}

fn check_mtu(ends: [&Record; 2], ours: &Machine, theirs: &Machine, most: u32) -> Result<(), String> {
    let mtus = ends.into_iter().filter_map(|end| end.get("mtu")?.as_u64());
    match mtus.max().filter(|mtu| *mtu > most.into()) {
        Some(mtu) => Err(format!(
            "mtu {mtu}: between {} and {} it is {most} at most (their networks' MTU, which machines: may say, without a VXLAN's headers)",
            ours.name, theirs.name
        )),
        None => Ok(()),
    }
}

/// The largest packets that go from one machine to the other through a VXLAN, in bytes. Both ends are to have the same, whatever addresses
/// a name leads to.
fn most(one: &Machine, other: &Machine) -> u32 {
    let is_v4 = |machine: &Machine| machine.address.as_ref().and_then(Address::ip).is_some_and(|ip| ip.is_ipv4());
    one.mtu.min(other.mtu) - headroom(!(is_v4(one) && is_v4(other)))
}
