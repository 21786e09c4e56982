//! Links that are stitched: all that arrives at one leaves by another. Equivalent to `tc filter add dev LINK ingress pref 28265
//! matchall action mirred egress redirect dev OTHER`.

use nicon_core::Result;
use nix::errno::Errno;
use nix::libc::{RTM_DELQDISC, RTM_DELTFILTER, RTM_GETTFILTER, RTM_NEWQDISC, RTM_NEWTFILTER, TCA_KIND, TCA_OPTIONS};
use rtnetlink::packet_core::{NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL};

use crate::attribute::{attributes, push, text, value};
use crate::error::NetlinkError;
use crate::netlink::Netlink;
use crate::raw::{IFINDEX, NESTED, Raw};

/// The priority by which nicon knows its filter: "ni".
const PRIORITY: u32 = 0x6e69;

/// All protocols, as a filter has them: `ETH_P_ALL` of `linux/if_ether.h`, in network byte order.
const ALL: u32 = 3_u16.to_be() as u32;

// Of `linux/pkt_sched.h`: the handle of the queueing discipline, its place, and what arrives, in its filters.
const CLSACT_HANDLE: u32 = 0xffff_0000;
const CLSACT: u32 = 0xffff_fff1;
const ARRIVING: u32 = 0xffff_fff2;
const LEAVING: u32 = 0xffff_fff3;

// The `tcmsg` before the attributes, in bytes; see `rtnetlink(7)`.
const HEADER: usize = 20;
const HANDLE: usize = 8;
const PARENT: usize = 12;
const INFO: usize = 16;

// Of `linux/pkt_cls.h` and `linux/tc_act/tc_mirred.h`.
const TCA_MATCHALL_ACT: u16 = 2;
const TCA_U32_SEL: u16 = 5;
const TCA_U32_ACT: u16 = 7;
const TCA_ACT_KIND: u16 = 1;
const TCA_ACT_OPTIONS: u16 = 2;
const TCA_MIRRED_PARMS: u16 = 2;
const TC_ACT_STOLEN: u32 = 4;
const TCA_EGRESS_REDIR: u32 = 1;
/// Where the ifindex is in a `tc_mirred`, in bytes.
const MIRRED_IFINDEX: usize = 24;

impl Netlink {
    /// The ifindex of the link by which all leaves that arrives at one, if that is nicon's doing: 0 if that link is gone.
    ///
    /// # Errors
    /// If the kernel does not answer.
    pub fn stitched_to(&self, ifindex: u32) -> Result<Option<u32>> {
        let filters = self.filters(ifindex, ARRIVING)?;
        let ours = filters.iter().filter(|filter| filter.number_at(INFO) >> 16 == PRIORITY);
        // A filter of several messages tells it in one of them.
        Ok(ours.map(|filter| target(filter).unwrap_or(0)).max())
    }

    /// Has all that arrives at one link leave by another, and returns whether the first one could not have filters before.
    ///
    /// # Errors
    /// The kernel's error. Nothing is changed.
    pub fn stitch(&self, ifindex: u32, to: u32) -> std::result::Result<bool, NetlinkError> {
        let is_new = match self.send(&qdisc(RTM_NEWQDISC, ifindex), NLM_F_CREATE | NLM_F_EXCL) {
            Err(error) if error.errno == Errno::EEXIST => false,
            made => made.map(|()| true)?,
        };
        let add = |filter: &Raw| self.send(filter, NLM_F_CREATE | NLM_F_EXCL);
        let added = match add(&filter(ifindex, "matchall", &[], (TCA_MATCHALL_ACT, to))) {
            // Some kernels have only the older classifier.
            Err(error) if error.errno == Errno::ENOENT => {
                add(&filter(ifindex, "u32", &everything(), (TCA_U32_ACT, to)))
            }
            added => added,
        };
        if added.is_err() && is_new {
            let _ = self.send(&qdisc(RTM_DELQDISC, ifindex), 0);
        }
        added.map(|()| is_new)
    }

    /// Ends that, and takes away the possibility to have filters, unless there are others by now.
    ///
    /// # Errors
    /// The kernel's error.
    pub fn unstitch(&self, ifindex: u32, with_qdisc: bool) -> Result<()> {
        let failed = |error: NetlinkError| error.context("remove the filter that stitches it");
        let filter = message(RTM_DELTFILTER, ifindex, (ARRIVING, PRIORITY << 16 | ALL));
        self.send(&filter, 0).or_else(unless_absent).map_err(failed)?;
        let is_free = || Ok(self.filters(ifindex, ARRIVING)?.is_empty() && self.filters(ifindex, LEAVING)?.is_empty());
        if with_qdisc && is_free()? {
            self.send(&qdisc(RTM_DELQDISC, ifindex), 0).or_else(unless_absent).map_err(failed)?;
        }
        Ok(())
    }

