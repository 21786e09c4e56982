//! Aligned tables, for terminals.

use crate::{Record, text};

/// A column of a table.
pub struct Column<A = Record> {
    /// The heading.
    pub title: &'static str,
    /// Returns the text of the cell for an answer.
    pub cell: fn(&A) -> String,
}

/// Formats `answers` as a table with a heading. Cells are escaped for the terminal; the last column is not padded.
#[must_use]
pub fn render<A>(columns: &[Column<A>], answers: &[A]) -> String {
    let titles = columns.iter().map(|column| column.title.to_owned()).collect();
    let cells = |answer| columns.iter().map(|column| text::escape(&(column.cell)(answer)).into_owned()).collect();
    let rows: Vec<Vec<String>> = std::iter::once(titles).chain(answers.iter().map(cells)).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns.len()).map(width).collect();

    let mut out = String::new();
    for row in &rows {
        let line: Vec<String> = row.iter().zip(&widths).map(|(cell, &width)| format!("{cell:<width$}")).collect();
        out.push_str(line.join("  ").trim_end());
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let columns = [
            Column { title: "PID", cell: |r: &Record| r.integer::<i32>("pid").ok().flatten().unwrap_or(0).to_string() },
            Column { title: "TARGET", cell: |r: &Record| r.text("target").ok().flatten().unwrap_or("-").to_owned() },
        ];
        let records = [
            Record::parse(r#"{"pid":123456,"target":"a.b"}"#).unwrap(),
            Record::parse(r#"{"pid":7,"target":"x\u001b[2J"}"#).unwrap(),
        ];
        assert_eq!(render(&columns, &records), "PID     TARGET\n123456  a.b\n7       x\\u{1b}[2J\n");
    }
}
