//! What a link is to be like in its new place.

use std::net::IpAddr;
use std::str::FromStr;

use super::{Alias, AltName, Cidr, LinkName, Mac, Netem, NewName, OffloadSpec, PortSpec, RouteSpec, Setting};
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
    /// Whether those of IPv6 are used at once, without duplicate address detection.
    pub nodad: bool,
    /// Routes through it, those by its gateways last.
    pub routes: Vec<RouteSpec>,
    /// The bridge, bond or VRF that it becomes a port of.
    pub master: Option<LinkName>,
    /// What it is like as a port of a bridge.
    pub port: PortSpec,
    /// Its settings under /proc/sys/net.
    pub settings: Vec<Setting>,
    /// Whether it receives what is sent to others, too.
    pub promisc: Option<bool>,
    /// The length of its transmit queue, in packets.
    pub txqueuelen: Option<u32>,
    /// Offloads that are switched.
    pub offloads: Vec<OffloadSpec>,
    /// What it does to what it sends.
    pub netem: Option<Netem>,
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
            nodad: false,
            routes: Vec::new(),
            master: None,
            port: PortSpec::default(),
            settings: Vec::new(),
            promisc: None,
            txqueuelen: None,
            offloads: Vec::new(),
            netem: None,
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
        Ok(Self {
            name: record.text("name")?.map(str::parse).transpose()?,
            mtu: record.integer("mtu")?,
            mac: record.text("mac")?.map(str::parse).transpose()?,
            addresses: record.list("addr", "192.0.2.1/24")?,
            nodad: record.boolean("nodad")?.unwrap_or(false),
            routes,
            master: record.text("master")?.map(str::parse).transpose()?,
            port: PortSpec::from_record(record)?,
            settings: Setting::from_record(record)?,
            promisc: record.boolean("promisc")?,
            txqueuelen: record.integer("txqueuelen")?,
            offloads: OffloadSpec::from_record(record)?,
            netem: Netem::from_record(record)?,
            alias: record.text("alias")?.filter(|alias| !alias.is_empty()).map(str::parse).transpose()?,
            altnames: record.list("altname", "uplink")?,
            up: record.boolean("up")?.unwrap_or(true),
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
            return Err(Error::invalid("a route needs the link up, and it is to stay down"));
        }
        self.netem.iter().try_for_each(Netem::check)?;
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
                "gateway {via} is not reachable through any of the link's addresses (an addr in its network is missing)"
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
