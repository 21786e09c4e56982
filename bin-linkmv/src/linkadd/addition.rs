//! Makes a link: the kernel creates it in its place with one message. If a later step fails, it is deleted.

use std::os::fd::{AsFd, AsRawFd};

use nicon_core::{Error, Result};
use nicon_rtnl::netlink::about;
use nicon_rtnl::packet_route::link::LinkAttribute;
use nicon_rtnl::{Link, NetlinkError, NetnsHandle, settings};
use nix::errno::Errno;

use crate::configuring::carried::Carried;
use crate::configuring::complete::complete;
use crate::configuring::configuration::Configuration;
use crate::configuring::steps::until_ready;
use crate::link::mark::Mark;
use crate::link::wait_ready::{Readiness, wait_ready};
use crate::linkadd::asked::Asked;
use crate::linkadd::existing::check_same;
use crate::linkadd::lower::Lower;

/// A link that is to be made, and where.
pub(crate) struct Addition<'a> {
    asked: &'a Asked,
    own: &'a NetnsHandle,
    lower: &'a Lower,
    configuration: Configuration<'a>,
}

/// A link that is there.
pub(crate) struct Made {
    /// It, as it is now.
    pub(crate) link: Link,
    /// False where all was there already.
    pub(crate) changed: bool,
    /// False where it was there already, complete or not.
    pub(crate) is_new: bool,
    /// What identifies it (see [`nicon_rtnl::sysfs`]), if that can be found out.
    pub(crate) inode: Option<u64>,
}

impl<'a> Addition<'a> {
    /// One in a namespace.
    ///
    /// # Errors
    /// If its master is not there.
    pub(crate) fn new(asked: &'a Asked, own: &'a NetnsHandle, lower: &'a Lower, exact: bool) -> Result<Self> {
        let spec = &asked.spec;
        let master = spec.master.as_ref().map(|name| own.master(name)).transpose()?;
        Ok(Self {
            asked,
            own,
            lower,
            configuration: Configuration { spec, netns: own, master, origin: None, mark: asked.mark.as_ref(), exact },
        })
    }

    /// Makes the link, or completes the one that is there.
    ///
    /// # Errors
    /// Nothing is left behind, and a link that was there is as it was.
    pub(crate) fn make(&self, readiness: &Readiness<'_>) -> Result<Made> {
        if let Some(link) = self.find()? {
            return self.complete(&link, readiness);
        }
        if let Err(error) = self.create() {
            // Another run of the same command may have been faster.
            return match self.find()? {
                Some(link) => self.complete(&link, readiness),
                None => Err(self.refused(error)),
            };
        }
        let link = self.link()?;
        self.apply(&link, readiness).map_err(|error| match self.own.netlink.delete_link(link.ifindex) {
            // It went with a namespace that ended meanwhile.
            Ok(()) | Err(NetlinkError { errno: Errno::ENODEV, .. }) => error,
            Err(failure) => failure.context(&format!("delete {} again", link.name)).prefix(&error),
        })
    }

    /// The steps that make or complete it.
    ///
    /// # Errors
    /// If the kernel would reject them.
    pub(crate) fn plan(&self, readiness: &Readiness<'_>) -> Result<Vec<String>> {
        let name = self.asked.name.as_str();
        let found = self.find()?;
        let mut steps: Vec<String> = found.is_none().then(|| self.words()).into_iter().collect();
        steps.extend(self.configuration.steps(&found.unwrap_or_else(|| self.when_new()))?);
        steps.extend(until_ready(readiness, name));
        Ok(steps)
    }

    /// The link, if it is there. It is then checked that it can be completed, else that it can be made.
    ///
    /// # Errors
    /// If the kernel would reject it, or another link has the name.
    fn find(&self) -> Result<Option<Link>> {
        if let Some(link) = self.own.netlink.link(self.asked.name.as_str())? {
            check_same(self.asked, self.lower, (&link, self.own))?;
            self.configuration.check(&link)?;
            return Ok(Some(link));
        }
        self.lower.check_mtu(self.asked)?;
        self.configuration.check_new()?;
        Ok(None)
    }

    fn link(&self) -> Result<Link> {
        let name = self.asked.name.as_str();
        let link = self.own.netlink.link(name)?;
        link.ok_or_else(|| Error::no(format!("{name} has vanished from {} again", self.own.label)))
    }

    /// Equivalent to `ip link add NAME link PARENT netns ... type KIND ...`, sent from the namespace of the link below: that is
    /// where the kernel looks for it, and where a tunnel's sockets stay.
    fn create(&self) -> std::result::Result<(), NetlinkError> {
        let mut message = about(0);
        message.attributes.push(LinkAttribute::IfName(self.asked.name.to_string()));
        message.attributes.extend(self.asked.attributes());
        if !self.own.is(&self.lower.netns) {
            message.attributes.push(LinkAttribute::NetNsFd(self.own.ns.as_fd().as_raw_fd()));
        }
        message.attributes.extend(settings::request(&self.asked.kind.settings, self.lower.ifindex()));
        self.lower.netns.netlink.create_link(message)
    }

    /// Turns the kernel's refusal to create the link into ours.
    fn refused(&self, error: NetlinkError) -> Error {
        let errno = error.errno;
        let error = error.context(&format!("make {} in {}", self.asked.name, self.own.label));
        match (errno, &self.lower.link) {
            (Errno::EOPNOTSUPP, _) => error.suffix(&format!("; this kernel may have no {}", self.kind_in_words())),
            (Errno::EINVAL | Errno::EBUSY, Some(lower)) => {
                error.suffix(&format!("; {} may be unable to carry a {}", lower.name, self.kind_in_words()))
            }
            _ => error,
        }
    }

    /// What it is like when the kernel has created it.
    fn when_new(&self) -> Link {
        let spec = &self.asked.spec;
        let mac = spec.mac.map(|mac| mac.to_string());
        let group = self.asked.mark.as_ref().map_or(0, Mark::group);
        Link { name: self.asked.name.to_string(), mtu: spec.mtu, mac, group, ..Link::default() }
    }

    /// The message that creates it, in the words of `ip`.
    fn words(&self) -> String {
        let Lower { netns, link } = self.lower;
        let from = if netns.is(self.own) { String::new() } else { format!(" from [{}]", netns.label) };
        let link = link.as_ref().map(|link| format!(" link {}", link.name)).unwrap_or_default();
        let (words, kind) = (self.asked.words(), self.kind_in_words());
        format!("link add{link}{from} {words} netns [{}] type {kind}", self.own.label)
    }

    fn kind_in_words(&self) -> String {
        let settings = &self.asked.kind.settings;
        [vec![settings.kind().to_string()], settings.words()].concat().join(" ")
    }

    /// Gives a new link what is no attribute of its creation.
    fn apply(&self, link: &Link, readiness: &Readiness<'_>) -> Result<Made> {
        self.configuration.apply(link, &Carried::default())?;
        self.wait_ready(link, readiness)?;
        let link = self.link()?;
        Ok(Made { changed: true, is_new: true, inode: self.own.inode(&link)?, link })
    }

    /// Gives a link that is there what it lacks.
    fn complete(&self, link: &Link, readiness: &Readiness<'_>) -> Result<Made> {
        let changed = complete(&[(self.configuration, link)], || self.wait_ready(link, readiness))?;
        Ok(Made { link: self.link()?, changed: !changed.is_empty(), is_new: false, inode: None })
    }

    fn wait_ready(&self, link: &Link, readiness: &Readiness<'_>) -> Result<()> {
        wait_ready(self.own, link, readiness)?;
        self.own.check_alive()
    }
}
