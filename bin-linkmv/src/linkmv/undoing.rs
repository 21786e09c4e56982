//! Undoing a move: the link is looked for where the move left it, and where an interrupted undo may have left it.

use nicon_core::{Error, LinkName, Record, Result};
use nicon_rtnl::{Link, Place, netns};

use crate::find::by_inode;
use crate::undo::Undo;

/// Puts back what a record says was moved.
pub(crate) fn undo(mut record: Record, home: &Place) -> Result<Record> {
    let undo = Undo::read(&record)?;
    let name: LinkName = undo.name.parse()?;
    let sought = Sought::read(&record)?;
    let origin = origin(&undo, home)?;
    let (restored, changed) = if let Some(link) = at_home(&undo, &sought, &origin, home)? {
        (undo.restore(&link, &origin, &origin, home)?, false)
    } else {
        let there = Place::of_record(&record, home)?;
        let link = sought.find(&undo, &there, home)?;
        check(&link, &name, &origin)?;
        (undo.restore(&link, &there, &origin, home)?, true)
    };
    record.set("link", sought.name);
    record.set("name", restored.name);
    record.set("ifindex", restored.ifindex);
    record.set("mac", restored.mac);
    record.set("changed", changed);
    record.remove("undo");
    record.remove("lost");
    Ok(record)
}

/// The link that is looked for, as the move left it.
struct Sought {
    name: String,
    ifindex: u32,
    mac: Option<String>,
}

impl Sought {
    fn read(record: &Record) -> Result<Self> {
        let absent =
            |field: &str| Error::failed(format!("the record has no \"{field}\": it is not the output of a move"));
        Ok(Self {
            name: record.text("name")?.ok_or_else(|| absent("name"))?.to_owned(),
            ifindex: record.integer("ifindex")?.ok_or_else(|| absent("ifindex"))?,
            mac: record.text("mac")?.map(str::to_owned),
        })
    }

    /// It may have got any other name, ifindex and address meanwhile. Where nothing but these is known of it, it may have been
    /// renamed, or have got another hardware address, but hardly both.
    fn find(&self, undo: &Undo, there: &Place, home: &Place) -> Result<Link> {
        let link = there.netlink.link_at(self.ifindex)?;
        let seen = link.as_ref().map(|link| link.name.clone());
        let found = match undo.inode() {
            Some(inode) => by_inode(inode, link, there, home)?,
            None => link.filter(|link| link.name == self.name || link.mac == self.mac),
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

/// The namespace that the link came from: ours, or wherever else that is.
fn origin(undo: &Undo, home: &Place) -> Result<Place> {
    if undo.netns == home.ns.id().ino {
        return Place::home();
    }
    let found = netns::all()?.found.into_iter().find(|found| found.ino == undo.netns);
    let gone = || Error::no(format!("net:[{}], which {} came from, is not there any more", undo.netns, undo.name));
    let found = found.ok_or_else(gone)?;
    Place::of_namespace(found.open()?, found.way.to_string(), home)
}

/// The link, where it has come home already: under its old name, or not yet.
fn at_home(undo: &Undo, sought: &Sought, origin: &Place, home: &Place) -> Result<Option<Link>> {
    let before = undo.state.as_ref().and_then(|state| state.mac.as_ref());
    let may_be = |link: &Link| link.mac.is_some() && (link.mac == sought.mac || link.mac.as_ref() == before);
    let mut candidates = vec![origin.netlink.link(&undo.name)?];
    if let Some(state) = &undo.state {
        candidates.extend([origin.netlink.link_at(state.ifindex)?, origin.netlink.link(&sought.name)?]);
    }
    for link in candidates.into_iter().flatten() {
        let is_it = match undo.inode() {
            Some(inode) => origin.inode(&link, home)? == Some(inode),
            None => may_be(&link),
        };
        if is_it {
            return Ok(Some(link));
        }
    }
    Ok(None)
}

/// A name that is taken would leave the link in its old namespace under its new name: the kernel moves it first.
fn check(link: &Link, name: &LinkName, origin: &Place) -> Result<()> {
    for name in link.altnames.iter().map(String::as_str).chain([name.as_str()]) {
        if origin.netlink.link(name)?.is_some() {
            return Err(Error::no(format!("{name} already exists where {} came from", link.name)));
        }
    }
    Ok(())
}
