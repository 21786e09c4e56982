//! Files that engines keep, whatever is in them.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &[u8]| nicon_resolve::fuzz::files(text));
