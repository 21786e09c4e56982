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

impl Row {
    /// An option's long name, or the only one.
    fn long(&self) -> &'static str {
        self.names.split(' ').find(|name| name.starts_with("--")).unwrap_or(self.names)
    }
}

/// An option on a command line.
pub(crate) struct Given {
    /// Its name as it was typed.
    pub(crate) name: String,
    /// Its long name; empty if there is no such option.
    pub(crate) option: &'static str,
    /// Whether its value is in the same word.
    pub(crate) has_value: bool,
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
        [$(($program, include_str!(concat!("../../command-lines/", $program, ".tsv")))),*]
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

    /// That of one of nicon's programs, without `nicon-`; empty if there is no such program.
    pub(crate) fn of_program(program: &str) -> Self {
        Self::of(&format!("nicon-{program}")).unwrap_or_default()
    }

    /// The command line of one of nicon's own commands.
    pub(crate) fn of_job(job: &str) -> Option<Self> {
        let of_jobs = Self::of("nicon")?.options_of_jobs;
        let options = of_jobs.into_iter().filter(|(name, _)| *name == job).map(|(_, row)| row).collect();
        Some(Self { options, ..Self::default() })
    }

    /// With the options of another one.
    pub(crate) fn and(mut self, other: Self) -> Self {
        self.options.extend(other.options);
        self
    }

    /// Without the options of these names.
    pub(crate) fn without(mut self, names: &[&str]) -> Self {
        self.options.retain(|row| !names.contains(&row.long()));
        self
    }

    /// With as many operands of this kind as anyone likes.
    pub(crate) fn taking(mut self, kind: &'static str) -> Self {
        self.operands = vec![Row { names: "...", value: Some(Value { kind, is_attached: false }), about: "" }];
        self
    }

    /// What an option of this name takes.
    pub(crate) fn value_of(&self, name: &str) -> Option<Value> {
        self.option(name)?.value
    }

    /// The option of this name. The beginning of a long one will do where no other begins so, as nicon-nsexec has it.
    fn option(&self, name: &str) -> Option<&Row> {
        let find = |fits: &dyn Fn(&str) -> bool| {
            let mut rows = self.options.iter().filter(|row| row.names.split(' ').any(fits));
            rows.next().filter(|_| rows.next().is_none())
        };
        let is_long = name.len() > 2 && name.starts_with("--");
        find(&|known| known == name).or_else(|| find(&|known| is_long && known.starts_with(name)))
    }

    /// The option of a word that takes the next word, and what it takes: that of `--target`, `-t`, or `-at`.
    pub(crate) fn awaits(&self, word: &str) -> Option<(String, Value)> {
        let Given { name, has_value, .. } = self.options_of(word).pop()?;
        let value = self.value_of(&name).filter(|value| !value.is_attached && !has_value)?;
        Some((name, value))
    }

    /// The options of one word: `--target=a` is one, and `-nta` two, the second with its value.
    pub(crate) fn options_of(&self, word: &str) -> Vec<Given> {
        let given = |name: &str, has_value| {
            let option = self.option(name).map(Row::long).unwrap_or_default();
            Given { name: name.to_owned(), option, has_value }
        };
        if word.starts_with("--") {
            let (name, value) = word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value)));
            return vec![given(name, value.is_some())];
        }
        let (mut options, mut letters) = (Vec::new(), word.strip_prefix('-').unwrap_or_default().chars());
        while let Some(letter) = letters.next() {
            let (name, rest) = (format!("-{letter}"), letters.as_str());
            let has_value = self.value_of(&name).is_some_and(|value| {
                // A file may hang on its letter, and else it has none.
                if value.is_attached { rest.starts_with(['=', '/', '.']) } else { !rest.is_empty() }
            });
            options.push(given(&name, has_value));
            if has_value {
                break;
            }
        }
        options
    }

    /// The options before the first operand.
    pub(crate) fn given(&self, words: &[impl AsRef<OsStr>]) -> Vec<Given> {
        let (mut options, mut is_value) = (Vec::new(), false);
        for word in &words[..self.options_in(words)] {
            if std::mem::take(&mut is_value) {
                continue;
            }
            let word = word.as_ref().to_string_lossy();
            is_value = self.awaits(&word).is_some();
            options.extend(self.options_of(&word));
        }
        options
    }

    /// Whether this option, by its long name, is among those before the first operand.
    pub(crate) fn gives(&self, words: &[impl AsRef<OsStr>], option: &str) -> bool {
        self.given(words).iter().any(|given| given.option == option)
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
