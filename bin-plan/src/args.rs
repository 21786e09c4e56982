//! The command line.

use std::path::PathBuf;

use clap::Parser;

/// Turn a plan, which is YAML, into records that nicon-resolve and nicon-linkmv act on.
///
/// All of a plan is checked before its first record is printed; each fault is told with its line and column. The records
/// carry the plan's name: nicon-resolve passes all records of a plan on or, where a container is not found or has another
/// PID than the expected one, none of them. Nothing is moved then.
#[derive(Debug, Parser)]
#[command(
    name = "nicon-plan",
    version,
    max_term_width = 100,
    after_help = "\
A plan:
  links:
  - inspect_ns: setup.olt_1.lt_1   # the container that gets the link
    nic_tmp: veth0                 # the link, as it is called here
    nic_name: eth1                 # its name in there (default: the one that it has)
    expected_pid: 17180            # what the PID of the container must be (default: any)
    from: blue                     # where the link is now (default: here)
    addr: [192.0.2.2/24]           # what it gets; so do gateway, route, mtu, mac, master, alias,
    mtu: 1400                      # altname, up (true or false) and keep, as with nicon-linkmv

Examples:
  nicon-plan links.yaml | nicon-resolve | nicon-linkmv
  nicon-plan --each links.yaml | nicon-resolve | nicon-linkmv >moved

Exit status: 0 the plan is sound, 2 it is not, or could not be read."
)]
pub(crate) struct Args {
    /// The plan; - is standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,

    /// Let each link be wired or not, whatever becomes of the others
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
    fn the_manual_is_that_of_the_command_line() {
        nicon_manual::check(Args::command());
    }
}
