//! The namespaces of a move, as the records of a run name them.

use std::rc::Rc;

use nicon_core::link::Selector;
use nicon_core::path::HOST;
use nicon_core::{Error, Record, Result, Status};
use nicon_rtnl::NetnsHandle;

use crate::link::find::find;
use crate::link::from::{Said, said};
use crate::link::namespaces::Namespaces;
use crate::link::source::Source;
use crate::wishes::origin::From;

/// Where links are and where they go.
pub(crate) struct Endpoints<'a> {
    namespaces: &'a Namespaces,
    /// Whether targets are held open to the end of the run.
    all_or_nothing: bool,
    from: Given,
}

/// Where links are, as the command line says it.
enum Given {
    /// For all records.
    Netns(Rc<Source>),
    /// In their targets.
    Target,
    /// It does not: they are here if their records do not say.
    Not(Rc<Source>),
}

/// How it is said where a link is.
const FROM: &str = "--from says where it is; in a container: --from $(nicon-resolve --pid PATH)";

impl<'a> Endpoints<'a> {
    /// The namespaces of a run. `from` is where the command line says that links are, if it does.
    pub(crate) fn new(from: Option<&From>, all_or_nothing: bool, namespaces: &'a Namespaces) -> Result<Self> {
        let from = match from {
            Some(From::Netns(from)) => {
                Given::Netns(Rc::new(Source::new(namespaces.home.open_record(&Record::from(from))?)))
            }
            Some(From::Target) => Given::Target,
            None => Given::Not(Rc::new(Source::new(namespaces.home.clone()))),
        };
        Ok(Self { namespaces, all_or_nothing, from })
    }

    /// Where the link of a record is, and its target.
    ///
    /// # Errors
    /// If one is gone or may not be entered, or both are the same and nothing says that this is meant.
    pub(crate) fn of(&self, record: &Record) -> Result<(Rc<Source>, Rc<NetnsHandle>)> {
        let to = self.namespaces.of_record(record)?;
        if self.all_or_nothing {
            self.namespaces.hold(&to);
        }
        let (from, is_given) = match &self.from {
            Given::Netns(from) => (Rc::clone(from), true),
            Given::Target => (self.namespaces.source(&to), true),
            Given::Not(from) => match said(record) {
                Said::Nothing => (Rc::clone(from), false),
                Said::Target => (self.namespaces.source(&to), true),
                Said::Named(from) => (self.namespaces.source_named(from)?, true),
            },
        };
        differ(&from.netns, &to, is_given)?;
        Ok((from, to))
    }

    /// What has failed, with how to say where the link is if it was looked for here only because nothing says where, and is not here.
    pub(super) fn explain(&self, error: Error, record: &Record, link: &Selector) -> Error {
        match (&self.from, said(record)) {
            (Given::Not(here), Said::Nothing)
                if error.status() == Status::No && matches!(find(link, &here.netns), Ok(None)) =>
            {
                error.suffix(&format!(" ({FROM})"))
            }
            _ => error,
        }
    }
}

/// Rejects a move into the namespace where the link already is, unless both are named alike: then the link is to be changed where it
/// is. Otherwise the target is probably not what the caller meant, such as a container with --network=host. The kernel would accept
/// the request and take the link down.
fn differ(from: &NetnsHandle, to: &NetnsHandle, is_given: bool) -> Result<()> {
    if !to.is(from) || is_given && are_named_alike(from, to) {
        return Ok(());
    }
    let why = match (from.is_home(), to.label == HOST) {
        (true, true) => {
            format!("the link is already in the host's network namespace ({FROM})")
        }
        (true, false) => format!("{} is in our own network namespace (does it run with --network=host?)", to.label),
        (false, _) => format!("{} and {} are the same network namespace", from.label, to.label),
    };
    Err(Error::failed(format!("{why}: nothing to move (--from target changes a link where it is)")))
}

/// Whether both are the namespace of one process, or are called the same.
fn are_named_alike(from: &NetnsHandle, to: &NetnsHandle) -> bool {
    match (from.process(), to.process()) {
        (Some(from), Some(to)) => from.pid() == to.pid(),
        (None, None) => from.label == to.label,
        _ => false,
    }
}
