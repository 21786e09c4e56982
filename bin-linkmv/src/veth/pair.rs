//! Makes a pair: the kernel creates both ends in place with one message. If a later step fails, they are deleted.

use std::os::fd::{AsFd, AsRawFd};

use nicon_core::{Error, Result};
use nicon_rtnl::netlink::{about, set_flags};
use nicon_rtnl::packet_route::link::{InfoData, InfoKind, InfoVeth, LinkAttribute, LinkFlags, LinkInfo, LinkMessage};
use nicon_rtnl::{Link, NetlinkError, NetnsHandle};

use crate::configuring::carried::Carried;
use crate::configuring::check::check_mtu;
use crate::configuring::complete::complete;
use crate::configuring::configuration::Configuration;
use crate::configuring::steps::until_ready;
use crate::link::spec::comes_up_last;
use crate::link::taken::name_taken;
use crate::link::undo::Undo;
use crate::link::wait_ready::{Readiness, wait_ready};
use crate::making::delete_again;
use crate::making::new_link::NewLink;

/// The least and the greatest MTU of a veth (`veth_setup` in drivers/net/veth.c), in bytes.
const MTU: (u32, u32) = (68, 65_535);

/// Where the two ends lie.
pub(crate) type Namespaces<'a> = [&'a NetnsHandle; 2];

/// A pair that is asked for.
pub(crate) struct Pair<'a> {
    namespaces: Namespaces<'a>,
    ends: &'a [NewLink; 2],
    configurations: [Configuration<'a>; 2],
}

/// A pair that is there.
pub(crate) struct Made {
    /// Its ends, as they are now.
    pub(crate) links: [Link; 2],
    /// How the ends were, as far as this run changed them, if the pair was there already.
    pub(crate) changes: Vec<Undo>,
    /// What identifies the ends of a pair that is new (see [`nicon_rtnl::sysfs`]), as far as that can be found out. `None`
    /// where the pair was there already.
    pub(crate) inodes: Option<[Option<u64>; 2]>,
}

impl Made {
    /// Whether anything was not there already.
    pub(crate) fn is_changed(&self) -> bool {
        self.inodes.is_some() || !self.changes.is_empty()
    }
}

impl<'a> Pair<'a> {
    /// A pair between two namespaces.
    ///
    /// # Errors
    /// If both ends would be the same, or have a master that is not there.
    pub(crate) fn new(namespaces: Namespaces<'a>, ends: &'a [NewLink; 2], exact: bool) -> Result<Self> {
        if namespaces[0].is(namespaces[1]) && ends[0].name == ends[1].name {
            return Err(Error::failed(format!("both ends would be called {} in one namespace", ends[0].name)));
        }
        let first = ends[0].configuration(namespaces[0], exact)?;
        let second = ends[1].configuration(namespaces[1], exact)?;
        Ok(Self { namespaces, ends, configurations: [first, second] })
    }

    /// Makes the pair, or completes the one that is there.
    ///
    /// # Errors
    /// Nothing is left behind, and a pair that was there is as it was.
    pub(crate) fn make(&self, readiness: &Readiness<'_>) -> Result<Made> {
        if let Some(links) = self.find()? {
            return self.complete(&links, readiness);
        }
        let created =
            match self.create() {
                Ok(created) => created,
                // Another run of the same command may have been faster.
                Err(error) => {
                    return match self.find() {
                        Ok(Some(links)) => self.complete(&links, readiness),
                        Ok(None) => Err(error
                            .context(&format!("wire {} and {}", self.namespaces[0].label, self.namespaces[1].label))),
                        Err(taken) => Err(taken),
                    };
                }
            };
        // Whoever has their names now may be others.
        let is_new = |links: &[Link; 2]| {
            are_mutual(links.each_ref()) && created.is_none_or(|ifindex| ifindex == links[0].ifindex)
        };
        let links = self.links().ok().filter(is_new).ok_or_else(|| self.renamed());
        let first = links.as_ref().map_or(created, |links| Some(links[0].ifindex));
        links.and_then(|links| self.apply(&links, readiness)).map_err(|error| match first {
            Some(first) => delete_again(self.namespaces[0], first, "the pair", error),
            None => error,
        })
    }

    /// The steps that make or complete it, for each of its ends.
    ///
    /// # Errors
    /// If the kernel would reject them.
    pub(crate) fn plan(&self, readiness: &Readiness<'_>) -> Result<[Vec<String>; 2]> {
        let found = self.find()?;
        let is_new = found.is_none();
        let links = found.unwrap_or_else(|| self.ends.each_ref().map(NewLink::when_new));
        let mut steps = [self.configurations[0].steps(&links[0])?, self.configurations[1].steps(&links[1])?];
        if is_new {
            let [first, second] =
                [0, 1].map(|at| format!("{} netns [{}]", self.ends[at].words(), self.namespaces[at].label));
            steps[0].insert(0, format!("link add {first} type veth peer {second}"));
        }
        for (steps, end) in steps.iter_mut().zip(self.ends) {
            steps.extend(until_ready(readiness, end.name.as_str()));
        }
        Ok(steps)
    }

