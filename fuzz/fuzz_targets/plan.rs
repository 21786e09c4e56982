//! Plans, in nicon's own form and in containerlab's.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| nicon_plan::fuzz::read(bytes));
