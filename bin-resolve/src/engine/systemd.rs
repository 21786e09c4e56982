//! Asks the machine's systemd about a unit, over the system's bus: `org.freedesktop.systemd1(5)`.

use std::os::unix::net::UnixStream;
use std::time::Duration;

use nicon_core::{Context, Error, Result};

use crate::engine::dbus::{Bus, call};

const BUS: &str = "/run/dbus/system_bus_socket";

/// How long all of the answer may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// The PID of the main process of a service, in the PID namespace of systemd; `None` if it has none, or there is no such service.
/// This may block for some seconds.
///
/// # Errors
/// If there is no bus, or it does not answer as one does.
pub(crate) fn main_pid(service: &str) -> Result<Option<i32>> {
    let body = property(service, "org.freedesktop.systemd1.Service", "MainPID")?;
    Ok(body.and_then(|body| number_in(&body)))
}

/// Whether systemd listens at a socket, and the service that it would start for whoever connects does not run. This may block for some
/// seconds.
///
/// # Errors
/// As [`main_pid`].
pub(crate) fn is_listening(socket: &str) -> Result<bool> {
    let body = property(socket, "org.freedesktop.systemd1.Unit", "SubState")?;
    Ok(body.is_some_and(|body| text_in(&body) == Some("listening")))
}

/// What a property of a unit says, as a variant; `None` if there is no such unit.
fn property(unit: &str, interface: &str, name: &str) -> Result<Option<Vec<u8>>> {
    let hello = call(1, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "Hello", &[]);
    let path = format!("/org/freedesktop/systemd1/unit/{}", escape(unit));
    let of = [interface, name];
    let get = call(2, "org.freedesktop.systemd1", &path, "org.freedesktop.DBus.Properties", "Get", &of);
    let stream = UnixStream::connect(BUS);
    let answers = stream.and_then(|stream| Bus::over(stream, PATIENCE)?.ask(&[hello, get]));
    match &answers.context(|| "ask systemd over the system's bus")?[..] {
        [Ok(_), Ok(body)] => Ok(Some(body.clone())),
        [Ok(_), Err(_)] => Ok(None),
        _ => Err(Error::failed("the system's bus gives us no name")),
    }
}

/// The number in a variant that holds one, if it is a PID.
pub(crate) fn number_in(body: &[u8]) -> Option<i32> {
    let number: [u8; 4] = body.strip_prefix(b"\x01u\0\0")?.get(..4)?.try_into().ok()?;
    i32::try_from(u32::from_le_bytes(number)).ok().filter(|pid| *pid > 0)
}

/// The text in a variant that holds one.
pub(crate) fn text_in(body: &[u8]) -> Option<&str> {
    let (length, text) = body.strip_prefix(b"\x01s\0\0")?.split_first_chunk()?;
    std::str::from_utf8(text.get(..u32::from_le_bytes(*length) as usize)?).ok()
}

/// The name of a unit in a path of systemd's objects: what is no letter or digit, and a digit at the beginning, as `_` and two digits.
fn escape(name: &str) -> String {
    let plain = |at: usize, byte: u8| byte.is_ascii_alphabetic() || at > 0 && byte.is_ascii_digit();
    let escaped =
        |(at, byte): (usize, u8)| if plain(at, byte) { (byte as char).to_string() } else { format!("_{byte:02x}") };
    name.bytes().enumerate().map(escaped).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_a_pid() {
        assert_eq!(number_in(b"\x01u\0\0\x2a\0\0\0"), Some(42));
        for none in
            [&b"\x01u\0\0\0\0\0\0"[..], b"\x01u\0\0\xff\xff\xff\xff", b"\x01s\0\0\x2a\0\0\0", b"\x01u\0\0\x2a", b""]
        {
            assert_eq!(number_in(none), None, "{none:?}");
        }
    }

    #[test]
    fn a_text_is_as_long_as_it_says() {
        assert_eq!(text_in(b"\x01s\0\0\x02\0\0\0abc"), Some("ab"));
        for none in [
            &b"\x01s\0\0\x04\0\0\0abc"[..],
            b"\x01s\0\0\xff\xff\xff\xffabc",
            b"\x01u\0\0\x02\0\0\0ab",
            b"\x01s\0\0\x02",
            b"",
        ] {
            assert_eq!(text_in(none), None, "{none:?}");
        }
    }

    #[test]
    fn names_are_escaped() {
        assert_eq!(escape("getty@tty1.service"), "getty_40tty1_2eservice");
        assert_eq!(escape("9p-x.service"), "_39p_2dx_2eservice");
    }
}