    fn filters(&self, ifindex: u32, parent: u32) -> Result<Vec<Raw>> {
        let listed = self.requests.exchange::<Raw>(message(RTM_GETTFILTER, ifindex, (parent, 0)), NLM_F_DUMP);
        let mut listed = listed.map_err(|error| error.context("list filters"))?.entries;
        listed.retain(|message| message.kind == RTM_NEWTFILTER && message.number_at(IFINDEX) == ifindex);
        Ok(listed)
    }

    fn send(&self, message: &Raw, flags: u16) -> std::result::Result<(), NetlinkError> {
        self.requests.exchange::<Raw>(message.clone(), NLM_F_ACK | flags).map(drop)
    }
}

/// Passes over the error that the filter, the queueing discipline or the link is gone already.
fn unless_absent(error: NetlinkError) -> std::result::Result<(), NetlinkError> {
    let is_absent = [Errno::ENOENT, Errno::EINVAL, Errno::ENODEV].contains(&error.errno);
    if is_absent { Ok(()) } else { Err(error) }
}

/// The ifindex of the link by which a filter sends all that it matches.
fn target(filter: &Raw) -> Option<u32> {
    let kind = filter.value(HEADER, TCA_KIND).map(text)?;
    let actions =
        value(filter.value(HEADER, TCA_OPTIONS)?, if kind == "u32" { TCA_U32_ACT } else { TCA_MATCHALL_ACT })?;
    let (_, action) = attributes(actions).next()?;
    let parameters = value(value(action, TCA_ACT_OPTIONS)?, TCA_MIRRED_PARMS)?;
    parameters.get(MIRRED_IFINDEX..)?.first_chunk().map(|bytes| u32::from_ne_bytes(*bytes))
}

fn qdisc(kind: u16, ifindex: u32) -> Raw {
    let mut message = message(kind, ifindex, (CLSACT, 0));
    message.set_number_at(HANDLE, CLSACT_HANDLE);
    push(&mut message.payload, TCA_KIND, b"clsact\0");
    message
}

/// The request for a filter of a kind, which takes all packets if it has these options, and sends them to another link.
fn filter(ifindex: u32, kind: &str, options: &[u8], (action, to): (u16, u32)) -> Raw {
    // A `tc_mirred`: index, capabilities, what becomes of the packet, two counters, what is done with it, and the link.
    let mirred = [0, 0, TC_ACT_STOLEN, 0, 0, TCA_EGRESS_REDIR, to].map(u32::to_ne_bytes).concat();
    let mirred = attribute(TCA_ACT_OPTIONS | NESTED, &attribute(TCA_MIRRED_PARMS, &mirred));
    let only_action = attribute(1 | NESTED, &[attribute(TCA_ACT_KIND, b"mirred\0"), mirred].concat());
    let mut message = message(RTM_NEWTFILTER, ifindex, (ARRIVING, PRIORITY << 16 | ALL));
    push(&mut message.payload, TCA_KIND, format!("{kind}\0").as_bytes());
    push(&mut message.payload, TCA_OPTIONS | NESTED, &[options, &attribute(action | NESTED, &only_action)].concat());
    message
}

/// The options with which the classifier `u32` takes all packets: a `tc_u32_sel` that ends the search, with one key of no bits.
fn everything() -> Vec<u8> {
    const TERMINAL: u8 = 1;
    let mut selector = vec![TERMINAL, 0, 1, 0];
    // The rest of it, of 12 bytes, and the key, of 16.
    selector.resize(4 + 12 + 16, 0);
    attribute(TCA_U32_SEL, &selector)
}

fn message(kind: u16, ifindex: u32, (parent, info): (u32, u32)) -> Raw {
    let mut message = Raw { kind, payload: vec![0; HEADER] };
    message.set_number_at(IFINDEX, ifindex);
    message.set_number_at(PARENT, parent);
    message.set_number_at(INFO, info);
    message
}

fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    push(&mut bytes, kind, value);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_filter_leads_is_read_back() {
        let filters =
            [filter(7, "matchall", &[], (TCA_MATCHALL_ACT, 9)), filter(7, "u32", &everything(), (TCA_U32_ACT, 9))];
        assert_eq!(filters.each_ref().map(target), [Some(9); 2]);
        assert_eq!(target(&message(RTM_NEWTFILTER, 7, (ARRIVING, 0))), None);
    }
}
