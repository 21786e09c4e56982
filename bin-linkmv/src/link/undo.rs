//! How to put a link back as it was before its move.

use std::os::fd::{AsFd, AsRawFd};

use nicon_core::{Error, Result};
use nicon_rtnl::netlink::{about, set_flags};
use nicon_rtnl::packet_route::link::{LinkAttribute, LinkFlags, LinkMessage};
use nicon_rtnl::{Carry, Link, NetnsHandle};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::link::altnames;
use crate::link::attached::Attached;
use crate::link::master;
use crate::link::missing::{Missing, lack};
use crate::link::set_while_down;
use crate::link::state::State;
use crate::link::sysctl::Sysctls;
use crate::link::tag::{Origin, is_origin_altname, is_tag};

/// What is needed to put a link back.
#[derive(Serialize)]
pub(crate) struct Undo {
    /// Inode number of the network namespace that it came from.
    pub(crate) netns: u64,
    /// The name that it had there.
    pub(crate) name: String,
    #[serde(flatten)]
    pub(crate) state: Option<State>,
}

/// A link that is back in its namespace under its old name.
pub(crate) struct Restored {
    pub(crate) link: Link,
    /// What it had before and could not be given again, in words.
    pub(crate) missing: Vec<String>,
}

impl Restored {
    /// The link, if nothing is missing.
    ///
    /// # Errors
    /// What is missing.
    pub(crate) fn whole(self) -> Result<Link> {
        match self.lack() {
            Some(lack) => Err(Error::failed(lack)),
            None => Ok(self.link),
        }
    }

    /// What is missing, as the end of a message.
    pub(crate) fn lack(&self) -> Option<String> {
        lack(&self.link.name, &self.missing)
    }
}

impl Undo {
    /// Records the current state of a link.
    ///
    /// # Errors
    /// If the kernel does not answer.
    pub(crate) fn of(
        netns: &NetnsHandle,
        link: &Link,
        carry: &Carry,
        settings: &Sysctls,
        attached: &Attached,
    ) -> Result<Self> {
        let state = State::of(netns, link, carry, settings, attached)?;
        Ok(Self { netns: netns.ns.id().ino, name: link.name.clone(), state: Some(state) })
    }

    /// Records the current state of a link that is about to be changed where it is, and the addresses and routes that it is to get.
    ///
    /// # Errors
    /// If the kernel does not answer.
    pub(crate) fn in_place(netns: &NetnsHandle, link: &Link, settings: &Sysctls, given: &Carry) -> Result<Self> {
        let carry = Carry::read(&netns.netlink, link.ifindex)?;
        let mut state = State::of(netns, link, &carry, settings, &Attached::in_place(netns, link)?)?;
        state.set_given(given);
        Ok(Self { netns: netns.ns.id().ino, name: link.name.clone(), state: Some(state) })
    }

    /// Whether a link that was changed where it is is as it was before.
    ///
    /// # Errors
    /// If the kernel does not answer.
    pub(crate) fn is_of(&self, netns: &NetnsHandle, link: &Link) -> Result<bool> {
        let Some(state) = &self.state else { return Ok(false) };
        let now = self.now(netns, link)?;
        Ok(now.name == self.name && now.state.is_some_and(|now| now.is_like(state)))
    }

    /// What the same link is like now, with those settings that are recorded.
    ///
    /// # Errors
    /// If the kernel does not answer.
    pub(crate) fn now(&self, netns: &NetnsHandle, link: &Link) -> Result<Self> {
        let recorded = self.state.as_ref().map(|state| state.settings().present(netns, &link.name));
        Self::in_place(netns, link, &recorded.transpose()?.unwrap_or_default(), &Carry::default())
    }

    /// All that is known about a link that an earlier run moved.
    pub(crate) fn of_nothing_but(netns: &NetnsHandle, name: &str) -> Self {
        Self { netns: netns.ns.id().ino, name: name.to_owned(), state: None }
    }

    /// What identifies the link, if known; see [`nicon_rtnl::sysfs`].
    pub(crate) fn inode(&self) -> Option<u64> {
        self.state.as_ref().and_then(|state| state.inode)
    }

    /// The tag that its move gave the link, if that is known.
    pub(crate) fn tag(&self) -> Option<String> {
        let origin =
            |state: &State| Origin { netns: self.netns, name: self.name.clone(), ifindex: Some(state.ifindex) };
        self.state.as_ref().map(|state| origin(state).tag())
    }

    /// Whether another one tells the same of the same link, but for what only one who took it from its master knows.
    pub(crate) fn says_the_same(&self, other: &Self) -> bool {
        let told = |undo: &Self| {
            let mut told = serde_json::to_value(undo).expect("plain data");
            // The routes are for people, and are not read back.
            let fields = told.as_object_mut().expect("fields");
            fields.retain(|field, _| field != "own" && field != "routes");
            told
        };
        told(self) == told(other)
    }

