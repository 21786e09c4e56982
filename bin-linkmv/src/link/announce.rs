//! Announces a moved link's addresses: switches and hosts remember where they were before.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::AsRawFd;

use nicon_core::link::mac;
use nicon_core::{Context, Error, Result};
use nicon_rtnl::{Link, NetnsHandle};
use nix::ifaddrs::getifaddrs;
use nix::sys::socket::{
    AddressFamily, LinkAddr, MsgFlags, SockFlag, SockType, SockaddrLike, SockaddrStorage, bind, send, socket,
};

/// Sends one announcement for each address through a link: a gratuitous ARP request (RFC 5227), or an unsolicited neighbour
/// advertisement (RFC 4861).
///
/// # Errors
/// If no packet socket can be opened, or the link cannot send.
pub(crate) fn announce(netns: &NetnsHandle, link: &Link, addresses: &[IpAddr]) -> Result<()> {
    let address = link.mac.as_deref().and_then(mac::bytes).and_then(|bytes| <[u8; 6]>::try_from(bytes).ok());
    let address = address.ok_or_else(|| Error::failed(format!("{} is no Ethernet: nothing to announce", link.name)))?;
    let sent = netns.inside(|| {
        let socket = socket(AddressFamily::Packet, SockType::Raw, SockFlag::SOCK_CLOEXEC, None)?;
        bind(socket.as_raw_fd(), &link_address(&link.name)?)?;
        for ip in addresses {
            let frame = match ip {
                IpAddr::V4(ip) => arp(address, *ip).to_vec(),
                IpAddr::V6(ip) => advertisement(address, *ip).to_vec(),
            };
            send(socket.as_raw_fd(), &frame, MsgFlags::empty())?;
        }
        Ok::<_, nix::Error>(())
    })?;
    sent.context(|| format!("announce {} in {} (root, or CAP_NET_RAW)", link.name, netns.label))
}

/// The address that a packet socket is bound to.
fn link_address(name: &str) -> nix::Result<LinkAddr> {
    let of_the_link = |address: &SockaddrStorage| {
        if address.family() == Some(AddressFamily::Packet) { address.as_link_addr().copied() } else { None }
    };
    let mut all = getifaddrs()?.filter(|entry| entry.interface_name == name);
    all.find_map(|entry| entry.address.as_ref().and_then(of_the_link)).ok_or(nix::Error::ENODEV)
}

/// "Who has IP? Tell IP, at MAC", to everybody.
fn arp(mac: [u8; 6], ip: Ipv4Addr) -> [u8; 42] {
    let mut frame = [0; 42];
    frame[..6].fill(0xff);
    frame[6..12].copy_from_slice(&mac);
    // EtherType; Ethernet, IPv4, 6 and 4 bytes, request.
    frame[12..22].copy_from_slice(&[0x08, 0x06, 0, 1, 0x08, 0, 6, 4, 0, 1]);
    frame[22..28].copy_from_slice(&mac);
    frame[28..32].copy_from_slice(&ip.octets());
    frame[38..42].copy_from_slice(&ip.octets());
    frame
}

/// "IP is at MAC, whatever you knew", to all nodes of the link.
fn advertisement(mac: [u8; 6], ip: Ipv6Addr) -> [u8; 86] {
    let mut frame = [0; 86];
    frame[..6].copy_from_slice(&[0x33, 0x33, 0, 0, 0, 1]);
    frame[6..12].copy_from_slice(&mac);
    // EtherType; version 6; 32 bytes of ICMPv6 (58); the hop limit shows that no router passed it on.
    frame[12..22].copy_from_slice(&[0x86, 0xdd, 0x60, 0, 0, 0, 0, 32, 58, 255]);
    frame[22..38].copy_from_slice(&ip.octets());
    frame[38..54].copy_from_slice(&Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1).octets());
    // Neighbour advertisement, with the flag "override".
    frame[54] = 136;
    frame[58] = 0x20;
    frame[62..78].copy_from_slice(&ip.octets());
    // The option "target link-layer address", of 8 bytes.
    frame[78..80].copy_from_slice(&[2, 1]);
    frame[80..86].copy_from_slice(&mac);
    let sum = checksum(&frame[22..86]);
    frame[56..58].copy_from_slice(&sum.to_be_bytes());
    frame
}

/// The checksum of a message of ICMP for IPv6 of 32 bytes: over both addresses, its length and kind, and itself (RFC 8200, 8.1).
fn checksum(addresses_and_message: &[u8]) -> u16 {
    let words = addresses_and_message.chunks(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]])));
    let mut sum: u32 = words.sum::<u32>() + 32 + 58;
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: [u8; 6] = [2, 0, 0x5e, 0, 0x53, 1];

    #[test]
    fn an_arp_frame_tells_one_address_twice() {
        let frame = arp(MAC, Ipv4Addr::new(192, 0, 2, 1));
        assert_eq!((&frame[..6], &frame[28..32], &frame[38..]), (&[0xff; 6][..], &frame[38..], &[192, 0, 2, 1][..]));
    }

    #[test]
    fn the_checksum_of_an_advertisement_adds_up() {
        let frame = advertisement(MAC, "2001:db8::1".parse().unwrap());
        // With the checksum in its place the sum of all is zero.
        assert_eq!(checksum(&frame[22..]), 0);
        assert_ne!(frame[56..58], [0, 0]);
    }
}
