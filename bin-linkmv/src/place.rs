//! The network namespaces that links are in.

use std::path::Path;

use nicon_core::{Error, Namespace, NsType, Process, Record, Result};

use crate::fields::label;
use crate::netlink::Netlink;

/// What our own network namespace is called, on the command line and in a record's `target`.
pub const HOST: &str = "host";

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
        Ok(Self { process: Some(process), ..Self::open(ns, label, home)? })
    }

    /// That which a file names, such as `/run/netns/blue` or `/proc/42/ns/net`.
    ///
    /// # Errors
    /// Where it cannot be opened, or is no network namespace.
    pub fn of_file(path: &Path, home: &Self) -> Result<Self> {
        Self::open(Namespace::open(path)?, path.display().to_string(), home)
    }

    /// That of the process which a record names; a record without one whose target is `host` means our own.
    ///
    /// # Errors
    /// Where the process is gone or another by now, or its namespace must not be entered.
    pub fn of_record(record: &Record, home: &Self) -> Result<Self> {
        if record.get("pid").is_none() && record.text("target")? == Some(HOST) {
            return Self::home();
        }
        Self::of_process(Process::from_record(record)?, label(record), home)
    }

    fn open(ns: Namespace, label: String, home: &Self) -> Result<Self> {
        let netlink = Netlink::open_in(&ns, &home.ns)?;
        Ok(Self { label, ns, netlink, process: None })
    }

    /// Whether both are one namespace.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        self.ns.id() == other.ns.id()
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
