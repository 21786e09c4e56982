//! The network namespaces that links are in.

use std::path::Path;

use nicon_core::link::target::HOST;
use nicon_core::{Error, Namespace, NsType, Process, Record, Result};
use serde_json::Value;

use crate::fields::label;
use crate::netlink::{Netlink, inside};
use nicon_core::link::Target;

/// A network namespace, held open, with a netlink socket in it.
pub struct Place {
    /// What messages call it.
    pub label: String,
    /// The namespace.
    pub ns: Namespace,
    /// A socket that was opened there.
    pub netlink: Netlink,
    /// The process that it was found by, if any.
    process: Option<Process>,
}

impl Place {
    /// Our own.
    ///
    /// # Errors
    /// Where it cannot be opened.
    pub fn home() -> Result<Self> {
        let ns = Namespace::open("/proc/self/ns/net".as_ref())?;
        Ok(Self { label: HOST.to_owned(), ns, netlink: Netlink::open()?, process: None })
    }

    /// That of a process.
    ///
    /// # Errors
    /// Where the process is gone, or its namespace must not be entered.
    pub fn of_process(process: Process, label: String, home: &Self) -> Result<Self> {
        let ns = process.namespace(NsType::Net)?;
        Ok(Self { process: Some(process), ..Self::of_namespace(ns, label, home)? })
    }

    /// That which a file names, such as `/run/netns/blue` or `/proc/42/ns/net`.
    ///
    /// # Errors
    /// Where it cannot be opened, or is no network namespace.
    pub fn of_file(path: &Path, home: &Self) -> Result<Self> {
        let (ns, label) = (Namespace::open(path)?, path.display().to_string());
        match ns.ns_type() {
            Ok(NsType::Net) => Self::of_namespace(ns, label, home),
            _ => Err(Error::failed(format!("{label} is not a network namespace"))),
        }
    }

    /// That of the process which a record names. A record without one means our own namespace where its target is `host`,
    /// and where its target begins with a slash, the namespace which that file names.
    ///
    /// # Errors
    /// Where the process is gone or another by now, or its namespace must not be entered.
    pub fn of_record(record: &Record, home: &Self) -> Result<Self> {
        match record.text("target")? {
            Some(HOST) if record.get("pid").is_none() => Self::home(),
            Some(file) if record.get("pid").is_none() && file.starts_with('/') => Self::of_file(file.as_ref(), home),
            _ => Self::of_process(Process::from_record(record)?, label(record), home),
        }
    }

    /// That which a field of a record names: a record, or what `--target` takes.
    ///
    /// # Errors
    /// As [`Place::of_record`], and where the field is neither.
    pub fn of_field(field: &str, value: &Value, home: &Self) -> Result<Self> {
        let record = match value {
            Value::Object(_) => Record::parse(&value.to_string())?,
            other => {
                Record::from(&Target::try_from(other).map_err(|error| error.within(format!("field \"{field}\"")))?)
            }
        };
        Self::of_record(&record, home).map_err(|error| error.within(field))
    }

    /// That which is held open, under the name that messages call it.
    ///
    /// # Errors
    /// Where it must not be entered.
    pub fn of_namespace(ns: Namespace, label: String, home: &Self) -> Result<Self> {
        let netlink = Netlink::open_in(&ns, &home.ns)?;
        Ok(Self { label, ns, netlink, process: None })
    }

    /// Whether both are one namespace.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        self.ns.id() == other.ns.id()
    }

    /// Does something in this network namespace, and comes back: what /proc/sys/net and a socket mean depends on where one
    /// opens them.
    ///
    /// # Errors
    /// Where we may not enter it.
    pub fn inside<T>(&self, home: &Self, work: impl FnOnce() -> T) -> Result<T> {
        inside(&self.ns, &home.ns, work)
    }

    /// Makes sure that the process still runs: without it the namespace may be held by nobody but us, and take its links
    /// with it when we go.
    ///
    /// # Errors
    /// [`nicon_core::Status::No`] where it has exited.
    pub fn check_alive(&self) -> Result<()> {
        match &self.process {
            Some(process) if !process.is_alive() => Err(Error::no(format!("{} exited meanwhile", self.label))),
            _ => Ok(()),
        }
    }
}
