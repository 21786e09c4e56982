//! The first step: from our executable to a copy of it that cannot be written.
//!
//! A container can find the executable of a process that enters it in /proc: from the first moment of a process of ours
//! there, and once more when its script begins with `#!/proc/self/exe`, by which the kernel runs the program that called
//! exec. So all that enters is to run from a copy. A start of C library, Rust and command line for nothing would cost more
//! than the rest of the program: the copy is executed before any of that (see [`crate::early`]). If the step is not taken,
//! or fails, [`crate::shield`] sees to it later, at that cost: whether it is needed is but a guess here.

use std::sync::atomic::Ordering;

use crate::early::IS_COPY;
use crate::early::system::{is_read_only, run_read_only};
use crate::early::text::Strings;

/// Becomes the copy, if the command line looks as if that were needed.
pub(crate) fn take(arguments: &Strings, environment: &Strings) {
    let own = c"/proc/self/exe";
    if asks_for_container(arguments.clone()) {
        match is_read_only(own) {
            Some(true) => IS_COPY.store(true, Ordering::Relaxed),
            Some(false) => run_read_only(own, arguments, environment),
            None => {}
        }
    }
}

/// Whether an option looks like one by which the container comes near us: all that [`crate::args::Args::is_contained`] looks
/// at, and some others.
fn asks_for_container(mut arguments: Strings) -> bool {
    arguments.next();
    for mut word in arguments {
        match word.next() {
            Some(b'-') => {}
            // The operand of an option: a PID or another number.
            Some(b'0'..=b'9') => continue,
            // The command, whose options are its own.
            _ => return false,
        }
        let mut letters = word.clone();
        let is_asked = match word.next() {
            Some(b'-') => matches!(word.next(), Some(b'a' | b'm' | b'p' | b'r' | b'u')),
            _ => letters.any(|letter| matches!(letter, b'a' | b'm' | b'p' | b'r' | b'U')),
        };
        if is_asked {
            return true;
        }
    }
    false
}
