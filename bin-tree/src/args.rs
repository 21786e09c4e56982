//! The command line.

use clap::Parser;

/// Draw a nest of containers: which is in which, by which engine, and with which namespaces of its own.
///
/// Reads records of nicon-resolve. For each container it shows the engine, the PID here (PID) and as the engine reports it
/// (INNER), and the namespaces that it does not share with the container around it; net=web means that it has web's.
/// Containers that are only on the path to others are drawn with what is known. Other processes are drawn next to the
/// outermost containers. A process that has ended is marked "gone". All that is on a machine is in it: the host, or each
/// machine by its name, if the records of several are joined.
#[derive(Debug, Parser)]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
#[command(
    name = "nicon-tree",
    version,
    max_term_width = 100,
    after_help = "\
Examples:
  nicon-resolve '**' | nicon-tree
  nicon-resolve '**' | nicon-links | nicon-tree --links --procs
  nicon-resolve host '**' | nicon-links | nicon-tree --links --html >nest.html
  nicon-resolve '**' | nicon-links --watch | nicon-tree --links --watch

Exit status: 0 all drawn, 2 some could not be."
)]
pub(crate) struct Args {
    /// Draw each container's processes, too; shims between an engine and its container are left out
    #[arg(short, long)]
    pub(crate) procs: bool,

    /// Draw the links, too, and how they are connected (needs nicon-links earlier in the pipe); loopback is left out
    #[arg(short, long)]
    pub(crate) links: bool,

    /// Read what nicon-resolve --watch or nicon-links --watch prints, and draw again when it changes: at a terminal in place
    #[arg(long)]
    pub(crate) watch: bool,

    /// Print a graph for Graphviz
    #[arg(long)]
    pub(crate) dot: bool,

    /// Print an SVG image: containers inside of one another, and with --links the wires between them
    #[arg(long, conflicts_with = "dot")]
    pub(crate) svg: bool,

    /// Print a page for a browser, which needs no network: that image, to zoom, search and follow wires in
    #[arg(long, conflicts_with_all = ["dot", "svg", "watch"])]
    pub(crate) html: bool,

    /// Draw with ASCII characters only (the default if the locale is not UTF-8)
    #[arg(long)]
    pub(crate) ascii: bool,

    /// The width to draw for (default: that of the terminal, otherwise unlimited)
    #[arg(short, long, value_name = "COLUMNS", value_parser = columns, conflicts_with_all = ["dot", "svg", "html"])]
    pub(crate) width: Option<u16>,
}

fn columns(text: &str) -> Result<u16, String> {
    match text.parse() {
        Ok(columns) if columns > 0 => Ok(columns),
        _ => Err(format!("expected a number of columns from 1 to {}", u16::MAX)),
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
