//! Gives a link what it lacks.

use nicon_core::Result;
use nicon_core::link::Keep;
use nicon_rtnl::netlink::{about, set_flags};
use nicon_rtnl::packet_route::link::{LinkAttribute, LinkFlags};
use nicon_rtnl::{Carry, Link, address, route};
use nix::errno::Errno;

use crate::configuring::carried::Carried;
use crate::configuring::check::{refused, route_taken};
use crate::configuring::configuration::Configuration;
use crate::link::altnames::{self, Added};
use crate::link::diff;
use crate::link::set_while_down;
use crate::link::spec;
use crate::link::taken::name_taken;

/// What nicon gave a link, and is not asked for.
#[derive(Default)]
pub(crate) struct Unasked {
    pub(crate) addresses: Carry,
    pub(crate) routes: Carry,
}

impl Configuration<'_> {
    /// Gives a link whatever it lacks, and what is `carried` over.
    ///
    /// # Errors
    /// The first change that the kernel rejects. Earlier changes stay; the caller undoes them.
    pub(crate) fn apply(&self, link: &Link, carried: &Carried) -> Result<()> {
        let netlink = &self.netns.netlink;
        // IPv6 assigns addresses as soon as the link is up, according to these settings.
        carried.settings.write(self.netns, &link.name)?;
        self.tune(link)?;
        self.set_attributes(link)?;
        self.tune_as_port(link)?;
        self.bring_up_last(link)?;
        self.add_altnames(link)?;
        self.record_origin(link)?;
        carried.carry.put_back(netlink)?;
        self.add_addresses(link)?;
        let unasked = self.unasked(link)?;
        // A new route may want the place of an old one.
        unasked.routes.take_away(netlink).collect::<Result<()>>()?;
        self.add_routes(link)?;
        if !unasked.addresses.is_empty() {
            unasked.addresses.take_addresses_alone(netlink, link.ifindex)?;
        }
        self.finish_making(link)
    }

    /// Sets what is the link's own, and brings it up, unless it comes up last.
    fn set_attributes(&self, link: &Link) -> Result<()> {
        let Self { spec, netns, master, origin, .. } = *self;
        let mut request = spec::request(spec, link, master, origin);
        let comes_up = spec::comes_up(spec, link) && !spec::comes_up_last(spec);
        if comes_up {
            set_flags(&mut request, LinkFlags::Up, true);
        }
        if request.attributes.is_empty() && !comes_up {
            return Ok(());
        }
        let is_it = |other: &Link| other.ifindex == link.ifindex;
        let set = set_while_down::change(netns, link, request);
        set.map_err(|error| refused(error, &self.context("set up", link), spec, link, netns, is_it))
    }

    /// Brings up a link that has to have more than its own attributes before.
    fn bring_up_last(&self, link: &Link) -> Result<()> {
        if !spec::comes_up(self.spec, link) || !spec::comes_up_last(self.spec) {
            return Ok(());
        }
        let set = self.netns.netlink.set_up(link.ifindex, true);
        set.map_err(|error| error.context(&self.context("bring up", link)))
    }

    fn add_altnames(&self, link: &Link) -> Result<()> {
        for altname in self.altnames(link) {
            if let Added::Taken(_) = altnames::add(self.netns, link, &altname)? {
                // Another run of the same command may have been faster, as with the routes below.
                let named = self.netns.netlink.link(&altname)?;
                if named.is_none_or(|named| named.ifindex != link.ifindex) {
                    return Err(name_taken(&altname, self.netns));
                }
            }
        }
        Ok(())
    }

    /// Records where the link came from in an alternative name, if its alias does not; and removes the records of earlier moves.
    fn record_origin(&self, link: &Link) -> Result<()> {
        let Some(origin) = self.origin else { return Ok(()) };
        for stale in diff::stale_origin_altnames(self.spec, link, origin) {
            altnames::remove(self.netns, link, stale)?.or_fail()?;
        }
        let Some(altname) = diff::origin_altname(self.spec, link, origin) else { return Ok(()) };
        // Another link from the same namespace may have that name already. A second run cannot tell the two apart.
        altnames::add(self.netns, link, &altname).map(drop)
    }

    fn add_addresses(&self, link: &Link) -> Result<()> {
        for cidr in diff::addresses(&self.spec.addresses, link, self.netns)? {
            let put = self.netns.netlink.put_entry(address::request(cidr, link.ifindex, self.spec.nodad));
            put.map_err(|error| error.context(&self.context(&format!("add address {cidr} to"), link)))?;
        }
        Ok(())
    }

    fn add_routes(&self, link: &Link) -> Result<()> {
        let Self { spec, netns, .. } = *self;
        for asked in diff::routes(spec, link, netns)? {
            match netns.netlink.add_entry(route::request(asked, link.ifindex)) {
                Ok(()) => {}
                Err(error) if error.errno == Errno::EEXIST => {
                    if diff::routes(spec, link, netns)?.contains(&asked) {
                        return Err(route_taken(asked.dst, netns));
                    }
                }
                Err(error) => {
                    return Err(error.context(&self.context(&format!("add route {asked} through"), link)));
                }
            }
        }
        Ok(())
    }

    /// Takes the link that was made out of the group of those that are being made: it has its mark, and all else.
    fn finish_making(&self, link: &Link) -> Result<()> {
        if !self.is_being_made(link) {
            return Ok(());
        }
        let mut message = about(link.ifindex);
        message.attributes.push(LinkAttribute::Group(0));
        let set = self.netns.netlink.set_link(message);
        set.map_err(|error| error.context(&self.context("set the group of", link)))
    }

    /// What nicon gave the link, and is not asked for, if that is to go.
    ///
    /// # Errors
    /// If the kernel does not list them.
    pub(crate) fn unasked(&self, link: &Link) -> Result<Unasked> {
        let Self { spec, netns, exact, .. } = *self;
        if !exact {
            return Ok(Unasked::default());
        }
        let has = Carry::read_without_neighbours(&netns.netlink, link.ifindex)?;
        let mut unasked = Unasked::default();
        // What comes along from another namespace may be nicon's as well.
        if !spec.keeps(Keep::Addr) {
            unasked.addresses = has.given_addresses_except(&spec.addresses);
        }
        if !spec.keeps(Keep::Route) {
            unasked.routes = has.given_routes_except(&spec.routes);
        }
        Ok(unasked)
    }
}
