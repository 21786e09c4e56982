//! What standard output is to be: the options that all filters with records share.

use std::io::{self, IsTerminal};

use super::column::Column;
use super::stream::View;
use super::table::Width;

/// What answers are printed as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// a table, cut to the terminal's width
    Table,
    /// a table, never cut
    Wide,
    /// records, one JSON object a line
    Json,
}

/// Options that choose what answers are printed as.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub struct OutputFormat {
    /// Output format [default: table at a terminal, else json]
    #[arg(short, long, value_name = "FORMAT", conflicts_with = "json")]
    output: Option<Format>,

    /// The same as -o json
    #[arg(short = 'J', long)]
    json: bool,
}

impl OutputFormat {
    /// How answers with these columns are printed.
    #[must_use]
    pub fn view<A>(self, columns: &'static [Column<A>]) -> View<A> {
        match self.output {
            Some(Format::Table) => View::Table(columns, Width::OfTerminal),
            Some(Format::Wide) => View::Table(columns, Width::Any),
            None if !self.json && io::stdout().is_terminal() => View::Table(columns, Width::OfTerminal),
            _ => View::Records,
        }
    }

    /// The same for a run that goes on: the table's rows are printed as they come.
    #[must_use]
    pub fn view_of_rows<A>(self, columns: &'static [Column<A>]) -> View<A> {
        match self.view(columns) {
            View::Table(columns, width) => View::Rows(columns, width),
            other => other,
        }
    }
}
