//! The command line.

use std::time::Duration;

use clap::Parser;
use nicon_core::filter::format::OutputFormat;
use nicon_core::filter::seconds::seconds;
use nicon_core::link::{Cidr, Gateway, LinkName, Mac, RouteSpec, Target};
use nicon_core::{Error, Record, Result};

use crate::making::new_link::NewLink;
use crate::veth::end::end_of;
use crate::wishes::given::{set, set_list};
use crate::wishes::tuning::Tuning;
use crate::wishes::valid::valid;

/// Wire two network namespaces with a veth pair, whose ends are made in their places, named, and brought up.
///
/// The two ends are placed where the two records on standard input say (as nicon-resolve prints them), or --target, given
/// twice; with one of each, --target is the first end. Without NAME and PEER, many pairs are made: each record says with "pair"
/// which two belong together, and with "name" (and fields named like the options below, and "alias", "altname" and "up") what
/// its end is like; one without "pair" passes through.
///
/// No link is moved, so none can be left halfway: the whole pair is made, or nothing. If the two links exist already, as the
/// two ends of one pair, only what they lack is added, or, if that fails, taken back. What was done is listed in "done", and
/// --undo removes the pair.
#[derive(Debug, Parser)]
#[allow(clippy::struct_excessive_bools, reason = "each is an option of its own")]
#[command(
    name = "nicon-veth",
    version,
    max_term_width = 100,
    after_help = "\
Examples:
  nicon-resolve a.b.c x.y | nicon-veth eth1 eth2
  nicon-resolve a.b | nicon-veth -t host veth-ab eth1 --addr 192.0.2.1/30 --peer-addr 192.0.2.2/30
  nicon-resolve a.b | nicon-veth -t host veth-ab eth1 --master br0
  nicon-resolve a.b x.y | nicon-veth eth1 eth2 >made; nicon-veth --undo <made

Rights: root, or CAP_NET_ADMIN and CAP_SYS_ADMIN over the namespaces, CAP_SYS_PTRACE for other
users' processes, and CAP_NET_RAW for --announce.

Exit status: 0 all wired, 1 a clear no (name taken, process gone), 2 could not."
)]
pub(crate) struct Args {
    /// The first end's name
    #[arg(requires = "peer")]
    pub(crate) name: Option<LinkName>,

    /// The second end's name
    pub(crate) peer: Option<LinkName>,

    /// Where an end is: a PID, a network namespace's NAME or FILE, or "host"
    #[arg(short, long = "target", value_name = "PID|NAME|FILE", requires = "name")]
    pub(crate) targets: Vec<Target>,

    /// An address of the first end
    #[arg(long, value_name = "CIDR", requires = "name", value_parser = valid::<Cidr>)]
    addr: Vec<String>,

    /// An address of the second end
    #[arg(long, value_name = "CIDR", requires = "name", value_parser = valid::<Cidr>)]
    peer_addr: Vec<String>,

    /// The gateway of the first end's default route
    #[arg(long, value_name = "IP", requires = "name", value_parser = valid::<Gateway>)]
    gateway: Vec<String>,

    /// The gateway of the second end's default route
    #[arg(long, value_name = "IP", requires = "name", value_parser = valid::<Gateway>)]
    peer_gateway: Vec<String>,

    /// Another route of the first end: a network, and its gateway if it has one
    #[arg(long, value_name = "CIDR[,IP]", requires = "name", value_parser = valid::<RouteSpec>)]
    route: Vec<String>,

    /// Another route of the second end
    #[arg(long, value_name = "CIDR[,IP]", requires = "name", value_parser = valid::<RouteSpec>)]
    peer_route: Vec<String>,

    /// The first end's hardware address
    #[arg(long, value_name = "MAC", requires = "name", value_parser = valid::<Mac>)]
    mac: Option<String>,

    /// The second end's hardware address
    #[arg(long, value_name = "MAC", requires = "name", value_parser = valid::<Mac>)]
    peer_mac: Option<String>,

