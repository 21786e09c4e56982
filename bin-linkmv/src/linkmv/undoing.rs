//! Undoing a move: the link is looked for where the move left it, and where an interrupted undo may have left it.

use nicon_core::{Error, LinkName, Record, Result};
use nicon_linkmv::{Link, Place, netns};

use crate::undo::Undo;

/// Puts back what a record says was moved.
pub(crate) async fn undo(mut record: Record, home: &Place) -> Result<Record> {
    let undo = Undo::read(&record)?;
    let name: LinkName = undo.name.parse()?;
    let moved = Moved::read(&record)?;
    let origin = origin(&undo, home)?;
    let (restored, changed) = if let Some(link) = at_home(&undo, &moved, &origin).await? {
        (undo.restore(&link, &origin, &origin, home).await?, false)
    } else {
        let there = Place::of_record(&record, home)?;
        let link = moved.find(&there).await?;
        check(&link, &name, &origin).await?;
        (undo.restore(&link, &there, &origin, home).await?, true)
    };
    record.set("link", moved.name);
    record.set("name", restored.name);
    record.set("ifindex", restored.ifindex);
    record.set("mac", restored.mac);
    record.set("changed", changed);
    record.remove("undo");
    record.remove("lost");
    Ok(record)
}

/// The link, as the move left it.
struct Moved {
    name: String,
    ifindex: u32,
    mac: Option<String>,
}

impl Moved {
    fn read(record: &Record) -> Result<Self> {
        let absent = |field: &str| Error::failed(format!("the record has no \"{field}\": nothing was moved"));
        Ok(Self {
            name: record.text("name")?.ok_or_else(|| absent("name"))?.to_owned(),
            ifindex: record.integer("ifindex")?.ok_or_else(|| absent("ifindex"))?,
            mac: record.text("mac")?.map(str::to_owned),
        })
    }

    /// It may have been renamed meanwhile, or got another hardware address, but hardly both.
    async fn find(&self, there: &Place) -> Result<Link> {
        let link = there.netlink.link_at(self.ifindex).await?;
        let link = link.ok_or_else(|| Error::no(format!("{} is not in {} any more", self.name, there.label)))?;
        if link.name != self.name && link.mac != self.mac {
            return Err(Error::no(format!(
                "{} in {} is not the link that was moved there as {}",
                link.name, there.label, self.name
            )));
        }
        Ok(link)
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
async fn at_home(undo: &Undo, moved: &Moved, origin: &Place) -> Result<Option<Link>> {
    let before = undo.state.as_ref().and_then(|state| state.mac.as_ref());
    let is_it = |link: &Link| link.mac.is_some() && (link.mac == moved.mac || link.mac.as_ref() == before);
    let named = origin.netlink.link(&undo.name).await?.filter(is_it);
    match (named, &undo.state) {
        (None, Some(state)) => Ok(origin.netlink.link_at(state.ifindex).await?.filter(is_it)),
        (named, _) => Ok(named),
    }
}

/// A name that is taken would leave the link in its old namespace under its new name: the kernel moves it first.
async fn check(link: &Link, name: &LinkName, origin: &Place) -> Result<()> {
    for name in link.altnames.iter().map(String::as_str).chain([name.as_str()]) {
        if origin.netlink.link(name).await?.is_some() {
            return Err(Error::no(format!("{name} already exists where {} came from", link.name)));
        }
    }
    Ok(())
}
