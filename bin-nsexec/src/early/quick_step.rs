//! The quick step: into the network, and what else does not let the container near us, and on to the command.
//!
//! `--target PID --net COMMAND` takes four system calls and an exec: less than it takes to start this program for them. So
//! they are made before it starts (see [`super`]), where the command line is so plain that nothing needs to be looked
//! up, and nothing reported. Anything else, and any failure, is left to the program, which starts again.

use super::process::Pidfd;
use super::system::close_all_but_standard;
use super::text::{Strings, is_secure};
use super::wish::Wish;

/// Becomes the command, if that is quick.
pub(crate) fn take(arguments: &Strings, environment: &Strings) {
    // With borrowed rights nothing is done: the program refuses.
    if let Some(wish) = Wish::parse(arguments.clone()).filter(|_| !is_secure(environment)) {
        let _ = fulfil(&wish, environment);
    }
}

/// Returns only if something fails.
fn fulfil(wish: &Wish, environment: &Strings) -> Option<()> {
    Pidfd::open(wish.pid)?.join(wish.types)?;
    close_all_but_standard()?;
    wish.become_command(environment)
}
