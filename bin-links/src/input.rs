//! The network namespaces that the command line or standard input asks for.

use std::path::PathBuf;

use nicon_core::filter::stream::{Answers, Lines, RECORDS};
use nicon_core::link::target::{self, Target};
use nicon_core::{Process, Record, Result};
use nicon_rtnl::NetnsHandle;
use serde::Serialize;

use crate::args::Args;
use crate::listing::Listing;
use crate::listings::{Key, Listings};
use crate::names::Names;

/// What was asked for.
pub(crate) struct Input {
    pub(crate) listings: Listings,
    pub(crate) files: Vec<AskedFile>,
}

/// A network namespace that was asked for by the file that it is mounted on. If it ends, another one may be mounted there.
pub(crate) struct AskedFile {
    pub(crate) path: PathBuf,
    pub(crate) record: Record,
    /// Its listing, while there is one.
    pub(crate) listing: Option<Key>,
}

/// What there could be instead of records on standard input.
pub(crate) const OPERANDS: &str = "give --target PID, --netns NAME or --all";

/// Whether records are read from standard input.
pub(crate) fn reads_stdin(args: &Args) -> bool {
    !args.all && args.targets.is_empty() && args.netns.is_empty()
}

/// Opens everything that the command line or standard input asks for by name. All of it is read before the first link is printed,
/// since any record may name the namespace of the other end of a link. A watch reads its records itself: more may come.
pub(crate) fn open_all<A: Serialize>(
    args: &Args,
    names: Names,
    home: &NetnsHandle,
    answers: &mut Answers<A>,
) -> Result<Input> {
    let mut input = Input::new(names);
    let mut add = |line: Option<u64>, record: Result<Record>| match input.open(record, home, args) {
        Ok(()) => Ok(()),
        Err(error) => answers.give(line, Err(error)),
    };
    if reads_stdin(args) && !args.watch {
        for line in Lines::stdin(OPERANDS)? {
            let line = line?;
            add(Some(line.number), line.record(RECORDS))?;
        }
    }
    for target in &args.targets {
        add(
            None,
            match target {
                Target::Host | Target::File(_) => Ok(Record::from(target)),
                Target::Pid(pid) => of_process(*pid),
            },
        )?;
    }
    for name in &args.netns {
        add(None, Ok(Record::from(&Target::File(target::path(name)))))?;
    }
    Ok(input)
}

impl Input {
    /// Nothing yet. Whatever comes is called by these names.
    pub(crate) fn new(names: Names) -> Self {
        Self { listings: Listings::new(names), files: Vec::new() }
    }

    fn open(&mut self, record: Result<Record>, home: &NetnsHandle, args: &Args) -> Result<()> {
        let record = record?;
        let opened = open(&record, home, args);
        add(record, opened, &mut self.listings, &mut self.files).map(drop)
    }
}

/// Adds the listing of the namespace which a record names, and the file if it names one, which may lead to a namespace later.
///
/// # Errors
/// Why it could not be opened.
pub(crate) fn add(
    record: Record,
    opened: Result<Listing>,
    listings: &mut Listings,
    files: &mut Vec<AskedFile>,
) -> Result<Key> {
    let added = opened.map(|listing| listings.add(listing));
    let listing = added.as_ref().ok().copied();
    files.extend(file(&record).map(|path| AskedFile { path, record, listing }));
    added
}

/// The listing of the namespace which a record names.
pub(crate) fn open(record: &Record, home: &NetnsHandle, args: &Args) -> Result<Listing> {
    Listing::new(record.clone(), home.open_record(record)?, args)
}

/// The file which a record names.
fn file(record: &Record) -> Option<PathBuf> {
    let target = record.text("target").ok()?.filter(|_| record.get("pid").is_none_or(serde_json::Value::is_null))?;
    match Target::without_container(target) {
        Ok(Some(Target::File(path))) => Some(path),
        _ => None,
    }
}

/// A record that names a process as nicon-resolve would, so that the next program can act on it.
pub(crate) fn of_process(pid: i32) -> Result<Record> {
    let mut record = Record::default();
    Process::pin(pid)?.write_to(&mut record)?;
    Ok(record)
}
