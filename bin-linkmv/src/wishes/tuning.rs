//! The options that say how a link works, whatever it is connected to. Both ends of a pair can have the same.

use clap::Args;
use nicon_core::Record;
use nicon_core::link::{OffloadSpec, Percent, Rate, Setting, Time};
use serde_json::Value;

use crate::wishes::given::set;
use crate::wishes::valid::valid;

/// How a link works.
#[derive(Debug, Args)]
pub(crate) struct Tuning {
    /// Use its IPv6 addresses at once, without duplicate address detection
    #[arg(long)]
    nodad: bool,

    /// A setting under /proc/sys/net, without the link's name: ipv4.conf.rp_filter=0
    #[allow(clippy::doc_markdown, reason = "the help shows it as it is")]
    #[arg(long, value_name = "KEY=VALUE", value_parser = valid::<Setting>)]
    sysctl: Vec<String>,

    /// Whether it receives what is sent to others, too
    #[arg(long, value_name = "on|off", value_parser = switch)]
    promisc: Option<bool>,

    /// The length of its transmit queue
    #[arg(long, value_name = "PACKETS")]
    txqueuelen: Option<u32>,

    /// Switch an offload, by a name that ethtool -K takes
    #[arg(long, value_name = "NAME=on|off", value_parser = valid::<OffloadSpec>)]
    offload: Vec<String>,

    /// Send later by this time, such as 10ms. This and the next three are one netem of tc: what is not given of it is off
    #[arg(long, value_name = "TIME", value_parser = valid::<Time>)]
    delay: Option<String>,

    /// Vary the delay by up to this time, either way
    #[arg(long, value_name = "TIME", requires = "delay", value_parser = valid::<Time>)]
    jitter: Option<String>,

    /// Drop this part of what it sends, such as 0.5%
    #[arg(long, value_name = "PERCENT", value_parser = valid::<Percent>)]
    loss: Option<String>,

    /// Send at most this much, such as 10mbit
    #[arg(long, value_name = "RATE", value_parser = valid::<Rate>)]
    rate: Option<String>,
}

impl Tuning {
    /// Writes those that were given into a record, in the place of its own.
    pub(crate) fn put_into(&self, record: &mut Record) {
        if self.nodad {
            record.set("nodad", true);
        }
        #[allow(clippy::redundant_closure, reason = "the function alone is of one lifetime")]
        set_pairs(record, "sysctl", &self.sysctl, |value| Value::from(value));
        set_pairs(record, "offload", &self.offload, |word| Value::from(word == "on"));
        set(record, "promisc", self.promisc.as_ref());
        set(record, "txqueuelen", self.txqueuelen.as_ref());
        for (field, text) in
            [("delay", &self.delay), ("jitter", &self.jitter), ("loss", &self.loss), ("rate", &self.rate)]
        {
            set(record, field, text.as_ref());
        }
    }

    /// Whether none was given.
    pub(crate) fn is_empty(&self) -> bool {
        let mut record = Record::default();
        self.put_into(&mut record);
        record == Record::default()
    }
}

/// Sets a field to an object of the names and values that an option gave, if it gave any.
fn set_pairs(record: &mut Record, field: &str, pairs: &[String], value: impl Fn(&str) -> Value) {
    let pairs = pairs.iter().filter_map(|pair| pair.split_once('='));
    let object: serde_json::Map<_, _> = pairs.map(|(name, word)| (name.to_owned(), value(word))).collect();
    if !object.is_empty() {
        record.set(field, object);
    }
}

fn switch(word: &str) -> Result<bool, String> {
    match word {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err("expected on or off".to_owned()),
    }
}
