//! A process in a record: what identifies it to whoever reads the record, and the comparison with what runs now.

use serde_json::Map;

use super::Process;
use crate::machine::Machine;
use crate::{Error, NsType, Record, Result};

impl Process {
    /// Pins the process that a record names, and checks that it is still the same process, in the same namespaces.
    ///
    /// # Errors
    /// [`Status::No`](crate::Status::No) if it is gone, its PID was reused, or it has changed a namespace;
    /// [`Status::Failed`](crate::Status::Failed) if the record has no `pid`. As [`Machine::check`].
    pub fn from_record(record: &Record) -> Result<Self> {
        let Some(pid) = record.integer("pid")? else {
            let way_out = record.get("target").map_or("", |_| " (nicon-resolve finds that of its target)");
            return Err(Error::invalid(format!("the record has no \"pid\"{way_out}")));
        };
        Machine::this()?.check(record)?;
        let process = Self::pin(pid)?;
        if let Some(recorded) = record.integer("starttime")? {
            process.expect("start time", process.starttime()?, recorded)?;
        }
        if let (Some(recorded), Some(actual)) = (record.integer("pidfs")?, process.pidfs()?) {
            process.expect("pidfs inode", actual, recorded)?;
        }
        for (name, recorded) in record.integers("ns")? {
            if let Some(id) = process.namespace_id(name.parse()?)?
                && id.ino != recorded
            {
                let now = id.ino;
                return Err(Error::no(format!("process {pid} is in {name} namespace {now} now, not in {recorded}")));
            }
        }
        Ok(process)
    }

    fn expect(&self, what: &str, actual: u64, recorded: u64) -> Result<()> {
        if actual == recorded {
            return Ok(());
        }
        let pid = self.pid;
        Err(Error::no(format!("PID {pid} now belongs to another process ({what} {actual}, not {recorded})")))
    }

    /// Writes its identity and namespaces into a record: `pid`, `starttime`, `pidfs`, `nspid`, `ns`, `nsdev`, `boot` and
    /// `machine`.
    ///
    /// # Errors
    /// [`Status::No`](crate::Status::No) if it exits before all is read.
    pub fn write_to(&self, record: &mut Record) -> Result<()> {
        let mut ns = Map::new();
        let mut nsdev = None;
        for ns_type in NsType::ALL {
            if let Some(id) = self.namespace_id(ns_type)? {
                ns.insert(ns_type.name().to_owned(), id.ino.into());
                nsdev = Some(id.dev);
            }
        }
        record.set("pid", self.pid);
        record.set("starttime", self.starttime()?);
        match self.pidfs()? {
            Some(inode) => record.set("pidfs", inode),
            None => record.remove("pidfs"),
        }
        record.set("nspid", self.nspid()?);
        record.set("ns", ns);
        record.set("nsdev", nsdev);
        Machine::this()?.write_to(record);
        if self.is_alive() { Ok(()) } else { Err(Error::no(format!("process {} is gone", self.pid))) }
    }
}
