//! The move: checks, then one message, then what the link is to have; after a failure everything is as it was.

use std::time::Duration;

use nicon_core::link::{LinkSpec, Selector};
use nicon_core::{Error, Result};
use nicon_rtnl::{Carry, Link, NetlinkError, NetnsHandle};
use nix::errno::Errno;

use crate::linkmv::announce::announce;
use crate::linkmv::check::{Checked, check, refused};
use crate::linkmv::dress::{Luggage, dress};
use crate::linkmv::find::{find, marked};
use crate::linkmv::guard::Guard;
use crate::linkmv::journal::Journal;
use crate::linkmv::lost::{Forfeit, Lost};
use crate::linkmv::mark::{Origin, mark_of};
use crate::linkmv::plan::plan;
use crate::linkmv::recognise::recognise;
use crate::linkmv::relocate::{request, take_back, unmark};
use crate::linkmv::settle::{unique_addresses, wait_for_carrier};
use crate::linkmv::source::Source;
use crate::linkmv::sysctl::Sysctls;
use crate::linkmv::undo::Undo;

/// One link to be moved.
pub(crate) struct Job<'a> {
    pub(crate) selector: &'a Selector,
    pub(crate) wish: &'a LinkSpec,
    pub(crate) from: &'a Source,
    pub(crate) to: &'a NetnsHandle,
}

/// How all links of a run are moved.
pub(crate) struct Mover {
    /// `None` with `--force`.
    pub(crate) guard: Option<Guard>,
    pub(crate) wait: Option<Duration>,
    pub(crate) announce: bool,
    pub(crate) dry_run: bool,
}

/// What was done.
pub(crate) enum Outcome {
    Moved(Box<Moved>),
    /// Nothing: this is what would be.
    Planned {
        /// The link's name where it comes from.
        link: String,
        /// The name that it gets, or the pattern for it.
        name: String,
        steps: Vec<String>,
        lost: Option<Box<Lost>>,
    },
}

/// A link that is where it was to go.
pub(crate) struct Moved {
    /// The name that it had where it came from.
    pub(crate) origin: String,
    /// The link, as it is now.
    pub(crate) link: Link,
    /// False if all had been done before.
    pub(crate) changed: bool,
    /// How it was before.
    pub(crate) undo: Undo,
    /// What it had before and has no longer, if known.
    pub(crate) lost: Option<Lost>,
}

impl Mover {
    /// Moves a link, and gives it in its new place what it is to have there.
    ///
    /// # Errors
    /// The link is then where it was, as it was; if even that failed, the message says so, and where it is.
    pub(crate) fn send(&self, job: &Job<'_>) -> Result<Outcome> {
        let from = &job.from.place;
        let Some(mut link) = find(job.selector, from)? else { return recognise(self, job) };
        if self.dry_run {
            return self.look(job, &link).map(|look| look.plan(job, link));
        }
        let known = mark_of(&link).filter(|(_, origin)| origin.netns == from.ns.id().ino);
        let mark = known.map_or_else(|| Origin::of(from, &link).mark(), |(mark, _)| mark.to_owned());
        let mut journal = Journal::open(&mark)?;
        let inode = from.inode(&link)?;
        let is_of_this =
            |undo: &Undo| link.altnames.contains(&mark) && (undo.inode().is_none() || undo.inode() == inode);
        if let Some(undo) = journal.left_behind().filter(is_of_this) {
            // A run was killed while it put the link back.
            link = undo.restore(&link, from, from)?;
        }
        let Look { checked, carry, settings, forfeit, lost } = self.look(job, &link)?;
        let undo = Undo::of(from, &link, (&carry, &settings, &forfeit))?;
        let luggage = Luggage::pack(job.wish, &carry, settings, link.ifindex);
        journal.begin(&undo)?;
        match from.netlink.add_altname(link.ifindex, &mark) {
            // An interrupted run left it there.
            Err(error) if error.errno == Errno::EEXIST => {}
            Err(error) => {
                // Nothing was done to the link, which may have left while we waited for our turn.
                journal.end();
                return Err(gone_or(&link, error, &format!("mark {}", link.name)));
            }
            Ok(()) => {}
        }
        match self.carry_over(job, &link, (&mark, undo.inode()), &checked, luggage) {
            Ok(link) => {
                unmark(job.to, &link, &mark)?;
                journal.end();
                // It was last looked at before it got all that was asked for.
                let now = job.to.netlink.link_at(link.ifindex).ok().flatten();
                let link = now.unwrap_or(link);
                let origin = undo.name.clone();
                Ok(Outcome::Moved(Box::new(Moved { origin, link, changed: true, undo, lost: Some(lost) })))
            }
            // Another program was faster: the link is not ours to put back.
            Err(Failure::Gone) => {
                journal.end();
                Err(gone(&link))
            }
            Err(Failure::Halfway(failure)) => {
                let taken_back = take_back(&link, &mark, &undo, job);
                taken_back.map_err(|error| error.prefix(&failure))?;
                journal.end();
                Err(failure)
            }
        }
    }

