//! Undoes a move. The link is looked up where the move left it, and where an interrupted undo may have left it.

use nicon_core::{Error, LinkName, Record, Result};
use nicon_rtnl::{Carry, Link, NetnsHandle};

use crate::link::find::{Tagged, by_inode};
use crate::link::journal::Journals;
use crate::link::kept::Keeper;
use crate::link::namespaces::Namespaces;
use crate::link::on_top::falling;
use crate::link::tag::{Origin, origin_of, remove_tag};
use crate::link::taken::name_taken;
use crate::link::undo::{Restored, Undo};
use crate::record::deed::Deed;
use crate::undoing::limits::{Limits, Reach};
use crate::undoing::locate::open_target;
use crate::undoing::undone::{Location, Undone};

/// Puts back the link of a deed.
pub(crate) fn undo(deed: &Deed, record: &Record, namespaces: &Namespaces, limits: Limits<'_>) -> Result<Undone> {
    let undo = Undo::from_value(&deed.undo)?;
    let name: LinkName = undo.name.parse()?;
    if deed.netns == Some(undo.netns) {
        return undo_in_place(deed, &undo, namespaces);
    }
    let sought = Sought::of(deed);
    let origin = open_origin(&undo, namespaces)?;
    if let Some(link) = at_home(&undo, &sought, &origin)? {
        // The kernel puts a network card back when its container ends, but as the container left it.
        let is_from_here = |from: Origin| from.netns == undo.netns && from.name == undo.name;
        let is_noted = origin_of(&link).is_some_and(is_from_here);
        let before = undo.now(&origin, &link)?;
        let restored = undo.restore(&link, &origin, &origin)?;
        let changed = is_noted || !before.is_of(&origin, &restored.link)?;
        return Ok(Undone { changed, now: Some(location(&undo, restored.link)), missing: restored.missing });
    }
    let (there, link) = match find_there(deed, record, &undo, &sought, namespaces) {
        Ok(found) => found,
        Err(gone) if limits.reach == Reach::Left => return Err(gone),
        Err(gone) => undo.inode().map_or(Ok(None), |inode| namespaces.find_link(inode))?.ok_or(gone)?,
    };
    if !there.is(&origin) {
        limits.check_known(&undo, &link, &there, &origin)?;
        check(&link, &name, &origin)?;
        limits.check(&link, &there, &format!("putting {} back", link.name), falling)?;
    }
    let restored = undo.restore(&link, &there, &origin)?;
    Ok(Undone { changed: true, now: Some(location(&undo, restored.link)), missing: restored.missing })
}

/// Brings a link home from where it was found.
///
/// # Errors
/// If it cannot be put back, or something is stacked on it that this would destroy.
pub(crate) fn bring_home(
    undo: &Undo,
    there: &NetnsHandle,
    link: &Link,
    namespaces: &Namespaces,
    limits: Limits<'_>,
) -> Result<Undone> {
    let origin = open_origin(undo, namespaces)?;
    if there.is(&origin) {
        take_given(link, there)?;
    } else {
        check(link, &undo.name.parse()?, &origin)?;
        limits.check(link, there, &format!("putting {} back", link.name), falling)?;
    }
    let restored = undo.restore(link, there, &origin)?;
    Ok(Undone { changed: true, now: Some(location(undo, restored.link)), missing: restored.missing })
}

/// Gives a link that was changed where it is back what it had.
fn undo_in_place(deed: &Deed, undo: &Undo, namespaces: &Namespaces) -> Result<Undone> {
    let netns = namespaces.open(undo.netns, &format!("where {} was changed", deed.name))?;
    let link = Sought::of(deed).find(undo, &netns)?;
    if !undo.is_whole() || undo.is_of(&netns, &link)? {
        return Ok(Undone { changed: false, now: Some(location(undo, link)), missing: Vec::new() });
    }
    let restored = undo.restore(&link, &netns, &netns)?;
    Ok(Undone { changed: true, now: Some(location(undo, restored.link)), missing: restored.missing })
}

/// Gives a link that this run has changed where it is back what it had; one that is gone needs nothing.
///
/// # Errors
/// If it is not as it was.
pub(crate) fn take_back_change(undo: &Undo, namespaces: &Namespaces) -> Result<()> {
    let Some(state) = &undo.state else { return Ok(()) };
    let netns = namespaces.open(undo.netns, &format!("where {} was changed", undo.name))?;
    let likely = netns.netlink.link_at(state.ifindex)?;
    let link = match undo.inode() {
        Some(inode) => by_inode(inode, likely, &netns)?,
        None => likely,
    };
    link.map_or(Ok(()), |link| undo.restore(&link, &netns, &netns).and_then(Restored::whole).map(drop))
}

