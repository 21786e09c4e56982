//! Paths, as users write them.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| nicon_resolve::fuzz::path(text));
