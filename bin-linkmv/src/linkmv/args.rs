//! The command line.

use std::time::Duration;

use clap::Parser;
use nicon_core::filter::format::OutputFormat;
use nicon_core::filter::seconds::seconds;
use nicon_core::link::{Keep, NewName, Selector, Target};

use crate::wishes::attributes::{Attributes, HEADING};
use crate::wishes::origin::From;
use crate::wishes::valid::valid;

/// Move a network link into the network namespace of a process, under a new name, and bring it up.
///
/// The process is the one that the record on standard input names (as nicon-resolve prints it), or --target. Without LINK,
/// each record says with "link" and "name" what is moved; it may also say with "from" where from, and with fields named like
/// the options below what the link is to be like. An option overrides the field of the same name. What was done is then no
/// longer among the record's wishes, but in its list "done". With LINK, no wish but "from" is read. A record that does not
/// ask for a move passes through, as does one that has "failed".
///
/// Namespaces are named by a PID, by the name that "ip netns" knows, by a file, or as "host": our own. LINK is a name, an
/// alternative name, an ifindex, mac:02:00:5e:00:53:01 or pci:0000:01:00.0.
///
/// A link that is in its target already is changed where it is, if --from says so: with "target", or with the target's own name.
/// --undo then gives it back what it had.
///
/// A link that cannot be moved, or cannot be given all that was asked for, stays where it was, as it was. Moving a link twice
/// is harmless: the second run only adds what is missing, or, if that fails, takes back what it added. nicon recognises a link
/// that it moved by its origin, which is in its alias or, if it has another alias, in an alternative name "nicon-from.*".
/// While a move is in progress the link has an alternative name that begins with "nicon."; if the run is killed, repeat the
/// command to finish it. It also finds a link that is back where it came from under another name, as when its container has
/// ended, and an interrupted move's link wherever it is.
#[derive(Debug, Parser)]
#[allow(clippy::struct_excessive_bools, reason = "each is an option of its own")]
#[command(
    name = "nicon-linkmv",
    version,
    max_term_width = 100,
    after_help = "\
Examples:
  nicon-resolve a.b | nicon-linkmv veth0 eth1
  nicon-resolve a.b | nicon-linkmv veth0 eth%d --addr 192.0.2.2/24 --gateway 192.0.2.1
  nicon-linkmv -f 4242 -t host eth1 veth0 --keep addr,route
  nicon-linkmv -t 4242 veth0 eth1 >moved; nicon-linkmv --undo <moved

Rights: root, or CAP_NET_ADMIN and CAP_SYS_ADMIN over the namespaces, CAP_SYS_PTRACE for other
users' processes, and CAP_NET_RAW for --announce.

Exit status: 0 all moved, 1 a clear no (no such link, name taken, process gone), 2 could not.
A signal ends a run after the move in progress, whose record is printed."
)]
pub(crate) struct Args {
    /// The link to move: a name, an ifindex, mac:ADDRESS or pci:ADDRESS
    pub(crate) link: Option<Selector>,

    /// The name that it gets, or a pattern like eth%d (default: the name that it has)
    pub(crate) newname: Option<NewName>,

    /// Where it is moved to: a PID, a network namespace's NAME or FILE, or "host"
    #[arg(short, long, value_name = "PID|NAME|FILE", requires = "link")]
    pub(crate) target: Option<Target>,

    /// Where it is now; "target": it is where it is to be, and only gets what it lacks [default: our own network namespace]
    #[arg(short, long, value_name = "PID|NAME|FILE")]
    pub(crate) from: Option<From>,

    /// Move it even if it carries a default route, is a port of another link, has links stacked on it, wherever they are, or
    /// would lose for good what is attached to it, such as filters; with --undo, put it back, or remove a pair, even if that
    /// destroys links stacked on it, and bring in, down, a link of which nothing but the link itself says that it came from here
    #[arg(long)]
    pub(crate) force: bool,

    /// Wait up to SECONDS for a carrier, and to know that no other host has its IPv6 addresses; else put the link back
    #[arg(long, value_name = "SECONDS", value_parser = seconds, conflicts_with = "no_up")]
    pub(crate) wait: Option<Duration>,

    /// Tell the neighbours where the link's addresses are now (gratuitous ARP, unsolicited NA)
    #[arg(long, conflicts_with = "no_up")]
    pub(crate) announce: bool,

    /// Pause after each link of a batch, to let other programs get at theirs
    #[arg(long, value_name = "SECONDS", value_parser = seconds, conflicts_with = "target")]
    pub(crate) pace: Option<Duration>,

    /// Print what would be done, and do nothing
    #[arg(short = 'n', long)]
    pub(crate) dry_run: bool,

    /// Stop at the first record that fails
    #[arg(long)]
    pub(crate) fail_fast: bool,

    /// Stop at the first record that fails or at a signal, and undo the earlier moves, also if the output cannot be written
    #[arg(long, conflicts_with_all = ["fail_fast", "dry_run", "undo"])]
    pub(crate) all_or_nothing: bool,

    /// Undo what was done: standard input is what nicon-linkmv, -veth, -linkadd or -wire printed
    #[arg(long, conflicts_with_all = ["link", "target", "from", "dry_run", "Attributes", "keep"])]
    pub(crate) undo: bool,

    #[command(flatten)]
    pub(crate) format: OutputFormat,

    #[command(flatten)]
    pub(crate) attributes: Attributes,

    /// Carry over what a move would lose: addr, route, sysctl
    #[arg(long, help_heading = HEADING, value_name = "WHAT", value_delimiter = ',', value_parser = valid::<Keep>)]
    pub(crate) keep: Vec<String>,
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
