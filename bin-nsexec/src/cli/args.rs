//! The command line: nsenter's letters and words.

mod meaning;

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use clap::Parser;
use clap::builder::{OsStringValueParser, TypedValueParser};
use nicon_core::Error;
use nicon_core::link::target::NAMED;
use nicon_core::process::PidInode;

use crate::operand::variable::Variable;
use crate::operand::{Id, OF_TARGET, Source, no_process};

/// Run a command in chosen namespaces of a process.
///
/// The process is --target, or the one that the record on standard input names (as nicon-resolve prints it; a bare PID will do).
/// When the record comes from standard input, the command reads from the terminal, if there is one. With --stdin it reads what follows
/// the record; with --record FILE it has standard input to itself. Without COMMAND, $SHELL is run.
///
/// Options and letters are nsenter's. What differs is listed in nsexec-security.md, among nicon's documents: above all, nothing is run
/// unless an option enters a namespace or uses the target, and with --all, --mount or --root the command has the target's user and
/// rights, not the caller's.
///
/// If the mount namespace or the root directory is the container's, the command runs as the target's user and groups, with
/// no more capabilities than the target has, no right to gain more by setuid, the lower of both resource limits, the
/// target's cgroup, seccomp filters and LSM label, and an environment of TERM, PATH and NICON_TARGET; if the caller has a terminal, also one of
/// its own. With --net alone, the program, its files and its privileges are the caller's. With --pid
/// they must not be, since the container's processes could take over the command: see --privileged.
///
/// With --view, too, they are the caller's, in a mount namespace that ends with the command. There /mnt ($NICON_ROOT) has the
/// container's files, to be read only; with --net, /sys has its links and /etc its resolv.conf and hosts, or what is in
/// /etc/netns/NAME. $NICON_TARGET is the target's path.
#[derive(Debug, Default, Parser)]
#[command(
    name = "nicon-nsexec",
    version,
    // As getopt_long(3) has it.
    infer_long_args = true,
    max_term_width = 100,
    after_help = "\
Examples:
  nicon-resolve a.b.c | nicon-nsexec --net ip addr
  nicon-nsexec -t 4242 --all sh
  nicon-resolve a.b a.c | nicon-nsexec --each --prefix --net ip -brief link
  nicon-resolve a.b | nicon-nsexec --net --view curl http://inside:8080/
  nicon-nsexec --record <(nicon-resolve a.b) --all tar x <files.tar
  nicon-nsexec --net=blue ip addr

FILE and DIR are attached: --net=/run/netns/blue, -n/run/netns/blue.

Exit status: the command's own; 128+N killed by signal N; 125 nsexec failed, 126 COMMAND cannot be
executed, 127 COMMAND not found."
)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
#[expect(clippy::doc_markdown, reason = "backticks would be seen in the help")]
pub(crate) struct Args {
    /// Process whose namespaces are entered; INODE is that of its pidfd
    #[arg(short, long, value_name = "PID[:INODE]", value_parser = target)]
    pub(crate) target: Option<PidInode>,

    /// Enter all of its namespaces
    #[arg(short, long)]
    pub(crate) all: bool,

    /// Enter the mount namespace
    #[arg(short, long, visible_alias = "mnt", value_name = "FILE", num_args = 0..=1, require_equals = true, default_missing_value = OF_TARGET)]
    pub(crate) mount: Option<Source>,

    /// Enter the UTS namespace (host name)
    #[arg(short, long, value_name = "FILE", num_args = 0..=1, require_equals = true, default_missing_value = OF_TARGET)]
    pub(crate) uts: Option<Source>,

    /// Enter the IPC namespace
    #[arg(short, long, value_name = "FILE", num_args = 0..=1, require_equals = true, default_missing_value = OF_TARGET)]
    pub(crate) ipc: Option<Source>,

    /// Enter the network namespace; a NAME without a slash is one of "ip netns"
    #[arg(short, long, value_name = "FILE|NAME", num_args = 0..=1, require_equals = true, default_missing_value = OF_TARGET, value_parser = OsStringValueParser::new().map(network))]
    pub(crate) net: Option<Source>,

    /// Enter the network namespace of this socket of the target
    #[arg(short = 'N', long, value_name = "FD", conflicts_with = "net")]
    pub(crate) net_socket: Option<i32>,

    /// Enter the PID namespace
    #[arg(short, long, value_name = "FILE", num_args = 0..=1, require_equals = true, default_missing_value = OF_TARGET)]
    pub(crate) pid: Option<Source>,

    /// Enter the cgroup namespace
    #[arg(short = 'C', long, value_name = "FILE", num_args = 0..=1, require_equals = true, default_missing_value = OF_TARGET)]
    pub(crate) cgroup: Option<Source>,

    /// Enter the user namespace
    #[arg(short = 'U', long, value_name = "FILE", num_args = 0..=1, require_equals = true, default_missing_value = OF_TARGET)]
    pub(crate) user: Option<Source>,

    /// Enter the parent of the user namespace, or the owner of another that is entered
    #[arg(long)]
    pub(crate) user_parent: bool,

    /// Enter the time namespace
    #[arg(short = 'T', long, value_name = "FILE", num_args = 0..=1, require_equals = true, default_missing_value = OF_TARGET)]
    pub(crate) time: Option<Source>,

    /// Set the user: an ID, a name of the /etc/passwd that the command finds, which brings the user's groups along if -G does
    /// not say otherwise, or "follow": the target's, the default where its files run
    #[arg(short = 'S', long, value_name = "USER", allow_negative_numbers = true)]
    pub(crate) setuid: Option<Id>,

