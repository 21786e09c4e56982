//! The least that a program about links must do: send the kernel the bare requests, and read its answers to the end.
//!
//! `list` asks for all links and all addresses; `lists PID...` for those and the routes of other namespaces; `move PID COUNT` moves the links m0, m1, ... into the network namespace of a
//! process, names them e0, e1, ..., and brings them up, each by one message.

use std::fs::File;
use std::os::fd::{AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::libc::{
    IFF_UP, IFLA_IFNAME, IFLA_NET_NS_PID, NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST, NLMSG_DONE, NLMSG_ERROR, RTM_GETADDR,
    RTM_GETLINK, RTM_GETROUTE, RTM_SETLINK,
};
use nix::net::if_::if_nametoindex;
use nix::sched::{CloneFlags, setns};
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, connect, recv, send, socket,
};

/// Length of the header of a message, and of that of a link behind it, in bytes; see `netlink(7)`, `rtnetlink(7)`.
const HEADER: usize = 16;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let mut kernel = Kernel::open()?;
    let count = match &words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["list"] => list(&mut kernel)?,
        ["lists", pids @ ..] => lists(pids)?,
        ["move", pid, count] => move_links(&mut kernel, pid.parse()?, count.parse()?)?,
        _ => return Err("expected list, or move PID COUNT".into()),
    };
    println!("{count}");
    Ok(())
}

fn list(kernel: &mut Kernel) -> nix::Result<usize> {
    // Behind the header one of nothing but zeros: all links, and all addresses.
    Ok(kernel.ask(RTM_GETLINK, NLM_F_DUMP, &[0; HEADER])? + kernel.ask(RTM_GETADDR, NLM_F_DUMP, &[0; HEADER])?)
}

/// The links, addresses and routes of the network namespaces of processes.
fn lists(pids: &[&str]) -> Result<usize, Box<dyn std::error::Error>> {
    let mut count = 0;
    for pid in pids {
        setns(File::open(format!("/proc/{pid}/ns/net"))?, CloneFlags::CLONE_NEWNET)?;
        let mut kernel = Kernel::open()?;
        count += list(&mut kernel)? + kernel.ask(RTM_GETROUTE, NLM_F_DUMP, &[0; HEADER])?;
    }
    Ok(count)
}

fn move_links(kernel: &mut Kernel, pid: u32, count: usize) -> nix::Result<usize> {
    for n in 0..count {
        let index = if_nametoindex(format!("m{n}").as_str())?;
        let up = IFF_UP.to_ne_bytes();
        let mut link = [[0; 4], index.to_ne_bytes(), up, up].concat();
        link.extend(attribute(IFLA_NET_NS_PID, &pid.to_ne_bytes()));
        link.extend(attribute(IFLA_IFNAME, format!("e{n}\0").as_bytes()));
        kernel.ask(RTM_SETLINK, NLM_F_ACK, &link)?;
    }
    Ok(count)
}

fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let length = 4 + value.len();
    let mut attribute = u16::try_from(length).unwrap_or_default().to_ne_bytes().to_vec();
    attribute.extend(kind.to_ne_bytes());
    attribute.extend(value);
    attribute.resize(length.next_multiple_of(4), 0);
    attribute
}

struct Kernel {
    socket: OwnedFd,
    answer: Vec<u8>,
}

impl Kernel {
    fn open() -> nix::Result<Self> {
        let protocol = SockProtocol::NetlinkRoute;
        let socket = socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, protocol)?;
        connect(socket.as_raw_fd(), &NetlinkAddr::new(0, 0))?;
        Ok(Self { socket, answer: vec![0; 64 << 10] })
    }

    /// Sends one request, and tells how many messages the answer has before its end.
    fn ask(&mut self, kind: u16, flags: i32, body: &[u8]) -> nix::Result<usize> {
        let mut question = [0; HEADER].to_vec();
        question.extend(body);
        let length = u32::try_from(question.len()).unwrap_or_default();
        question[..4].copy_from_slice(&length.to_ne_bytes());
        question[4..6].copy_from_slice(&kind.to_ne_bytes());
        question[6..8].copy_from_slice(&u16::try_from(NLM_F_REQUEST | flags).unwrap_or_default().to_ne_bytes());
        send(self.socket.as_raw_fd(), &question, MsgFlags::empty())?;
        let mut count = 0;
        loop {
            let length = recv(self.socket.as_raw_fd(), &mut self.answer, MsgFlags::empty())?;
            let mut rest = &self.answer[..length];
            while let Some((header, body)) = rest.split_first_chunk::<HEADER>() {
                match i32::from(u16::from_ne_bytes([header[4], header[5]])) {
                    NLMSG_DONE => return Ok(count),
                    NLMSG_ERROR => {
                        let code = body.first_chunk().map_or(-libc::EBADMSG, |code| i32::from_ne_bytes(*code));
                        return if code == 0 { Ok(count) } else { Err(Errno::from_raw(-code)) };
                    }
                    _ => count += 1,
                }
                let length = u32::from_ne_bytes([header[0], header[1], header[2], header[3]]) as usize;
                rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
            }
        }
    }
}
