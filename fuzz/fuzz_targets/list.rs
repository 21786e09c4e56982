//! Lists of containers, as engines send them.
#![no_main]

libfuzzer_sys::fuzz_target!(|answer: &[u8]| nicon_resolve::fuzz::list(answer));
