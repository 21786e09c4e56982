//! The command line.

use std::path::PathBuf;

use clap::Parser;
use nicon_core::filter::format::OutputFormat;
use nicon_core::link::Target;

use crate::having::Having;

/// List the links of network namespaces, and which are wired to which.
///
/// The namespaces are those of the processes that the records on standard input name (as nicon-resolve prints them), or
/// of --target, --netns or --all. Each link is one record: the one that named its process, with what is known of the link
/// added as "nic". The other end of a veth is shown by its name, ifindex and network namespace, and by the target's name, if
/// that namespace is one of those that were asked for, or that of a container around these, or of --names.
#[derive(Debug, Parser)]
#[allow(clippy::struct_excessive_bools, reason = "each is an option of its own")]
#[command(
    name = "nicon-links",
    version,
    max_term_width = 100,
    after_help = "\
Examples:
  nicon-links -t host
  nicon-links -t 4242 --kind veth
  nicon-resolve '**' | nicon-links --all --names - --having 192.0.2.7
  nicon-resolve '**' | nicon-links --all --names -
  nicon-resolve '**' | nicon-links --having tcp:8080
  nicon-resolve a.b a.c | nicon-links --watch
  nicon-resolve --watch '**' | nicon-links --watch

Exit status: 0 all listed, 1 a clear no (process gone, nothing has what --having asks for), 2 could not."
)]
pub(crate) struct Args {
    /// A process whose network namespace is listed, a namespace by its name or file, or "host" for ours
    #[arg(short, long = "target", value_name = "PID|NAME|FILE")]
    pub(crate) targets: Vec<Target>,

    /// A network namespace by the name that "ip netns" knows, or by its file
    #[arg(short, long, value_name = "NAME|FILE")]
    pub(crate) netns: Vec<String>,

    /// All network namespaces that a process is in or that have a name
    #[arg(short, long, conflicts_with_all = ["targets", "netns"])]
    pub(crate) all: bool,

    /// Show containers by path, also those that are not listed; FILE holds the output of nicon-resolve '**' (- for standard input)
    #[arg(long, value_name = "FILE")]
    pub(crate) names: Option<PathBuf>,

    /// Only links of this kind, such as veth, bridge, macvlan
    #[arg(short, long)]
    pub(crate) kind: Option<String>,

    /// Only what has WHAT: a link's name (eth0), MAC (02:00:5e:00:53:01), address (192.0.2.1) or one in a network (192.0.2.0/24), or
    /// a port that something listens on (tcp:8080, udp:53, port:53 for either).
    ///
    /// name:, mac: and ip: before it say which is meant. Of several, all must hold of one link, and of its network
    /// namespace. With an address and a port, something listens on that address, or on all. If only ports are asked for, without --kind, --stats and
    /// --offloads, one record for each target is printed in place of those of its links. Records tell what listens as "listening".
    #[arg(long, value_name = "WHAT")]
    pub(crate) having: Vec<Having>,

    /// Include traffic counters
    #[arg(short, long, conflicts_with = "watch")]
    pub(crate) stats: bool,

    /// Include offloads: which features are on, and which could be, by the names that the kernel and "ethtool -k" have for them
    #[arg(long)]
    pub(crate) offloads: bool,

    /// Keep running, and print each change, until nothing is left that could come back: a name can, new ones with --all, and
    /// whatever "nicon-resolve --watch" tells of
    #[arg(short, long)]
    pub(crate) watch: bool,

    #[command(flatten)]
    pub(crate) format: OutputFormat,
}

impl Args {
    /// Whether links are asked for, and not only who listens.
    pub(crate) fn asks_for_links(&self) -> bool {
        let is_of_link = |having: &Having| !matches!(having, Having::Port(_));
        let has_link = self.having.is_empty() || self.having.iter().any(is_of_link);
        has_link || self.kind.is_some() || self.stats || self.offloads
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