    /// Set the group (an ID, a name of the command's /etc/group, or "follow": the target's) and drop the supplementary groups (otherwise the target's, where its
    /// files run)
    #[arg(short = 'G', long, value_name = "GROUP", allow_negative_numbers = true)]
    pub(crate) setgid: Option<Id>,

    /// Leave user and group IDs, and the supplementary groups, as they are
    #[arg(long)]
    pub(crate) preserve_credentials: bool,

    /// Keep the capabilities that entering the user namespace gave
    #[arg(long)]
    pub(crate) keep_caps: bool,

    /// Set the root directory (default: the target's)
    #[arg(short, long, value_name = "DIR", num_args = 0..=1, require_equals = true, default_missing_value = OF_TARGET)]
    pub(crate) root: Option<Source>,

    /// Set the working directory (default: the target's)
    #[arg(short, long, value_name = "DIR", num_args = 0..=1, require_equals = true, default_missing_value = OF_TARGET)]
    pub(crate) wd: Option<Source>,

    /// Set the working directory, looked up in the namespaces (default: the one that entering them leads to)
    #[arg(short = 'W', long, value_name = "DIR", num_args = 0..=1, require_equals = true, default_missing_value = OF_TARGET, conflicts_with = "wd")]
    pub(crate) wdns: Option<Source>,

    /// Run the caller's own program, but with the container's files below /mnt, with --net its /sys, /etc/resolv.conf and /etc/hosts, and
    /// with --pid its /proc
    #[arg(long, conflicts_with_all = ["env", "root"])]
    pub(crate) view: bool,

    /// Take the environment from the target (with --all, --mount, --root or --privileged only)
    #[arg(short, long)]
    pub(crate) env: bool,

    /// Begin with an empty environment but for TERM, PATH and NICON_TARGET (default where the container's files run)
    #[arg(long, conflicts_with = "env")]
    pub(crate) clear_env: bool,

    /// Keep the caller's environment (default where they do not)
    #[arg(long, conflicts_with_all = ["env", "clear_env"])]
    pub(crate) keep_env: bool,

    /// Set a variable of the environment; without VALUE, to the caller's
    #[arg(long, value_name = "NAME[=VALUE]", value_parser = OsStringValueParser::new().try_map(Variable::parse))]
    pub(crate) set: Vec<Variable>,

    /// Become the command: no child, no terminal of its own, no signals passed on
    #[arg(short = 'F', long, conflicts_with = "each")]
    pub(crate) no_fork: bool,

    // An attribute, since clippy takes the name for code.
    #[arg(short = 'Z', long, help = "Run in the SELinux context of the target; fails without SELinux")]
    pub(crate) follow_context: bool,

    /// Join the cgroup of the target
    #[arg(short = 'c', long)]
    pub(crate) join_cgroup: bool,

    /// Leave the command in the caller's cgroup, even where it would join the target's
    #[arg(long, conflicts_with = "join_cgroup")]
    pub(crate) no_cgroup: bool,

    /// Give the command the caller's user, limits, capabilities, cgroup, seccomp filters and LSM label, even where the container may take them over
    #[arg(long)]
    pub(crate) privileged: bool,

    /// Run the command on the caller's own terminal, into which it can then inject input
    #[arg(long)]
    pub(crate) no_pty: bool,

    /// Read the record that names the target from FILE; standard input is the command's
    #[arg(long, value_name = "FILE", conflicts_with_all = ["target", "stdin", "each"])]
    pub(crate) record: Option<PathBuf>,

    /// Hand what follows the record on standard input to the command
    #[arg(long, conflicts_with_all = ["target", "each"])]
    pub(crate) stdin: bool,

    /// Run the command once for each record on standard input, in turn, with no input of its own
    #[arg(long, conflicts_with = "target")]
    pub(crate) each: bool,

    /// Begin each line that the command writes with the path of its target and a tab
    #[arg(long, requires = "each", conflicts_with = "target")]
    pub(crate) prefix: bool,

    /// The command and its arguments
    #[arg(trailing_var_arg = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
}

/// The operand of `--net`: a name is that of a file where `ip netns` has them.
fn network(operand: OsString) -> Source {
    let is_name = !operand.is_empty() && !operand.as_bytes().iter().any(|byte| matches!(byte, b'/' | b':'));
    if is_name { Source::Path(Path::new(NAMED).join(operand)) } else { operand.into() }
}

/// The operand of `--target`.
fn target(text: &str) -> Result<PidInode, Error> {
    text.parse().map_err(|_| Error::failed(no_process::expected(text)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_manual_is_that_of_the_command_line() {
        nicon_manual::check(Args::command());
    }

    #[test]
    fn the_command_keeps_its_options() {
        let args = Args::parse_from(["nsexec", "-t", "1", "-n", "ip", "-n", "--all"]);
        assert!(!args.all && matches!(args.net, Some(Source::Target)));
        assert_eq!(args.command, ["ip", "-n", "--all"]);
        let args = Args::parse_from(["nsexec", "-t7:99", "--mount=/x", "--", "-c"]);
        assert_eq!(args.target, Some(PidInode { pid: 7, pidfs: Some(99) }));
        assert!(matches!(args.mount, Some(Source::Path(path)) if path == Path::new("/x")));
        assert_eq!(args.command, ["-c"]);
    }
}
