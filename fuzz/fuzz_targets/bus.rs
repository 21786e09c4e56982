//! Messages of D-Bus, as a bus sends them.
#![no_main]

libfuzzer_sys::fuzz_target!(|sent: &[u8]| nicon_resolve::fuzz::bus(sent));
