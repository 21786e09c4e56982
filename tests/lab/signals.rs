//! The signals of the programs that tests start.
#![allow(unsafe_code, reason = "an action for a signal can only be set so")]

use nix::libc::c_int;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};

/// What `nohup` and `&` in a script have a program ignore.
const IGNORED: [Signal; 3] = [Signal::SIGHUP, Signal::SIGINT, Signal::SIGQUIT];

/// Goes on ignoring what the caller of this process has it ignore, but has the programs that it starts begin as they do at a
/// terminal: what is ignored stays so across an exec(2), what has a handler does not.
///
/// # Errors
/// When the kernel refuses.
pub(crate) fn keep_ignored_signals_to_ourselves() -> Result<(), String> {
    extern "C" fn ignore(_: c_int) {}
    let nothing = SigAction::new(SigHandler::Handler(ignore), SaFlags::SA_RESTART, SigSet::empty());
    for signal in IGNORED {
        let set = |action: &SigAction| {
            // SAFETY: the handler does nothing, and the other action was there before.
            unsafe { sigaction(signal, action) }.map_err(|errno| format!("set the action of {signal}: {errno}"))
        };
        let before = set(&nothing)?;
        if !matches!(before.handler(), SigHandler::SigIgn) {
            set(&before)?;
        }
    }
    Ok(())
}
