//! Aligned tables, for terminals.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::colour::{Mark, Palette};
use super::column::Column;
use crate::text;

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

/// How wide a table may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// As wide as the terminal, if it is printed at one: what is longer is cut.
    OfTerminal,
    /// As wide as it is.
    Any,
}

impl Width {
    /// The columns of the terminal that standard output is, if they count.
    fn columns(self) -> Option<usize> {
        let is_cut = self == Self::OfTerminal;
        let size = is_cut.then(|| terminal_size::terminal_size_of(std::io::stdout())).flatten();
        size.map(|(terminal_size::Width(columns), _)| usize::from(columns)).filter(|columns| *columns > 0)
    }
}

/// How wide the columns of a table are: as wide as the widest cells so far, and never narrower again. So its rows can be
/// printed as they come.
#[derive(Default)]
pub struct Widths {
    widest: Vec<usize>,
    /// Whether the rows of answers that are not known yet come below these.
    goes_on: bool,
    has_heading: bool,
    limit: Option<usize>,
    palette: Palette,
}

impl Widths {
    /// Those of a table that may be so wide.
    #[must_use]
    pub fn within(width: Width) -> Self {
        Self { limit: width.columns(), palette: Palette::of_stdout(), ..Self::default() }
    }

    /// Those of a table whose rows are printed as they come.
    #[must_use]
    pub fn of_rows(width: Width) -> Self {
        Self { goes_on: true, ..Self::within(width) }
    }

    /// Makes room for answers that may come later.
    pub fn expect<'a, A: 'a>(&mut self, columns: &[Column<A>], answers: impl IntoIterator<Item = &'a A>) {
        let columns: Vec<_> = columns.iter().collect();
        answers.into_iter().flat_map(|answer| rows_of(&columns, answer)).for_each(|row| self.widen(&row));
    }

    /// The lines of all answers that there are, below a heading. Not of those that come one by one: nobody knows what the next has.
    pub fn all_lines<A>(&mut self, columns: &[Column<A>], answers: &[A]) -> String {
        let is_empty = |column: &Column<A>| answers.iter().all(|answer| (column.cell)(answer).is_empty());
        let shown: Vec<_> = columns.iter().filter(|column| !(column.is_sparse && is_empty(column))).collect();
        self.lines_of(&shown, answers)
    }

    /// The lines of further answers, the first below a heading. Cells are escaped for the terminal, and `-` where
    /// they are empty; the last is not padded.
    pub fn lines<A>(&mut self, columns: &[Column<A>], answers: &[A]) -> String {
        self.lines_of(&columns.iter().collect::<Vec<_>>(), answers)
    }

    fn lines_of<A>(&mut self, columns: &[&Column<A>], answers: &[A]) -> String {
        let titles = columns.iter().map(|column| column.title.to_owned()).collect();
        let heading: Option<Vec<String>> = (!self.has_heading).then_some(titles);
        if self.goes_on && heading.is_some() {
            self.widen_to(columns.iter().map(|column| column.least));
        }
        self.has_heading = true;
        let rows: Vec<Vec<String>> =
            heading.into_iter().chain(answers.iter().flat_map(|answer| rows_of(columns, answer))).collect();
        for row in &rows {
            self.widen(row);
        }
        rows.iter().map(|row| self.painted(row, |at| columns[at].is_state) + "\n").collect()
    }

    /// A line in which the cells that tell a state are marked.
    fn painted(&self, row: &[String], is_state: impl Fn(usize) -> bool) -> String {
        let mut marks = Vec::new();
        let mut begin = 0;
        for (column, (cell, widest)) in row.iter().zip(&self.widest).enumerate() {
            let mark = Mark::of_state(cell).filter(|_| is_state(column));
            marks.extend(mark.map(|mark| (begin..begin + cell.len(), mark)));
            begin += cell.len() + widest - cell.width() + 2;
        }
        self.palette.paint(&self.line(row), marks)
    }

    fn widen(&mut self, row: &[String]) {
        self.widen_to(row.iter().map(|cell| cell.width()));
    }

    fn widen_to(&mut self, widths: impl ExactSizeIterator<Item = usize>) {
        self.widest.resize(widths.len().max(self.widest.len()), 0);
        for (widest, width) in self.widest.iter_mut().zip(widths) {
            *widest = width.max(*widest);
        }
    }

    fn line(&self, row: &[String]) -> String {
        let mut line = String::new();
        for (cell, widest) in row.iter().zip(&self.widest) {
            line.push_str(cell);
            line.extend(std::iter::repeat_n(' ', widest - cell.width() + 2));
        }
        line.truncate(line.trim_end().len());
        match self.limit {
            Some(columns) => cut(line, columns),
            None => line,
        }
    }
}

