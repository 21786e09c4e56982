//! The network namespaces that the command line or standard input asks for.

use std::path::PathBuf;

use nicon_core::filter::stream::{Answers, Lines};
use nicon_core::link::target::{self, Target};
use nicon_core::{Process, Record, Result};
use nicon_rtnl::NetnsHandle;
use nicon_rtnl::record::RECORDS;

use crate::args::Args;
use crate::listing::Listing;
use crate::listings::{Key, Listings};
use crate::record::LinkRecord;

/// What was asked for.
#[derive(Default)]
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

/// Opens everything that the command line or standard input asks for by name. All of it is read before the first link is printed,
/// since any record may name the namespace of the other end of a link.
pub(crate) fn open_all(args: &Args, home: &NetnsHandle, answers: &mut Answers<LinkRecord>) -> Result<Input> {
    let mut input = Input::default();
    let mut add = |line: Option<u64>, record: Result<Record>| match input.open(record, home, args) {
        Ok(()) => Ok(()),
        Err(error) => answers.give(line, Err(error)),
    };
    if args.targets.is_empty() && args.netns.is_empty() {
        for line in Lines::stdin("give --target PID, --netns NAME or --all")? {
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
    fn open(&mut self, record: Result<Record>, home: &NetnsHandle, args: &Args) -> Result<()> {
        let record = record?;
        let opened = open(&record, home, args);
        let file = file(&record);
        let (listing, result) = match opened {
            Ok(listing) => (Some(self.listings.add(listing)), Ok(())),
            Err(error) => (None, Err(error)),
        };
        self.files.extend(file.map(|path| AskedFile { path, record, listing }));
        result
    }
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
