//! The move: checks, then one message, then the link's configuration. After a failure everything is as it was.

use nicon_core::{Error, Result};
use nicon_rtnl::{Link, NetlinkError, NetnsHandle};
use nix::errno::Errno;

use crate::configuring::carried::Carried;
use crate::link::altnames;
use crate::link::ending::Ending;
use crate::link::find::Tagged;
use crate::link::journal::Journal;
use crate::link::tag::Origin;
use crate::link::undo::Undo;
use crate::link::wait_ready::wait_ready;
use crate::link::written::Written;
use crate::moving::check::{Checked, refused};
use crate::moving::job::{Job, Moved, Options, Outcome};
use crate::moving::left_behind::{self, Here, tag_here};
use crate::moving::survey::Survey;
use crate::moving::transfer::{bring_back, put_back, request};

/// Moves a link and configures it in its new namespace.
///
/// Returns `None` if it is to be tried again: another run moved the link before this one could, or it has to be moved in another way here.
///
/// # Errors
/// The link is back where it was, unchanged. If that failed as well, the message says where the link is now.
pub(crate) fn move_link(job: &Job<'_>, options: &Options<'_>, link: Link) -> Result<Option<Outcome>> {
    let from = &job.from.netns;
    if options.dry_run {
        return Survey::of(job, options, &link)?.plan(job, options, link).map(Some);
    }
    let tag = tag_here(from, &link);
    let inode = from.inode(&link)?;
    let journal = options.journals.of(&tag)?;
    let Some(link) = still_there(from, &link, inode)? else { return Ok(None) };
    let (mut link, journal) =
        left_behind::take_back(Here { netns: from, link, inode }, &tag, journal, options.namespaces)?;
    let Survey { checked, carry, settings, attached, losses } = Survey::of(job, options, &link)?;
    let mut undo = Undo::of(from, &link, &carry, &settings, &attached)?;
    let carried = Carried::pack(job.spec, &carry, settings, link.ifindex);
    let mut written = Written::keep(journal, options.journals, job.plan, &undo)?;
    if let Err(error) = written.journal.begin(&undo) {
        written.leave();
        return Err(error);
    }
    if let Err(error) = give_tag(job, options, &link, &tag) {
        // The link is untouched.
        written.discard();
        return Err(error);
    }
    options.journals.tell_if_none();
    let tagged = Tagged { tag, inode: undo.inode() };
    let moved = leave_master(from, &mut link, &mut undo, &mut written.journal).map_err(Failure::Halfway);
    let moved = moved.and_then(|()| transfer(job, options, &link, &tagged, &checked, carried));
    match moved {
        Ok(link) => {
            // The facts that we have are from before the link was configured.
            let now = job.to.netlink.link_at(link.ifindex).ok().flatten();
            let mut link = now.unwrap_or(link);
            link.altnames.retain(|altname| *altname != tagged.tag);
            let ending = Ending::new([job.to, &job.from.netns], tagged, written);
            let ending = options.untag(ending)?;
            let origin = undo.name.clone();
            let moved = Moved { origin, link, changed: true, undo, lost: Some(losses), remainder: ending.into() };
            Ok(Some(Outcome::Moved(Box::new(moved))))
        }
        // Another program moved it first, so it is not ours to put back.
        Err(Failure::Gone) if tagged.find(job.to)?.is_some() => Ok(None),
        Err(Failure::Gone) => {
            written.discard();
            Err(gone(&link))
        }
        Err(Failure::Untagged) => {
            options.namespaces.note_altnames_left();
            let why = "this kernel leaves alternative names behind (before Linux 6.6)";
            let restored = put_back(&link, &tagged, &undo, job).map_err(|error| error.prefix(why))?;
            written.discard();
            // It is where it was, and is to be moved again: from now on we take its alternative names along ourselves.
            restored.whole().map(|_| None)
        }
        Err(Failure::Halfway(failure)) => {
            let words = failure.to_string();
            let failure = bring_back(&link, &tagged, &undo, job, failure).map_err(|error| error.prefix(&words))?;
            written.discard();
            Err(failure)
        }
    }
}

/// Gives a link the tag of its move, unless the kernel would leave that behind: then there is only the journal.
fn give_tag(job: &Job<'_>, options: &Options<'_>, link: &Link, tag: &str) -> Result<()> {
    if options.namespaces.leaves_altnames() {
        return Ok(());
    }
    match job.from.netns.netlink.add_altname(link.ifindex, tag) {
        // An interrupted run left it there.
        Err(error) if error.errno != Errno::EEXIST => Err(gone_or(link, error, &format!("tag {}", link.name))),
        _ => Ok(()),
    }
}

/// The link, if it is still where it was found, as it is now that no other run can move it.
fn still_there(netns: &NetnsHandle, link: &Link, inode: Option<u64>) -> Result<Option<Link>> {
    let Some(now) = netns.netlink.link_at(link.ifindex)? else { return Ok(None) };
    Ok(if netns.inode(&now)? == inode { Some(now) } else { None })
}

/// Takes a port from its master, and records what it is like alone.
fn leave_master(from: &NetnsHandle, link: &mut Link, undo: &mut Undo, journal: &mut Journal) -> Result<()> {
    if let Some(alone) = undo.detach(from, link)? {
        *link = alone;
        journal.begin(undo)?;
    }
    Ok(())
}

/// Sends the message that moves the link, and then configures it.
fn transfer(
    job: &Job<'_>,
    options: &Options<'_>,
    link: &Link,
    tagged: &Tagged,
    checked: &Checked,
    carried: Carried,
) -> std::result::Result<Link, Failure> {
    let (from, to) = (&job.from.netns, job.to);
    let leaves_altnames = options.namespaces.leaves_altnames();
    let altnames = if leaves_altnames { altnames::take(from, link, |_| Ok(true))? } else { Vec::new() };
    from.netlink.set_link(request(job, link, checked, &carried)).map_err(|error| {
        if error.errno == Errno::ENODEV {
            return Failure::Gone;
        }
        let is_it = |other: &Link| other.altnames.contains(&tagged.tag);
        let context = format!("move {} to {}", link.name, to.label);
        Failure::Halfway(refused(error, &context, job, link, is_it))
    })?;
    let moved = tagged.find(to)?;
    let moved = moved.ok_or_else(|| Error::failed(format!("{} has vanished from {}", link.name, to.label)))?;
    if !leaves_altnames && to.netlink.link(&tagged.tag)?.is_none() {
        return Err(Failure::Untagged);
    }
    altnames::give(to, &moved, &altnames)?;
    let carried = carried.for_ifindex(moved.ifindex);
    job.configuration(checked.master, Some(&Origin::of(from, link))).apply(&moved, &carried)?;
    wait_ready(job.to, &moved, &options.readiness)?;
    to.check_alive()?;
    Ok(moved)
}

enum Failure {
    /// The link is gone.
    Gone,
    /// The link has arrived without its tag.
    Untagged,
    /// The link has to be put back, wherever it is.
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
