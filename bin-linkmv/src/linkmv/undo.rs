//! How a link was before it was moved, and how it becomes so again.

use std::os::fd::{AsFd, AsRawFd};

use nicon_core::{Error, Record, Result};
use nicon_linkmv::route::Route;
use nicon_linkmv::{Carry, Link, Place, mac};
use rtnetlink::packet_route::link::{LinkAttribute, LinkFlags, LinkMessage};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What it takes to put a link back.
#[derive(Serialize)]
pub(crate) struct Undo {
    /// Inode number of the network namespace that it came from.
    pub(crate) netns: u64,
    /// The name that it had there.
    pub(crate) name: String,
    #[serde(flatten)]
    pub(crate) state: Option<State>,
}

/// How a link was in the namespace that it came from.
#[derive(Serialize, Deserialize)]
pub(crate) struct State {
    pub(crate) ifindex: u32,
    up: bool,
    alias: String,
    master: Option<u32>,
    mtu: Option<u32>,
    pub(crate) mac: Option<String>,
    /// For people; what is put back is in `requests`.
    addresses: Vec<String>,
    #[serde(skip_deserializing)]
    routes: Vec<Route>,
    requests: Vec<String>,
}

/// What a moved link carries as its alias, where it has none: by this a second run knows it again.
pub(crate) fn note(from: &Place, name: &str) -> String {
    format!("nicon: {name} from net:[{}]", from.ns.id().ino)
}

impl Undo {
    /// How a link is now.
    pub(crate) fn of(place: &Place, link: Link, carry: &Carry) -> Self {
        let state = State {
            ifindex: link.ifindex,
            up: link.is_up(),
            alias: link.alias,
            master: link.master,
            mtu: link.mtu,
            mac: link.mac,
            addresses: carry.addresses(),
            routes: carry.routes(),
            requests: carry.to_hex(),
        };
        Self { netns: place.ns.id().ino, name: link.name, state: Some(state) }
    }

    /// All that is known of a link that an earlier run moved.
    pub(crate) fn of_nothing_but(place: &Place, name: &str) -> Self {
        Self { netns: place.ns.id().ino, name: name.to_owned(), state: None }
    }

    /// Reads what a move wrote.
    pub(crate) fn read(record: &Record) -> Result<Self> {
        let undo = record.get("undo").ok_or_else(|| Error::failed("the record has no \"undo\": nothing was moved"))?;
        let broken = |why: &str| Error::failed(format!("field \"undo\": {why}"));
        let netns = undo.get("netns").and_then(Value::as_u64).ok_or_else(|| broken("no \"netns\""))?;
        let name = undo.get("name").and_then(Value::as_str).ok_or_else(|| broken("no \"name\""))?;
        let state = undo.get("ifindex").map(|_| State::deserialize(undo)).transpose();
        let state = state.map_err(|error| broken(&error.to_string()))?;
        Ok(Self { netns, name: name.to_owned(), state })
    }

    /// Makes a link that is in `at` now what it was, in `home`. What an interrupted run has done already is done again,
    /// which changes nothing.
    pub(crate) async fn restore(&self, link: &Link, at: &Place, home: &Place) -> Result<Link> {
        let sent = at.netlink.set_link(self.request(link, at, home).await?).await;
        sent.map_err(|refusal| refusal.doing("put it back"))?;
        let restored = home.netlink.link(&self.name).await?;
        let restored = restored.ok_or_else(|| Error::no(format!("{} has vanished again", self.name)))?;
        if let Some(state) = &self.state {
            if let Some(master) = state.master.filter(|master| restored.master != Some(*master)) {
                let mut message = LinkMessage::default();
                message.header.index = restored.ifindex;
                message.attributes.push(LinkAttribute::Controller(master));
                let enslaved = home.netlink.set_link(message).await;
                enslaved.map_err(|refusal| refusal.doing(&format!("make {} a port of its master again", self.name)))?;
            }
            Carry::from_hex(&state.requests, state.ifindex, restored.ifindex)?.put_back(&home.netlink).await?;
        }
        Ok(restored)
    }

    async fn request(&self, link: &Link, at: &Place, home: &Place) -> Result<LinkMessage> {
        let mut message = LinkMessage::default();
        message.header.index = link.ifindex;
        message.header.flags = link.flags & LinkFlags::Up;
        message.header.change_mask = LinkFlags::Up;
        if !at.is(home) {
            message.attributes.push(LinkAttribute::NetNsFd(home.ns.as_fd().as_raw_fd()));
        }
        message.attributes.push(LinkAttribute::IfName(self.name.clone()));
        let Some(state) = &self.state else {
            if link.alias == note(home, &self.name) {
                message.attributes.push(LinkAttribute::IfAlias(String::new()));
            }
            return Ok(message);
        };
        message.header.flags = if state.up { LinkFlags::Up } else { LinkFlags::empty() };
        message.attributes.push(LinkAttribute::IfAlias(state.alias.clone()));
        if !at.is(home) && home.netlink.link_at(state.ifindex).await?.is_none() {
            message.attributes.push(LinkAttribute::NewIfIndex(state.ifindex.cast_signed()));
        }
        if let Some(mtu) = state.mtu.filter(|mtu| link.mtu != Some(*mtu)) {
            message.attributes.push(LinkAttribute::Mtu(mtu));
        }
        if let Some(address) = state.mac.as_ref().filter(|mac| link.mac.as_ref() != Some(*mac)) {
            let bytes = mac::bytes(address);
            let bytes = bytes.ok_or_else(|| Error::failed(format!("field \"undo\": \"{address}\" is no address")))?;
            message.attributes.push(LinkAttribute::Address(bytes));
        }
        Ok(message)
    }
}
