//! The containers that network namespaces are called after, from the records of nicon-resolve.

use std::collections::HashMap;

use nicon_core::filter::names;
use nicon_core::machine::Machine;
use nicon_core::{Error, NsType, Process, Record, Result, Status};

use crate::args::Args;

/// Containers by the inode number of their network namespace.
#[derive(Default)]
pub(crate) struct Names(HashMap<u64, (Record, Process)>);

impl Names {
    /// Reads the file that `--names` names. A container whose process has ended since has no namespace to be called after it.
    ///
    /// # Errors
    /// If the file cannot be read, or a line is not such a record, or of another machine.
    pub(crate) fn of(args: &Args) -> Result<Self> {
        let mut all = Self::default();
        if let Some(file) = &args.names {
            names::read("--names", file, |record| all.add(record))?;
        }
        Ok(all)
    }

    /// Of containers that share a network namespace, the first counts.
    fn add(&mut self, record: Record) -> Result<()> {
        if record.text("target")?.is_none() {
            return Err(Error::failed("not a record of a container, as nicon-resolve '**' prints"));
        }
        Machine::this()?.check(&record)?;
        match Process::from_record(&record).and_then(|process| Ok((netns(&process)?, process))) {
            Ok((Some(ino), process)) => {
                self.0.entry(ino).or_insert((record, process));
                Ok(())
            }
            Ok((None, _)) => Ok(()),
            Err(error) if error.status() == Status::No => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// The record of the container whose network namespace has this inode number now.
    pub(crate) fn record(&self, ino: u64) -> Option<&Record> {
        let (record, process) = self.0.get(&ino)?;
        (netns(process).ok()? == Some(ino)).then_some(record)
    }

    /// What that container is called.
    pub(crate) fn path(&self, ino: u64) -> Option<String> {
        self.record(ino)?.text("target").ok()?.map(str::to_owned)
    }
}

fn netns(process: &Process) -> Result<Option<u64>> {
    Ok(process.namespace_id(NsType::Net)?.map(|id| id.ino))
}
