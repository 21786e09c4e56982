//! The command line.

use clap::Parser;

/// Draw a nest of containers: which is in which, by which engine, and what each has of its own.
///
/// Reads the records that nicon-resolve prints. Of each container it tells the engine and how that was reached, its PID here
/// (PID) and as the engine tells it (INNER), and the namespaces that are not those of the container around it; one that is
/// another container's is told with its name, as in net=web. A container that is only on the way to others is drawn with
/// what is known of it. Records of other processes stand beside the outermost containers. What has ended since is told as
/// gone.
#[derive(Debug, Parser)]
#[allow(clippy::struct_excessive_bools, reason = "each is an option of its own")]
#[command(
    name = "nicon-tree",
    version,
    max_term_width = 100,
    after_help = "\
Examples:
  nicon-resolve '**' | nicon-tree
  nicon-resolve '**' | nicon-links | nicon-tree --links --procs
  nicon-resolve '**' | nicon-tree --svg >nest.svg

Exit status: 0 all drawn, 2 some could not be."
)]
pub(crate) struct Args {
    /// Draw each container's processes, too; those that only stand between an engine and its container are left out
    #[arg(short, long)]
    pub(crate) procs: bool,

    /// Draw the links, too, and who is wired to whom: put nicon-links before; loopback is left out
    #[arg(short, long)]
    pub(crate) links: bool,

    /// Print a graph for Graphviz
    #[arg(long)]
    pub(crate) dot: bool,

    /// Print an SVG image
    #[arg(long, conflicts_with = "dot")]
    pub(crate) svg: bool,

    /// Draw with ASCII characters alone (the default where the locale is not UTF-8)
    #[arg(long)]
    pub(crate) ascii: bool,

    /// The width to draw for (default: that of the terminal, else as wide as it takes)
    #[arg(short, long, value_name = "COLUMNS", conflicts_with_all = ["dot", "svg"])]
    pub(crate) width: Option<u16>,
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