    /// Whether it records the link's state, and not only where it was.
    pub(crate) fn is_whole(&self) -> bool {
        self.state.is_some()
    }

    /// The addresses, routes and settings that the link had, addressed to its present ifindex.
    ///
    /// # Errors
    /// If they cannot be read.
    pub(crate) fn carried(&self, ifindex: u32) -> Result<(Carry, Sysctls)> {
        self.state.as_ref().map_or_else(|| Ok(Default::default()), |state| state.carried(ifindex))
    }

    /// Reads one from a journal or a record.
    pub(crate) fn from_value(undo: &Value) -> Result<Self> {
        let broken = |why: &str| Error::failed(format!("field \"undo\": {why}"));
        let netns = undo.get("netns").and_then(Value::as_u64).ok_or_else(|| broken("no \"netns\""))?;
        let name = undo.get("name").and_then(Value::as_str).ok_or_else(|| broken("no \"name\""))?;
        let state = undo.get("ifindex").map(|_| State::deserialize(undo)).transpose();
        let state = state.map_err(|error| broken(&error.to_string()))?;
        Ok(Self { netns, name: name.to_owned(), state })
    }

    /// Takes a port from its master before its move, as the kernel would do. Only then it shows its own address and MTU, which
    /// some masters replace by theirs. Returns the link if there was something to do.
    ///
    /// # Errors
    /// The kernel's error.
    pub(crate) fn detach(&mut self, netns: &NetnsHandle, link: &Link) -> Result<Option<Link>> {
        let Some(state) = self.state.as_mut().filter(|_| link.master.is_some()) else { return Ok(None) };
        master::set(netns, link, 0)?;
        let alone = netns.netlink.link_at(link.ifindex)?;
        if let Some(alone) = &alone {
            state.set_own(alone);
        }
        Ok(alone)
    }

    /// Completes what a run recorded that was killed after it had taken a port from its master and before it could record what the
    /// port is like alone. The link still shows that.
    pub(crate) fn complete(&mut self, link: &Link) {
        if let Some(state) = self.state.as_mut().filter(|state| state.is_detached(link)) {
            state.set_own(link);
        }
    }

    /// Whether it is of a link that does not end with its network namespace: the kernel puts that into the initial one then, a moment later.
    pub(crate) fn is_of_card(&self) -> bool {
        self.state.as_ref().is_some_and(|state| state.card)
    }

    /// Whether it was a port.
    pub(crate) fn is_of_port(&self) -> bool {
        self.state.as_ref().is_some_and(State::is_port)
    }

    /// Puts a link that is now in `at` back into `origin`, as it was. Steps that an interrupted run has already done are
    /// repeated, which changes nothing.
    ///
    /// # Errors
    /// If it cannot be put back at all. What cannot be restored of what it had is `missing`.
    pub(crate) fn restore(&self, link: &Link, at: &NetnsHandle, origin: &NetnsHandle) -> Result<Restored> {
        let mut missing = Missing::default();
        if !at.is(origin) {
            if link.master.is_some() {
                // If the kernel does it during the move, and the master then gives the port its own MTU back, Linux (6.1) leaves
                // the link without IPv4 (`inetdev_event` of `net/ipv4/devinet.c`).
                master::set(at, link, 0)?;
            }
            self.take_altnames(link, at, origin)?;
        }
        let request = self.request(link, at, origin)?;
        let sent = if at.is(origin) { set_while_down::change(at, link, request) } else { at.netlink.set_link(request) };
        sent.map_err(|error| error.context("put it back"))?;
        let vanished = || Error::no(format!("{} has vanished again", self.name));
        let restored = origin.netlink.link(&self.name)?.ok_or_else(vanished)?;
        self.check(&restored, at, origin)?;
        match &self.state {
            Some(state) => {
                if at.is(origin) {
                    state.take_given(&restored, origin, &mut missing);
                }
                state.restore(&restored, origin, &mut missing)
            }
            None => remove_origin_altnames(&restored, origin),
        }
        .map_err(|error| error.prefix(&self.name))?;
        let link = origin.netlink.link_at(restored.ifindex)?.ok_or_else(vanished)?;
        Ok(Restored { link, missing: missing.into_words() })
    }

    /// Takes the alternative names from a link that is about to go home, where it gets those that it had: the kernel does not let in a
    /// link with a name that another one has there. Its tag goes along, if it has one.
    fn take_altnames(&self, link: &Link, at: &NetnsHandle, origin: &NetnsHandle) -> Result<()> {
        let is_given_again = |altname: &str| self.is_whole() || is_origin_altname(altname);
        altnames::take(at, link, |altname| {
            Ok(!is_tag(altname) && (is_given_again(altname) || origin.netlink.link(altname)?.is_some()))
        })
        .map(drop)
    }

    /// The alternative names that it had, if that is known.
    pub(crate) fn altnames(&self) -> &[String] {
        self.state.as_ref().map_or(&[], State::altnames)
    }

