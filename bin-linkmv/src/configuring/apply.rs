//! Gives a link what it lacks.

use nicon_core::Result;
use nicon_core::link::Keep;
use nicon_rtnl::netlink::about;
use nicon_rtnl::packet_route::link::{LinkAttribute, LinkFlags};
use nicon_rtnl::{Carry, Link, address, route};
use nix::errno::Errno;

use crate::configuring::carried::Carried;
use crate::configuring::check::{refused, route_taken};
use crate::configuring::configuration::Configuration;
use crate::link::diff;
use crate::link::set_while_down;
use crate::link::spec;
use crate::link::tag::Origin;
use crate::link::taken::name_taken;

/// What nicon gave a link, and is not asked for.
#[derive(Default)]
pub(crate) struct Surplus {
    pub(crate) addresses: Carry,
    pub(crate) routes: Carry,
}

impl Configuration<'_> {
    /// Gives a link whatever it lacks, and what is `carried` over.
    ///
    /// # Errors
    /// The first change that the kernel rejects. Earlier changes stay; the caller undoes them.
    pub(crate) fn apply(&self, link: &Link, carried: &Carried) -> Result<()> {
        let Self { spec, netns, master, origin, .. } = *self;
        let failed = |what: &str| format!("{what} {} in {}", link.name, netns.label);
        // IPv6 assigns addresses as soon as the link is up, according to these settings.
        carried.settings.write(netns, &link.name)?;
        self.tune(link)?;
        let mut request = spec::request(spec, link, master, origin);
        let comes_up = !request.header.flags.is_empty() && spec::comes_up_last(spec);
        if comes_up {
            request.header.flags = LinkFlags::empty();
            request.header.change_mask = LinkFlags::empty();
        }
        if !request.attributes.is_empty() || !request.header.flags.is_empty() {
            let is_it = |other: &Link| other.ifindex == link.ifindex;
            let set = set_while_down::change(netns, link, request);
            set.map_err(|error| refused((spec, netns), link, is_it, (error, &failed("set up"))))?;
        }
        self.tune_as_port(link)?;
        if comes_up {
            let mut message = about(link.ifindex);
            message.header.flags = LinkFlags::Up;
            message.header.change_mask = LinkFlags::Up;
            netns.netlink.set_link(message).map_err(|error| error.context(&failed("bring up")))?;
        }
        for altname in self.altnames(link) {
            match netns.netlink.add_altname(link.ifindex, &altname) {
                Err(error) if error.errno == Errno::EEXIST => {
                    // Another run of the same command may have been faster, as with the routes below.
                    let named = netns.netlink.link(&altname)?;
                    if named.is_none_or(|named| named.ifindex != link.ifindex) {
                        return Err(name_taken(&altname, netns));
                    }
                }
                added => {
                    added.map_err(|error| error.context(&failed(&format!("add alternative name {altname} to"))))?;
                }
            }
        }
        origin.map_or(Ok(()), |origin| self.record_origin(link, origin))?;
        carried.carry.put_back(&netns.netlink)?;
        for cidr in diff::addresses(&spec.addresses, link, netns)? {
            let put = netns.netlink.put(address::request(cidr, link.ifindex, spec.nodad));
            put.map_err(|error| error.context(&failed(&format!("add address {cidr} to"))))?;
        }
        let surplus = self.surplus(link)?;
        // A new route may want the place of an old one.
        surplus.routes.take_away(&netns.netlink).collect::<Result<()>>()?;
        for asked in diff::routes(spec, link, netns)? {
            match netns.netlink.add(route::request(asked, link.ifindex)) {
                Err(error) if error.errno == Errno::EEXIST => {
                    if diff::routes(spec, link, netns)?.contains(&asked) {
                        return Err(route_taken(asked.dst, netns));
                    }
                }
                added => added.map_err(|error| error.context(&failed(&format!("add route {asked} through"))))?,
            }
        }
        if !surplus.addresses.is_empty() {
            surplus.addresses.take_addresses_alone(&netns.netlink, link.ifindex)?;
        }
        if !self.is_being_made(link) {
            return Ok(());
        }
        let mut message = about(link.ifindex);
        message.attributes.push(LinkAttribute::Group(0));
        netns.netlink.set_link(message).map_err(|error| error.context(&failed("set the group of")))
    }

    /// The addresses and routes that nicon gave the link, and that are not asked for.
    ///
    /// # Errors
    /// If the kernel does not list them.
    pub(crate) fn surplus(&self, link: &Link) -> Result<Surplus> {
        let Self { spec, netns, exact, .. } = *self;
        if !exact {
            return Ok(Surplus::default());
        }
        let has = Carry::read_without_neighbours(&netns.netlink, link.ifindex)?;
        let mut surplus = Surplus::default();
        // What comes along from another namespace may be nicon's as well.
        if !spec.keeps(Keep::Addr) {
            surplus.addresses = has.given_addresses_except(&spec.addresses);
        }
        if !spec.keeps(Keep::Route) {
            surplus.routes = has.given_routes_except(&spec.routes);
        }
        Ok(surplus)
    }

    /// Records the link's origin in an alternative name, if its alias does not; and removes the records of earlier moves.
    fn record_origin(&self, link: &Link, origin: &Origin) -> Result<()> {
        let netlink = &self.netns.netlink;
        for stale in diff::stale_origin_altnames(self.spec, link, origin) {
            let removed = netlink.remove_altname(link.ifindex, stale);
            removed.map_err(|error| error.context(&format!("remove alternative name {stale}")))?;
        }
        let Some(altname) = diff::origin_altname(self.spec, link, origin) else { return Ok(()) };
        match netlink.add_altname(link.ifindex, &altname) {
            // Another link from the same namespace already has that name. A second run cannot tell the two apart.
            Err(error) if error.errno == Errno::EEXIST => Ok(()),
            added => added.map_err(|error| error.context(&format!("add alternative name {altname}"))),
        }
    }
}
