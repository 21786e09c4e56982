//! The command line.

use std::path::PathBuf;

use clap::Parser;
use nicon_core::filter::format::OutputFormat;
use nicon_core::filter::names::is_stdin;

use crate::question::owner::Owner;
use crate::types::Types;

/// Find the processes that are in a namespace, with a single walk over /proc.
///
/// NS is an inode number, the kernel's notation for a namespace, a path to one, or the name of a network namespace, as
/// "ip netns" has them. The answer is the namespace's leader
/// (PID 1 of a PID namespace, otherwise the process that started first), and the number of its processes.
///
/// Without NS, reads one NS per line, or records with "ns" as nicon-nsid prints them, from standard input. If that is
/// neither a pipe, a socket nor a file, and with --list, --tree, --owner, --within or --names -, it lists every namespace of
/// the machine, also those that have no processes.
#[derive(Debug, Parser)]
#[command(
    name = "nicon-nsfind",
    version,
    max_term_width = 100,
    after_help = "\
Examples:
  nicon-nsfind 'pid:[4026532565]'
  nicon-nsfind --all blue
  nicon-nsid 4242 | nicon-nsfind --all -T pid
  nicon-nsfind --list --holders -T net
  nicon-nsfind --tree --owner 1000
  nicon-resolve a.b | nicon-nsfind --within -
  nicon-resolve '**' | nicon-nsfind --names -

Exit status: 0 all found, 1 no process in the namespace, 2 the answer is incomplete, or another failure."
)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(crate) struct Args {
    #[arg(
        help = "Namespaces: 4026532565, pid:[4026532565], /proc/42/ns/net, or the name of a network namespace: blue",
        value_name = "NS",
        conflicts_with_all = LISTS
    )]
    pub(crate) operands: Vec<String>,

    #[command(flatten)]
    pub(crate) types: Types,

    /// Print every process in the namespace, each as soon as it is found
    #[arg(short, long, conflicts_with_all = LISTS)]
    pub(crate) all: bool,

    /// Print any one process in the namespace, and stop looking (fastest)
    #[arg(short = '1', long, conflicts_with = "all", conflicts_with_all = LISTS)]
    pub(crate) first: bool,

    /// Also show what else keeps a namespace alive: mounts, descriptors, sockets, threads, threads whose children
    /// will be in it, child namespaces
    #[arg(long, conflicts_with_all = ["all", "first"])]
    pub(crate) holders: bool,

    /// List every namespace of the machine (the default unless standard input is a pipe, a socket or a file)
    #[arg(short, long)]
    pub(crate) list: bool,

    /// List them as a tree: a PID namespace below its parent, any other one below the user namespace that owns it
    #[arg(long, conflicts_with = "pid")]
    pub(crate) tree: bool,

    #[arg(
        long,
        help = "List only what this user namespace owns (user:[4026531837], /proc/42/ns/user), or a user (1000)",
        value_name = "OWNER"
    )]
    pub(crate) owner: Option<Owner>,

    /// List only the namespaces of the containers in FILE, which their processes are in or hold; FILE holds the output of
    /// nicon-resolve (- for standard input). They are shown by path
    #[arg(long, value_name = "FILE", conflicts_with = "names")]
    pub(crate) within: Option<PathBuf>,

    /// Show containers by path; FILE holds the output of nicon-resolve '**' (- for standard input)
    #[arg(long, value_name = "FILE")]
    pub(crate) names: Option<PathBuf>,

    /// Print bare PIDs, one per line
    #[arg(long, conflicts_with_all = ["json", "output", "holders"])]
    pub(crate) pid: bool,

    #[command(flatten)]
    pub(crate) format: OutputFormat,
}

/// What makes a list of the answers.
const LISTS: [&str; 4] = ["list", "tree", "owner", "within"];

impl Args {
    /// Whether all namespaces are listed, whatever standard input is.
    pub(crate) fn is_list(&self) -> bool {
        let names = self.names.as_deref().filter(|_| self.operands.is_empty());
        self.list || self.tree || self.owner.is_some() || self.within.is_some() || names.is_some_and(is_stdin)
    }
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