    /// The pair, if it is there. It is then checked that it can be completed, else that it can be made.
    ///
    /// # Errors
    /// If the kernel would reject it, or other links have the ends' names.
    fn find(&self) -> Result<Option<[Link; 2]>> {
        let mut found = self.look()?;
        if found.iter().flatten().count() == 1 {
            // Another run of the same command may have made both between the two looks.
            found = self.look()?;
        }
        match found {
            [Some(first), Some(second)] if self.are_one_pair([&first, &second])? => {
                self.configurations[0].check(&first)?;
                self.configurations[1].check(&second)?;
                Ok(Some([first, second]))
            }
            [None, None] => {
                for configuration in &self.configurations {
                    check_mtu(configuration.spec.mtu, "a veth", MTU)?;
                }
                match self.configurations.iter().try_for_each(Configuration::check_new) {
                    // What is in the way may be what another run of the same command has made meanwhile.
                    Err(_) if self.look()?.iter().all(Option::is_some) => self.find(),
                    checked => checked.map(|()| None),
                }
            }
            found => {
                let taken = usize::from(found[0].is_none());
                Err(name_taken(self.ends[taken].name.as_str(), self.namespaces[taken]))
            }
        }
    }

    /// The links that have the ends' names.
    fn look(&self) -> Result<[Option<Link>; 2]> {
        let look = |at: usize| self.namespaces[at].netlink.link(self.ends[at].name.as_str());
        Ok([look(0)?, look(1)?])
    }

    fn links(&self) -> Result<[Link; 2]> {
        match self.look()? {
            [Some(first), Some(second)] => Ok([first, second]),
            _ => Err(Error::no(format!("{} and {} have vanished again", self.ends[0].name, self.ends[1].name))),
        }
    }

    fn renamed(&self) -> Error {
        let [first, second] = self.ends.each_ref().map(|end| end.name.as_str());
        Error::no(format!("somebody has removed or renamed {first} or {second} as soon as they were there"))
    }

    /// Each end reports the other's ifindex and namespace, which identifies the pair of an earlier run, complete or not.
    fn are_one_pair(&self, links: [&Link; 2]) -> Result<bool> {
        let veths = links.iter().all(|link| link.kind.as_deref() == Some("veth"));
        let [first, second] = self.namespaces;
        Ok(veths && are_mutual(links) && first.leads_into(links[0], second)?)
    }

    /// Equivalent to `ip link add NAME up type veth peer name PEER netns ...`, sent from the first end's namespace.
    fn create(&self) -> std::result::Result<Option<u32>, NetlinkError> {
        let attributes = |end: &NewLink| end.attributes(end.name.as_str());
        let mut peer = LinkMessage::default();
        peer.attributes = attributes(&self.ends[1]);
        peer.attributes.push(LinkAttribute::NetNsFd(self.namespaces[1].ns.as_fd().as_raw_fd()));
        let mut message = about(0);
        if self.ends[0].spec.up && !comes_up_last(&self.ends[0].spec) {
            set_flags(&mut message, LinkFlags::Up, true);
        }
        message.attributes = attributes(&self.ends[0]);
        message.attributes.push(LinkAttribute::LinkInfo(vec![
            LinkInfo::Kind(InfoKind::Veth),
            LinkInfo::Data(InfoData::Veth(InfoVeth::Peer(peer))),
        ]));
        self.namespaces[0].netlink.create_link(message)
    }

    /// Gives a new pair what the kernel cannot set while it creates it: the second end up (which fails with ENOTCONN), and all
    /// that is no attribute of a new link.
    fn apply(&self, links: &[Link; 2], readiness: &Readiness<'_>) -> Result<Made> {
        for (configuration, link) in self.configurations.iter().zip(links) {
            configuration.apply(link, &Carried::default())?;
        }
        self.wait_ready(links, readiness)?;
        let inodes = [self.namespaces[0].inode(&links[0])?, self.namespaces[1].inode(&links[1])?];
        Ok(Made { links: self.links()?, changes: Vec::new(), inodes: Some(inodes) })
    }

    /// Gives a pair that is there what it lacks.
    fn complete(&self, links: &[Link; 2], readiness: &Readiness<'_>) -> Result<Made> {
        let [first, second] = self.configurations;
        let changes = complete(&[(first, &links[0]), (second, &links[1])], || self.wait_ready(links, readiness))?;
        Ok(Made { links: self.links()?, changes, inodes: None })
    }

    fn wait_ready(&self, links: &[Link; 2], readiness: &Readiness<'_>) -> Result<()> {
        for (netns, link) in self.namespaces.iter().zip(links) {
            wait_ready(netns, link, readiness)?;
            netns.check_alive()?;
        }
        Ok(())
    }
}

/// Whether each of two links reports the other's ifindex.
fn are_mutual(links: [&Link; 2]) -> bool {
    links[0].lower == Some(links[1].ifindex) && links[1].lower == Some(links[0].ifindex)
}
