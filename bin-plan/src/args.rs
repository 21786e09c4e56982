//! The command line.

use std::path::PathBuf;

use clap::Parser;

/// Turn a plan, which is YAML, into records for nicon-resolve and nicon-linkmv.
///
/// All of a plan is checked before its first record is printed; each fault is reported with its line and column. The
/// records carry the plan's name: nicon-resolve passes on all records of a plan, or none if a container is not found or
/// does not have its expected PID. Then nothing is moved.
#[derive(Debug, Parser)]
#[command(
    name = "nicon-plan",
    version,
    max_term_width = 100,
    after_help = "\
A plan:
  links:
  - inspect_ns: setup.olt_1.lt_1   # the container that gets the link
    nic_tmp: veth0                 # the link's name here (without it, the container is only looked for)
    nic_name: eth1                 # its name in the container (default: unchanged)
    expected_pid: 17180            # the PID that the container must have (default: any)
    from: blue                     # where the link is now (default: here)
    addr: [192.0.2.2/24]           # its addresses. Also gateway, route, mtu, mac, master, alias,
    mtu: 1400                      # altname, keep and up (true or false), as in nicon-linkmv

Examples:
  nicon-plan links.yaml | nicon-resolve | nicon-linkmv
  nicon-plan --each links.yaml | nicon-resolve | nicon-linkmv >moved

Exit status: 0 the plan is valid, 2 it is not, or could not be read."
)]
pub(crate) struct Args {
    /// The plan (default, and -: standard input)
    #[arg(value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,

    /// Treat each link on its own (default: all links of the plan or none)
    #[arg(long)]
    pub(crate) each: bool,

    /// Print records even at a terminal
    #[arg(short = 'J', long)]
    pub(crate) json: bool,
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
