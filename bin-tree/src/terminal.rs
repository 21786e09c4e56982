//! A terminal on which each picture takes the place of the last one; see `console_codes(4)`.

use nicon_core::Result;
use nicon_core::filter::output::write_out;

/// The terminal's other screen, without a cursor. The first screen is shown again when this is dropped.
pub(crate) struct OtherScreen {
    shown: String,
}

impl OtherScreen {
    pub(crate) fn begin() -> Result<Self> {
        write_out("\x1b[?1049h\x1b[?25l\x1b[2J").map(|()| Self { shown: String::new() })
    }

    /// Shows the lines of a picture, as many as there are rows.
    pub(crate) fn show(&mut self, picture: &str, notice: Option<&str>, rows: u16) -> Result<()> {
        let shown = fit(picture, notice, usize::from(rows));
        if shown != self.shown {
            write_out(&shown)?;
            self.shown = shown;
        }
        Ok(())
    }
}

impl Drop for OtherScreen {
    fn drop(&mut self) {
        let _ = write_out("\x1b[?25h\x1b[?1049l");
    }
}

fn fit(picture: &str, notice: Option<&str>, rows: usize) -> String {
    let mut lines: Vec<&str> = picture.lines().collect();
    let room = rows.saturating_sub(usize::from(notice.is_some()));
    let more = format!("({} more lines)", lines.len().saturating_sub(room) + 1);
    if lines.len() > room {
        lines.truncate(room.saturating_sub(1));
        lines.push(&more);
    }
    lines.extend(notice);
    // The rest of each line, and of the screen, is cleared behind what is new: nothing flickers.
    let lines: Vec<String> = lines.iter().map(|line| format!("{line}\x1b[K")).collect();
    format!("\x1b[H{}\x1b[J", lines.join("\r\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_counted() {
        assert_eq!(fit("a\nb\n", None, 2), "\x1b[Ha\x1b[K\r\nb\x1b[K\x1b[J");
        assert_eq!(fit("a\nb\nc\n", None, 2), "\x1b[Ha\x1b[K\r\n(2 more lines)\x1b[K\x1b[J");
        assert_eq!(fit("a\nb\n", Some("n"), 2), "\x1b[H(2 more lines)\x1b[K\r\nn\x1b[K\x1b[J");
    }
}
