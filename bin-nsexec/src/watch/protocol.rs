//! What the supervisor and the session leader tell each other: one message a packet, in the order in which they were sent.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use nicon_core::{Context, Error, Result};
use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, recv, send, socketpair};

/// Said by the supervisor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Order {
    /// Pass a signal on.
    Signal { number: i32, is_for_group: bool },
    /// After a stop that was reported: wake the command, to which the terminal belongs or not.
    Wake { is_foreground: bool },
    /// After a stop that was reported: the command was woken by others, or may have been.
    LookAgain,
}

/// Said by the session leader.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Report {
    /// The command was executed.
    Executed,
    /// This signal has stopped the command. Nothing more is said about stops until an answer comes.
    Stopped {
        pid: i32,
        signal: i32,
        /// How many orders had been carried out by then: others are on their way, and may wake the command.
        orders: u32,
    },
    /// The command has ended; what it wrote to its terminal is to be read now.
    Ended,
}

/// A message is four numbers.
type Packet = [i32; 4];

impl From<Order> for Packet {
    fn from(order: Order) -> Self {
        match order {
            Order::Signal { number, is_for_group } => [0, number, is_for_group.into(), 0],
            Order::Wake { is_foreground } => [1, is_foreground.into(), 0, 0],
            Order::LookAgain => [2, 0, 0, 0],
        }
    }
}

impl TryFrom<Packet> for Order {
    type Error = Error;

    fn try_from(packet: Packet) -> Result<Self> {
        match packet {
            [0, number, is_for_group, _] => Ok(Self::Signal { number, is_for_group: is_for_group != 0 }),
            [1, is_foreground, ..] => Ok(Self::Wake { is_foreground: is_foreground != 0 }),
            [2, ..] => Ok(Self::LookAgain),
            _ => Err(garbled()),
        }
    }
}

impl From<Report> for Packet {
    fn from(report: Report) -> Self {
        match report {
            Report::Executed => [0; 4],
            Report::Stopped { pid, signal, orders } => [1, pid, signal, orders.cast_signed()],
            Report::Ended => [2, 0, 0, 0],
        }
    }
}

impl TryFrom<Packet> for Report {
    type Error = Error;

    fn try_from(packet: Packet) -> Result<Self> {
        match packet {
            [0, ..] => Ok(Self::Executed),
            [1, pid, signal, orders] => Ok(Self::Stopped { pid, signal, orders: orders.cast_unsigned() }),
            [2, ..] => Ok(Self::Ended),
            _ => Err(garbled()),
        }
    }
}

fn garbled() -> Error {
    Error::failed("unexpected message between nicon-nsexec's own processes")
}

/// One end of the connection between the two.
pub(crate) struct Connection(OwnedFd);

impl Connection {
    /// Makes a connection.
    pub(crate) fn pair() -> Result<(Self, Self)> {
        let flags = SockFlag::SOCK_CLOEXEC;
        let ends =
            socketpair(AddressFamily::Unix, SockType::SeqPacket, None, flags).context(|| "make a socket pair")?;
        Ok((Self(ends.0), Self(ends.1)))
    }

    /// Says something. If nobody hears it, [`Connection::next`] tells.
    pub(crate) fn say(&self, message: impl Into<Packet>) {
        let bytes = message.into().map(i32::to_ne_bytes);
        while send(self.0.as_raw_fd(), bytes.as_flattened(), MsgFlags::MSG_NOSIGNAL) == Err(Errno::EINTR) {}
    }

    /// What was said, if anything was.
    pub(crate) fn next<T: TryFrom<Packet, Error = Error>>(&self) -> Result<Heard<T>> {
        self.receive(MsgFlags::MSG_DONTWAIT)
    }

    /// Waits until the other end is closed.
    pub(crate) fn wait_for_end(&self) {
        while matches!(self.receive::<Order>(MsgFlags::empty()), Ok(Heard::Said(_) | Heard::Nothing)) {}
    }

    fn receive<T: TryFrom<Packet, Error = Error>>(&self, flags: MsgFlags) -> Result<Heard<T>> {
        let mut bytes = [[0; 4]; 4];
        match recv(self.0.as_raw_fd(), bytes.as_flattened_mut(), flags) {
            Ok(0) | Err(Errno::ECONNRESET) => Ok(Heard::End),
            Ok(_) => T::try_from(bytes.map(i32::from_ne_bytes)).map(Heard::Said),
            Err(Errno::EAGAIN | Errno::EINTR) => Ok(Heard::Nothing),
            Err(errno) => Err(Error::os("hear from a process of ours", errno)),
        }
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// What is heard from the other end.
pub(crate) enum Heard<T> {
    Said(T),
    Nothing,
    /// The other end is closed, and all that was said before has been heard.
    End,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_heard() {
        let (near, far) = Connection::pair().unwrap();
        let orders =
            [Order::Signal { number: 64, is_for_group: true }, Order::Wake { is_foreground: true }, Order::LookAgain];
        let reports = [Report::Executed, Report::Stopped { pid: 7, signal: 20, orders: u32::MAX }, Report::Ended];
        for order in orders {
            near.say(order);
        }
        for report in reports {
            far.say(report);
        }
        for order in orders {
            assert!(matches!(far.next(), Ok(Heard::Said(heard)) if order == heard));
        }
        for report in reports {
            assert!(matches!(near.next(), Ok(Heard::Said(heard)) if report == heard));
        }
        assert!(matches!(far.next::<Order>(), Ok(Heard::Nothing)));
        drop(near);
        // Another test may have started a program meanwhile, which has a copy until it is executed.
        far.wait_for_end();
        assert!(matches!(far.next::<Order>(), Ok(Heard::End)));
    }
}
