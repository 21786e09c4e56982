//! What was typed at the caller's terminal and is not the command's yet.
//!
//! As long as the command waits for something else, what is typed may be meant for who reads from the terminal next, such as
//! the caller's shell. It is held back then. Only what was never handed over is given back: the container has no say in it.

use nix::libc::{_POSIX_VDISABLE, cc_t};
use nix::sys::termios::{InputFlags, LocalFlags, SpecialCharacterIndices, Termios};

/// How many bytes may wait before no more are read.
const MAX: usize = 4096;

/// The first and the longest time after which to look again at what is held back, in milliseconds.
const PATIENCE: (u16, u16) = (5, 100);

/// Keys, in the order in which they were typed.
#[derive(Default)]
pub(super) struct Typed {
    /// For the command.
    ready: Vec<u8>,
    /// For the command if it reads, and otherwise for others.
    held: Vec<u8>,
    /// Whether the command has read, or tried to: then all is for it.
    is_released: bool,
    patience: u16,
}

impl Typed {
    /// Takes keys, at a terminal with these settings.
    pub(super) fn push(&mut self, keys: &[u8], settings: &Termios) {
        self.patience = PATIENCE.0;
        // A command that changes how keys are reported wants to read them.
        self.is_released |= !settings.local_flags.contains(LocalFlags::ICANON);
        for key in keys {
            if self.is_released {
                self.ready.push(*key);
            } else if sends_signal(*key, settings) {
                // Acts at once, and on what was typed before it as the terminal would.
                if !settings.local_flags.contains(LocalFlags::NOFLSH) {
                    self.held.clear();
                }
                self.ready.push(*key);
            } else if holds_output(*key, settings) {
                // Acts at once too, and nobody reads it.
                self.ready.push(*key);
            } else {
                self.held.push(*key);
            }
        }
    }

    /// Types the end of the input.
    pub(super) fn end(&mut self, settings: &Termios) {
        self.ready.push(settings.control_chars[SpecialCharacterIndices::VEOF as usize]);
    }

    /// From now on all is for the command.
    pub(super) fn release(&mut self) {
        self.is_released = true;
        self.ready.append(&mut self.held);
    }

    pub(super) fn is_held(&self) -> bool {
        !self.held.is_empty()
    }

    /// What is held back, which is not the command's any more.
    pub(super) fn take_held(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.held)
    }

    pub(super) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// What is for the command.
    pub(super) fn ready(&self) -> &[u8] {
        &self.ready
    }

    /// Forgets the first of it, which the command's terminal has taken.
    pub(super) fn forget(&mut self, taken: usize) {
        self.ready.drain(..taken);
    }

    pub(super) fn has_room(&self) -> bool {
        self.ready.len() + self.held.len() < MAX
    }

    /// After how many milliseconds to look anew whether the command reads; longer each time.
    pub(super) fn patience(&mut self) -> Option<u16> {
        if !self.is_held() {
            return None;
        }
        let patience = self.patience;
        self.patience = (patience * 2).min(PATIENCE.1);
        Some(patience)
    }
}

fn sends_signal(key: cc_t, settings: &Termios) -> bool {
    use SpecialCharacterIndices::{VINTR, VQUIT, VSUSP};
    settings.local_flags.contains(LocalFlags::ISIG) && is_any_of(key, &[VINTR, VQUIT, VSUSP], settings)
}

/// Whether it holds or resumes what the command writes.
fn holds_output(key: cc_t, settings: &Termios) -> bool {
    use SpecialCharacterIndices::{VSTART, VSTOP};
    settings.input_flags.contains(InputFlags::IXON) && is_any_of(key, &[VSTART, VSTOP], settings)
}

fn is_any_of(key: cc_t, functions: &[SpecialCharacterIndices], settings: &Termios) -> bool {
    key != _POSIX_VDISABLE && functions.iter().any(|index| settings.control_chars[*index as usize] == key)
}
