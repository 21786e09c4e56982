//! The cgroup directories of labs: the one thing that outlives processes.

use crate::{LabName, witness};
use std::{
    fs,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

/// Removes what labs left whose keeper was killed; a lab that is alive is not touched.
pub(crate) fn sweep() {
    let mut dead: Vec<LabName> = witness::cgroup_mounts()
        .iter()
        .filter_map(|mount| fs::read_dir(mount).ok())
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|name: &LabName| !name.is_alive())
        .collect();
    dead.sort_unstable();
    dead.dedup();
    for name in dead {
        remove(name);
    }
}

/// Removes the cgroups of a lab whose processes were killed; gives up after a while, for the next sweep to finish.
pub(crate) fn remove(name: LabName) {
    let give_up = Instant::now() + Duration::from_secs(5);
    while Instant::now() < give_up {
        thaw(name);
        let left = directories(name);
        if left.is_empty() {
            return;
        }
        for directory in left {
            remove_tree(&directory);
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// Lets frozen processes run, for on cgroup v1 they do not even die before.
pub(crate) fn thaw(name: LabName) {
    for directory in directories(name) {
        thaw_tree(&directory);
    }
}

/// The directories of a lab that exist, one in each hierarchy.
#[must_use]
pub fn directories(name: LabName) -> Vec<PathBuf> {
    let mounts = witness::cgroup_mounts().into_iter();
    mounts.map(|mount| mount.join(name.to_string())).filter(|directory| directory.is_dir()).collect()
}

// In the next two, what fails is tried again by the caller, and a cgroup may always vanish under our feet.

fn thaw_tree(directory: &Path) {
    for (file, thawed) in [("freezer.state", "THAWED"), ("cgroup.freeze", "0")] {
        let file = directory.join(file);
        if file.exists() {
            let _ = fs::write(file, thawed);
        }
    }
    for child in children(directory) {
        thaw_tree(&child);
    }
}

fn remove_tree(directory: &Path) {
    for child in children(directory) {
        remove_tree(&child);
    }
    let _ = fs::remove_dir(directory);
}

fn children(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect()
}
