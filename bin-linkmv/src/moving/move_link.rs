//! The move: checks, then one message, then the link's configuration. After a failure everything is as it was.

use nicon_core::{Error, Result};
use nicon_rtnl::{Link, NetlinkError, NetnsHandle};
use nix::errno::Errno;

use crate::configuring::carried::Carried;
use crate::link::altnames;
use crate::link::ending::Ending;
use crate::link::find::tagged;
use crate::link::journal::Journal;
use crate::link::kept::{Keeper, NewlyKept};
use crate::link::tag::{Origin, remove_tag, tag_of};
use crate::link::undo::Undo;
use crate::link::wait_ready::wait_ready;
use crate::moving::check::{Checked, refused};
use crate::moving::job::{Job, Moved, Options, Outcome};
use crate::moving::survey::Survey;
use crate::moving::transfer::{bring_back, put_back, request};

/// Moves a link and configures it in its new namespace.
///
/// Gives nothing if another run has moved the link before this one could.
///
/// # Errors
/// The link is back where it was, unchanged. If that failed as well, the message says where the link is now.
pub(crate) fn move_link(job: &Job<'_>, options: &Options<'_>, link: Link) -> Result<Option<Outcome>> {
    let from = &job.from.netns;
    if options.dry_run {
        return Survey::of(job, options, &link)?.plan(job, options, link).map(Some);
    }
    let known = tag_of(&link).filter(|(_, origin)| origin.netns == from.ns.id().ino);
    let tag = known.map_or_else(|| Origin::of(from, &link).tag(), |(tag, _)| tag.to_owned());
    let inode = from.inode(&link)?;
    let mut journal = options.journals.of(&tag)?;
    let Some(mut link) = still_there(from, &link, inode)? else { return Ok(None) };
    if let Some(mut undo) = journal.left_behind() {
        let is_of_another = undo.inode().is_some() && undo.inode() != inode;
        if is_of_another && options.namespaces.find_link(undo.inode().unwrap_or_default())?.is_some() {
            let why = "another link that was called so is being moved, or its move was interrupted";
            return Err(Error::failed(format!("{} in {}: {why}", link.name, from.label)));
        }
        if !is_of_another && link.altnames.contains(&tag) {
            // An earlier run was killed before it moved the link, or while it was putting it back.
            undo.complete(&link);
            let restored = undo.restore(&link, from, from)?;
            if let Some(lack) = restored.lack() {
                remove_tag(from, &restored.link, &tag)?;
                journal.end();
                return Err(Error::failed(lack));
            }
            link = restored.link;
        }
    }
    let Survey { checked, carry, settings, attached, losses } = Survey::of(job, options, &link)?;
    let mut undo = Undo::of(from, &link, (&carry, &settings, &attached))?;
    let carried = Carried::pack(job.spec, &carry, settings, link.ifindex);
    journal.begin(&undo)?;
    let kept = job.plan.zip(Keeper::of(options.journals)).map(|(plan, keeper)| keeper.keep(plan, &undo));
    let kept = kept.transpose()?.flatten();
    // What cannot be taken along is no tag: the journal is all that there is then.
    let tagging =
        if options.namespaces.leaves_altnames.get() { Ok(()) } else { from.netlink.add_altname(link.ifindex, &tag) };
    match tagging {
        // An interrupted run left the tag on the link.
        Err(error) if error.errno == Errno::EEXIST => {}
        Err(error) => {
            // The link is untouched.
            kept.into_iter().for_each(NewlyKept::remove);
            journal.end();
            return Err(gone_or(&link, error, &format!("tag {}", link.name)));
        }
        Ok(()) => {}
    }
    options.journals.tell_if_none();
    let moved = leave_master(from, &mut link, &mut undo, &mut journal).map_err(Failure::Halfway);
    let moved = moved.and_then(|()| transfer(job, options, &link, (&tag, undo.inode()), &checked, carried));
    match moved {
        Ok(link) => {
            // The facts that we have are from before the link was configured.
            let now = job.to.netlink.link_at(link.ifindex).ok().flatten();
            let mut link = now.unwrap_or(link);
            link.altnames.retain(|altname| *altname != tag);
            let ending = Ending::new([job.to, &job.from.netns], (&tag, undo.inode()), journal).keeping(kept);
            let ending = options.untag(ending)?;
            let origin = undo.name.clone();
            let moved = Moved { origin, link, changed: true, undo, lost: Some(losses), remainder: ending.into() };
            Ok(Some(Outcome::Moved(Box::new(moved))))
        }
        // Another program moved it first, so it is not ours to put back.
        Err(Failure::Gone) if tagged(&tag, undo.inode(), job.to)?.is_some() => Ok(None),
        Err(Failure::Gone) => {
            kept.into_iter().for_each(NewlyKept::remove);
            journal.end();
            Err(gone(&link))
        }
        Err(Failure::Untagged) => {
            options.namespaces.leaves_altnames.set(true);
            let why = "this kernel leaves alternative names behind (before Linux 6.6)";
            let restored = put_back(&link, &tag, &undo, job).map_err(|error| error.prefix(why))?;
            kept.into_iter().for_each(NewlyKept::remove);
            journal.end();
            move_link(job, options, restored.whole()?)
        }
        Err(Failure::Halfway(failure)) => {
            let words = failure.to_string();
            let failure = bring_back(&link, &tag, &undo, job, failure).map_err(|error| error.prefix(&words))?;
            kept.into_iter().for_each(NewlyKept::remove);
            journal.end();
            Err(failure)
        }
    }
}

/// The link as it is now that no other run moves it, if it is where it was found.
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
    (tag, inode): (&str, Option<u64>),
    checked: &Checked,
    carried: Carried,
) -> std::result::Result<Link, Failure> {
    let (from, to) = (&job.from.netns, job.to);
    let leaves_altnames = options.namespaces.leaves_altnames.get();
    let altnames = if leaves_altnames { altnames::take(from, link, |_| Ok(true))? } else { Vec::new() };
    from.netlink.set_link(request(job, link, checked, &carried)).map_err(|error| {
        if error.errno == Errno::ENODEV {
            return Failure::Gone;
        }
        let is_it = |other: &Link| other.altnames.iter().any(|altname| altname == tag);
        let context = format!("move {} to {}", link.name, to.label);
        Failure::Halfway(refused(job, link, is_it, (error, &context)))
    })?;
    let moved = tagged(tag, inode, to)?;
    let moved = moved.ok_or_else(|| Error::failed(format!("{} has vanished from {}", link.name, to.label)))?;
    if !leaves_altnames && to.netlink.link(tag)?.is_none() {
        return Err(Failure::Untagged);
    }
    altnames::give(to, moved.ifindex, &altnames)?;
    let carried = carried.for_ifindex(moved.ifindex);
    job.configuration(checked.master, &Origin::of(from, link)).apply(&moved, &carried)?;
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
