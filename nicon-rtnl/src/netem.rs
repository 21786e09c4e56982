//! The netem that nicon gives to a link as its root queueing discipline; see `tc-netem(8)`.

use nicon_core::Result;
use nicon_core::link::{Netem, Percent, Rate, Time};
use nix::libc::{RTM_DELQDISC, RTM_GETQDISC, RTM_NEWQDISC, TCA_KIND, TCA_OPTIONS};
use rtnetlink::packet_core::{NLM_F_ACK, NLM_F_CREATE, NLM_F_REPLACE};

use crate::attribute::{push, value};
use crate::error::NetlinkError;
use crate::netlink::Netlink;
use crate::qdisc::{HANDLE, HEADER, OURS, PARENT, Qdisc, ROOT, request};
use crate::raw::{IFINDEX, Raw};

// Of `linux/pkt_sched.h`: attributes behind a `tc_netem_qopt`, and the length of that in bytes.
const TCA_NETEM_RATE: u16 = 6;
const TCA_NETEM_RATE64: u16 = 8;
const TCA_NETEM_LATENCY64: u16 = 10;
const TCA_NETEM_JITTER64: u16 = 11;
const OPTIONS: usize = 24;

/// How many packets it holds, as with `tc`.
const LIMIT: u32 = 1000;

/// Nanoseconds of a tick, in which the kernel reports a time if it is a whole number of them: `PSCHED_SHIFT` of
/// `net/pkt_sched.h`.
const TICK: u64 = 1 << 6;

/// The root queueing discipline of a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RootQdisc {
    /// The kernel's default.
    Default,
    /// The netem that nicon gave it.
    Ours(Netem),
    /// One that somebody else configured, as `tc` prints it in short.
    Others(String),
}

impl Netlink {
    /// The root queueing discipline of a link.
    ///
    /// # Errors
    /// If the kernel does not answer.
    pub fn root_qdisc(&self, ifindex: u32) -> Result<RootQdisc> {
        let listed = self.traffic_control(RTM_GETQDISC, ifindex, 0)?;
        // The kernel's defaults have no handle.
        let is_root = |message: &&Raw| message.number_at(PARENT) == ROOT && message.number_at(HANDLE) >> 16 != 0;
        Ok(match listed.iter().find(is_root) {
            None => RootQdisc::Default,
            Some(message) => {
                let qdisc = Qdisc { request: request(message), flaw: None };
                match message.value(HEADER, TCA_OPTIONS).and_then(read).filter(|_| qdisc.is_ours()) {
                    Some(netem) if qdisc.kind() == "netem" => RootQdisc::Ours(netem),
                    _ => RootQdisc::Others(qdisc.to_string()),
                }
            }
        })
    }

    /// Gives a link this netem, or changes the one that nicon gave it. Equivalent to
    /// `tc qdisc replace dev LINK root handle 6e69: netem ...`.
    ///
    /// # Errors
    /// The kernel's error.
    pub fn set_netem(&self, ifindex: u32, netem: &Netem) -> std::result::Result<(), NetlinkError> {
        let mut message = about(RTM_NEWQDISC, ifindex);
        push(&mut message.payload, TCA_KIND, b"netem\0");
        push(&mut message.payload, TCA_OPTIONS, &write(netem));
        self.requests.exchange::<Raw>(message, NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE).map(drop)
    }

    /// Takes away the netem that nicon gave a link.
    ///
    /// # Errors
    /// The kernel's error.
    pub fn remove_netem(&self, ifindex: u32) -> std::result::Result<(), NetlinkError> {
        self.requests.exchange::<Raw>(about(RTM_DELQDISC, ifindex), NLM_F_ACK).map(drop)
    }
}

fn about(kind: u16, ifindex: u32) -> Raw {
    let mut message = Raw { kind, payload: vec![0; HEADER] };
    message.set_number_at(IFINDEX, ifindex);
    message.set_number_at(HANDLE, OURS);
    message.set_number_at(PARENT, ROOT);
    message
}

/// The options of a netem. A rate is always among them: the kernel keeps the one that it has if none is given.
fn write(netem: &Netem) -> Vec<u8> {
    let rate = netem.rate.map_or(0, Rate::bytes);
    let mut options = [0, LIMIT, netem.loss.part(), 0, 0, 0].map(u32::to_ne_bytes).concat();
    push(&mut options, TCA_NETEM_LATENCY64, &netem.delay.nanoseconds().to_ne_bytes());
    push(&mut options, TCA_NETEM_JITTER64, &netem.jitter.nanoseconds().to_ne_bytes());
    if rate > u64::from(u32::MAX) {
        push(&mut options, TCA_NETEM_RATE64, &rate.to_ne_bytes());
    }
    // A `tc_netem_rate` begins with the rate, or with the greatest number if it is in the other attribute.
    let short = u32::try_from(rate).unwrap_or(u32::MAX);
    push(&mut options, TCA_NETEM_RATE, &[short, 0, 0, 0].map(u32::to_ne_bytes).concat());
    options
}

/// What the options of a netem say, as the kernel reports them.
fn read(options: &[u8]) -> Option<Netem> {
    let number = |at: usize| Some(u32::from_ne_bytes(options.get(at * 4..at * 4 + 4)?.try_into().ok()?));
    let more = options.get(OPTIONS..)?;
    let long = |kind: u16| value(more, kind)?.try_into().ok().map(u64::from_ne_bytes);
    let time = |kind: u16, ticks: u32| Time::from_nanoseconds(long(kind).unwrap_or(u64::from(ticks) * TICK));
    let short = value(more, TCA_NETEM_RATE).and_then(|rate| rate.first_chunk().copied()).map_or(0, u32::from_ne_bytes);
    let rate = long(TCA_NETEM_RATE64).unwrap_or(short.into());
    Some(Netem {
        delay: time(TCA_NETEM_LATENCY64, number(0)?),
        jitter: time(TCA_NETEM_JITTER64, number(5)?),
        loss: Percent::from_part(number(2)?),
        rate: Some(rate).filter(|rate| *rate > 0).map(Rate::from_bytes),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let time = |text: &str| text.parse::<Time>().unwrap();
        for rate in [None, Some("10mbit"), Some("100gbit")] {
            let rate = rate.map(|rate| rate.parse().unwrap());
            let loss = "0.5%".parse().unwrap();
            let netem = Netem { delay: time("10ms"), jitter: time("7ns"), loss, rate };
            assert_eq!(read(&write(&netem)), Some(netem));
        }
        // As the kernel reports whole ticks.
        let reported = [156_250, LIMIT, 0, 0, 0, 31_250].map(u32::to_ne_bytes).concat();
        let netem = Netem { delay: time("10ms"), jitter: time("2ms"), ..Netem::default() };
        assert_eq!(read(&reported), Some(netem));
        assert_eq!(read(&reported[..20]), None);
    }
}
