//! A bus, as far as one question needs it: the D-Bus specification. Whoever answers has a time for all of it, and room for a message.

use std::io::{self, Error, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use nix::unistd::geteuid;

/// The largest message that is read, in bytes. The answers have some hundred.
const MOST: usize = 64 << 10;

/// Types of messages.
const METHOD_RETURN: u8 = 2;
const ERROR: u8 = 3;

/// A connection to a bus.
pub(crate) struct Bus {
    stream: UnixStream,
    until: Instant,
}

/// The body of an answer, and that of a refusal.
pub(crate) type Answer = Result<Vec<u8>, Vec<u8>>;

impl Bus {
    /// Logs in over a connection. All that is done with it is to end in this time.
    ///
    /// # Errors
    /// If the bus does not let us in, or does not say so in time.
    pub(crate) fn over(stream: UnixStream, patience: Duration) -> io::Result<Self> {
        let mut bus = Self { stream, until: Instant::now() + patience };
        // The text of the user ID, in hexadecimal: a digit's byte is 3 and the digit.
        let uid: String = geteuid().to_string().chars().flat_map(|digit| ['3', digit]).collect();
        bus.write_all(format!("\0AUTH EXTERNAL {uid}\r\n").as_bytes())?;
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") && line.len() < MOST {
            let mut byte = [0];
            bus.read_exact(&mut byte)?;
            line.push(byte[0]);
        }
        if !line.starts_with(b"OK ") {
            return Err(Error::new(ErrorKind::PermissionDenied, "it does not let us in"));
        }
        bus.write_all(b"BEGIN\r\n")?;
        Ok(bus)
    }

    /// Sends calls at once, and waits for the answer to each. They are answered in their order; signals may be in between.
    ///
    /// # Errors
    /// If it answers otherwise, or not in time.
    pub(crate) fn ask<const N: usize>(&mut self, calls: &[Vec<u8>; N]) -> io::Result<Vec<Answer>> {
        self.write_all(&calls.concat())?;
        let mut answers = Vec::new();
        while answers.len() < N {
            match read_message(self)? {
                (METHOD_RETURN, body) => answers.push(Ok(body)),
                (ERROR, body) => answers.push(Err(body)),
                _ => {}
            }
        }
        Ok(answers)
    }

    fn left(&self) -> io::Result<Option<Duration>> {
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(ErrorKind::TimedOut.into()) } else { Ok(Some(left)) }
    }
}

impl Read for Bus {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(self.left()?)?;
        self.stream.read(buffer)
    }
}

impl Write for Bus {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(self.left()?)?;
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The call of a method with these strings.
pub(crate) fn call(serial: u32, to: &str, path: &str, interface: &str, method: &str, words: &[&str]) -> Vec<u8> {
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
pub(crate) fn read_message(bus: &mut impl Read) -> io::Result<(u8, Vec<u8>)> {
    let mut head = [0; 16];
    bus.read_exact(&mut head)?;
    let number = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]) as usize;
    let (body, fields) = (number(4), number(12));
    if head[0] != b'l' || body > MOST || fields > MOST {
        return Err(ErrorKind::InvalidData.into());
    }
    let before = fields.next_multiple_of(8);
    let mut rest = vec![0; before + body];
    bus.read_exact(&mut rest)?;
    Ok((head[1], rest.split_off(before)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_millis(300);

    /// Asks something that sends this first, and then that again and again, a piece at a time; how long it took.
    fn asked(first: &'static [u8], then: &'static [u8]) -> (ErrorKind, Duration) {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let thread = std::thread::spawn(move || {
            let mut sent = theirs.write_all(first);
            while sent.is_ok() {
                sent = theirs.write_all(then);
                std::thread::sleep(Duration::from_millis(10));
            }
        });
        let start = Instant::now();
        let error = Bus::over(ours, PATIENCE)
            .and_then(|mut bus| bus.ask(&[call(1, "a.b", "/a", "a.c", "Get", &[])]))
            .unwrap_err();
        let waited = start.elapsed();
        thread.join().unwrap();
        (error.kind(), waited)
    }

    #[test]
    fn buses_that_drip_or_never_end() {
        // Signals without end, in pieces or whole; a long message, and a line, a byte at a time.
        let signal = b"l\x04\0\x01\0\0\0\0\x01\0\0\0\0\0\0\0";
        let long = b"OK x\r\nl\x02\0\x01\xff\xff\0\0\x01\0\0\0\0\0\0\0";
        for (first, then) in [(&b"OK x\r\n"[..], &signal[..]), (long, b"x"), (b"", b"x")] {
            let (kind, waited) = asked(first, then);
            assert!(matches!(kind, ErrorKind::TimedOut | ErrorKind::WouldBlock), "{then:?}: {kind}");
            assert!(waited >= PATIENCE && waited < 10 * PATIENCE, "{then:?}: {waited:?}");
        }
    }

    #[test]
    fn buses_that_lie() {
        let huge = b"OK x\r\nl\x02\0\x01\xff\xff\xff\xff\x01\0\0\0\xff\xff\xff\xff";
        assert_eq!(asked(huge, b"x").0, ErrorKind::InvalidData);
        assert_eq!(asked(b"REJECTED\r\n", b"x").0, ErrorKind::PermissionDenied);
    }

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
}