    /// Looks at everything before anything is changed.
    fn look(&self, job: &Job<'_>, link: &Link) -> Result<Look> {
        let from = &job.from.place;
        let checked = check(job, link)?;
        let carry = Carry::read(&from.netlink, link.ifindex)?;
        if let Some(guard) = &self.guard {
            guard.check(link, &carry, from)?;
        }
        let settings = job.from.settings(link)?;
        let forfeit = Forfeit::of(from, link, &carry)?;
        let lost = Lost::of(&carry, &settings, &forfeit, job.wish).and_master(master_of(link, from)?);
        Ok(Look { checked, carry, settings, forfeit, lost })
    }

    fn carry_over(
        &self,
        job: &Job<'_>,
        link: &Link,
        (mark, inode): (&str, Option<u64>),
        checked: &Checked,
        luggage: Luggage,
    ) -> std::result::Result<Link, Failure> {
        let (from, to) = (&job.from.place, job.to);
        let request = request(job, link, checked, &luggage);
        from.netlink.set_link(request).map_err(|error| {
            if error.errno == Errno::ENODEV {
                return Failure::Gone;
            }
            let is_it = |other: &Link| other.altnames.iter().any(|altname| altname == mark);
            let context = format!("move {} to {}", link.name, to.label);
            Failure::Halfway(refused(job, link, is_it, (error, &context)))
        })?;
        let moved = marked(mark, inode, to)?;
        let moved = moved.ok_or_else(|| Error::failed(format!("{} has vanished from {}", link.name, to.label)))?;
        let luggage = luggage.readdressed(moved.ifindex);
        dress(job, &moved, (&Origin::of(from, link), checked.master), &luggage)?;
        self.settle(job, &moved)?;
        to.check_alive()?;
        Ok(moved)
    }

    /// Waits for what was asked for, and announces.
    pub(crate) fn settle(&self, job: &Job<'_>, link: &Link) -> Result<()> {
        if let Some(limit) = self.wait {
            wait_for_carrier(job.to, link, limit)?;
        }
        if self.announce && job.wish.up {
            let addresses = unique_addresses(job.to, link)?;
            announce(job.to, link, &addresses)?;
        }
        Ok(())
    }
}

/// What was read of a link before its move.
struct Look {
    checked: Checked,
    carry: Carry,
    settings: Sysctls,
    forfeit: Forfeit,
    lost: Lost,
}

impl Look {
    fn plan(self, job: &Job<'_>, link: Link) -> Outcome {
        let steps = plan(job, &link, &Luggage::pack(job.wish, &self.carry, self.settings, link.ifindex));
        let name = job.wish.name.as_ref().map_or_else(|| link.name.clone(), ToString::to_string);
        Outcome::Planned { link: link.name, name, steps, lost: Some(Box::new(self.lost)) }
    }
}

/// The name of the link that this one is a port of.
fn master_of(link: &Link, place: &NetnsHandle) -> Result<Option<String>> {
    let Some(master) = link.master else { return Ok(None) };
    Ok(place.netlink.link_at(master)?.map(|master| master.name))
}

enum Failure {
    /// The link has left in the meantime.
    Gone,
    /// It is to be put back, wherever it is.
    Halfway(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Halfway(error)
    }
}

fn gone_or(link: &Link, error: NetlinkError, context: &str) -> Error {
    if error.errno == Errno::ENODEV { gone(link) } else { error.context(context) }
}

fn gone(link: &Link) -> Error {
    Error::no(format!("link {} is gone", link.name))
}
