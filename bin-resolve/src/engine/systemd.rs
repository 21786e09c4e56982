//! Asks the machine's systemd for the main process of a service, over the system's bus: the D-Bus specification, and
//! `org.freedesktop.systemd1(5)`. It is one question, and nothing else of D-Bus is needed.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use nicon_core::{Context, Error, Result};
use nix::unistd::geteuid;

const BUS: &str = "/run/dbus/system_bus_socket";

/// How long each part of the answer may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// The largest message that is read, in bytes. The answer has some hundred.
const MOST: usize = 64 << 10;

/// Types of messages.
const METHOD_RETURN: u8 = 2;
const ERROR: u8 = 3;

/// The PID of the main process of a service, in the PID namespace of systemd; `None` if it has none, or there is no such service.
/// This may block for some seconds.
///
/// # Errors
/// If there is no bus, or it does not answer as one does.
pub(crate) fn main_pid(service: &str) -> Result<Option<i32>> {
    let asking = || "ask systemd over the system's bus";
    let mut bus = UnixStream::connect(BUS).context(asking)?;
    bus.set_read_timeout(Some(PATIENCE)).context(asking)?;
    bus.set_write_timeout(Some(PATIENCE)).context(asking)?;
    // The text of the user ID, in hexadecimal: a digit's byte is 3 and the digit.
    let uid: String = geteuid().to_string().chars().flat_map(|digit| ['3', digit]).collect();
    bus.write_all(format!("\0AUTH EXTERNAL {uid}\r\n").as_bytes()).context(asking)?;
    let mut line = Vec::new();
    while !line.ends_with(b"\r\n") && line.len() < MOST {
        let mut byte = [0];
        bus.read_exact(&mut byte).context(asking)?;
        line.push(byte[0]);
    }
    if !line.starts_with(b"OK ") {
        return Err(Error::failed("the system's bus does not let us in"));
    }
    let hello = call(1, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "Hello", &[]);
    let path = format!("/org/freedesktop/systemd1/unit/{}", escape(service));
    let of = ["org.freedesktop.systemd1.Service", "MainPID"];
    let get = call(2, "org.freedesktop.systemd1", &path, "org.freedesktop.DBus.Properties", "Get", &of);
    bus.write_all(&[b"BEGIN\r\n", &hello[..], &get].concat()).context(asking)?;
    // They are answered in their order; a signal may be in between.
    for number in [1, 2] {
        let (kind, body) = loop {
            let (kind, body) = read_message(&mut bus).context(asking)?;
            if matches!(kind, METHOD_RETURN | ERROR) {
                break (kind, body);
            }
        };
        match (number, kind) {
            (1, METHOD_RETURN) => {}
            (1, _) => return Err(Error::failed("the system's bus gives us no name")),
            (_, METHOD_RETURN) => return Ok(number_in(&body)),
            _ => return Ok(None),
        }
    }
    Ok(None)
}

/// The call of a method with these strings.
fn call(serial: u32, to: &str, path: &str, interface: &str, method: &str, words: &[&str]) -> Vec<u8> {
    let mut body = Vec::new();
    for word in words {
        put(&mut body, word);
    }
    let mut fields = Vec::new();
    for (code, kind, value) in [(1, b'o', path), (2, b's', interface), (3, b's', method), (6, b's', to)] {
        pad(&mut fields, 8);
        fields.extend([code, 1, kind, 0]);
        put(&mut fields, value);
    }
    if !words.is_empty() {
        pad(&mut fields, 8);
        fields.extend([8, 1, b'g', 0, u8::try_from(words.len()).unwrap_or_default()]);
        fields.extend(vec![b's'; words.len()]);
        fields.push(0);
    }
    // Little-endian, a call, without flags, of version 1.
    let mut message = vec![b'l', 1, 0, 1];
    for number in [length(&body), serial, length(&fields)] {
        message.extend(number.to_le_bytes());
    }
    message.extend(fields);
    pad(&mut message, 8);
    message.extend(body);
    message
}

fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}

fn pad(bytes: &mut Vec<u8>, alignment: usize) {
    bytes.resize(bytes.len().next_multiple_of(alignment), 0);
}

fn put(bytes: &mut Vec<u8>, text: &str) {
    pad(bytes, 4);
    bytes.extend(u32::to_le_bytes(length(text.as_bytes())));
    bytes.extend(text.as_bytes());
    bytes.push(0);
}

/// The type of the next message, and its body.
fn read_message(bus: &mut impl Read) -> std::io::Result<(u8, Vec<u8>)> {
    let mut head = [0; 16];
    bus.read_exact(&mut head)?;
    let number = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]) as usize;
    let (body, fields) = (number(4), number(12));
    if head[0] != b'l' || body > MOST || fields > MOST {
        return Err(std::io::ErrorKind::InvalidData.into());
    }
    let before = fields.next_multiple_of(8);
    let mut rest = vec![0; before + body];
    bus.read_exact(&mut rest)?;
    Ok((head[1], rest.split_off(before)))
}

/// The number in a variant that holds one, if it is a PID.
fn number_in(body: &[u8]) -> Option<i32> {
    let number: [u8; 4] = body.strip_prefix(b"\x01u\0\0")?.get(..4)?.try_into().ok()?;
    i32::try_from(u32::from_le_bytes(number)).ok().filter(|pid| *pid > 0)
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
    fn messages_are_as_long_as_they_say() {
        let asked = call(2, "a.b", "/a", "a.c", "Get", &["one", "three"]);
        let (kind, body) = read_message(&mut &asked[..]).unwrap();
        assert_eq!((kind, &body[..]), (1, &b"\x03\0\0\0one\0\x05\0\0\0three\0"[..]));
        assert_eq!(asked.len() % 2, (16 + body.len()) % 2);
        for broken in [
            &asked[..15],
            &asked[..asked.len() - 1],
            &[0; 16][..],
            &[b'l', 2, 0, 1, 255, 255, 255, 255, 0, 0, 0, 0, 0, 0, 0, 0],
        ] {
            assert!(read_message(&mut &broken[..]).is_err(), "{broken:?}");
        }
    }

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
    fn names_are_escaped() {
        assert_eq!(escape("getty@tty1.service"), "getty_40tty1_2eservice");
        assert_eq!(escape("9p-x.service"), "_39p_2dx_2eservice");
    }
}
