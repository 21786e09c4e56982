//! What a link gets that only links of its kind have, and that can be changed: it is stitched to another one, or has keys.

use nicon_core::Result;
use nicon_core::link::KindSpec;
use nicon_core::link::kind::Kind;
use nicon_rtnl::wireguard::Device;
use nicon_rtnl::{Link, NetnsHandle};

use crate::link::stitch::{Stitch, take_back};
use crate::linkadd::keys::Keys;
use crate::record::deed::StitchUndo;

/// What it is to get.
pub(crate) struct Extras<'a> {
    kind: &'a KindSpec,
    netns: &'a NetnsHandle,
    keys: Option<Keys<'a>>,
}

/// What was given to a link that lacked it.
#[derive(Default)]
pub(crate) struct Given {
    pub(crate) stitch: Option<StitchUndo>,
    /// The keys and peers that it had before.
    keys: Option<Device>,
}

impl Given {
    pub(crate) fn is_anything(&self) -> bool {
        self.stitch.is_some() || self.keys.is_some()
    }

    /// Takes it back from the link.
    ///
    /// # Errors
    /// If the kernel does not do it.
    pub(crate) fn take_back(&self, netns: &NetnsHandle, ifindex: u32) -> Result<()> {
        self.keys.as_ref().map_or(Ok(()), |before| netns.set_wireguard(ifindex, before, true))?;
        self.stitch.as_ref().map_or(Ok(()), |undo| take_back(netns, ifindex, undo))
    }
}

impl<'a> Extras<'a> {
    /// Those of a link in a namespace, and no others if it is to be `exact`.
    ///
    /// # Errors
    /// If a file with a key cannot be read.
    pub(crate) fn new(kind: &'a KindSpec, netns: &'a NetnsHandle, exact: bool) -> Result<Self> {
        let is_wireguard = kind.settings.kind() == Kind::Wireguard;
        let keys = is_wireguard.then(|| Keys::read(&kind.wireguard, exact)).transpose()?;
        Ok(Self { kind, netns, keys })
    }

    /// Checks whether the link, which may not be there yet, can be given them.
    ///
    /// # Errors
    /// What is in the way.
    pub(crate) fn check(&self, link: Option<&Link>) -> Result<()> {
        self.stitch(link).map(drop)
    }

    /// The steps that give a link those that it lacks. One that is not there yet has no ifindex.
    ///
    /// # Errors
    /// If the kernel does not answer.
    pub(crate) fn steps(&self, link: &Link) -> Result<Vec<String>> {
        let is_there = link.ifindex > 0;
        let stitch = self.stitch(Some(link).filter(|_| is_there))?;
        let mut steps: Vec<String> = stitch.map_or(Ok(None), |stitch| stitch.step(link))?.into_iter().collect();
        if let Some(keys) = &self.keys {
            let present = if is_there { self.netns.wireguard(link.ifindex)? } else { Device::default() };
            steps.extend(keys.step(&link.name, &present));
        }
        Ok(steps)
    }

    /// Gives a link those that it lacks.
    ///
    /// # Errors
    /// If the kernel does not do it. Nothing is changed.
    pub(crate) fn give(&self, link: &Link) -> Result<Given> {
        let keys = self.keys.as_ref().map_or(Ok(None), |keys| keys.give(self.netns, link))?;
        let stitch = self.stitch(Some(link))?.map_or(Ok(None), |stitch| stitch.sew(link))?;
        Ok(Given { stitch, keys })
    }

    fn stitch(&self, link: Option<&Link>) -> Result<Option<Stitch<'a>>> {
        self.kind.stitch.as_ref().map(|name| Stitch::to(name, self.netns, link)).transpose()
    }
}
