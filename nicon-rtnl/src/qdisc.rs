//! The queueing disciplines of links. What the kernel reports of most of them is also a valid request for the same one.

use nicon_core::Result;
use nix::libc::{RTM_GETQDISC, RTM_GETTCLASS, RTM_GETTFILTER, RTM_NEWQDISC, TCA_KIND, TCA_OPTIONS, TCA_STAB};
use rtnetlink::packet_core::{NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_REPLACE};
use rtnetlink::packet_route::tc::TcHandle;

use crate::attribute::{push, text, value};
use crate::error::NetlinkError;
use crate::netlink::Netlink;
use crate::once;
use crate::raw::{IFINDEX, Raw};

/// Length of the `tcmsg` before the attributes, in bytes; see `rtnetlink(7)`.
pub(crate) const HEADER: usize = 20;

/// Where its fields are, in bytes.
pub(crate) const HANDLE: usize = 8;
pub(crate) const PARENT: usize = 12;

/// The parent of a root: `TC_H_ROOT` of `linux/pkt_sched.h`.
pub(crate) const ROOT: u32 = u32::MAX;

/// The handle of the netem that nicon gives to a link, `6e69:`, by which it knows it.
pub(crate) const OURS: u32 = 0x6e69_0000;

/// Blocks of filters that several links share; `linux/rtnetlink.h`.
const BLOCKS: [u16; 2] = [13, 14];

/// The kinds whose report is a request for the same. Of the others, such as `red` with its table, the kernel keeps something to
/// itself.
const REPEATABLE: [&str; 16] = [
    "bfifo",
    "clsact",
    "codel",
    "fq",
    "fq_codel",
    "htb",
    "ingress",
    "mq",
    "multiq",
    "netem",
    "pfifo",
    "pfifo_fast",
    "pfifo_head_drop",
    "pie",
    "prio",
    "tbf",
];

/// A queueing discipline that somebody configured.
#[derive(Clone, Debug)]
pub struct Qdisc {
    pub(crate) request: Raw,
    /// What belongs to it that cannot be put back, such as `with 2 filters`.
    pub(crate) flaw: Option<String>,
}

impl Netlink {
    /// The configured queueing disciplines of a link, as `tc qdisc show dev LINK` lists them. The kernel's defaults have no handle.
    ///
    /// # Errors
    /// If the kernel does not answer.
    pub fn qdiscs(&self, ifindex: u32) -> Result<Vec<Qdisc>> {
        let listed = self.traffic_control(RTM_GETQDISC, ifindex, 0)?;
        let mut qdiscs = Vec::new();
        for message in listed.iter().filter(|message| message.number_at(HANDLE) >> 16 != 0) {
            let mut qdisc = Qdisc { request: request(message), flaw: None };
            qdisc.flaw = self.flaw(&qdisc, message)?;
            qdiscs.push(qdisc);
        }
        Ok(qdiscs)
    }

    /// Gives a link a queueing discipline. Equivalent to `tc qdisc replace`.
    ///
    /// # Errors
    /// The kernel's error.
    pub fn put_qdisc(&self, qdisc: &Qdisc) -> std::result::Result<(), NetlinkError> {
        self.requests.exchange::<Raw>(qdisc.request.clone(), NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE).map(drop)
    }

    /// What belongs to a queueing discipline that cannot be put back.
    fn flaw(&self, qdisc: &Qdisc, reported: &Raw) -> Result<Option<String>> {
        let (kind, handle) = (qdisc.kind(), qdisc.request.number_at(HANDLE));
        let ifindex = qdisc.request.number_at(IFINDEX);
        if BLOCKS.iter().any(|block| reported.value(HEADER, *block).is_some()) {
            return Ok(Some("with a shared block".to_owned()));
        }
        // The two directions have filters of their own: `TC_H_MIN_INGRESS` and `TC_H_MIN_EGRESS` of `linux/pkt_sched.h`.
        let parents = if kind == "clsact" { vec![handle | 0xfff2, handle | 0xfff3] } else { vec![handle] };
        let mut filters = 0;
        for parent in parents {
            filters += self.traffic_control(RTM_GETTFILTER, ifindex, parent)?.len();
        }
        if filters > 0 {
            return Ok(Some("with filters".to_owned()));
        }
        let classes = if kind == "htb" { self.traffic_control(RTM_GETTCLASS, ifindex, handle)?.len() } else { 0 };
        if classes > 0 {
            return Ok(Some(format!("with {classes} {}", if classes == 1 { "class" } else { "classes" })));
        }
        let whole = REPEATABLE.contains(&kind.as_str()) && reported.value(HEADER, TCA_STAB).is_none();
        let options = reported.value(HEADER, TCA_OPTIONS).unwrap_or_default();
        // Ours has no table.
        let whole = whole && (kind != "netem" || qdisc.is_ours() || !is_distributed(options));
        Ok((!whole).then(|| "with parameters that the kernel does not report".to_owned()))
    }

