//! The command line.

use clap::Parser;
use nicon_core::NsType;
use nicon_core::filter::format::OutputFormat;

use crate::operand::Operand;
use crate::types::{Types, parser};

/// Print the namespaces of a process, and the identity that tells it from any other.
///
/// The process is pinned while it is read: an answer never mixes two processes that had the same PID.
///
/// Without PID, reads one PID per line, or records with a "pid", from standard input. Records pass through, with the
/// answer added.
#[derive(Debug, Parser)]
#[command(
    name = "nicon-nsid",
    version,
    max_term_width = 100,
    after_help = "\
Examples:
  nicon-nsid 4242
  nicon-resolve a.b.c | nicon-nsid --id net
  nicon-nsid --tree -T pid,user self

Exit status: 0 all answered, 1 no such process, or its PID was reused, 2 some could not be answered."
)]
pub(crate) struct Args {
    /// Processes: PID, PID:INODE (with the inode number of the process on pidfs), or self
    #[arg(value_name = "PID")]
    pub(crate) operands: Vec<Operand>,

    #[command(flatten)]
    pub(crate) types: Types,

    /// Print the bare inode number of the namespace of this type
    #[arg(
        long,
        value_name = "TYPE",
        value_parser = parser(),
        hide_possible_values = true,
        conflicts_with_all = ["json", "output", "link", "tree", "types"]
    )]
    pub(crate) id: Option<NsType>,

    #[arg(
        long,
        help = "Print the namespace of this type in the kernel's notation: pid:[4026532565]",
        value_name = "TYPE",
        value_parser = parser(),
        hide_possible_values = true,
        conflicts_with_all = ["json", "output", "tree", "types"]
    )]
    pub(crate) link: Option<NsType>,

    /// Add each namespace's owner, and, if it has them, its parent and the user ID of its creator
    #[arg(long)]
    pub(crate) tree: bool,

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