    /// Makes sure that the link which came back is the one that left. Root in the other namespace may have replaced it since it
    /// was looked up. An impostor is still down then, and is sent back.
    fn check(&self, restored: &Link, at: &NetnsHandle, origin: &NetnsHandle) -> Result<()> {
        let Some(inode) = self.inode().filter(|_| !at.is(origin)) else { return Ok(()) };
        if origin.inode(restored)? == Some(inode) {
            return Ok(());
        }
        let mut message = about(restored.ifindex);
        message.attributes.push(LinkAttribute::NetNsFd(at.ns.as_fd().as_raw_fd()));
        let sent = origin.netlink.set_link(message);
        sent.map_err(|error| error.context(&format!("send back another link that came as {}", self.name)))?;
        Err(Error::no(format!("another link came as {} from {}: it was sent back", self.name, at.label)))
    }

    /// What a link without a recorded state is like once it is back: nothing on it says any more that it was moved.
    pub(crate) fn without_origin(&self, link: &Link) -> Link {
        let origin = Origin { netns: self.netns, name: self.name.clone(), ifindex: None };
        let mut back = Link { name: self.name.clone(), ..link.clone() };
        if back.alias == origin.alias() {
            back.alias.clear();
        }
        back.altnames.retain(|altname| !is_origin_altname(altname) && !is_tag(altname));
        back
    }

    /// The request that puts a link back under its old name.
    fn request(&self, link: &Link, at: &NetnsHandle, origin: &NetnsHandle) -> Result<LinkMessage> {
        let mut message = about(link.ifindex);
        if !at.is(origin) {
            message.attributes.push(LinkAttribute::NetNsFd(origin.ns.as_fd().as_raw_fd()));
        }
        if !at.is(origin) || link.name != self.name {
            message.attributes.push(LinkAttribute::IfName(self.name.clone()));
        }
        if let Some(state) = &self.state {
            // It is brought up last, once it is verified and configured. A link that is up in its own namespace already has its
            // settings.
            let stays_up = at.is(origin) && link.is_up() && state.up;
            if !stays_up {
                set_flags(&mut message, LinkFlags::Up, false);
            }
            if !at.is(origin) && origin.netlink.link_at(state.ifindex)?.is_none() {
                message.attributes.push(LinkAttribute::NewIfIndex(state.ifindex.cast_signed()));
            }
        } else {
            // From elsewhere it comes down: it may be another link than the one that left.
            set_flags(&mut message, LinkFlags::Up, at.is(origin) && link.is_up());
            let alias = self.without_origin(link).alias;
            message.attributes.extend((alias != link.alias).then_some(LinkAttribute::IfAlias(alias)));
        }
        Ok(message)
    }
}

/// Removes the alternative names that record the link's origin: it is back there.
fn remove_origin_altnames(link: &Link, origin: &NetnsHandle) -> Result<()> {
    for altname in link.altnames.iter().filter(|altname| is_origin_altname(altname)) {
        altnames::remove(origin, link, altname)?.or_fail()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What version 0.1 wrote into a journal, and into the field `undo` of a record.
    const OF_0_1: &str = r#"{"netns":4026532606,"name":"v0","ifindex":3,"inode":12404782,"up":true,"alias":"","master":null,"mtu":1400,"mac":"02:00:5e:00:54:01","addresses":["10.9.0.1/24","fe80::5eff:fe00:5401/64"],"routes":[{"dst":"10.9.2.0/26","via":"10.9.0.254","src":null,"table":254,"metric":null,"protocol":3,"scope":0,"type":1,"onlink":false}],"requests":["4c0000001400000000000000000000000218800003000000080001000a090001080002000a0900010700030076300000080008008000000014000600ffffffffffffffff9cf236009cf23600","500000001400000000000000000000000a40c0fd0300000014000100fe8000000000000000005efffe00540114000600ffffffffffffffff9cf236009cf2360008000800c000000005000b0003000000","3c000000180000000000000000000000021a0000fe0300010000000008000f00fe000000080001000a090200080005000a0900fe0800040003000000"],"altnames":[],"sysctl":{},"port":null,"forfeit":{"qdisc":[],"vlan":[],"route":[]}}"#;

    #[test]
    fn what_version_0_1_wrote_is_understood() {
        let undo = Undo::from_value(&serde_json::from_str(OF_0_1).unwrap()).unwrap();
        assert_eq!((undo.netns, &undo.name[..], undo.inode()), (4_026_532_606, "v0", Some(12_404_782)));
        let (carry, _) = undo.carried(9).unwrap();
        assert_eq!(carry.addresses(), ["10.9.0.1/24", "fe80::5eff:fe00:5401/64"]);
        assert_eq!(carry.routes()[0].to_string(), "10.9.2.0/26 via 10.9.0.254");
        let short = Undo::from_value(&serde_json::json!({"netns": 7, "name": "v0"})).unwrap();
        assert!(undo.is_whole() && !short.is_whole());
    }
}