/// Takes from a link the addresses and routes that nicon gave it, by one run after another.
fn take_given(link: &Link, netns: &NetnsHandle) -> Result<()> {
    let has = Carry::read(&netns.netlink, link.ifindex)?;
    has.given_routes_except(&[]).take_away(&netns.netlink).collect::<Result<()>>()?;
    let given = has.given_addresses_except(&[]);
    if given.is_empty() { Ok(()) } else { given.take_addresses_alone(&netns.netlink, link.ifindex) }
}

/// Undoes a move while no other run moves the link. What an interrupted move has left of it goes.
pub(crate) fn alone<T>(
    before: &Undo,
    namespaces: &Namespaces,
    journals: &Journals<'_>,
    undo: impl FnOnce() -> Result<T>,
) -> Result<T> {
    // It becomes part of a path.
    before.name.parse::<LinkName>()?;
    let Some(tag) = before.tag() else { return undo() };
    let tagged = Tagged { tag, inode: before.inode() };
    let mut journal = journals.of(&tagged.tag)?;
    let undone = undo()?;
    if let Some((keeper, inode)) = Keeper::of(journals).zip(tagged.inode) {
        keeper.forget(inode)?;
    }
    let is_of_this = |left: &Undo| left.inode().is_some() && left.inode() == tagged.inode;
    if journal.left_behind().as_ref().is_some_and(is_of_this) {
        let home = open_origin(before, namespaces)?;
        if let Some(link) = tagged.find(&home)? {
            remove_tag(&home, &link, &tagged.tag)?;
        }
        journal.end();
    }
    Ok(undone)
}

/// The link where its move left it.
fn find_there(
    deed: &Deed,
    record: &Record,
    undo: &Undo,
    sought: &Sought<'_>,
    namespaces: &Namespaces,
) -> Result<(NetnsHandle, Link)> {
    let there = open_target(deed, record, namespaces)?;
    let link = sought.find(undo, &there)?;
    Ok((there, link))
}

/// Where the link of a deed is, if it is home already.
pub(crate) fn find_undone(deed: &Deed, namespaces: &Namespaces) -> Result<Option<Undone>> {
    let undo = Undo::from_value(&deed.undo)?;
    let link = at_home(&undo, &Sought::of(deed), &open_origin(&undo, namespaces)?)?;
    Ok(link.map(|link| Undone { changed: false, now: Some(location(&undo, link)), missing: Vec::new() }))
}

fn open_origin(undo: &Undo, namespaces: &Namespaces) -> Result<NetnsHandle> {
    namespaces.open(undo.netns, &format!("which {} came from", undo.name))
}

fn location(undo: &Undo, link: Link) -> Location {
    Location { netns: undo.netns, name: link.name, ifindex: link.ifindex }
}

/// The link that is looked for, as the move left it.
struct Sought<'a> {
    name: &'a str,
    ifindex: u32,
    mac: Option<&'a String>,
}

impl<'a> Sought<'a> {
    fn of(deed: &'a Deed) -> Self {
        Self { name: &deed.name, ifindex: deed.ifindex, mac: deed.mac.as_ref() }
    }

    /// Its name, ifindex and address may have changed since. If they are all that is known, the name or the hardware address must
    /// still match.
    fn find(&self, undo: &Undo, there: &NetnsHandle) -> Result<Link> {
        let link = there.netlink.link_at(self.ifindex)?;
        let seen = link.as_ref().map(|link| link.name.clone());
        let found = match undo.inode() {
            Some(inode) => by_inode(inode, link, there)?,
            None => link.filter(|link| link.name == self.name || link.mac.as_ref() == self.mac),
        };
        found.ok_or_else(|| {
            Error::no(match seen {
                None => format!("{} is not in {} any more", self.name, there.label),
                Some(other) => {
                    format!("{other} in {} is not the link that was moved there as {}", there.label, self.name)
                }
            })
        })
    }
}

/// The link, if it is home already, under its old name or still under the new one.
fn at_home(undo: &Undo, sought: &Sought<'_>, origin: &NetnsHandle) -> Result<Option<Link>> {
    let before = undo.state.as_ref().and_then(|state| state.mac.as_ref());
    let may_be = |link: &Link| link.mac.is_some() && (link.mac.as_ref() == sought.mac || link.mac.as_ref() == before);
    let mut candidates = vec![origin.netlink.link(&undo.name)?];
    if let Some(state) = &undo.state {
        candidates.extend([origin.netlink.link_at(state.ifindex)?, origin.netlink.link(sought.name)?]);
    }
    for link in candidates.into_iter().flatten() {
        let is_it = match undo.inode() {
            Some(inode) => origin.inode(&link)? == Some(inode),
            None => may_be(&link),
        };
        if is_it {
            return Ok(Some(link));
        }
    }
    Ok(None)
}

/// The kernel moves a link before it renames it. If the name is taken, the link would arrive under the wrong name.
fn check(link: &Link, name: &LinkName, origin: &NetnsHandle) -> Result<()> {
    match origin.netlink.link(name.as_str())? {
        Some(_) => Err(name_taken(name.as_str(), origin).suffix(&format!(", where {} came from", link.name))),
        None => Ok(()),
    }
}