/// The cells of an answer: one row, and one for each further item of its longest list. Beside these, the other cells are empty.
fn rows_of<A>(columns: &[&Column<A>], answer: &A) -> Vec<Vec<String>> {
    let safe = |line: &str| if line.is_empty() { "-".to_owned() } else { text::escape(line).into_owned() };
    let lines = |column: &&Column<A>| -> Vec<String> {
        let cell = (column.cell)(answer);
        if column.is_list { cell.split('\n').map(safe).collect() } else { vec![safe(&cell)] }
    };
    let cells: Vec<_> = columns.iter().map(lines).collect();
    let height = cells.iter().map(Vec::len).max().unwrap_or(1);
    (0..height).map(|at| cells.iter().map(|cell| cell.get(at).cloned().unwrap_or_default()).collect()).collect()
}

/// A line that takes at most `columns`; what is cut off has an ellipsis in its place.
fn cut(line: String, columns: usize) -> String {
    if line.width() <= columns {
        return line;
    }
    let mut width = 1;
    let fits = |letter: &char| {
        width += letter.width().unwrap_or(0);
        width <= columns
    };
    line.chars().take_while(fits).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::Record;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let columns = [
            Column::new("PID", |r: &Record| r.integer::<i32>("pid").ok().flatten().unwrap_or(0).to_string()),
            Column::new("TARGET", |r: &Record| r.text("target").ok().flatten().unwrap_or("-").to_owned()),
        ];
        let records = [
            Record::parse(r#"{"pid":123456,"target":"a.b"}"#).unwrap(),
            Record::parse(r#"{"pid":7,"target":"x\u001b[2J"}"#).unwrap(),
        ];
        assert_eq!(Widths::default().lines(&columns, &records), "PID     TARGET\n123456  a.b\n7       x\\u{1b}[2J\n");
    }

    #[test]
    fn a_sparse_column_is_left_out_where_it_is_empty() {
        let columns: [Column<[&str; 2]>; 2] = [
            Column::new("NAME", |answer| answer[0].to_owned()),
            Column::new("MASTER", |answer: &[&str; 2]| answer[1].to_owned()).sparse(),
        ];
        let lines = |answers: [[&'static str; 2]; 2]| Widths::default().all_lines(&columns, &answers);
        assert_eq!(lines([["a", ""], ["b", "br0"]]), "NAME  MASTER\na     -\nb     br0\n");
        assert_eq!(lines([["a", ""], ["", ""]]), "NAME\na\n-\n");
        // Of rows that come one by one, the next may have something there.
        assert_eq!(Widths::default().lines(&columns, &[["a", ""]]), "NAME  MASTER\na     -\n");
    }

    #[test]
    fn a_wide_character_takes_two_columns() {
        let rows = [["網", "x"], ["abc", "y"]].map(|row| row.map(str::to_owned));
        assert_eq!(align(&rows), ["網   x", "abc  y"]);
    }

    #[test]
    fn a_long_line_is_cut() {
        for (columns, expected) in [(9, "ab  網  c"), (8, "ab  網 …"), (6, "ab  …"), (5, "ab  …"), (1, "…")] {
            let mut widths = Widths { limit: Some(columns), ..Widths::default() };
            widths.widen(&["ab", "網", "c"].map(str::to_owned));
            assert_eq!(widths.line(&["ab", "網", "c"].map(str::to_owned)), expected);
        }
    }

    #[test]
    fn rows_that_come_later_are_aligned_with_the_widest_so_far() {
        let columns: [Column<[&str; 2]>; 2] =
            [Column::new("EVENT", |answer| answer[0].to_owned()), Column::new("NAME", |answer| answer[1].to_owned())];
        let mut widths = Widths::default();
        assert_eq!(
            widths.lines(&columns, &[["gone", "a"], ["present", "b"]]),
            "EVENT    NAME\ngone     a\npresent  b\n"
        );
        assert_eq!(widths.lines(&columns, &[["is longer", "c\n"]]), "is longer  c\\n\n");
        assert_eq!(widths.lines(&columns, &[["gone", "d"]]), "gone       d\n");
    }

    #[test]
    fn room_is_made_for_rows_that_come_later() {
        let columns: [Column<[&str; 2]>; 3] = [
            Column::new("EVENT", |answer: &[&str; 2]| answer[0].to_owned()).at_least(7),
            Column::new("NAME", |answer| answer[1].to_owned()),
            Column::new("X", |_| String::new()),
        ];
        let mut widths = Widths::of_rows(Width::Any);
        widths.expect(&columns, &[["gone", "longer"]]);
        assert_eq!(widths.lines(&columns, &[["gone", "a"]]), "EVENT    NAME    X\ngone     a       -\n");
        assert_eq!(widths.lines(&columns, &[["present", "longer"]]), "present  longer  -\n");
    }

    #[test]
    fn a_list_has_a_row_for_each_item() {
        let columns: [Column<[&str; 3]>; 3] = [
            Column::new("NAME", |answer| answer[0].to_owned()),
            Column::new("STEPS", |answer: &[&str; 3]| answer[1].to_owned()).of_lists(),
            Column::new("X", |answer| answer[2].to_owned()),
        ];
        assert_eq!(
            Widths::default().lines(&columns, &[["a\nb", "one\ntwo\x1b\nthree", "x"], ["c", "", "y"]]),
            "NAME  STEPS      X\na\\nb  one        x\n      two\\u{1b}\n      three\nc     -          y\n"
        );
    }
}
