//! Aligned tables, for terminals.

use unicode_width::UnicodeWidthStr;

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
    align(&rows).into_iter().map(|line| line + "\n").collect()
}

/// Lines of rows of cells: a column is as wide as its widest cell takes at a terminal, and two spaces
/// apart from the next. The last is not padded.
#[must_use]
pub fn align<R: AsRef<[String]>>(rows: &[R]) -> Vec<String> {
    let mut widths = Vec::new();
    for row in rows {
        widths.resize(row.as_ref().len().max(widths.len()), 0);
        for (widest, cell) in widths.iter_mut().zip(row.as_ref()) {
            *widest = cell.width().max(*widest);
        }
    }
    let line = |row: &R| {
        let mut line = String::new();
        for (cell, widest) in row.as_ref().iter().zip(&widths) {
            line.push_str(cell);
            line.extend(std::iter::repeat_n(' ', widest - cell.width() + 2));
        }
        line.truncate(line.trim_end().len());
        line
    };
    rows.iter().map(line).collect()
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

    #[test]
    fn a_wide_character_takes_two_columns() {
        let rows = [["網", "x"], ["abc", "y"]].map(|row| row.map(str::to_owned));
        assert_eq!(align(&rows), ["網   x", "abc  y"]);
    }
}
