//! The record stream: newline-delimited JSON in, and records, a table, or bare values out.

use std::io::{self, BufRead, BufReader, IsTerminal, Read, StdinLock};

use nix::sys::stat::{SFlag, fstat};
use serde::Serialize;

use super::column::Column;
use super::interrupt::{Interrupt, Interruptible};
use super::output::{report, write_out};
use super::table::{Width, Widths};
use crate::record::append_line;
use crate::sys::filter::stdout_was_closed;
use crate::{Context, Error, Record, Result, Status};

/// The longest line that is read, in bytes. A longer one is an error of its own; the stream goes on after it.
pub const MAX_LINE: usize = 1 << 20;

/// Where records come from: for [`Line::record`], and who pipes something else in.
pub const RECORDS: &str = "nicon-resolve prints one for each container";

/// A line of input and its number, counted from 1.
pub struct Line {
    /// The line's number.
    pub number: u64,
    /// Its text without the newline, or why it cannot be used.
    pub text: Result<String>,
}

impl Line {
    /// The record in it. `hint` tells a user who piped something else in where records come from.
    ///
    /// # Errors
    /// Why the line cannot be used, or is not a record.
    pub fn record(&self, hint: &str) -> Result<Record> {
        parse_record(self.text.as_ref().map_err(Error::clone)?, hint)
    }
}

/// Parses a record, as [`Line::record`] does.
///
/// # Errors
/// As [`Record::parse`].
pub fn parse_record(text: &str, hint: &str) -> Result<Record> {
    let was_meant = text.trim_start().starts_with('{');
    Record::parse(text).map_err(|error| if was_meant { error } else { error.suffix(&format!(": {hint}")) })
}

/// The lines of an input, read one at a time.
pub struct Lines<R> {
    reader: BufReader<R>,
    number: u64,
    /// What is done, in messages.
    what: &'static str,
}

const READ_STDIN: &str = "read standard input";

impl Lines<StdinLock<'static>> {
    /// Standard input, for a program that got no operands; `hint` says what they would have been.
    ///
    /// # Errors
    /// [`Status::Failed`] where it is a terminal: nobody means to type records, and waiting would look like a hang.
    pub fn stdin(hint: &str) -> Result<Self> {
        check_stdin(hint)?;
        Ok(Self { what: READ_STDIN, ..Self::new(io::stdin().lock()) })
    }
}

impl<'a> Lines<Interruptible<'a, StdinLock<'static>>> {
    /// The same, until the run is interrupted: then what can be read without waiting is all.
    ///
    /// # Errors
    /// As [`Lines::stdin`].
    pub fn stdin_until(interrupt: &'a Interrupt, hint: &str) -> Result<Self> {
        check_stdin(hint)?;
        Ok(Self { what: READ_STDIN, ..Self::new(interrupt.reader(io::stdin().lock())) })
    }
}

fn check_stdin(hint: &str) -> Result<()> {
    if io::stdin().is_terminal() {
        return Err(Error::failed(format!("nothing to do: {hint}, or pipe records in (see --help)")));
    }
    Ok(())
}

impl<R: Read> Lines<R> {
    /// Reads lines from `reader`.
    pub fn new(reader: R) -> Self {
        Self { reader: BufReader::with_capacity(64 << 10, reader), number: 0, what: "read" }
    }

    /// Whether nothing more has been read: the next line may be long in coming.
    pub fn is_drained(&self) -> bool {
        self.reader.buffer().is_empty()
    }

    fn read_line(&mut self) -> Result<Option<Line>> {
        loop {
            let mut bytes = Vec::new();
            let mut limited = self.reader.by_ref().take(MAX_LINE as u64 + 1);
            if limited.read_until(b'\n', &mut bytes).context(|| self.what)? == 0 {
                return Ok(None);
            }
            self.number += 1;
            let number = self.number;
            if bytes.last() == Some(&b'\n') {
                bytes.pop();
            } else if bytes.len() > MAX_LINE {
                self.reader.skip_until(b'\n').context(|| self.what)?;
                return Ok(Some(Line { number, text: Err(Error::failed("longer than 1 MiB")) }));
            }
            let text = String::from_utf8(bytes).map_err(|_| Error::failed("not valid UTF-8"));
            if !text.as_ref().is_ok_and(|text| text.trim().is_empty()) {
                return Ok(Some(Line { number, text }));
            }
        }
    }

