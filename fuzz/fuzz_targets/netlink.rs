//! What the kernel answers about links, and requests that records carry.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    nicon_rtnl::fuzz::answer(bytes);
    nicon_rtnl::fuzz::request(bytes);
});
