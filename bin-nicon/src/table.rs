//! What can stand on the command lines of nicon's programs: the tables that `make manual` makes of their definitions.

use std::ffi::OsStr;

/// A program's command line.
#[derive(Default)]
pub(crate) struct Table {
    pub(crate) about: &'static str,
    /// Only of nicon: its own commands, and what they do.
    pub(crate) jobs: Vec<(&'static str, &'static str)>,
    pub(crate) options: Vec<Row>,
    /// Only of nicon: the options of its commands, which precede these.
    options_of_jobs: Vec<(&'static str, Row)>,
    operands: Vec<Row>,
}

/// An option, or an operand.
pub(crate) struct Row {
    pub(crate) names: &'static str,
    pub(crate) value: Option<Value>,
    pub(crate) about: &'static str,
}

/// What an option or an operand takes.
#[derive(Clone, Copy)]
pub(crate) struct Value {
    /// What kind of thing.
    pub(crate) kind: &'static str,
    /// Whether it is attached to the option by a `=`.
    is_attached: bool,
}

macro_rules! tables {
    ($($program:literal)*) => {
        [$(($program, include_str!(concat!("../command-lines/", $program, ".tsv")))),*]
    };
}

const TABLES: [(&str, &str); 12] = tables!(
    "nicon" "nicon-linkadd" "nicon-linkmv" "nicon-links" "nicon-nsexec" "nicon-nsfind" "nicon-nsid" "nicon-plan" "nicon-resolve"
    "nicon-tree" "nicon-veth" "nicon-wire"
);

impl Table {
    /// That of the program of this name.
    pub(crate) fn of(program: &str) -> Option<Self> {
        let (_, text) = TABLES.into_iter().find(|(name, _)| *name == program)?;
        let mut table = Self::default();
        for line in text.lines() {
            let mut cells = line.splitn(3, '\t');
            let (names, kind, about) = (cells.next()?, cells.next()?, cells.next()?);
            let (is_attached, kind) = kind.strip_prefix('=').map_or((false, kind), |kind| (true, kind));
            let value = (!kind.is_empty()).then_some(Value { kind, is_attached });
            match kind {
                "program" => table.about = about,
                "job" => table.jobs.push((names, about)),
                _ if names.starts_with('-') => table.options.push(Row { names, value, about }),
                _ => match names.split_once(' ') {
                    Some((job, names)) => table.options_of_jobs.push((job, Row { names, value, about })),
                    None => table.operands.push(Row { names, value, about }),
                },
            }
        }
        Some(table)
    }

    /// The command line of one of nicon's own commands.
    pub(crate) fn of_job(job: &str) -> Option<Self> {
        let of_jobs = Self::of("nicon")?.options_of_jobs;
        let options = of_jobs.into_iter().filter(|(name, _)| *name == job).map(|(_, row)| row).collect();
        Some(Self { options, ..Self::default() })
    }

    /// What an option of this name takes.
    pub(crate) fn value_of(&self, name: &str) -> Option<Value> {
        self.options.iter().find(|row| row.names.split(' ').any(|known| known == name))?.value
    }

    /// The option of a word that takes the next word, and what it takes: that of `--target`, `-t`, or `-at`.
    pub(crate) fn awaits(&self, word: &str) -> Option<(String, Value)> {
        let option = if word.starts_with("--") {
            word.to_owned()
        } else {
            // What comes behind a letter that takes a value is that value.
            let takes_value = |letter: &char| self.value_of(&format!("-{letter}")).is_some();
            let (letters, letter) = (word.strip_prefix('-')?, word.chars().skip(1).find(takes_value)?);
            letters.strip_suffix(letter).filter(|others| !others.contains(letter))?;
            format!("-{letter}")
        };
        let value = self.value_of(&option).filter(|value| !value.is_attached)?;
        Some((option, value))
    }

    /// How many words precede the first operand: options, and what these take.
    pub(crate) fn options_in(&self, words: &[impl AsRef<OsStr>]) -> usize {
        let mut is_value = false;
        let mut is_operand = |word: &dyn AsRef<OsStr>| {
            if std::mem::take(&mut is_value) {
                return false;
            }
            let text = word.as_ref().to_string_lossy();
            is_value = self.awaits(&text).is_some();
            text == "--" || !is_option(&text)
        };
        words.iter().position(|word| is_operand(word)).unwrap_or(words.len())
    }

    /// What the operand is that comes after so many others.
    pub(crate) fn operand(&self, number: usize) -> Option<&'static str> {
        let repeated = || self.operands.last().filter(|row| row.names.ends_with("..."));
        self.operands.get(number).or_else(repeated)?.value.map(|value| value.kind)
    }
}

/// Whether a word begins as an option does. A minus alone is standard input.
pub(crate) fn is_option(word: &str) -> bool {
    word.starts_with('-') && word != "-"
}

/// Each of nicon's programs, without `nicon-`, and what it does.
pub(crate) fn programs() -> impl Iterator<Item = (&'static str, &'static str)> {
    let names = TABLES.into_iter().filter_map(|(name, _)| Some((name.strip_prefix("nicon-")?, name)));
    names.map(|(short, name)| (short, Table::of(name).map_or("", |table| table.about)))
}
