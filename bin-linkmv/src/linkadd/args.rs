//! The command line.

use std::net::IpAddr;
use std::time::Duration;

use clap::Parser;
use nicon_core::filter::format::OutputFormat;
use nicon_core::filter::seconds::seconds;
use nicon_core::link::kind::{Kind, TARGETS_OWN, VlanProtocol};
use nicon_core::link::{LinkName, Selector, Target};
use nicon_core::{Error, Record, Result};
use serde_json::{Value, json};

use crate::wishes::attributes::Attributes;
use crate::wishes::given::set;
use crate::wishes::valid::valid;

/// The heading of the options that only some kinds have.
const HEADING: &str = "What it is made of";

/// Make a link in a network namespace: a macvlan, macvtap, ipvlan, vlan, vxlan, bridge, dummy or wireguard, named and brought up.
///
/// The link is made in the namespace that a record on standard input names (as nicon-resolve prints it), or --target; the one
/// below it may be anywhere. Without KIND, each record says with "kind" and "name" (and fields named like the options below)
/// what is made; one without "kind" passes through.
///
/// No link is moved, so none can be left halfway: all is made as asked, or nothing. If the link exists already, and is of the
/// same kind and on the same parent, only what it lacks is added, or, if that fails, taken back. What was done is listed in
/// "done", and --undo removes the link.
#[derive(Debug, Parser)]
#[allow(clippy::struct_excessive_bools, reason = "each is an option of its own")]
#[command(
    name = "nicon-linkadd",
    version,
    max_term_width = 100,
    after_help = "\
Examples:
  nicon-resolve a.b.c | nicon-linkadd macvlan eth1 --parent ens3 --addr 192.0.2.1/24
  nicon-resolve a.b | nicon-linkadd vlan --parent eth0 --from target --vid 7
  nicon-resolve a.b | nicon-linkadd vxlan vx0 --vni 100 --remote 198.51.100.9 --mtu 1450
  nicon-resolve a.b | nicon-linkadd bridge br0 >made; nicon-linkadd --undo <made

Rights: root, or CAP_NET_ADMIN and CAP_SYS_ADMIN over the namespaces, CAP_SYS_PTRACE for other
users' processes, and CAP_NET_RAW for --announce.

Exit status: 0 all made, 1 a clear no (name taken, no such parent, process gone), 2 could not."
)]
pub(crate) struct Args {
    /// The kind: macvlan, macvtap, ipvlan, vlan, vxlan, bridge, dummy or wireguard
    #[arg(value_parser = valid::<Kind>)]
    pub(crate) kind: Option<String>,

    /// Its name (of a vlan, by default that of its parent, and its number: eth0.7)
    #[arg(value_parser = valid::<LinkName>)]
    name: Option<String>,

    /// Where it is made: a PID, a network namespace's NAME or FILE, or "host"
    #[arg(short, long, value_name = "PID|NAME|FILE", requires = "kind")]
    pub(crate) target: Option<Target>,

    /// Wait up to SECONDS for a carrier, and to know that no other host has its IPv6 addresses; else make no link
    #[arg(long, value_name = "SECONDS", value_parser = seconds, conflicts_with = "no_up")]
    pub(crate) wait: Option<Duration>,

    /// Tell the neighbours what the link's addresses are (gratuitous ARP, unsolicited NA)
    #[arg(long, conflicts_with = "no_up")]
    pub(crate) announce: bool,

    /// Print what would be done, and do nothing
    #[arg(short = 'n', long)]
    pub(crate) dry_run: bool,

    /// Stop at the first record that fails
    #[arg(long)]
    pub(crate) fail_fast: bool,

    /// Stop at the first record that fails or at a signal, and remove the links that were made before, also if the output cannot be
    /// written
    #[arg(long, conflicts_with_all = ["fail_fast", "dry_run", "undo"])]
    pub(crate) all_or_nothing: bool,

    /// Undo what was done: standard input is what nicon-linkmv, -veth, -linkadd or -wire printed
    #[arg(long, conflicts_with_all = ["kind", "wait", "announce", "dry_run", "Attributes"])]
    pub(crate) undo: bool,

    /// With --undo, remove a link even if that destroys links stacked on it, or cuts off the ports of a bridge
    #[arg(long, requires = "undo")]
    pub(crate) force: bool,

    #[command(flatten)]
    pub(crate) format: OutputFormat,

    /// The link below it: a name, "mac:ADDRESS" or "pci:ADDRESS"
    #[arg(long, help_heading = HEADING, value_name = "LINK", value_parser = valid::<Selector>)]
    parent: Option<String>,

    /// Where that link is, or a vxlan or wireguard sends from: as for --target, or "target" for the same place [default: host]
    #[arg(short, long, help_heading = HEADING, value_name = "PID|NAME|FILE", value_parser = place)]
    from: Option<String>,

