//! Makes a link: the kernel creates it in its place with one message. If a later step fails, it is deleted.

use nicon_core::{Error, Result};
use nicon_rtnl::netlink::about;
use nicon_rtnl::packet_route::link::LinkAttribute;
use nicon_rtnl::{Link, NetnsHandle};

use crate::configuring::carried::Carried;
use crate::configuring::complete::complete;
use crate::configuring::configuration::Configuration;
use crate::configuring::steps::until_ready;
use crate::link::taken::name_taken;
use crate::link::undo::Undo;
use crate::link::wait_ready::{Readiness, wait_ready};
use crate::linkadd::asked::Asked;
use crate::linkadd::creation::Creation;
use crate::linkadd::existing::check_same;
use crate::linkadd::extras::{Extras, Given};
use crate::linkadd::interim::interim_name;
use crate::linkadd::lower::Lower;
use crate::making::delete_again;

/// A link that is to be made, and where.
pub(crate) struct Addition<'a> {
    creation: Creation<'a>,
    configuration: Configuration<'a>,
    extras: Extras<'a>,
}

/// A link that is there.
pub(crate) struct Made {
    /// It, as it is now.
    pub(crate) link: Link,
    /// False where all was there already.
    pub(crate) changed: bool,
    /// How it was, if it was there already and lacked anything.
    pub(crate) changes: Vec<Undo>,
    /// False where it was there already, complete or not.
    pub(crate) is_new: bool,
    /// What identifies it (see [`nicon_rtnl::sysfs`]), if that can be found out.
    pub(crate) inode: Option<u64>,
    /// What it was given that only its kind has.
    pub(crate) given: Given,
}

impl<'a> Addition<'a> {
    /// One in a namespace.
    ///
    /// # Errors
    /// If its master is not there, or a file with a key cannot be read.
    pub(crate) fn new(asked: &'a Asked, own: &'a NetnsHandle, lower: &'a Lower, exact: bool) -> Result<Self> {
        let configuration = asked.link.configuration(own, exact)?;
        let extras = Extras::new(&asked.kind, own, exact)?;
        Ok(Self { creation: Creation { asked, own, lower }, configuration, extras })
    }

    /// Makes the link, or completes the one that is there.
    ///
    /// # Errors
    /// Nothing is left behind, and a link that was there is as it was.
    pub(crate) fn make(&self, readiness: &Readiness<'_>) -> Result<Made> {
        if let Some(link) = self.find()? {
            return self.go_on(link, readiness);
        }
        let error = match self.creation.create(self.creation.asked.link.name.as_str()) {
            Ok(created) => return self.go_on_created(created, readiness),
            Err(error) => error,
        };
        // Another run of the same command may have been faster.
        if let Some(link) = self.find()? {
            return self.go_on(link, readiness);
        }
        if !self.creation.is_name_taken_below(&error)? {
            return Err(self.creation.refused(error));
        }
        let created = self.creation.create(&interim_name(&self.creation.asked.link.name));
        match (self.find()?, created) {
            (Some(link), _) => self.go_on(link, readiness),
            (None, Err(error)) => Err(self.creation.refused(error)),
            (None, Ok(_)) => Err(self.vanished()),
        }
    }

    /// The steps that make or complete it.
    ///
    /// # Errors
    /// If the kernel would reject them.
    pub(crate) fn plan(&self, readiness: &Readiness<'_>) -> Result<Vec<String>> {
        let name = self.creation.asked.link.name.as_str();
        let found = self.find()?;
        let mut steps: Vec<String> = found.is_none().then(|| self.creation.words()).into_iter().collect();
        let link = found.unwrap_or_else(|| self.creation.asked.link.when_new());
        steps.extend(self.configuration.steps(&link)?);
        steps.extend(self.extras.steps(&link)?);
        steps.extend(until_ready(readiness, name));
        Ok(steps)
    }

    /// The link, if it is there, be it under its interim name. It is then checked that it can be completed, else that it can be
    /// made.
    ///
    /// # Errors
    /// If the kernel would reject it, or another link has the name.
    fn find(&self) -> Result<Option<Link>> {
        let Creation { asked, own, lower } = self.creation;
        let named = own.netlink.link(asked.link.name.as_str())?;
        if let Some(link) = &named {
            // Under an alternative name it is another one, and keeps its own.
            if link.name != asked.link.name.as_str() {
                return Err(name_taken(asked.link.name.as_str(), own));
            }
            check_same(asked, lower, (link, own))?;
        }
        let half_made = match named {
            None => own.netlink.link(&interim_name(&asked.link.name))?,
            Some(_) => None,
        };
        let half_made = half_made.filter(|link| check_same(asked, lower, (link, own)).is_ok());
        let found = named.or(half_made);
        if !found.as_ref().is_some_and(Link::is_up) {
            lower.check_up(asked)?;
        }
        if found.as_ref().is_none_or(|link| link.mtu != asked.link.spec.mtu) {
            lower.check_mtu(asked)?;
        }
        if let Some(link) = &found {
            self.configuration.check(link)?;
            self.extras.check(Some(link))?;
            return Ok(found);
        }
        self.extras.check(None)?;
        match self.configuration.check_new() {
            // What is in the way may be what another run of the same command has made meanwhile.
            Err(_) if own.netlink.link(asked.link.name.as_str())?.is_some() => self.find(),
            checked => checked.map(|()| None),
        }
    }

