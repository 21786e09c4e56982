//! Changes a link that is in its target already, where it is: all that it lacks, or nothing.

use nicon_core::link::{NewName, Selector};
use nicon_core::{Error, Result};
use nicon_rtnl::Link;

use crate::configuring::before::before;
use crate::configuring::complete::complete;
use crate::configuring::configuration::Configuration;
use crate::configuring::steps::until_ready;
use crate::link::ending::Ending;
use crate::link::find::{self, Tagged};
use crate::link::tag::remove_tag;
use crate::link::taken::name_taken;
use crate::link::undo::Undo;
use crate::link::wait_ready::wait_ready;
use crate::link::written::Written;
use crate::moving::check::master;
use crate::moving::job::{Job, Moved, Options, Outcome};
use crate::moving::left_behind::{self, Here, tag_here};

/// Gives a link what it lacks, and records how it was before.
///
/// # Errors
/// The link is left unchanged.
pub(super) fn change(job: &Job<'_>, options: &Options<'_>) -> Result<Outcome> {
    let (spec, netns) = (job.spec, job.to);
    let configuration = job.configuration(master(job)?, None);
    let link = find(job, options, &configuration)?;
    if options.dry_run {
        check(&configuration, &link)?;
        let mut steps = configuration.steps(&link)?;
        let name = spec.name.as_ref().map_or(link.name.as_str(), NewName::as_str).to_owned();
        steps.extend(until_ready(&options.readiness, &name));
        return Ok(Outcome::Planned { link: link.name, name, steps, lost: None });
    }
    // No other run moves the link, or changes it, meanwhile.
    let tag = tag_here(netns, &link);
    let journal = options.journals.of(&tag)?;
    let link = find(job, options, &configuration)?;
    let inode = netns.inode(&link)?;
    let (mut link, journal) = left_behind::take_back(Here { netns, link, inode }, &tag, journal, options.namespaces)?;
    if link.altnames.contains(&tag) {
        // An interrupted move left it there, and this is not a move.
        remove_tag(netns, &link, &tag)?;
        link.altnames.retain(|altname| *altname != tag);
    }
    check(&configuration, &link)?;
    let written = match job.plan {
        Some(_) => Written::keep(journal, options.journals, job.plan, &before(&configuration, &link)?)?,
        None => Written::of(journal),
    };
    let completed = complete(&[(configuration, &link)], || wait_ready(netns, &link, &options.readiness));
    let before = match completed {
        Ok(mut before) => before.pop(),
        Err(error) => {
            written.leave();
            return Err(error);
        }
    };
    let ending = Ending::new([job.to, job.to], Tagged { tag, inode }, written);
    let changed = before.is_some();
    let undo = before.unwrap_or_else(|| Undo::of_nothing_but(netns, &link.name));
    let origin = link.name.clone();
    let link = netns.netlink.link_at(link.ifindex)?.unwrap_or(link);
    Ok(Outcome::Moved(Box::new(Moved { origin, link, changed, undo, lost: None, remainder: ending.into() })))
}

/// The link of a job. One that has the name already that it is to get is taken for it only if its plan gave it that name, or it has
/// all else, too: nothing else tells whether it had the other name before.
fn find(job: &Job<'_>, options: &Options<'_>, configuration: &Configuration<'_>) -> Result<Link> {
    if let Some(link) = find::find(job.selector, job.to)? {
        return Ok(link);
    }
    let missing = Error::no(format!("no link {} in {}", job.selector, job.to.label));
    let Some(NewName::Name(name)) = &job.spec.name else { return Err(missing) };
    match job.to.netlink.link(name.as_str())? {
        Some(link) if link.name == name.as_str() && is_renamed_by_plan(job, options, &link)? => Ok(link),
        Some(link) if link.name == name.as_str() => match configuration.steps(&link)?.first() {
            None => Ok(link),
            Some(step) => {
                Err(missing.suffix(&format!(", and {name} there is not as it is to be: it lacks \"{step}\"")))
            }
        },
        _ => Err(missing),
    }
}

/// Whether the plan has changed this very link before, when it was called as the job calls it.
fn is_renamed_by_plan(job: &Job<'_>, options: &Options<'_>, link: &Link) -> Result<bool> {
    let before = job.kept(options, link)?.filter(|before| before.netns == job.to.ns.id().ino);
    Ok(before.is_some_and(|before| matches!(job.selector, Selector::Name(name) if *name == before.name)))
}

fn check(configuration: &Configuration<'_>, link: &Link) -> Result<()> {
    if let Some(NewName::Name(name)) = &configuration.spec.name
        && let Some(other) = configuration.netns.netlink.link(name.as_str())?
        && (other.ifindex != link.ifindex || other.name != name.as_str())
    {
        return Err(name_taken(name.as_str(), configuration.netns));
    }
    configuration.check(link)
}
