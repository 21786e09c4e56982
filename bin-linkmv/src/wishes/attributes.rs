//! The options that say what a link is to be like. Each becomes the field of its name, so that both are read by the same code.

use clap::Args;
use nicon_core::Record;
use nicon_core::link::{Alias, AltName, Cidr, Gateway, LinkName, Mac, RouteSpec, VidRange};

use crate::wishes::given::{set, set_list};
use crate::wishes::tuning::Tuning;
use crate::wishes::valid::valid;

/// The heading of these options.
pub(crate) const HEADING: &str = "What the link gets";

/// What a link is to be like in its network namespace.
#[derive(Debug, Args)]
#[command(next_help_heading = HEADING)]
pub(crate) struct Attributes {
    /// An address
    #[arg(long, value_name = "CIDR", value_parser = valid::<Cidr>)]
    addr: Vec<String>,

    /// The gateway of its default route
    #[arg(long, value_name = "IP", value_parser = valid::<Gateway>)]
    gateway: Vec<String>,

    /// Another route: a network, and its gateway if it has one
    #[arg(long, value_name = "CIDR[,IP]", value_parser = valid::<RouteSpec>)]
    route: Vec<String>,

    /// Its MTU
    #[arg(long, value_name = "BYTES")]
    mtu: Option<u32>,

    /// Its hardware address
    #[arg(long, value_name = "MAC", value_parser = valid::<Mac>)]
    mac: Option<String>,

    /// The bridge, bond or VRF that it becomes a port of
    #[arg(long, value_name = "NAME", value_parser = valid::<LinkName>)]
    master: Option<String>,

    /// As a port of a bridge, a VLAN that it has. If any is given, here or with the next two, it has no others
    #[arg(long, value_name = "VID[-VID]", value_parser = valid::<VidRange>)]
    vlan: Vec<String>,

    /// The VLAN that what arrives without a tag belongs to
    #[arg(long, value_name = "VID", value_parser = clap::value_parser!(u16).range(1..=4094))]
    pvid: Option<u16>,

    /// A VLAN that it sends without a tag
    #[arg(long, value_name = "VID[-VID]", value_parser = valid::<VidRange>)]
    untagged: Vec<String>,

    /// Let it exchange nothing with other isolated ports of its bridge
    #[arg(long)]
    isolated: bool,

    #[command(flatten)]
    tuning: Tuning,

    /// Its alias (a link that is moved gets its origin by default, by which nicon recognises it)
    #[arg(long, value_name = "TEXT", value_parser = valid::<Alias>)]
    alias: Option<String>,

    /// Add an alternative name
    #[arg(long, value_name = "NAME", value_parser = valid::<AltName>)]
    altname: Vec<String>,

    /// Leave it down
    #[arg(long)]
    no_up: bool,
}

impl Attributes {
    /// Writes those that were given into a record, in the place of its own.
    pub(crate) fn put_into(&self, record: &mut Record) {
        set_list(record, "addr", &self.addr);
        set_list(record, "gateway", &self.gateway);
        set_list(record, "route", &self.route);
        set_list(record, "altname", &self.altname);
        for (field, text) in [("mac", &self.mac), ("master", &self.master), ("alias", &self.alias)] {
            set(record, field, text.as_ref());
        }
        set_list(record, "vlan", &self.vlan);
        set_list(record, "untagged", &self.untagged);
        set(record, "mtu", self.mtu.as_ref());
        set(record, "pvid", self.pvid.as_ref());
        if self.isolated {
            record.set("isolated", true);
        }
        self.tuning.put_into(record);
        if self.no_up {
            record.set("up", false);
        }
    }
}
