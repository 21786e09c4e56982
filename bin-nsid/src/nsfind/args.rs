//! The command line.

use std::path::PathBuf;

use clap::Parser;

use crate::types::Types;

/// Find the processes that are in a namespace, by one walk over /proc for all that is asked.
///
/// NS is an inode number, the kernel's spelling of a namespace, or a path that leads to one. The answer is the namespace's
/// leader: the first process of a PID namespace, otherwise the one that started first; with the number of its processes.
///
/// Without NS, a pipe or file on standard input is read for records with "ns" (as nicon-nsid prints them) and for one NS a
/// line. Where standard input is neither, and with --list or --names -, every namespace of the machine is told.
#[derive(Debug, Parser)]
#[command(
    name = "nicon-nsfind",
    version,
    max_term_width = 100,
    after_help = "\
Examples:
  nicon-nsfind 'pid:[4026532565]'
  nicon-nsfind --all /run/netns/blue
  nicon-nsid 4242 | nicon-nsfind --all -T pid
  nicon-nsfind --list --holders -T net
  nicon-resolve '**' | nicon-nsfind --names -

Exit status: 0 all found, 1 a clear no (nobody is in it), 2 could not tell, or not for sure."
)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(crate) struct Args {
    #[arg(
        help = "Namespaces: 4026532565, pid:[4026532565], /run/netns/blue, /proc/42/ns/net",
        value_name = "NS",
        conflicts_with = "list"
    )]
    pub(crate) operands: Vec<String>,

    #[command(flatten)]
    pub(crate) types: Types,

    /// Tell each process that is in the namespace, as soon as it is found
    #[arg(short, long, conflicts_with = "list")]
    pub(crate) all: bool,

    /// Tell any one process that is in the namespace, and look no further: the fast way
    #[arg(short = '1', long, conflicts_with_all = ["all", "list"])]
    pub(crate) first: bool,

    /// Also find what else keeps a namespace: mounts, descriptors, threads, children to be, namespaces below
    #[arg(long, conflicts_with_all = ["all", "first"])]
    pub(crate) holders: bool,

    /// List every namespace of the machine, whatever standard input is
    #[arg(short, long)]
    pub(crate) list: bool,

    /// Call containers by their paths: FILE has records of nicon-resolve '**', and - is standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) names: Option<PathBuf>,

    /// Print bare PIDs, one a line
    #[arg(long, conflicts_with_all = ["json", "holders"])]
    pub(crate) pid: bool,

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
