//! The command line.

use clap::Parser;
use nicon_linkmv::LinkName;

/// Move a network link into the network namespace of a process, under a new name, and bring it up.
///
/// The process is the one that the record on standard input names (as nicon-resolve prints it), or --target. Without LINK,
/// each record says with "link" and "name" what is moved.
///
/// A link that cannot be moved stays where it was, as it was. To move one that was moved already changes nothing: nicon
/// leaves a note in the alias of each link that it moves, where there is none, and knows it again by that.
#[derive(Debug, Parser)]
#[command(
    name = "nicon-linkmv",
    version,
    max_term_width = 100,
    after_help = "\
Examples:
  nicon-resolve a.b | nicon-linkmv veth0 eth1
  nicon-linkmv -t 4242 veth0 eth1 >moved; nicon-linkmv --undo <moved

Exit status: 0 all moved, 1 a clear no (no such link, name taken, process gone), 2 could not."
)]
pub(crate) struct Args {
    /// The link to move, in our own network namespace
    pub(crate) link: Option<LinkName>,

    /// The name that it gets (default: the one that it has)
    pub(crate) newname: Option<LinkName>,

    /// The process whose network namespace it is moved to
    #[arg(short, long, value_name = "PID", requires = "link")]
    pub(crate) target: Option<i32>,

    /// Put back what the records on standard input say was moved, as it was
    #[arg(long, conflicts_with_all = ["link", "target"])]
    pub(crate) undo: bool,

    /// Print records even at a terminal
    #[arg(short = 'J', long)]
    pub(crate) json: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        Args::command().debug_assert();
    }
}
