//! Lines with a prefix.

/// The longest line that is kept until its end comes, in bytes. A longer one is divided.
const MAX_LINE: usize = 1 << 16;

/// Bytes that come in pieces, and are given back as lines.
pub(super) struct Lines {
    prefix: Vec<u8>,
    /// The beginning of a line.
    begun: Vec<u8>,
}

impl Lines {
    pub(super) fn new(prefix: &[u8]) -> Self {
        Self { prefix: prefix.to_vec(), begun: Vec::new() }
    }

    /// Takes bytes; returns the lines that are whole now, each with its prefix and newline, and all other bytes as they are.
    pub(super) fn add(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut prefixed = Vec::with_capacity(bytes.len() + self.begun.len() + self.prefix.len());
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (piece, is_whole) = piece.strip_suffix(b"\n").map_or((piece, false), |piece| (piece, true));
            for byte in piece {
                if self.begun.len() == MAX_LINE {
                    self.flush(&mut prefixed);
                }
                self.begun.push(*byte);
            }
            if is_whole {
                self.flush(&mut prefixed);
            }
        }
        prefixed
    }

    /// The last line, if it had no newline: it gets one, since another's line may follow.
    pub(super) fn end(&mut self) -> Vec<u8> {
        let mut prefixed = Vec::new();
        if !self.begun.is_empty() {
            self.flush(&mut prefixed);
        }
        prefixed
    }

    fn flush(&mut self, prefixed: &mut Vec<u8>) {
        prefixed.extend_from_slice(&self.prefix);
        prefixed.append(&mut self.begun);
        prefixed.push(b'\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_whole() {
        let mut lines = Lines::new(b"a\t");
        assert_eq!(lines.add(b"on"), b"");
        assert_eq!(lines.add(b"e\n\n\xff\0tw"), b"a\tone\na\t\n");
        assert_eq!(lines.end(), b"a\t\xff\0tw\n");
        assert_eq!(lines.end(), b"");
    }

    #[test]
    fn a_long_line_is_divided() {
        let mut lines = Lines::new(b"a\t");
        let long = vec![b'x'; MAX_LINE];
        assert_eq!(lines.add(&long), b"");
        assert_eq!(lines.add(b"y\n"), [b"a\t", long.as_slice(), b"\na\ty\n"].concat());
        assert_eq!(lines.add(&[&long[..], b"\n"].concat()), [b"a\t", long.as_slice(), b"\n"].concat());
    }
}
