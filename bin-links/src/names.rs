//! The containers that network namespaces are called after, from the records of nicon-resolve.

use std::collections::HashMap;

use nicon_core::filter::names;
use nicon_core::machine::Machine;
use nicon_core::{Error, NsType, Process, Record, Result, Status, path};
use serde_json::Value;

use crate::args::Args;

/// What network namespaces are called, by their inode numbers.
#[derive(Default)]
pub(crate) struct Names {
    /// The containers of `--names`.
    named: HashMap<u64, (Record, Process)>,
    /// Containers around those that are listed, by their paths.
    around: HashMap<u64, (String, Process)>,
}

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
                self.named.entry(ino).or_insert((record, process));
                Ok(())
            }
            Ok((None, _)) => Ok(()),
            Err(error) if error.status() == Status::No => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Notes what the containers around that of a record are called. The other ends of an engine's own veths are there.
    pub(crate) fn add_around(&mut self, record: &Record) {
        let hops = record.get("hops").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let around = record.text("target").ok().flatten().and_then(|target| path::around(target).ok());
        for (hop, path) in hops.iter().zip(around.unwrap_or_default()) {
            let [pid, starttime] = ["pid", "starttime"].map(|field| hop.get(field).and_then(Value::as_u64));
            let is_it = |one: &Process| u64::try_from(one.pid()).ok() == pid && one.starttime().ok() == starttime;
            let mut known = self.around.iter_mut();
            if let Some((_, (known, _))) = known.find(|(ino, (_, one))| is_it(one) && is_in(one, **ino)) {
                // It may have another name by now.
                *known = path;
                continue;
            }
            // A name that cannot be had is left out.
            if let Some(process) = process_of(hop, record)
                && let Ok(Some(ino)) = netns(&process)
            {
                self.around.retain(|ino, (_, known)| is_in(known, *ino));
                self.around.entry(ino).or_insert((path, process));
            }
        }
    }

    /// The record of the container whose network namespace has this inode number now.
    pub(crate) fn record(&self, ino: u64) -> Option<&Record> {
        let (record, process) = self.named.get(&ino)?;
        is_in(process, ino).then_some(record)
    }

    /// What that container is called.
    pub(crate) fn path(&self, ino: u64) -> Option<String> {
        let named = self.record(ino).and_then(|record| record.text("target").ok()?.map(str::to_owned));
        named.or_else(|| {
            let (path, process) = self.around.get(&ino)?;
            is_in(process, ino).then(|| path.clone())
        })
    }
}

/// The process of a hop of a record, if it is still the same one.
fn process_of(hop: &Value, record: &Record) -> Option<Process> {
    let mut own = Record::default();
    own.set("pid", hop.get("pid")?.clone());
    own.set("starttime", hop.get("starttime")?.as_u64()?);
    for field in ["boot", "machine"] {
        own.set(field, record.get(field)?.clone());
    }
    Process::from_record(&own).ok()
}

/// Whether a process is in that network namespace now. One that has ended is in none.
fn is_in(process: &Process, ino: u64) -> bool {
    netns(process).is_ok_and(|now| now == Some(ino))
}

fn netns(process: &Process) -> Result<Option<u64>> {
    Ok(process.namespace_id(NsType::Net)?.map(|id| id.ino))
}
