//! Answers of an engine, headers and all.
#![no_main]

libfuzzer_sys::fuzz_target!(|sent: &[u8]| nicon_resolve::fuzz::engine(sent));