    pub(crate) fn traffic_control(&self, question: u16, ifindex: u32, parent: u32) -> Result<Vec<Raw>> {
        let Some(once) = self.once.as_ref().filter(|_| question == RTM_GETQDISC) else {
            let mut listed = self.list_traffic_control(question, ifindex, parent)?;
            listed.retain(|message| message.number_at(IFINDEX) == ifindex);
            return Ok(listed);
        };
        let all = once::list(&once.qdiscs, || {
            Ok(once::grouped(self.list_traffic_control(question, 0, 0)?, |qdisc| qdisc.number_at(IFINDEX)))
        })?;
        Ok(all.get(&ifindex).cloned().unwrap_or_default())
    }

    /// The kernel lists the queueing disciplines of all links, and the rest of one.
    fn list_traffic_control(&self, question: u16, ifindex: u32, parent: u32) -> Result<Vec<Raw>> {
        let mut message = Raw { kind: question, payload: vec![0; HEADER] };
        message.set_number_at(IFINDEX, ifindex);
        message.set_number_at(PARENT, parent);
        let listed = self.requests.exchange::<Raw>(message, NLM_F_DUMP);
        let mut listed = listed.map_err(|error| error.context("list queueing disciplines"))?.entries;
        // `RTM_GET..` is `RTM_NEW..` and two.
        listed.retain(|message| message.kind + 2 == question);
        Ok(listed)
    }
}

impl Qdisc {
    /// Whether it is the netem that nicon gave its link.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        self.request.number_at(HANDLE) == OURS && self.is_root()
    }

    /// Whether it cannot be put back as it is.
    #[must_use]
    pub fn is_flawed(&self) -> bool {
        self.flaw.is_some()
    }

    /// Whether the other one is the same, with the same parameters.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        self.request == other.request
    }

    /// The request for it in hexadecimal.
    #[must_use]
    pub fn to_hex(&self) -> String {
        self.request.to_hex()
    }

    /// Reads what [`Qdisc::to_hex`] wrote about a link with the ifindex `was`, and addresses it to `ifindex`. `None` if it is
    /// anything else.
    #[must_use]
    pub fn from_hex(text: &str, was: u32, ifindex: u32) -> Option<Self> {
        let mut request = Raw::from_hex(text)?;
        let is_one = request.kind == RTM_NEWQDISC && request.has_only(HEADER, &[TCA_KIND, TCA_OPTIONS]);
        if !is_one || request.number_at(IFINDEX) != was {
            return None;
        }
        request.set_number_at(IFINDEX, ifindex);
        Some(Self { request, flaw: None })
    }

    pub(crate) fn is_root(&self) -> bool {
        self.request.number_at(PARENT) == ROOT
    }

    pub(crate) fn kind(&self) -> String {
        self.request.value(HEADER, TCA_KIND).map(text).unwrap_or_default()
    }
}

impl std::fmt::Display for Qdisc {
    /// As `tc` prints it, in short.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (handle, parent) = (self.request.number_at(HANDLE), TcHandle::from(self.request.number_at(PARENT)));
        write!(f, "{} {:x}:", self.kind(), handle >> 16)?;
        match parent {
            TcHandle::ROOT => f.write_str(" root")?,
            parent => write!(f, " parent {:x}:{:x}", parent.major, parent.minor)?,
        }
        self.flaw.iter().try_for_each(|flaw| write!(f, " {flaw}"))
    }
}

/// The request for what the kernel reports.
pub(crate) fn request(reported: &Raw) -> Raw {
    let mut payload = reported.payload.get(..PARENT + 4).unwrap_or_default().to_vec();
    payload.resize(HEADER, 0);
    for attribute in [TCA_KIND, TCA_OPTIONS] {
        if let Some(value) = reported.value(HEADER, attribute) {
            push(&mut payload, attribute, value);
        }
    }
    if reported.value(HEADER, TCA_KIND).map(text).as_deref() == Some("htb") {
        accept_htb(&mut payload);
    }
    Raw { kind: RTM_NEWQDISC, payload }
}

/// Makes a request of what `htb` reports about itself, `tc_htb_glob`: its first field is a version, of which a request has the
/// upper half, and its last field counts packets (`htb_init` and `htb_dump` of `net/sched/sch_htb.c`).
fn accept_htb(payload: &mut [u8]) {
    const TCA_HTB_INIT: u16 = 2;
    // The header, kind, the header of the options, and that of `TCA_HTB_INIT`, which comes first.
    let init = HEADER + 8 + 4;
    let is_init = value(payload.get(init..).unwrap_or_default(), TCA_HTB_INIT).is_some_and(|init| init.len() == 20);
    if let (true, Some(global)) = (is_init, payload.get_mut(init + 4..init + 24)) {
        let version = u32::from_ne_bytes([global[0], global[1], global[2], global[3]]);
        global[..4].copy_from_slice(&(version >> 16).to_ne_bytes());
        global[16..].fill(0);
    }
}

/// Whether `netem` varies its delay: the kernel does not report the table that it may do so by. `jitter` is the sixth number of
/// `tc_netem_qopt`, and attributes follow; `linux/pkt_sched.h`.
fn is_distributed(options: &[u8]) -> bool {
    const TCA_NETEM_JITTER64: u16 = 11;
    const TCA_NETEM_SLOT: u16 = 12;
    let jitter = options.get(20..24).is_some_and(|jitter| jitter != [0; 4]);
    let more = options.get(24..).unwrap_or_default();
    jitter || value(more, TCA_NETEM_JITTER64).is_some() || value(more, TCA_NETEM_SLOT).is_some()
}
