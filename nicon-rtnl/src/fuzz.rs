//! Entry points of the fuzz targets: answers of the kernel, in which strangers choose names, and requests that records carry.

use rtnetlink::packet_route::RouteNetlinkMessage;

use crate::carry::Carry;
use crate::entry::Entry;
use crate::forwarding::ForwardingEntry;
use crate::hex;
use crate::qdisc::Qdisc;
use crate::raw::Raw;
use crate::socket::messages;
use crate::vlan::Vlans;

/// A datagram of the kernel, whichever it answers.
pub fn answer(bytes: &[u8]) {
    let _ = messages::<Entry>(bytes).count();
    let _ = messages::<Raw>(bytes).count();
    let _ = messages::<RouteNetlinkMessage>(bytes).count();
}

/// A request of a record, whatever it may be: what is taken is about the one link, and about no other afterwards.
///
/// # Panics
/// If that does not hold.
pub fn request(bytes: &[u8]) {
    const WAS: u32 = 7;
    const IS: u32 = 9;
    let text = hex::encode(bytes);
    if let Ok(taken) = Carry::from_hex(std::slice::from_ref(&text), WAS, IS) {
        let again = taken.to_hex();
        assert!(Carry::from_hex(&again, IS, IS).is_ok(), "{again:?}");
        assert!(Carry::from_hex(&again, WAS, IS).is_err(), "{again:?}");
    }
    if let Some(taken) = Qdisc::from_hex(&text, WAS, IS) {
        let again = taken.to_hex();
        assert!(Qdisc::from_hex(&again, IS, IS).is_some_and(|read| read.is(&taken)), "{taken} {again}");
        assert!(Qdisc::from_hex(&again, WAS, IS).is_none(), "{again}");
    }
    if let Some(taken) = ForwardingEntry::from_hex(&text, WAS, IS) {
        let again = taken.to_hex();
        assert!(ForwardingEntry::from_hex(&again, IS, IS).is_some(), "{taken} {again}");
        assert!(ForwardingEntry::from_hex(&again, WAS, IS).is_none(), "{again}");
    }
    if let Some(taken) = Vlans::from_hex(&text, IS) {
        let _ = taken.texts();
        assert_eq!(Vlans::from_hex(&taken.to_hex(), IS), Some(taken));
    }
}
