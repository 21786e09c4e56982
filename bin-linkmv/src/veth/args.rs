//! The command line.

use std::time::Duration;

use clap::Parser;
use nicon_core::Result;
use nicon_core::link::{Cidr, Gateway, LinkName, LinkSpec, Mac, RouteSpec, Target};

use crate::seconds::seconds;
use crate::veth::end::End;

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
    #[arg(long, value_name = "CIDR", requires = "name")]
    pub(crate) addr: Vec<Cidr>,

    /// An address of the second end
    #[arg(long, value_name = "CIDR", requires = "name")]
    pub(crate) peer_addr: Vec<Cidr>,

    /// The gateway of the first end's default route
    #[arg(long, value_name = "IP", requires = "name")]
    pub(crate) gateway: Vec<Gateway>,

    /// The gateway of the second end's default route
    #[arg(long, value_name = "IP", requires = "name")]
    pub(crate) peer_gateway: Vec<Gateway>,

    /// Another route of the first end: a network, and its gateway if it has one
    #[arg(long, value_name = "CIDR[,IP]", requires = "name")]
    pub(crate) route: Vec<RouteSpec>,

    /// Another route of the second end
    #[arg(long, value_name = "CIDR[,IP]", requires = "name")]
    pub(crate) peer_route: Vec<RouteSpec>,

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

    /// Stop at the first pair that fails, and remove those that were made before
    #[arg(long, conflicts_with_all = ["fail_fast", "dry_run", "undo"])]
    pub(crate) all_or_nothing: bool,

    /// Undo what was done: standard input is what nicon-veth or nicon-linkmv printed
    #[arg(long, conflicts_with_all = ["name", "targets", "wait", "announce", "dry_run"])]
    pub(crate) undo: bool,

    /// With --undo, remove a pair even if that destroys links stacked on its ends
    #[arg(long, requires = "undo")]
    pub(crate) force: bool,

    /// Print records even at a terminal
    #[arg(short = 'J', long)]
    pub(crate) json: bool,
}

impl Args {
    /// The two ends, where the command line names them.
    ///
    /// # Errors
    /// If an end could not have all that is asked for.
    pub(crate) fn ends(&self) -> Result<Option<[End; 2]>> {
        let (Some(name), Some(peer)) = (&self.name, &self.peer) else { return Ok(None) };
        let spec = |addresses: &[Cidr], routes: &[RouteSpec], gateways: &[Gateway]| {
            let by_gateways = gateways.iter().copied().map(RouteSpec::default_by);
            LinkSpec {
                addresses: addresses.to_vec(),
                routes: routes.iter().cloned().chain(by_gateways).collect(),
                ..LinkSpec::default()
            }
        };
        let (mtu, mac, master) = (self.mtu, self.mac, self.master.clone());
        let first = LinkSpec { mtu, mac, master, ..spec(&self.addr, &self.route, &self.gateway) };
        let (mtu, mac, master) = (self.peer_mtu.or(mtu), self.peer_mac, self.peer_master.clone());
        let second = LinkSpec { mtu, mac, master, ..spec(&self.peer_addr, &self.peer_route, &self.peer_gateway) };
        Ok(Some([End::new(name.clone(), first)?, End::new(peer.clone(), second)?]))
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