    /// The lines that are there to be read without waiting, and at least one: none at the end of the input.
    ///
    /// A script that writes a question and waits for its answer gets it, and a file full of questions is answered together.
    ///
    /// # Errors
    /// Where reading itself fails.
    pub fn batch(&mut self) -> Result<Vec<Line>> {
        let mut batch = Vec::new();
        while let Some(line) = self.next().transpose()? {
            batch.push(line);
            if !self.is_next_at_hand() {
                break;
            }
        }
        Ok(batch)
    }

    /// Whether another whole line can be had without waiting for whoever writes the input.
    fn is_next_at_hand(&self) -> bool {
        self.reader.buffer().contains(&b'\n')
    }
}

/// Gives the lines that are not blank. One that is too long or not UTF-8 is skipped, and [`Line::text`] says why; an `Err` means
/// that reading itself failed, after which nothing more comes.
impl<R: Read> Iterator for Lines<R> {
    type Item = Result<Line>;

    fn next(&mut self) -> Option<Result<Line>> {
        self.read_line().transpose()
    }
}

/// Whether standard input is a pipe, a socket or a file: something that records come from, unlike a terminal, /dev/null,
/// or nothing at all.
#[must_use]
pub fn stdin_is_a_stream() -> bool {
    let kind = |mode| SFlag::from_bits_truncate(mode) & SFlag::S_IFMT;
    fstat(io::stdin()).is_ok_and(|stat| matches!(kind(stat.st_mode), SFlag::S_IFIFO | SFlag::S_IFSOCK | SFlag::S_IFREG))
}

/// How answers are shown.
pub enum View<A: 'static = Record> {
    /// One JSON object a line.
    Records,
    /// An aligned table, once all answers are there.
    Table(&'static [Column<A>], Width),
    /// An aligned table whose rows are printed as they come, for a run that goes on.
    Rows(&'static [Column<A>], Width),
    /// One bare value a line, for shell scripts.
    Bare(fn(&A) -> String),
}

/// How much of what is known at once is written at once, in bytes: what a pipe holds.
const CHUNK: usize = 64 << 10;

/// The answers of one run: records to standard output, failures to standard error, and the status that they add up to. An
/// answer is a [`Record`], or what becomes one when it is written.
pub struct Answers<A: 'static = Record> {
    program: &'static str,
    view: View<A>,
    /// Those that are not printed yet.
    rows: Vec<A>,
    widths: Widths,
    worst: Status,
}

impl<A: Serialize> Answers<A> {
    /// Begins a run of `program`.
    ///
    /// # Errors
    /// [`Status::Failed`] where standard output was closed: answers would be lost without a word.
    pub fn new(program: &'static str, view: View<A>) -> Result<Self> {
        if stdout_was_closed() {
            return Err(Error::os("write standard output", nix::errno::Errno::EBADF));
        }
        let widths = match view {
            View::Table(_, width) => Widths::within(width),
            View::Rows(_, width) => Widths::of_rows(width),
            View::Records | View::Bare(_) => Widths::default(),
        };
        Ok(Self { program, view, rows: Vec::new(), widths, worst: Status::Answered })
    }

    /// Gives one answer. A failure is told on standard error, after the input's `line` number where it has one.
    ///
    /// # Errors
    /// Only where standard output itself fails; see [`cli::run`](super::cli::run) for how a reader that left is met.
    pub fn give(&mut self, line: Option<u64>, answer: Result<A>) -> Result<()> {
        self.give_all([answer.map_err(|error| line.iter().fold(error, |error, n| error.prefix(format!("line {n}"))))])
    }

