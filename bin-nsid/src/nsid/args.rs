//! The command line.

use clap::Parser;
use nicon_core::NsType;

use crate::operand::Operand;
use crate::types::Types;

/// Tell which namespaces a process is in, and what makes it that process and no other.
///
/// All of an answer is read from one process, which is held meanwhile: it never mixes two that had the same PID.
///
/// Without PID, reads one PID a line, or records with a "pid", from standard input. Records pass through, enriched.
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

Exit status: 0 all answered, 1 a clear no (no such process, no longer the same), 2 could not tell."
)]
pub(crate) struct Args {
    /// Processes: PID; PID:INODE, which only the process with that pidfs inode is; or self
    #[arg(value_name = "PID")]
    pub(crate) operands: Vec<Operand>,

    #[command(flatten)]
    pub(crate) types: Types,

    /// Print the bare inode number of the namespace of this type
    #[arg(long, value_name = "TYPE", conflicts_with_all = ["json", "link", "tree", "types"])]
    pub(crate) id: Option<NsType>,

    #[arg(long, help = "Print the namespace of this type as the kernel spells it: pid:[4026532565]", value_name = "TYPE", conflicts_with_all = ["json", "tree", "types"])]
    pub(crate) link: Option<NsType>,

    /// Add each namespace's owning user namespace, and the parent and the maker's user ID where it has them
    #[arg(long)]
    pub(crate) tree: bool,

    /// Print records even at a terminal
    #[arg(short = 'J', long)]
    pub(crate) json: bool,
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
