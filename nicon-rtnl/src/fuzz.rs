//! Entry points of the fuzz targets: answers of the kernel, in which strangers choose names, and requests that records carry.

use rtnetlink::packet_core::NetlinkPayload;
use rtnetlink::packet_route::RouteNetlinkMessage;

use crate::carry::Carry;
use crate::entry::Entry;
use crate::qdisc::Qdisc;
use crate::raw::Raw;
use crate::socket::messages;
use crate::vlan::Vlans;
use crate::wire::to_hex;

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
    for message in messages::<Raw>(bytes).flatten() {
        let NetlinkPayload::InnerMessage(request) = message.payload else { continue };
        let request = request.to_hex();
        if let Some(qdisc) = Qdisc::from_hex(&request, WAS, IS) {
            assert!(Qdisc::from_hex(&qdisc.to_hex(), WAS, IS).is_none(), "{qdisc}");
        }
        if let Some(vlans) = Vlans::from_hex(&request, IS) {
            assert_eq!(Vlans::from_hex(&vlans.to_hex(), IS).map(|again| again.texts()), Some(vlans.texts()));
        }
    }
    for message in messages::<RouteNetlinkMessage>(bytes).flatten() {
        let NetlinkPayload::InnerMessage(request) = message.payload else { continue };
        let Ok(taken) = Carry::from_hex(&[to_hex(request)], WAS, IS) else { continue };
        let again = taken.to_hex();
        assert!(Carry::from_hex(&again, IS, IS).is_ok(), "{again:?}");
        assert!(Carry::from_hex(&again, WAS, IS).is_err(), "{again:?}");
    }
}
