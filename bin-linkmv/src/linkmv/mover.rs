//! The move: look first, then one message, and after a failure everything as it was.

use std::os::fd::{AsFd, AsRawFd};

use nicon_core::{Error, Process, Record, Result};
use nicon_linkmv::fields::label;
use nicon_linkmv::{Carry, Link, LinkName, Place};
use nix::errno::Errno;
use rtnetlink::packet_route::link::{LinkAttribute, LinkFlags, LinkMessage};

use crate::undo::{Undo, note};

/// Our own network namespace, which links are moved out of.
pub(crate) struct Home {
    pub(crate) place: Place,
}

/// What was done.
pub(crate) struct Moved {
    /// The link, where it is now.
    pub(crate) link: Link,
    /// False where it had been moved before.
    pub(crate) changed: bool,
    /// How it was before.
    pub(crate) undo: Undo,
}

impl Home {
    /// Opens our own network namespace.
    pub(crate) fn new() -> Result<Self> {
        Ok(Self { place: Place::home()? })
    }

    /// The network namespace of a process, which a link is moved to.
    pub(crate) fn destination(&self, record: &Record) -> Result<Place> {
        let to = Place::of_process(Process::from_record(record)?, label(record), &self.place)?;
        if to.is(&self.place) {
            return Err(Error::failed(format!(
                "{} is in our own network namespace (does it run with --network=host?): nothing to move",
                to.label
            )));
        }
        Ok(to)
    }

    /// Moves the link called `name` to `to`, names it `new_name` there, and brings it up.
    ///
    /// # Errors
    /// The link is then where it was, as it was; where even that failed, the message says so and where it is.
    pub(crate) async fn send(&self, name: &LinkName, new_name: &LinkName, to: &Place) -> Result<Moved> {
        let Some(link) = self.place.netlink.link(name.as_str()).await? else {
            return self.recognise(name, new_name, to).await;
        };
        self.check(&link, new_name, to).await?;
        let carry = Carry::read(&self.place.netlink, link.ifindex).await?;

        let sent = self.place.netlink.set_link(self.request(&link, new_name, to)).await;
        let failure = match sent {
            Ok(()) => to.check_alive().err(),
            Err(refusal) => match refusal.errno {
                Errno::EEXIST => Some(name_taken(new_name.as_str(), to)),
                // Somebody else was faster; wherever the link is now, it is not ours to put back.
                Errno::ENODEV => return Err(Error::no(format!("link {name} is gone"))),
                _ => Some(refusal.doing(&format!("move {name} to {}", to.label))),
            },
        };
        if let Some(failure) = failure {
            self.take_back(&link, new_name, &carry, to).await.map_err(|error| error.within(&failure))?;
            return Err(failure);
        }
        let moved = to.netlink.link(new_name.as_str()).await?;
        let moved = moved.ok_or_else(|| Error::failed(format!("{new_name} has vanished from {}", to.label)))?;
        Ok(Moved { link: moved, changed: true, undo: Undo::of(&self.place, link, &carry) })
    }

    /// A link that is not here any more may have been moved by an earlier run: its alias tells.
    async fn recognise(&self, name: &LinkName, new_name: &LinkName, to: &Place) -> Result<Moved> {
        let missing = format!("no link {name} in our network namespace");
        let Some(link) = to.netlink.link(new_name.as_str()).await? else {
            return Err(Error::no(missing));
        };
        if link.alias != note(&self.place, name.as_str()) {
            return Err(Error::no(format!("{missing}, and {new_name} in {} did not come from here", to.label)));
        }
        let undo = Undo::of_nothing_but(&self.place, name.as_str());
        Ok(Moved { link, changed: false, undo })
    }

    /// The kernel moves a link first and renames it then; a name that is taken would leave the link stranded in between.
    async fn check(&self, link: &Link, new_name: &LinkName, to: &Place) -> Result<()> {
        if link.immutable == Some(true) {
            return Err(Error::failed(format!("{} is bound to its network namespace: it cannot be moved", link.name)));
        }
        if link.altnames.iter().any(|altname| altname == new_name.as_str()) {
            return Err(Error::no(format!(
                "{new_name} is an alternative name of {} already (ip link property del dev {} altname {new_name})",
                link.name, link.name
            )));
        }
        for name in link.altnames.iter().map(String::as_str).chain([new_name.as_str()]) {
            if to.netlink.link(name).await?.is_some() {
                return Err(name_taken(name, to));
            }
        }
        Ok(())
    }

    fn request(&self, link: &Link, new_name: &LinkName, to: &Place) -> LinkMessage {
        let mut message = LinkMessage::default();
        message.header.index = link.ifindex;
        message.header.flags = LinkFlags::Up;
        message.header.change_mask = LinkFlags::Up;
        message.attributes.push(LinkAttribute::NetNsFd(to.ns.as_fd().as_raw_fd()));
        message.attributes.push(LinkAttribute::IfName(new_name.to_string()));
        if link.alias.is_empty() {
            message.attributes.push(LinkAttribute::IfAlias(note(&self.place, &link.name)));
        }
        message
    }

    /// Puts a link back that the kernel moved, but not wholly.
    async fn take_back(&self, link: &Link, new_name: &LinkName, carry: &Carry, to: &Place) -> Result<()> {
        if self.place.netlink.link(&link.name).await?.is_some_and(|here| here.ifindex == link.ifindex) {
            return Ok(());
        }
        let mut stranded = None;
        for name in [&link.name, new_name.as_str()] {
            stranded = stranded.or(to.netlink.link(name).await?.filter(|there| there.mac == link.mac));
        }
        let Some(stranded) = stranded else {
            return Err(Error::failed(format!("{} is neither here nor in {}", link.name, to.label)));
        };

        let restored = Undo::of(&self.place, link.clone(), carry).restore(&stranded, to, &self.place).await;
        restored.map_err(|error| error.within(format!("it is now called {} in {}", stranded.name, to.label)))?;
        Ok(())
    }
}

fn name_taken(name: &str, to: &Place) -> Error {
    Error::no(format!("{name} already exists in {}", to.label))
}
