//! The VXLAN that already has the number which a new one was to get. Of all VXLANs that send from one namespace, wherever they are, the
//! kernel gives a number to only one for each port (`vxlan_vni_in_use` in `drivers/net/vxlan/vxlan_core.c`), and does not say to which.

use nicon_core::link::kind::{Settings, Vxlan};
use nicon_rtnl::{Link, NetnsHandle, netns};

/// What messages call it, as far as it is found.
pub(crate) fn rival(wanted: &Vxlan, sender: &NetnsHandle) -> Option<String> {
    let is_it = |link: &Link, netns: &NetnsHandle| {
        let has_number = |settings: &Settings| matches!(settings, Settings::Vxlan(other) if (other.vni, other.dst_port) == (wanted.vni, wanted.dst_port));
        link.settings.as_ref().is_some_and(has_number) && netns.leads_into(link, sender).unwrap_or(false)
    };
    let within = |netns: &NetnsHandle, place: &str| {
        let links = netns.netlink.links(Some("vxlan")).ok()?.entries;
        let link = links.into_iter().find(|link| is_it(link, netns))?;
        Some(format!("{} in {place}", link.name))
    };
    within(sender, &sender.label).or_else(|| {
        netns::all().ok()?.found.into_iter().find_map(|found| {
            let place = found.way.to_string();
            within(&sender.open_namespace(found.open().ok()?, place.clone()).ok()?, &place)
        })
    })
}
