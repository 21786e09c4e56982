//! What else of a network namespace refers to a link, and is lost with it: nexthop objects, groups of a bridge, and multicast
//! addresses.

use std::fs;

use nicon_core::link::mac;
use nicon_core::{Context, Result};
use nix::libc::RTM_GETMDB;
use rtnetlink::packet_core::NLM_F_DUMP;

use crate::attribute::{attributes, push};
use crate::handle::NetnsHandle;
use crate::netlink::Netlink;
use crate::raw::{BRIDGE, Raw};

impl Netlink {
    /// The nexthop objects that lead through a link, by their numbers. Equivalent to `ip nexthop show dev LINK`.
    #[must_use]
    pub fn nexthops(&self, ifindex: u32) -> Vec<String> {
        // Of `linux/nexthop.h`: the length of an `nhmsg`, and attributes.
        const HEADER: usize = 8;
        const RTM_GETNEXTHOP: u16 = 106;
        const NHA_ID: u16 = 1;
        const NHA_OIF: u16 = 5;
        let mut question = Raw { kind: RTM_GETNEXTHOP, payload: vec![0; HEADER] };
        push(&mut question.payload, NHA_OIF, &ifindex.to_ne_bytes());
        // Linux before 5.3 does not know them.
        let Ok(listed) = self.requests.exchange::<Raw>(question, NLM_F_DUMP) else { return Vec::new() };
        let number = |value: &[u8]| value.try_into().map_or(0, u32::from_ne_bytes);
        let of_this = listed.entries.iter().filter(|entry| entry.value(HEADER, NHA_OIF).map(number) == Some(ifindex));
        of_this.filter_map(|entry| entry.value(HEADER, NHA_ID)).map(|id| number(id).to_string()).collect()
    }

    /// The permanent entries of a bridge's multicast database that lead to a port, in short. Equivalent to `bridge mdb show`.
    #[must_use]
    pub fn groups(&self, port: u32) -> Vec<String> {
        // Of `linux/if_bridge.h`: the length of a `br_port_msg`, attributes, and where the fields of a `br_mdb_entry` are.
        const HEADER: usize = 8;
        const MDBA_MDB: u16 = 1;
        const MDB_PERMANENT: u8 = 1;
        let mut question = Raw { kind: RTM_GETMDB, payload: vec![0; HEADER] };
        question.payload[0] = BRIDGE;
        // Not every kernel has bridges, or knows groups.
        let Ok(listed) = self.requests.exchange::<Raw>(question, NLM_F_DUMP) else { return Vec::new() };
        let databases = listed.entries.iter().filter_map(|entry| entry.value(HEADER, MDBA_MDB));
        let entries = databases.flat_map(attributes).flat_map(|(_, group)| attributes(group)).map(|(_, entry)| entry);
        let permanent = entries.filter(|entry| {
            entry.get(..4).is_some_and(|ifindex| ifindex == port.to_ne_bytes()) && entry.get(4) == Some(&MDB_PERMANENT)
        });
        permanent.filter_map(group).collect()
    }
}

/// The group of a `br_mdb_entry`.
fn group(entry: &[u8]) -> Option<String> {
    let (address, protocol) = (entry.get(8..24)?, entry.get(24..26)?);
    Some(match protocol {
        [0x08, 0x00] => std::net::Ipv4Addr::from(<[u8; 4]>::try_from(&address[..4]).ok()?).to_string(),
        [0x86, 0xdd] => std::net::Ipv6Addr::from(<[u8; 16]>::try_from(address).ok()?).to_string(),
        _ => mac::hex(&address[..6]),
    })
}

impl NetnsHandle {
    /// The multicast addresses that somebody gave to a link (`ip maddress add`). Those that the kernel and programs add come and
    /// go with what they are for.
    ///
    /// # Errors
    /// If we may not enter the namespace, or /proc has no such file.
    pub fn multicast(&self, ifindex: u32) -> Result<Vec<String>> {
        let listed = self.inside(|| fs::read_to_string("/proc/thread-self/net/dev_mcast"))?;
        let listed = listed.context(|| "read /proc/net/dev_mcast")?;
        // The ifindex, the name, two counters, of which the second counts what people added, and the address.
        let words = listed.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let given = words.filter(|words| words.first().and_then(|word| word.parse().ok()) == Some(ifindex));
        let given = given.filter(|words| words.get(3).is_some_and(|count| *count != "0"));
        Ok(given.filter_map(|words| words.get(4).map(|digits| colons(digits))).collect())
    }
}

/// A hardware address as `ip` prints it.
fn colons(digits: &str) -> String {
    digits.as_bytes().chunks(2).map(String::from_utf8_lossy).collect::<Vec<_>>().join(":")
}