    /// MTU of both ends
    #[arg(long, value_name = "BYTES", requires = "name")]
    mtu: Option<u32>,

    /// MTU of the second end, if it differs
    #[arg(long, value_name = "BYTES", requires = "name")]
    peer_mtu: Option<u32>,

    /// The bridge, bond or VRF that the first end becomes a port of
    #[arg(long, value_name = "NAME", requires = "name", value_parser = valid::<LinkName>)]
    master: Option<String>,

    /// The one that the second end becomes a port of
    #[arg(long, value_name = "NAME", requires = "name", value_parser = valid::<LinkName>)]
    peer_master: Option<String>,

    /// Wait up to SECONDS for both ends to have a carrier, and to know that no other host has their IPv6 addresses; else make
    /// no pair
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) wait: Option<Duration>,

    /// Tell the neighbours what the ends' addresses are (gratuitous ARP, unsolicited NA)
    #[arg(long)]
    pub(crate) announce: bool,

    /// Print what would be done, and do nothing
    #[arg(short = 'n', long)]
    pub(crate) dry_run: bool,

    /// Stop at the first pair that fails
    #[arg(long)]
    pub(crate) fail_fast: bool,

    /// Stop at the first pair that fails or at a signal, and remove those that were made before, also if the output cannot be written
    #[arg(long, conflicts_with_all = ["fail_fast", "dry_run", "undo"])]
    pub(crate) all_or_nothing: bool,

    /// Undo what was done: standard input is what nicon-linkmv, -veth, -linkadd or -wire printed
    #[arg(long, conflicts_with_all = ["name", "targets", "wait", "announce", "dry_run", "Tuning"])]
    pub(crate) undo: bool,

    /// With --undo, remove a pair even if that destroys links stacked on its ends
    #[arg(long, requires = "undo")]
    pub(crate) force: bool,

    #[command(flatten)]
    pub(crate) format: OutputFormat,

    #[command(flatten, next_help_heading = "What both ends get")]
    both: Tuning,
}

impl Args {
    /// The two ends, where the command line names them.
    ///
    /// # Errors
    /// If an end could not have all that is asked for.
    pub(crate) fn ends(&self) -> Result<Option<[NewLink; 2]>> {
        let (Some(name), Some(peer)) = (&self.name, &self.peer) else {
            return if self.both.is_empty() { Ok(None) } else { Err(Error::failed(RECORDS_SAY)) };
        };
        let end = |name: &LinkName, fields: Fields<'_>| {
            let mut record = fields.of(name);
            self.both.put_into(&mut record);
            end_of(&record)
        };
        let first = Fields {
            lists: [("addr", &self.addr), ("gateway", &self.gateway), ("route", &self.route)],
            texts: [("mac", &self.mac), ("master", &self.master)],
            mtu: self.mtu,
        };
        let second = Fields {
            lists: [("addr", &self.peer_addr), ("gateway", &self.peer_gateway), ("route", &self.peer_route)],
            texts: [("mac", &self.peer_mac), ("master", &self.peer_master)],
            mtu: self.peer_mtu.or(self.mtu),
        };
        Ok(Some([end(name, first)?, end(peer, second)?]))
    }
}

/// Why options for both ends are refused.
const RECORDS_SAY: &str = "what pairs of records get, their fields say: name both ends, or leave the options out";

/// The options for one end, by the fields that say the same in a record.
struct Fields<'a> {
    lists: [(&'static str, &'a Vec<String>); 3],
    texts: [(&'static str, &'a Option<String>); 2],
    mtu: Option<u32>,
}

impl Fields<'_> {
    /// The record of an end with this name.
    fn of(&self, name: &LinkName) -> Record {
        let mut record = Record::default();
        record.set("name", name.as_str());
        self.lists.iter().for_each(|(field, items)| set_list(&mut record, field, items));
        for (field, text) in self.texts {
            set(&mut record, field, text.as_ref());
        }
        set(&mut record, "mtu", self.mtu.as_ref());
        record
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_manual_is_that_of_the_command_line() {
        nicon_manual::check(Args::command());
    }
}
