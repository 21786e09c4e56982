//! The command line.

use std::path::PathBuf;

use clap::Parser;
use nicon_core::filter::format::OutputFormat;

use crate::targets::Targets;

/// Turn a plan, which is YAML, into records for nicon-resolve and the programs that change links.
///
/// A plan is a list of links in nicon's own form, or a topology file of containerlab, as it is: of that the links are made, in
/// nodes that run. What it says of starting and configuring nodes (images, binds, exec, ..) is not carried out.
///
/// All of a plan is checked before its first record is printed; each fault is reported with its line and column. The
/// records carry the plan's name: nicon-resolve passes on all records of a plan, or none if a container is not found or
/// does not have its expected PID. Then nothing is touched.
///
/// Of a plan for several machines, the half of one is printed: what is wholly there, and its ends of links to the others, which
/// are VXLANs.
#[derive(Debug, Parser)]
#[command(
    name = "nicon-plan",
    version,
    max_term_width = 100,
    after_help = "\
A plan:
  name: lab1          # default: what the file is called, without .yaml
  links:
  - endpoints: [\"setup.olt_1.lt_1:eth1\", \"host:up0\"]     # a pair of links
    mtu: 9000         # for both ends. Also nodad, up, promisc, txqueuelen,
                      # sysctl, offload, delay, jitter, loss, rate
  - endpoints:
    - {endpoint: \"a.b:eth2\", addr: [192.0.2.1/30]}       # for one end. Also
    - \"a.c:eth2\"      # gateway, route, mac, master, vlan, pvid, untagged,
                      # isolated, alias, altname
  - {kind: macvlan, endpoint: \"a.b:eth3\", parent: ens3}  # a link that is made:
                      # also macvtap, ipvlan, vlan, vxlan, bridge, dummy,
                      # wireguard. The parent is the host's or, with
                      # from: target, the container's own
  # A link that is moved, from where it is now (default: here); expected_pid is
  # the PID that the container must have (default: any)
  - {link: veth0, from: blue, endpoint: \"a.b:eth1\", expected_pid: 17180}
  - {target: a.d}     # a container that is only looked for

A plan for several machines:
  machines: {lab1: {address: 192.0.2.1}, lab2: {address: 192.0.2.2}}
  nodes: {\"core*\": {on: lab1}, \"edge*\": {on: lab2}}      # what is where

Every key is in plan.schema.json, among nicon's documents.

What is wired is marked with the plan's name. A plan on standard input that does not say its name
is called \"plan\". Give each plan a name of its own: two labs in files called lab.yaml that do not
say theirs are one plan to nicon-wire, and --prune, --destroy and a watch of the one take away the
links of the other.

Examples:
  nicon-plan links.yaml | nicon-resolve | nicon-linkmv
  nicon-plan --each links.yaml | nicon-resolve | nicon-linkmv >moved
  nicon-plan --in setup.olt_1 ring.clab.yml | nicon-resolve | nicon-veth
  nicon-plan --watch lab.yaml | nicon-resolve --watch | nicon-wire
  nicon-plan --on lab2 lab.yaml | nicon-resolve | nicon-wire --check
  nicon-plan --none lab.yaml | nicon-wire --destroy

Exit status: 0 the plan is valid, 2 it is not, or could not be read."
)]
pub(crate) struct Args {
    /// The plan (default, and -: standard input)
    #[arg(value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,

    /// Treat each link on its own: those without faults are printed (default: all links of the plan or none)
    #[arg(long)]
    pub(crate) each: bool,

    /// Go on when all is printed: each time the file says something else, and has no faults, print all of its records again, as the
    /// next revision of the plan. The faults of others are told, and change nothing
    #[arg(long)]
    pub(crate) watch: bool,

    /// The machine whose half of a plan for several machines is printed (default: this one, by its name)
    #[arg(long, value_name = "MACHINE")]
    pub(crate) on: Option<String>,

    /// Print one record that asks for nothing, under the plan's name: all that "nicon-wire --destroy" needs, whatever faults the
    /// rest of the file has
    #[arg(long, conflicts_with_all = ["each", "watch", "on", "within"])]
    pub(crate) none: bool,

    /// The container whose engine runs the plan's containers (default: those of this machine)
    #[arg(long = "in", value_name = "PATH", value_parser = Targets::within)]
    pub(crate) within: Option<Targets>,

    #[command(flatten)]
    pub(crate) format: OutputFormat,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_manual_matches_the_command_line() {
        nicon_manual::check(Args::command());
    }
}