    /// Gives answers that are known at once: they are written together.
    ///
    /// # Errors
    /// As [`Answers::give`].
    pub fn give_all(&mut self, answers: impl IntoIterator<Item = Result<A>>) -> Result<()> {
        let mut lines = Vec::new();
        for answer in answers {
            match answer {
                Ok(answer) => self.show(answer, &mut lines),
                Err(error) => {
                    self.worst = self.worst.max(error.status());
                    report(self.program, &error);
                }
            }
            if lines.len() >= CHUNK {
                write_out(&lines)?;
                lines.clear();
            }
        }
        if let View::Rows(columns, _) = self.view {
            lines.extend(self.take_rows(columns).into_bytes());
        }
        if lines.is_empty() { Ok(()) } else { write_out(&lines) }
    }

    /// Makes room in a table whose rows are printed as they come for answers like these, which may come later.
    pub fn expect<'a>(&mut self, answers: impl IntoIterator<Item = &'a A>) {
        if let View::Rows(columns, _) = self.view {
            self.widths.expect(columns, answers);
        }
    }

    fn show(&mut self, answer: A, lines: &mut Vec<u8>) {
        match self.view {
            View::Records => append_line(lines, &answer),
            View::Bare(value) => {
                lines.extend(value(&answer).into_bytes());
                lines.push(b'\n');
            }
            View::Table(..) | View::Rows(..) => self.rows.push(answer),
        }
    }

    /// The lines of the rows that are not printed yet.
    fn take_rows(&mut self, columns: &[Column<A>]) -> String {
        let rows = std::mem::take(&mut self.rows);
        if rows.is_empty() { String::new() } else { self.widths.lines(columns, &rows) }
    }

    /// The worst status of all answers so far.
    #[must_use]
    pub fn worst(&self) -> Status {
        self.worst
    }

    /// Ends the run: prints the table, where there is one, and tells the worst status of all answers.
    ///
    /// # Errors
    /// Where standard output fails.
    pub fn finish(mut self) -> Result<Status> {
        if let View::Table(columns, _) = self.view
            && !self.rows.is_empty()
        {
            write_out(self.widths.all_lines(columns, &self.rows))?;
        }
        Ok(self.worst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(input: &[u8]) -> Vec<(u64, std::result::Result<String, String>)> {
        let lines = Lines::new(input).map(Result::unwrap);
        lines.map(|line| (line.number, line.text.map_err(|error| error.to_string()))).collect()
    }

    #[test]
    fn a_batch_is_what_is_at_hand() {
        let mut lines = Lines::new(&b"a\nb\nc"[..]);
        let sizes: Vec<_> = std::iter::repeat_with(|| lines.batch().unwrap().len()).take(3).collect();
        assert_eq!(sizes, [2, 1, 0]);
    }

    #[test]
    fn blank_lines_count_but_are_not_given() {
        assert_eq!(read_all(b"a\n\n  \nb"), [(1, Ok("a".into())), (4, Ok("b".into()))]);
    }

    #[test]
    fn a_bad_line_is_named_and_the_stream_goes_on() {
        let mut input = vec![b'x'; MAX_LINE + 1];
        input.extend_from_slice(b"\n\xff\nok\n");
        let lines = read_all(&input);
        assert_eq!(lines[0], (1, Err("longer than 1 MiB".into())));
        assert_eq!(lines[1], (2, Err("not valid UTF-8".into())));
        assert_eq!(lines[2], (3, Ok("ok".into())));
    }

    #[test]
    fn a_line_of_exactly_the_limit_is_read() {
        let mut input = vec![b'x'; MAX_LINE];
        input.extend_from_slice(b"\nok");
        let lines = read_all(&input);
        assert_eq!(lines[0].1.as_ref().unwrap().len(), MAX_LINE);
        assert_eq!(lines[1], (2, Ok("ok".into())));
    }
}
