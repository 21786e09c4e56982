//! Texts of /proc, whichever is read as which: of processes, sockets and mounts.
#![no_main]

use std::path::Component;

use libfuzzer_sys::fuzz_target;
use nicon_core::cgroup::{cgroup_mounts, directory, parse};

// What only this program reads; it is no library.
#[allow(dead_code, reason = "the program uses more of it")]
#[path = "../../bin-nsid/src/nsfind/holding/mounts.rs"]
mod mounts;

fuzz_target!(|bytes: &[u8]| {
    nicon_core::fuzz::proc(bytes);
    let text = String::from_utf8_lossy(bytes);
    nicon_resolve::fuzz::sockets(&text);
    let _ = mounts::of(bytes).count();
    let _ = nicon_core::container::id(&text);
    let mounts = cgroup_mounts(bytes);
    for (controllers, path) in text.lines().filter_map(parse) {
        // A command joins no cgroup above the one that is named.
        if let Some(directory) = directory(&mounts, controllers, path) {
            let named = std::path::Path::new(path).components().filter(|part| *part == Component::ParentDir);
            assert_eq!(named.count(), 0, "{}", directory.display());
        }
    }
});
