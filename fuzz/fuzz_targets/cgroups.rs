//! Cgroups of a process and its parent, where anybody may have chosen the names.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| nicon_resolve::fuzz::cgroups(text));
