//! The namespaces of a move, as the records of a run name them.

use std::rc::Rc;

use nicon_core::link::Target;
use nicon_core::path::HOST;
use nicon_core::{Error, Record, Result};
use nicon_rtnl::NetnsHandle;

use crate::link::namespaces::Namespaces;
use crate::link::source::Source;

/// Where links are and where they go. Consecutive records mostly name the same namespaces, so what is open there is reused.
pub(crate) struct Endpoints<'a> {
    namespaces: &'a Namespaces,
    /// Whether targets are held open to the end of the run.
    all_or_nothing: bool,
    /// Where links are if their records do not say.
    from: Source,
    /// Whether the command line decides that for all records.
    is_given: bool,
    of_record: Option<Source>,
    to: Option<Rc<NetnsHandle>>,
}

impl<'a> Endpoints<'a> {
    /// The namespaces of a run. `from` is where the command line says that links are, if it does.
    pub(crate) fn new(from: Option<&Target>, all_or_nothing: bool, namespaces: &'a Namespaces) -> Result<Self> {
        let is_given = from.is_some();
        let from = match from {
            Some(from) => namespaces.home.open_record(&Record::from(from))?,
            None => namespaces.home.try_clone()?,
        };
        Ok(Self { namespaces, all_or_nothing, from: Source::new(from), is_given, of_record: None, to: None })
    }

    /// Where the link of a record is, and its target.
    ///
    /// # Errors
    /// If one is gone or may not be entered, or both are the same.
    pub(crate) fn of(&mut self, record: &Record) -> Result<(&Source, &Rc<NetnsHandle>)> {
        let home = &self.namespaces.home;
        let from = match record.get("from").filter(|_| !self.is_given) {
            Some(from) => {
                let last = self.of_record.take();
                let netns = last.as_ref().map_or(home, |last| &*last.netns).open_field("from", from)?;
                self.of_record.insert(Source::after(last, netns))
            }
            None => &self.from,
        };
        let to = self.to.as_deref().unwrap_or(home).open_record(record)?;
        let to = self.to.insert(Rc::new(to));
        differ(&from.netns, to)?;
        if self.all_or_nothing {
            self.namespaces.hold(to)?;
        }
        Ok((from, to))
    }
}

/// Rejects a move into the namespace where the link already is. The target is probably not what the caller meant, such as a
/// container with --network=host. The kernel would accept the request and take the link down.
fn differ(from: &NetnsHandle, to: &NetnsHandle) -> Result<()> {
    if !to.is(from) {
        return Ok(());
    }
    let why = match (from.is_home(), to.label == HOST) {
        (true, true) => {
            "the link is already in the host's network namespace (give --from to say where it comes from)".to_owned()
        }
        (true, false) => format!("{} is in our own network namespace (does it run with --network=host?)", to.label),
        (false, _) => format!("{} and {} are the same network namespace", from.label, to.label),
    };
    Err(Error::failed(format!("{why}: nothing to move")))
}