    fn link(&self) -> Result<Link> {
        self.creation.own.netlink.link(self.creation.asked.link.name.as_str())?.ok_or_else(|| self.vanished())
    }

    fn vanished(&self) -> Error {
        let (name, place) = (&self.creation.asked.link.name, &self.creation.own.label);
        Error::no(format!("{name} has vanished from {place} again"))
    }

    /// Finishes a link that is there: one that has its name is somebody's, and stays, whatever happens.
    fn go_on(&self, link: Link, readiness: &Readiness<'_>) -> Result<Made> {
        if link.name == self.creation.asked.link.name.as_str() {
            self.complete(&link, readiness)
        } else {
            self.go_on_new(link, readiness)
        }
    }

    /// Finishes a link that was just created, with this ifindex if that is known, or deletes it.
    fn go_on_created(&self, created: Option<u32>, readiness: &Readiness<'_>) -> Result<Made> {
        // Whoever has its name now may be another one.
        let link = self.link().ok().filter(|link| created.is_none_or(|ifindex| ifindex == link.ifindex));
        if let Some(link) = link {
            return self.go_on_new(link, readiness);
        }
        let (name, place) = (&self.creation.asked.link.name, &self.creation.own.label);
        let why = Error::no(format!("somebody has removed or renamed {name} in {place} as soon as it was there"));
        Err(match created {
            Some(ifindex) => self.delete_again(ifindex, why),
            None => why,
        })
    }

    /// Finishes a link that is new, or deletes it.
    fn go_on_new(&self, link: Link, readiness: &Readiness<'_>) -> Result<Made> {
        let ifindex = link.ifindex;
        let made = self.named(link).and_then(|link| self.apply(&link, readiness));
        made.map_err(|error| self.delete_again(ifindex, error))
    }

    fn delete_again(&self, ifindex: u32, why: Error) -> Error {
        delete_again(self.creation.own, ifindex, self.creation.asked.link.name.as_str(), why)
    }

    /// Gives it its name in the place of the interim one.
    fn named(&self, link: Link) -> Result<Link> {
        if link.name == self.creation.asked.link.name.as_str() {
            return Ok(link);
        }
        let mut message = about(link.ifindex);
        message.attributes.push(LinkAttribute::IfName(self.creation.asked.link.name.to_string()));
        let renamed = self.creation.own.netlink.set_link(message);
        renamed
            .map_err(|error| error.context(&format!("rename {} to {}", link.name, self.creation.asked.link.name)))?;
        self.link()
    }

    /// Gives a new link what is no attribute of its creation.
    fn apply(&self, link: &Link, readiness: &Readiness<'_>) -> Result<Made> {
        self.configuration.apply(link, &Carried::default())?;
        let given = self.finish(link, readiness)?;
        let link = self.link()?;
        Ok(Made {
            changed: true,
            changes: Vec::new(),
            is_new: true,
            inode: self.creation.own.inode(&link)?,
            given,
            link,
        })
    }

    /// Gives a link that is there what it lacks.
    fn complete(&self, link: &Link, readiness: &Readiness<'_>) -> Result<Made> {
        let mut given = Given::default();
        let ready = || {
            given = self.finish(link, readiness)?;
            Ok(())
        };
        let changes = complete(&[(self.configuration, link)], ready)?;
        let link = self.link()?;
        Ok(Made {
            link,
            changed: !changes.is_empty() || given.is_anything(),
            changes,
            is_new: false,
            inode: None,
            given,
        })
    }

    /// Gives it what only its kind has, and takes that back if the link does not become ready.
    fn finish(&self, link: &Link, readiness: &Readiness<'_>) -> Result<Given> {
        let given = self.extras.give(link)?;
        let ready = self.wait_ready(link, readiness);
        if let Err(error) = &ready {
            given.take_back(self.creation.own, link.ifindex).map_err(|failure| failure.prefix(error))?;
        }
        ready.map(|()| given)
    }

    fn wait_ready(&self, link: &Link, readiness: &Readiness<'_>) -> Result<()> {
        wait_ready(self.creation.own, link, readiness)?;
        self.creation.own.check_alive()
    }
}
