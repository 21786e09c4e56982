//! Texts of /proc, whichever is read as which: of processes, sockets and mounts.
#![no_main]

use std::path::Component;

use libfuzzer_sys::fuzz_target;

// What only these programs read; they are no libraries.
#[allow(dead_code, reason = "the programs use more of it")]
#[path = "../../bin-nsexec/src/join/cgroup_text.rs"]
mod cgroup_text;
#[allow(dead_code, reason = "the programs use more of it")]
#[path = "../../bin-nsid/src/nsfind/mounts.rs"]
mod mounts;

fuzz_target!(|bytes: &[u8]| {
    nicon_core::fuzz::proc(bytes);
    let text = String::from_utf8_lossy(bytes);
    nicon_resolve::fuzz::sockets(&text);
    let _ = mounts::of(bytes).count();
    let _ = nicon_core::container::id(&text);
    let mounts = cgroup_text::cgroup_mounts(bytes);
    for (controllers, path) in text.lines().filter_map(cgroup_text::parse) {
        // A command joins no cgroup above the one that is named.
        if let Some(directory) = cgroup_text::directory(&mounts, controllers, path) {
            let named = std::path::Path::new(path).components().filter(|part| *part == Component::ParentDir);
            assert_eq!(named.count(), 0, "{}", directory.display());
        }
    }
});
