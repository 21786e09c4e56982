//! Stitches a link to another one of its namespace: what arrives at one leaves by the other, both ways.

use nicon_core::link::LinkName;
use nicon_core::{Error, Result};
use nicon_rtnl::{Link, NetnsHandle};
use nix::errno::Errno;

use crate::record::deed::StitchUndo;

/// A link and the one that it is stitched to.
pub(crate) struct Stitch<'a> {
    netns: &'a NetnsHandle,
    other: Link,
}

impl<'a> Stitch<'a> {
    /// One to the link of a namespace that has a name. The link that is stitched to it may not be there yet.
    ///
    /// # Errors
    /// [`nicon_core::Status::No`] if there is none, or one of both is stitched to a third link.
    pub(crate) fn to(name: &LinkName, netns: &'a NetnsHandle, own: Option<&Link>) -> Result<Self> {
        let other = netns.netlink.link(name.as_str())?;
        let other = other.ok_or_else(|| Error::no(format!("stitch: no link {name} in {}", netns.label)))?;
        check_free(netns, &other, own)?;
        own.map_or(Ok(()), |own| check_free(netns, own, Some(&other)))?;
        Ok(Self { netns, other })
    }

    /// The step that it takes, in words; `None` if it is done.
    ///
    /// # Errors
    /// If the kernel does not answer.
    pub(crate) fn step(&self, own: &Link) -> Result<Option<String>> {
        let is_done = own.ifindex > 0 && self.is_done(own)?;
        Ok((!is_done).then(|| format!("stitch {} and {}, both ways", own.name, self.other.name)))
    }

    /// Stitches both ways, and returns what takes that back; `None` if it was done already.
    ///
    /// # Errors
    /// If the kernel does not do it. Nothing is changed.
    pub(crate) fn sew(&self, own: &Link) -> Result<Option<StitchUndo>> {
        if self.is_done(own)? {
            return Ok(None);
        }
        let (name, ifindex) = (self.other.name.clone(), self.other.ifindex);
        let mut undo = StitchUndo { name, ifindex, inode: self.netns.inode(&self.other)?, qdisc: false };
        let sewn = self.sew_one(own, &self.other).and_then(|_| {
            undo.qdisc = self.sew_one(&self.other, own)?;
            Ok(())
        });
        match sewn {
            Ok(()) => Ok(Some(undo)),
            Err(error) => {
                take_back(self.netns, own.ifindex, &undo).map_err(|failure| failure.prefix(&error))?;
                Err(error)
            }
        }
    }

    fn is_done(&self, own: &Link) -> Result<bool> {
        let netlink = &self.netns.netlink;
        let there = netlink.stitched_to(own.ifindex)? == Some(self.other.ifindex);
        Ok(there && netlink.stitched_to(self.other.ifindex)? == Some(own.ifindex))
    }

    /// Stitches one way, and returns whether the first link could not have filters before.
    fn sew_one(&self, from: &Link, to: &Link) -> Result<bool> {
        let netlink = &self.netns.netlink;
        match netlink.stitched_to(from.ifindex)? {
            Some(other) if other == to.ifindex => return Ok(false),
            // It leads to a link that is gone.
            Some(_) => netlink.unstitch(from.ifindex, false)?,
            None => {}
        }
        match netlink.stitch(from.ifindex, to.ifindex) {
            // Another run of the same command was faster.
            Err(error) if error.errno == Errno::EEXIST && netlink.stitched_to(from.ifindex)? == Some(to.ifindex) => {
                Ok(false)
            }
            sewn => sewn.map_err(|error| error.context(&format!("stitch {} to {}", from.name, to.name))),
        }
    }
}

/// Makes sure that a link is stitched to none but the one which is `allowed`. One that is gone does not count.
fn check_free(netns: &NetnsHandle, link: &Link, allowed: Option<&Link>) -> Result<()> {
    let to = netns.netlink.stitched_to(link.ifindex)?.filter(|to| *to > 0);
    let to = to.filter(|to| allowed.is_none_or(|allowed| allowed.ifindex != *to));
    match to.map_or(Ok(None), |to| netns.netlink.link_at(to))? {
        Some(third) => {
            Err(Error::no(format!("{} in {} is stitched to {} already", link.name, netns.label, third.name)))
        }
        None => Ok(()),
    }
}

/// Removes the stitch that leads to a link which is about to be removed, where no deed says how it was made.
///
/// # Errors
/// If the kernel does not do it.
pub(crate) fn unstitch(netns: &NetnsHandle, link: &Link) -> Result<()> {
    let netlink = &netns.netlink;
    match netlink.stitched_to(link.ifindex)? {
        Some(other) if other > 0 && netlink.stitched_to(other)? == Some(link.ifindex) => netlink.unstitch(other, true),
        _ => Ok(()),
    }
}

/// Takes back the stitches of the link with the ifindex `own` and of the other one, if that is still there, and leads to the first
/// or nowhere.
///
/// # Errors
/// If the kernel does not do it.
pub(crate) fn take_back(netns: &NetnsHandle, own: u32, undo: &StitchUndo) -> Result<()> {
    let netlink = &netns.netlink;
    if netlink.stitched_to(own)? == Some(undo.ifindex) {
        netlink.unstitch(own, true)?;
    }
    let Some(other) = netlink.link_at(undo.ifindex)? else { return Ok(()) };
    let is_it = undo.inode.is_none() || netns.inode(&other)? == undo.inode;
    if is_it && netlink.stitched_to(other.ifindex)?.is_some_and(|to| to == own || to == 0) {
        netlink.unstitch(other.ifindex, undo.qdisc)?;
    }
    Ok(())
}
