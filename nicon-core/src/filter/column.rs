//! The columns of tables: what each is called and shows, and how it is laid out.

use crate::Record;

/// A column of a table.
pub struct Column<A = Record> {
    /// The heading.
    pub title: &'static str,
    /// Returns the text of the cell for an answer.
    pub cell: fn(&A) -> String,
    pub(super) is_state: bool,
    pub(super) is_sparse: bool,
    pub(super) is_list: bool,
    pub(super) least: usize,
}

impl<A> Column<A> {
    /// A column of that heading. `cell` returns the text for an answer; where it is empty, the cell shows `-`.
    #[must_use]
    pub const fn new(title: &'static str, cell: fn(&A) -> String) -> Self {
        Self { title, cell, is_state: false, is_sparse: false, is_list: false, least: 0 }
    }

    /// Colours the states in it: a link's, or what happened to something.
    #[must_use]
    pub const fn of_states(self) -> Self {
        Self { is_state: true, ..self }
    }

    /// Leaves it out of a table in which all its cells are empty.
    #[must_use]
    pub const fn sparse(self) -> Self {
        Self { is_sparse: true, ..self }
    }

    /// Gives each line of a cell a line of the table.
    #[must_use]
    pub const fn of_lists(self) -> Self {
        Self { is_list: true, ..self }
    }

    /// Makes it at least that wide, in columns of the terminal, where rows are printed before all are known.
    #[must_use]
    pub const fn at_least(self, width: usize) -> Self {
        Self { least: width, ..self }
    }
}

/// The least widths of columns in tables whose rows are printed one by one. How long most of these become is known; the column of targets has
/// room for a container in two others.
pub mod least {
    /// `present`
    pub const EVENT: usize = 7;
    /// `outer.inner.name`, or longer.
    pub const TARGET: usize = 17;
    /// `4194303`, the greatest of 64-bit Linux.
    pub const PID: usize = 7;
    /// `4026532565`
    pub const NAMESPACE: usize = 10;
    /// `02:00:5e:00:53:01`
    pub const MAC: usize = 17;
}

/// What has happened to a record's container. One that was not there to begin with has not gone: where its record has no process,
/// it is absent, or nobody knows.
pub const EVENT: Column = Column::new("EVENT", event).of_states().at_least(least::EVENT);

fn event(record: &Record) -> String {
    let has = |field: &str| record.get(field).is_some_and(|value| !value.is_null());
    match (&*record.cell("event"), has("pid"), has("unknown")) {
        ("gone", false, false) => "absent".to_owned(),
        ("gone", false, true) => "unknown".to_owned(),
        (event, _, _) => event.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_never_was_there_has_not_gone() {
        for (line, told) in [
            (r#"{"event":"gone"}"#, "absent"),
            (r#"{"event":"gone","unknown":"why"}"#, "unknown"),
            (r#"{"event":"gone","pid":7}"#, "gone"),
            (r#"{"event":"present"}"#, "present"),
            ("{}", "-"),
        ] {
            assert_eq!((EVENT.cell)(&Record::parse(line).unwrap()), told, "{line}");
        }
    }
}