    /// How those on one parent reach each other: bridge, private, vepa or passthru (macvlan, macvtap); l2, l3 or l3s (ipvlan)
    #[arg(long, help_heading = HEADING)]
    mode: Option<String>,

    /// Number of the VLAN, 1 to 4094 (vlan)
    #[arg(long, help_heading = HEADING, value_name = "NUMBER")]
    vid: Option<u16>,

    /// 802.1Q or 802.1ad (vlan)
    #[arg(long, help_heading = HEADING, value_parser = valid::<VlanProtocol>)]
    protocol: Option<String>,

    /// Number of the network, of 24 bits (vxlan)
    #[arg(long, help_heading = HEADING, value_name = "NUMBER")]
    vni: Option<u32>,

    /// The host at the other end, or a multicast group (vxlan)
    #[arg(long, help_heading = HEADING, value_name = "IP")]
    remote: Option<IpAddr>,

    /// The address to send from (vxlan)
    #[arg(long, help_heading = HEADING, value_name = "IP")]
    local: Option<IpAddr>,

    /// UDP port of the other end (vxlan) [default: 4789]
    #[arg(long, help_heading = HEADING, value_name = "PORT")]
    dst_port: Option<u16>,

    /// Do not learn from packets where hardware addresses are (vxlan)
    #[arg(long, help_heading = HEADING)]
    no_learning: bool,

    /// A link of the same place: what arrives at one of both leaves by the other, both ways (vxlan)
    #[arg(long, help_heading = HEADING, value_name = "NAME", value_parser = valid::<LinkName>)]
    stitch: Option<String>,

    /// Keep the VLANs of the ports apart (bridge)
    #[arg(long, help_heading = HEADING)]
    vlan_filtering: bool,

    /// Take part in the spanning tree protocol (bridge)
    #[arg(long, help_heading = HEADING)]
    stp: bool,

    /// The file that holds the private key (wireguard)
    #[arg(long, help_heading = HEADING, value_name = "FILE")]
    private_key: Option<String>,

    /// UDP port to receive at (wireguard)
    #[arg(long, help_heading = HEADING, value_name = "PORT")]
    listen_port: Option<u16>,

    /// A peer: its public key, and any of endpoint=IP:PORT, allowed-ip=CIDR (more than once), preshared-key=FILE and
    /// keepalive=SECONDS (wireguard)
    #[arg(long, help_heading = HEADING, value_name = "KEY[,WHAT=..]..", value_parser = peer)]
    peer: Vec<Value>,

    #[command(flatten)]
    pub(crate) attributes: Attributes,
}

/// What `from` may be.
fn place(text: &str) -> Result<String> {
    if text == TARGETS_OWN { Ok(text.to_owned()) } else { valid::<Target>(text) }
}

/// A peer, as a record has it.
fn peer(text: &str) -> Result<Value> {
    let mut words = text.split(',');
    let mut peer = json!({ "public_key": words.next() });
    for word in words {
        let refuse = || Error::failed(format!("\"{word}\": endpoint=, allowed-ip=, preshared-key= or keepalive="));
        match word.split_once('=').ok_or_else(refuse)? {
            ("endpoint", endpoint) => peer["endpoint"] = endpoint.into(),
            ("allowed-ip", network) => match peer["allowed_ips"].as_array_mut() {
                Some(networks) => networks.push(network.into()),
                None => peer["allowed_ips"] = json!([network]),
            },
            ("preshared-key", file) => peer["preshared_key"] = file.into(),
            ("keepalive", seconds) => peer["keepalive"] = seconds.parse::<u16>().map_err(|_| refuse())?.into(),
            _ => return Err(refuse()),
        }
    }
    Ok(peer)
}

impl Args {
    /// Writes what was given into the wishes of a record, in the place of its own.
    pub(crate) fn put_into(&self, record: &mut Record) {
        let texts = [
            ("kind", &self.kind),
            ("name", &self.name),
            ("parent", &self.parent),
            ("from", &self.from),
            ("mode", &self.mode),
            ("protocol", &self.protocol),
            ("stitch", &self.stitch),
            ("private_key", &self.private_key),
        ];
        for (field, text) in texts {
            set(record, field, text.as_ref());
        }
        set(record, "vid", self.vid.as_ref());
        set(record, "vni", self.vni.as_ref());
        set(record, "remote", self.remote.as_ref());
        set(record, "local", self.local.as_ref());
        set(record, "dst_port", self.dst_port.as_ref());
        set(record, "listen_port", self.listen_port.as_ref());
        set(record, "peers", Some(&self.peer).filter(|peers| !peers.is_empty()));
        for (field, is_given, value) in [
            ("learning", self.no_learning, false),
            ("vlan_filtering", self.vlan_filtering, true),
            ("stp", self.stp, true),
        ] {
            set(record, field, is_given.then_some(value).as_ref());
        }
        self.attributes.put_into(record);
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
