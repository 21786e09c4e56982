//! What a record or a journal says that a link was like.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| nicon_linkmv::fuzz::undo(bytes));
