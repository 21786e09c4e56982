//! The command line.

use std::time::Duration;

use clap::Parser;
use nicon_core::filter::format::OutputFormat;
use nicon_core::filter::seconds::seconds;

/// Wire a whole plan: move links, make pairs and single links as the records on standard input say, all of it or nothing.
///
/// Each record asks with "link", "pair" or "kind" for what nicon-linkmv, nicon-veth or nicon-linkadd do; here all of them are
/// done in one pass, in whatever order they depend on each other. What is there already is not made again: a run only adds what is
/// missing, and changes in place what differs. If anything fails, all that this run did is taken back, unless the plan was read
/// with "nicon-plan --each".
///
/// What belongs to a plan is remembered by the links themselves: each gets an alternative name, "nicon-made.PLAN:NAME" or "nicon-kept.PLAN:NAME". How a
/// link was before a plan moved it is kept in /run/nicon until it is home again.
///
/// Behind "nicon-plan --watch" and "nicon-resolve --watch" a plan is kept wired: it is carried out as far as its containers are
/// there, and again for each container that comes back, each link on its own. What fails is tried again; what the plan's file does
/// not ask for any more goes.
#[derive(Debug, Parser)]
#[allow(clippy::struct_excessive_bools, reason = "each is an option of its own")]
#[command(
    name = "nicon-wire",
    version,
    max_term_width = 100,
    after_help = "\
Examples:
  nicon-plan lab.yaml | nicon-resolve | nicon-wire
  nicon-plan --each lab.yaml | nicon-resolve | nicon-wire --check
  nicon-plan lab.yaml | nicon-resolve | nicon-wire --prune
  nicon-plan --none lab.yaml | nicon-wire --destroy
  nicon-plan --watch lab.yaml | nicon-resolve --watch | nicon-wire

Rights: root, or CAP_NET_ADMIN and CAP_SYS_ADMIN over the namespaces, CAP_SYS_PTRACE for other
users' processes, and CAP_NET_RAW for --announce.

Exit status: 0 all as asked for, 1 a clear no (with --check: something differs), 2 could not."
)]
pub(crate) struct Args {
    /// Print what differs from the plan, and change nothing. With --prune, of the whole plan, with what would be removed
    #[arg(long, conflicts_with_all = ["destroy", "wait", "announce"])]
    pub(crate) check: bool,

    /// Remove what was made under the plan's name, and bring home what was moved. Only the plan's name is read of the records
    #[arg(long, conflicts_with_all = ["prune", "wait", "announce"])]
    pub(crate) destroy: bool,

    /// First remove, or bring home, links under the plan's name that the plan does not ask for any more. They are not made again if a
    /// later step fails. Some of what cannot be done, such as with a parent that is not there, is found before
    #[arg(long)]
    pub(crate) prune: bool,

    /// Move links even if they carry a default route, are ports of another link, or would lose something for good; remove
    /// links, and bring them home, even if that destroys others that are stacked on them
    #[arg(long)]
    pub(crate) force: bool,

    /// Wait up to SECONDS, once all links are there, for each that is up to have a carrier, and to know that no other host has
    /// its IPv6 addresses; the run fails otherwise
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) wait: Option<Duration>,

    /// Tell the neighbours where the links' addresses are (gratuitous ARP, unsolicited NA)
    #[arg(long)]
    pub(crate) announce: bool,

    #[command(flatten)]
    pub(crate) format: OutputFormat,
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
