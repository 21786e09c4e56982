//! The command line.

use clap::Parser;
use nicon_core::link::{Cidr, LinkName, Mac, Target};

use crate::veth::end::End;

/// Wire two network namespaces with a veth pair, whose ends are made in their places, named, and brought up.
///
/// The two ends are placed where the two records on standard input say (as nicon-resolve prints them), or --target, given
/// twice; with one of each, --target is the first end. Without NAME and PEER, many pairs are made: each record says with "pair"
/// which two belong together, and with "name" (and "mac", "mtu", "master", "addr") what its end is like; one without "pair"
/// passes through.
///
/// No link is moved, so none can be left halfway: the whole pair is made, or nothing. If the two links exist already, as the
/// two ends of one pair, only what they lack is added. What was done is listed in "done": nicon-linkmv --undo removes the pair.
#[derive(Debug, Parser)]
#[command(
    name = "nicon-veth",
    version,
    max_term_width = 100,
    after_help = "\
Examples:
  nicon-resolve a.b.c x.y | nicon-veth eth1 eth2
  nicon-resolve a.b | nicon-veth -t host veth-ab eth1 --addr 192.0.2.1/30 --peer-addr 192.0.2.2/30
  nicon-resolve a.b | nicon-veth -t host veth-ab eth1 --master br0

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
    #[arg(long, value_name = "CIDR", requires = "name")]
    pub(crate) addr: Vec<Cidr>,

    /// An address of the second end
    #[arg(long, value_name = "CIDR", requires = "name")]
    pub(crate) peer_addr: Vec<Cidr>,

    /// The first end's hardware address
    #[arg(long, value_name = "MAC", requires = "name")]
    pub(crate) mac: Option<Mac>,

    /// The second end's hardware address
    #[arg(long, value_name = "MAC", requires = "name")]
    pub(crate) peer_mac: Option<Mac>,

    /// MTU of both ends
    #[arg(long, value_name = "BYTES", requires = "name")]
    pub(crate) mtu: Option<u32>,

    /// MTU of the second end, if it differs
    #[arg(long, value_name = "BYTES", requires = "name")]
    pub(crate) peer_mtu: Option<u32>,

    /// The bridge, bond or VRF that the first end becomes a port of
    #[arg(long, value_name = "NAME", requires = "name")]
    pub(crate) master: Option<LinkName>,

    /// The one that the second end becomes a port of
    #[arg(long, value_name = "NAME", requires = "name")]
    pub(crate) peer_master: Option<LinkName>,

    /// Print records even at a terminal
    #[arg(short = 'J', long)]
    pub(crate) json: bool,
}

impl Args {
    /// The two ends, where the command line names them.
    pub(crate) fn ends(&self) -> Option<[End; 2]> {
        let (first, second) = (self.name.clone()?, self.peer.clone()?);
        Some([
            End {
                name: first,
                mac: self.mac,
                mtu: self.mtu,
                master: self.master.clone(),
                addresses: self.addr.clone(),
            },
            End {
                name: second,
                mac: self.peer_mac,
                mtu: self.peer_mtu.or(self.mtu),
                master: self.peer_master.clone(),
                addresses: self.peer_addr.clone(),
            },
        ])
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
