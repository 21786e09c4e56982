//! Makes the link that a record asks for, and writes it down in it.

use nicon_core::{Error, Record, Result, Status};
use nicon_rtnl::record::{LinkFacts, NIC};
use nicon_rtnl::{Link, NetnsHandle};
use serde_json::{Value, json};

use crate::link::ending::{Remainder, TakeBack};
use crate::link::from::{Said, said};
use crate::link::mark::Mark;
use crate::link::namespaces::Namespaces;
use crate::linkadd::addition::{Addition, Made};
use crate::linkadd::asked::{Asked, remove_wishes};
use crate::linkadd::lower::Lower;
use crate::making::Options;
use crate::record::deed::{Deed, MadeUndo};
use crate::record::program::LINKADD;
use crate::record::steps::STEPS;

/// The namespaces that links are made in.
pub(crate) struct Adding<'a> {
    options: Options<'a>,
    namespaces: &'a Namespaces,
}

impl<'a> Adding<'a> {
    pub(crate) fn new(options: Options<'a>, namespaces: &'a Namespaces) -> Self {
        Self { options, namespaces }
    }

    /// Makes the link that a record asks for, with what is `given` in the place of what it says, and removes the wishes that were
    /// carried out. A new one gets the `mark`.
    ///
    /// # Errors
    /// Nothing is made, and the record is as it was.
    pub(crate) fn add_as_asked(&self, record: &mut Record, given: &Record, mark: Option<Mark>) -> Result<Remainder> {
        let mut wishes = record.clone();
        wishes.extend(given);
        let remainder = self.add(record, &wishes, mark)?;
        if !self.options.dry_run {
            remove_wishes(record);
        }
        Ok(remainder)
    }

    /// Makes the link that `wishes` ask for in the namespace of a record, and writes it down in that. If it was there already,
    /// what is left takes back what was changed.
    ///
    /// # Errors
    /// Nothing is made, and the record is as it was.
    pub(crate) fn add(&self, record: &mut Record, wishes: &Record, mark: Option<Mark>) -> Result<Remainder> {
        // What cannot be read could not be undone, either.
        Deed::all(record)?;
        let mut asked = Asked::try_from(wishes)?;
        asked.link.mark = mark;
        self.options.readiness.check_up(&asked.link.spec, "a link")?;
        let own = &*self.namespaces.of_record(record)?;
        let from = if asked.kind.settings.kind().is_made_from_elsewhere() {
            self.namespaces.parents_of(wishes, own)?
        } else {
            own.clone()
        };
        let lower = Lower::find(&asked, from).map_err(|error| with_way_out(error, wishes, own))?;
        let addition = Addition::new(&asked, own, &lower, self.options.exact)?;
        if self.options.dry_run {
            record.set(STEPS, addition.plan(&self.options.readiness)?);
            return Ok(Remainder::default());
        }
        if self.options.all_or_nothing {
            self.namespaces.hold(own);
        }
        let id = Deed::new_id()?;
        let made = addition.make(&self.options.readiness)?;
        write_down(record, &id, &made, (own, &lower));
        let Made { link, changes, given, is_new, .. } = made;
        // A new link goes with all that it was given.
        let is_given = !is_new && given.is_anything();
        let netns = own.clone();
        let extras = is_given.then(|| Box::new(move || given.take_back(&netns, link.ifindex)) as TakeBack);
        Ok(Remainder { changes, extras, ..Remainder::default() })
    }
}

/// Why the link below was not found: where nothing says where it is, it was looked for among ours.
fn with_way_out(error: Error, wishes: &Record, own: &NetnsHandle) -> Error {
    if error.status() != Status::No || own.is_home() || !matches!(said(wishes), Said::Nothing) {
        return error;
    }
    error.suffix(&format!(" (for a link of {} itself: --from target, or in a plan from: target)", own.label))
}

/// Adds the facts and the deed to a record.
fn write_down(record: &mut Record, id: &str, made: &Made, (own, lower): (&NetnsHandle, &Lower)) {
    let (link, netns) = (&made.link, own.ns.id().ino);
    // What a dry run said would be done.
    record.remove(STEPS);
    record.set(NIC, nic(link, netns, lower));
    let kind = link.kind.clone().unwrap_or_default();
    let undo = made.is_new.then_some(MadeUndo {
        kind,
        ifindex: link.ifindex,
        inode: made.inode,
        stitch: made.given.stitch.clone(),
    });
    Deed { changed: made.changed, ..Deed::of(LINKADD, id, link, netns, &undo) }.add_to(record);
}

fn nic(link: &Link, netns: u64, lower: &Lower) -> Value {
    let mut nic = serde_json::to_value(LinkFacts::new(link, netns)).expect("plain data");
    nic["parent"] = lower.link.as_ref().map_or(Value::Null, |link| {
        json!({
            "name": link.name, "ifindex": link.ifindex, "netns": lower.netns.ns.id().ino, "target": lower.netns.label
        })
    });
    nic
}
