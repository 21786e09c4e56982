//! The command line.

use std::ffi::OsString;

use clap::{Args as Group, Parser, Subcommand};

/// Find, enter and wire containers inside containers: everyday jobs, each in one command.
///
/// PATH leads to a container through those around it, from the outside in: a.b is b inside of a. Each job runs a pipe of programs that
/// lie beside this one; -v shows it. Any other COMMAND is one of them: "nicon nsid" is nicon-nsid.
#[derive(Debug, Parser)]
#[command(
    name = "nicon",
    version,
    max_term_width = 100,
    disable_help_subcommand = true,
    after_help = "\
Examples:
  nicon exec a.b.c
  nicon exec a.b.c --net tcpdump -i eth0
  nicon ip a.b.c -brief addr
  nicon wire lab.yaml && nicon check lab.yaml
  nicon capture a.b.c eth1 | wireshark -k -i -
  nicon resolve --pid a.b.c

Exit status: that of what was run; of exec, ip and capture 125 if the container was not found or not
entered; 2 if COMMAND cannot be run."
)]
pub(crate) struct Args {
    /// Show the pipe on standard error before it is run
    #[arg(short, long)]
    pub(crate) verbose: bool,

    #[command(subcommand)]
    pub(crate) job: Job,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Job {
    /// Run a command in a container; without COMMAND, a shell
    ///
    /// OPTIONS are those of nicon-nsexec. Unless one of them chooses a namespace, or is --root or --view, --all is added: the command runs
    /// all the way inside, as the container's user, with the container's files and no more rights than the container has. Standard input is
    /// the command's; at a terminal, it gets one of its own. With --net, PATH may be host or netns:NAME, too.
    #[command(
        override_usage = "nicon exec PATH [OPTIONS] [--] [COMMAND]...",
        after_help = "\
OPTIONS that are often needed, before PATH or behind it; nicon nsexec --help tells of all:
  -S USER           run COMMAND as this user
  --wd=DIR          in this directory
  --set NAME=VALUE  with this variable
  --net             run the host's COMMAND, in the container's network
  --net --view      the same, with the container's files below /mnt
  --each --prefix   in each container that the pattern PATH matches, whose path begins each line"
    )]
    Exec {
        /// The container; then options of nicon-nsexec, and the command with its arguments
        #[arg(value_name = "PATH", required = true, trailing_var_arg = true, allow_hyphen_values = true)]
        words: Vec<OsString>,
    },

    /// Run the host's ip in a container's network
    #[command(override_usage = "nicon ip PATH [ARGUMENT]...")]
    Ip {
        /// The container, host, or netns:NAME; then what ip(8) takes
        #[arg(value_name = "PATH", required = true, trailing_var_arg = true, allow_hyphen_values = true)]
        words: Vec<OsString>,
    },

    /// List containers: all, or those that match
    #[command(override_usage = "nicon ls [OPTIONS] [PATH]...")]
    Ls {
        /// Options of nicon-resolve, paths and patterns
        #[arg(value_name = "PATH", trailing_var_arg = true, allow_hyphen_values = true)]
        words: Vec<OsString>,
    },

    /// List the links of containers, with their addresses and what they are wired to
    ///
    /// PATH may be a pattern, and host. OPTIONS are those of nicon-links, of which nicon-links --help tells; without PATH, this is
    /// nicon-links.
    #[command(override_usage = "nicon links PATH... [OPTIONS]")]
    Links {
        /// Paths and patterns, and options of nicon-links
        #[arg(value_name = "PATH", trailing_var_arg = true, allow_hyphen_values = true)]
        words: Vec<OsString>,
    },

    /// Draw containers: which is in which, and with --links how they are wired
    ///
    /// PATH may be a pattern, and host. OPTIONS are those of nicon-tree, such as --svg, of which nicon-tree --help tells; without PATH,
    /// this is nicon-tree.
    #[command(override_usage = "nicon tree PATH... [OPTIONS]")]
    Tree {
        /// Paths and patterns, and options of nicon-tree
        #[arg(value_name = "PATH", trailing_var_arg = true, allow_hyphen_values = true)]
        words: Vec<OsString>,
    },

    /// Wire a lab as a file says: all of it or nothing
    ///
    /// What is there already is kept, or changed in place. OPTIONS, before FILE or behind it, are those below and nicon-wire's; without FILE,
    /// this is nicon-wire.
    #[command(override_usage = "nicon wire [OPTIONS] FILE")]
    Wire {
        /// Go on, and keep it wired while containers come and go and the file changes
        #[arg(long)]
        watch: bool,
        #[command(flatten)]
        plan: Plan,
        /// The plan (-: standard input), and options of nicon-wire
        #[arg(value_name = "FILE", trailing_var_arg = true, allow_hyphen_values = true)]
        words: Vec<OsString>,
    },

    /// Show what differs from a file, and change nothing
    ///
    /// OPTIONS are also --prune, which tells also what it would remove, --force, -o and -J of nicon-wire. The status is 1 if something differs or a
    /// container is not there, and 2 if not all could be compared.
    #[command(override_usage = "nicon check [OPTIONS] FILE")]
    Check {
        #[command(flatten)]
        plan: Plan,
        /// The plan (-: standard input), and options of nicon-wire
        #[arg(value_name = "FILE", required = true, trailing_var_arg = true, allow_hyphen_values = true)]
        words: Vec<OsString>,
    },

    /// Remove what was made for FILE's plan, and move back what was moved
    ///
    /// Of the file only the plan's name counts: it may have faults, and name machines and containers that are gone. OPTIONS are
    /// --force, -o and -J of nicon-wire.
    #[command(override_usage = "nicon destroy [OPTIONS] FILE")]
    Destroy {
        /// The plan (-: standard input), and options of nicon-wire
        #[arg(value_name = "FILE", required = true, trailing_var_arg = true, allow_hyphen_values = true)]
        words: Vec<OsString>,
    },

    /// Capture what a container sends and receives: pcap on standard output, by the host's tcpdump
    #[command(override_usage = "nicon capture PATH [LINK] [-- FILTER...]")]
    Capture {
        /// The container, host, or netns:NAME; then the link (default: any) and, behind --, what tcpdump(8) is to capture, such as tcp port 80,
        /// and its options
        #[arg(value_name = "PATH", required = true, trailing_var_arg = true, allow_hyphen_values = true)]
        words: Vec<OsString>,
    },

    /// Print the help of a command, or of nicon itself
    #[command(override_usage = "nicon help [COMMAND]")]
    Help {
        /// The command
        command: Option<OsString>,
    },

    /// Say what fits at the end of a command line
    #[command(hide = true)]
    Complete {
        /// The line, up to the cursor
        line: String,
    },

    #[command(external_subcommand)]
    Program(Vec<OsString>),
}

/// How a plan is read.
#[derive(Debug, Group)]
pub(crate) struct Plan {
    /// The machine whose half of a plan for several machines is meant (default: this one)
    #[arg(long, value_name = "MACHINE")]
    on: Option<OsString>,
    /// The container whose engine runs the plan's containers (default: those of this machine)
    #[arg(long = "in", value_name = "PATH")]
    inside: Option<OsString>,
}

impl Plan {
    /// Each option of nicon-plan, and its value.
    pub(crate) fn all(&mut self) -> [(&'static str, &mut Option<OsString>); 2] {
        [("--on", &mut self.on), ("--in", &mut self.inside)]
    }

    /// The options that are given, and their values.
    pub(crate) fn options(mut self) -> Vec<(&'static str, OsString)> {
        self.all().into_iter().filter_map(|(option, value)| Some((option, value.take()?))).collect()
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
