//! The least that a list of links must do: ask the kernel for all links and all addresses, and read its answers to the end.

use std::os::fd::AsRawFd;

use nix::libc::{NLM_F_DUMP, NLM_F_REQUEST, NLMSG_DONE, NLMSG_ERROR, RTM_GETADDR, RTM_GETLINK};
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, connect, recv, send, socket,
};

/// Length of the header of a message, in bytes; see `netlink(7)`.
const HEADER: usize = 16;

fn main() -> nix::Result<()> {
    let protocol = SockProtocol::NetlinkRoute;
    let socket = socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, protocol)?;
    connect(socket.as_raw_fd(), &NetlinkAddr::new(0, 0))?;
    let mut answer = vec![0; 64 << 10];
    let mut count = 0;
    for kind in [RTM_GETLINK, RTM_GETADDR] {
        // The header, and after it one of nothing but zeros: all links, and all addresses.
        let mut question = [0; 2 * HEADER];
        question[0] = 2 * 16;
        question[4..6].copy_from_slice(&kind.to_ne_bytes());
        question[6..8].copy_from_slice(&u16::try_from(NLM_F_REQUEST | NLM_F_DUMP).unwrap_or_default().to_ne_bytes());
        send(socket.as_raw_fd(), &question, MsgFlags::empty())?;
        'list: loop {
            let length = recv(socket.as_raw_fd(), &mut answer, MsgFlags::empty())?;
            let mut rest = &answer[..length];
            while let Some(header) = rest.get(..HEADER) {
                match i32::from(u16::from_ne_bytes([header[4], header[5]])) {
                    NLMSG_DONE => break 'list,
                    NLMSG_ERROR => return Err(nix::Error::EIO),
                    _ => count += 1,
                }
                let length = u32::from_ne_bytes([header[0], header[1], header[2], header[3]]) as usize;
                rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
            }
        }
    }
    println!("{count}");
    Ok(())
}
