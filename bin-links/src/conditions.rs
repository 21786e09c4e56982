//! Which links and network namespaces have what is asked for.

use nicon_core::link::Cidr;

use crate::args::Args;
use crate::having::{Having, Port};
use crate::listing::ListedLink;

/// All conditions of a run.
pub(crate) struct Conditions<'a>(&'a [Having]);

impl<'a> Conditions<'a> {
    pub(crate) fn new(args: &'a Args) -> Self {
        Self(&args.having)
    }

    /// Whether a link has all that is asked of links.
    pub(crate) fn hold_of(&self, ListedLink { link, addresses }: &ListedLink) -> bool {
        self.0.iter().all(|having| match having {
            Having::Name(name) => link.name == *name || link.altnames.contains(name),
            Having::Mac(mac) => link.mac.as_ref() == Some(mac),
            Having::Ip(net) => addresses.iter().any(|address| net.contains(address.ip())),
            Having::Port(_) => true,
        })
    }

    pub(crate) fn ports(&self) -> impl Iterator<Item = &Port> {
        self.0.iter().filter_map(|having| match having {
            Having::Port(port) => Some(port),
            _ => None,
        })
    }

    /// The networks that an address is asked for in.
    pub(crate) fn networks(&self) -> impl Iterator<Item = &Cidr> {
        self.0.iter().filter_map(|having| match having {
            Having::Ip(net) => Some(net),
            _ => None,
        })
    }
}
