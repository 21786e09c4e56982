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

/// Lines of rows of cells: a column is as wide as its widest cell takes at a terminal, and two spaces
/// apart from the next. The last is not padded.
#[must_use]
pub fn align<R: AsRef<[String]>>(rows: &[R]) -> Vec<String> {
    let mut widths = Widths::default();
    for row in rows {
        widths.widen(row.as_ref());
    }
    rows.iter().map(|row| widths.line(row.as_ref())).collect()
}

/// How wide the columns of a table are: as wide as the widest cells so far, and never narrower again. So its rows can be
/// printed as they come.
#[derive(Default)]
pub struct Widths(Vec<usize>);

impl Widths {
    /// The lines of further answers, the first below a heading. Cells are escaped for the terminal; the last is not padded.
    pub fn lines<A>(&mut self, columns: &[Column<A>], answers: &[A]) -> String {
        let titles = columns.iter().map(|column| column.title.to_owned()).collect();
        let heading = self.0.is_empty().then_some(titles);
        let cells = |answer| columns.iter().map(|column| text::escape(&(column.cell)(answer)).into_owned()).collect();
        let rows: Vec<Vec<String>> = heading.into_iter().chain(answers.iter().map(cells)).collect();
        for row in &rows {
            self.widen(row);
        }
        rows.iter().map(|row| self.line(row) + "\n").collect()
    }

    fn widen(&mut self, row: &[String]) {
        self.0.resize(row.len().max(self.0.len()), 0);
        for (widest, cell) in self.0.iter_mut().zip(row) {
            *widest = cell.width().max(*widest);
        }
    }

    fn line(&self, row: &[String]) -> String {
        let mut line = String::new();
        for (cell, widest) in row.iter().zip(&self.0) {
            line.push_str(cell);
            line.extend(std::iter::repeat_n(' ', widest - cell.width() + 2));
        }
        line.truncate(line.trim_end().len());
        line
    }
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
        assert_eq!(Widths::default().lines(&columns, &records), "PID     TARGET\n123456  a.b\n7       x\\u{1b}[2J\n");
    }

    #[test]
    fn a_wide_character_takes_two_columns() {
        let rows = [["網", "x"], ["abc", "y"]].map(|row| row.map(str::to_owned));
        assert_eq!(align(&rows), ["網   x", "abc  y"]);
    }

    #[test]
    fn rows_that_come_later_are_aligned_with_the_widest_so_far() {
        let columns: [Column<[&str; 2]>; 2] = [
            Column { title: "EVENT", cell: |answer| answer[0].to_owned() },
            Column { title: "NAME", cell: |answer| answer[1].to_owned() },
        ];
        let mut widths = Widths::default();
        assert_eq!(
            widths.lines(&columns, &[["gone", "a"], ["present", "b"]]),
            "EVENT    NAME\ngone     a\npresent  b\n"
        );
        assert_eq!(widths.lines(&columns, &[["is longer", "c\n"]]), "is longer  c\\n\n");
        assert_eq!(widths.lines(&columns, &[["gone", "d"]]), "gone       d\n");
    }
}
