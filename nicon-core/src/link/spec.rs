//! What a link is to be like in its new place.

use std::net::IpAddr;
use std::str::FromStr;

use super::{Alias, AltName, Cidr, LinkName, Mac, NewName, RouteSpec};
use crate::{Error, Record, Result};

/// All that was asked for; what is absent stays as it is.
#[derive(Clone, Debug)]
pub struct LinkSpec {
    /// Its name.
    pub name: Option<NewName>,
    /// Its MTU, in bytes.
    pub mtu: Option<u32>,
    /// Its hardware address.
    pub mac: Option<Mac>,
    /// Addresses beside those that it has.
    pub addresses: Vec<Cidr>,
    /// Routes through it, those by its gateways last.
    pub routes: Vec<RouteSpec>,
    /// The bridge, bond or VRF that it becomes a port of.
    pub master: Option<LinkName>,
    /// Its alias.
    pub alias: Option<Alias>,
    /// Alternative names beside those that it has.
    pub altnames: Vec<AltName>,
    /// Whether it is brought up.
    pub up: bool,
    /// What comes along.
    pub keep: Vec<Keep>,
}

/// Nothing but that the link is brought up.
impl Default for LinkSpec {
    fn default() -> Self {
        Self {
            name: None,
            mtu: None,
            mac: None,
            addresses: Vec::new(),
            routes: Vec::new(),
            master: None,
            alias: None,
            altnames: Vec::new(),
            up: true,
            keep: Vec::new(),
        }
    }
}

impl LinkSpec {
    /// What a record says.
    ///
    /// # Errors
    /// The first field that cannot be understood.
    pub fn from_record(record: &Record) -> Result<Self> {
        let mut routes: Vec<RouteSpec> = record.list("route", "198.51.100.0/24,192.0.2.254")?;
        routes.extend(record.list("gateway", "192.0.2.254")?.into_iter().map(RouteSpec::default_by));
        let up = match record.get("up").filter(|up| !up.is_null()) {
            Some(up) => up.as_bool().ok_or_else(|| Error::invalid("field \"up\": expected true or false"))?,
            None => true,
        };
        Ok(Self {
            name: record.text("name")?.map(str::parse).transpose()?,
            mtu: record.integer("mtu")?,
            mac: record.text("mac")?.map(str::parse).transpose()?,
            addresses: record.list("addr", "192.0.2.1/24")?,
            routes,
            master: record.text("master")?.map(str::parse).transpose()?,
            alias: record.text("alias")?.filter(|alias| !alias.is_empty()).map(str::parse).transpose()?,
            altnames: record.list("altname", "uplink")?,
            up,
            keep: record.list("keep", "addr")?,
        })
    }

    /// Whether it is to bring something along that a move loses.
    #[must_use]
    pub fn keeps(&self, what: Keep) -> bool {
        self.keep.contains(&what)
    }

    /// Makes sure that its parts go together.
    ///
    /// # Errors
    /// Where the kernel could not give a link all of it.
    pub fn check(&self) -> Result<()> {
        if !self.up && (!self.routes.is_empty() || self.keeps(Keep::Route)) {
            return Err(Error::invalid("a route needs the link up: it conflicts with --no-up (\"up\":false)"));
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
            Some(via) => Err(Error::invalid(format!(
                "gateway {via} is not reachable through any of the link's addresses (give one with --addr)"
            ))),
            None => Ok(()),
        }
    }
}

/// What a move loses, and may carry over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Keep {
    /// The addresses.
    Addr,
    /// The routes.
    Route,
    /// The settings under /proc/sys/net.
    Sysctl,
}

impl FromStr for Keep {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "addr" => Ok(Self::Addr),
            "route" => Ok(Self::Route),
            "sysctl" => Ok(Self::Sysctl),
            _ => Err(Error::invalid(format!("\"{text}\" cannot be kept: addr, route or sysctl"))),
        }
    }
}
