//! What a link is to be like in its new place.

use std::net::IpAddr;
use std::str::FromStr;

use nicon_core::{Error, Record, Result};
use nicon_linkmv::fields::list;
use nicon_linkmv::{Cidr, Link, LinkName, Mac};
use rtnetlink::packet_route::link::{LinkAttribute, LinkFlags, LinkMessage};

use crate::args::{Attributes, Keep};
use crate::newname::NewName;
use crate::routespec::RouteSpec;

/// The longest alias, in bytes: `IFALIASZ` of linux/if.h, less the closing zero.
const MAX_ALIAS: usize = 255;

/// All that was asked for; what is absent stays as it is.
#[derive(Clone, Debug)]
pub(crate) struct Wish {
    pub(crate) name: Option<NewName>,
    pub(crate) mtu: Option<u32>,
    pub(crate) mac: Option<Mac>,
    pub(crate) addresses: Vec<Cidr>,
    pub(crate) routes: Vec<RouteSpec>,
    pub(crate) master: Option<LinkName>,
    pub(crate) alias: Option<String>,
    pub(crate) altnames: Vec<String>,
    pub(crate) up: bool,
    pub(crate) keep: Vec<Keep>,
}

impl Wish {
    /// What the command line says; where it says nothing, the record.
    pub(crate) fn read(record: &Record, name: Option<NewName>, args: &Attributes) -> Result<Self> {
        fn or<T: Clone>(given: &[T], told: Result<Vec<T>>) -> Result<Vec<T>> {
            if given.is_empty() { told } else { Ok(given.to_vec()) }
        }
        let gateways = or(&args.gateway, list::<Gateway>(record, "gateway", "192.0.2.254"))?;
        let mut routes = or(&args.route, list(record, "route", "198.51.100.0/24,192.0.2.254"))?;
        routes.extend(gateways.into_iter().map(|gateway| RouteSpec::default_by(gateway.0)));
        let altnames = or(&args.altname, list::<AltName>(record, "altname", "uplink"))?;
        let alias = match &args.alias {
            Some(alias) => Some(alias.clone()),
            None => record.text("alias")?.filter(|alias| !alias.is_empty()).map(str::to_owned),
        };
        let up = match record.get("up").filter(|up| !up.is_null()) {
            Some(up) => up.as_bool().ok_or_else(|| Error::failed("field \"up\": expected true or false"))?,
            None => true,
        };
        let wish = Self {
            name,
            mtu: args.mtu.map_or_else(|| record.integer("mtu"), |mtu| Ok(Some(mtu)))?,
            mac: args.mac.map_or_else(|| record.text("mac")?.map(str::parse).transpose(), |mac| Ok(Some(mac)))?,
            addresses: or(&args.addr, list(record, "addr", "192.0.2.1/24"))?,
            routes,
            master: match &args.master {
                Some(master) => Some(master.clone()),
                None => record.text("master")?.map(str::parse).transpose()?,
            },
            alias,
            altnames: altnames.into_iter().map(|altname| altname.0).collect(),
            up: up && !args.no_up,
            keep: or(&args.keep, list(record, "keep", "addr"))?,
        };
        wish.check()?;
        Ok(wish)
    }

    pub(crate) fn keeps(&self, what: Keep) -> bool {
        self.keep.contains(&what)
    }

    fn check(&self) -> Result<()> {
        if let Some(alias) = &self.alias
            && (alias.len() > MAX_ALIAS || alias.chars().any(char::is_control))
        {
            return Err(Error::failed("an alias has at most 255 bytes, and no control characters"));
        }
        if !self.up && (!self.routes.is_empty() || self.keeps(Keep::Route)) {
            return Err(Error::failed("routes need the link up: they do not go together with --no-up"));
        }
        if self.keeps(Keep::Route) || self.keeps(Keep::Addr) {
            return Ok(());
        }
        let on_link = |ip: IpAddr| {
            let directly = self.routes.iter().filter(|route| route.via.is_none()).map(|route| &route.dst);
            let link_local = matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local());
            link_local || self.addresses.iter().chain(directly).any(|network| network.contains(ip))
        };
        match self.routes.iter().filter_map(|route| route.via).find(|via| !on_link(*via)) {
            Some(via) => Err(Error::failed(format!("gateway {via} lies in no network of the link's addresses"))),
            None => Ok(()),
        }
    }

    /// The request for what a link lacks. Where it has no alias and none was asked for, it gets the `note`.
    pub(crate) fn request(&self, link: &Link, master: Option<u32>, note: String) -> LinkMessage {
        let mut message = LinkMessage::default();
        message.header.index = link.ifindex;
        if self.up && !link.is_up() {
            message.header.flags = LinkFlags::Up;
            message.header.change_mask = LinkFlags::Up;
        }
        if let Some(name) = self.name.as_ref().filter(|name| !name.fits(&link.name)) {
            message.attributes.push(LinkAttribute::IfName(name.to_string()));
        }
        let alias = self.alias.clone().or_else(|| link.alias.is_empty().then_some(note));
        if let Some(alias) = alias.filter(|alias| *alias != link.alias) {
            message.attributes.push(LinkAttribute::IfAlias(alias));
        }
        if let Some(mtu) = self.mtu.filter(|mtu| link.mtu != Some(*mtu)) {
            message.attributes.push(LinkAttribute::Mtu(mtu));
        }
        if let Some(mac) = self.mac.filter(|mac| link.mac != Some(mac.to_string())) {
            message.attributes.push(LinkAttribute::Address(mac.bytes()));
        }
        if let Some(master) = master.filter(|master| link.master != Some(*master)) {
            message.attributes.push(LinkAttribute::Controller(master));
        }
        message
    }
}

/// The address of a gateway.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gateway(IpAddr);

impl FromStr for Gateway {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        text.parse().map(Self).map_err(|_| Error::failed(format!("\"{text}\" is not an IP address")))
    }
}

/// A name that a link has beside its own, of up to 127 bytes.
#[derive(Clone, Debug)]
pub(crate) struct AltName(String);

impl FromStr for AltName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let forbidden = |c: char| matches!(c, '/' | '%') || c.is_whitespace() || c.is_control();
        if text.is_empty() || text.len() > 127 || text.contains(forbidden) {
            return Err(Error::failed(format!(
                "\"{text}\" is not an alternative name: up to 127 bytes, no space, / or %"
            )));
        }
        Ok(Self(text.to_owned()))
    }
}
