//! Lines with a label in front.

/// The longest line that is kept until its end comes, in bytes. A longer one is divided.
const MAX_LINE: usize = 1 << 16;

/// Bytes that come in pieces, and are given back as lines.
pub(super) struct Lines {
    label: Vec<u8>,
    /// The beginning of a line.
    begun: Vec<u8>,
}

impl Lines {
    pub(super) fn new(label: &[u8]) -> Self {
        Self { label: label.to_vec(), begun: Vec::new() }
    }

    /// Takes bytes; returns the lines that are whole now, each with its label and newline, and all other bytes as they are.
    pub(super) fn add(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut labelled = Vec::with_capacity(bytes.len() + self.begun.len() + self.label.len());
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (piece, is_whole) = piece.strip_suffix(b"\n").map_or((piece, false), |piece| (piece, true));
            for byte in piece {
                if self.begun.len() == MAX_LINE {
                    self.flush(&mut labelled);
                }
                self.begun.push(*byte);
            }
            if is_whole {
                self.flush(&mut labelled);
            }
        }
        labelled
    }

    /// The last line, if it had no newline: it gets one, since another's line may follow.
    pub(super) fn end(&mut self) -> Vec<u8> {
        let mut labelled = Vec::new();
        if !self.begun.is_empty() {
            self.flush(&mut labelled);
        }
        labelled
    }

    fn flush(&mut self, labelled: &mut Vec<u8>) {
        labelled.extend_from_slice(&self.label);
        labelled.append(&mut self.begun);
        labelled.push(b'\n');
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
