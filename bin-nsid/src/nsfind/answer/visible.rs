//! Which mounts a path leads to, by the list of mounts alone: no file system is asked, and none can hold us up.

use std::collections::{HashMap, HashSet};

use nicon_core::mountinfo::mounts;

/// The mounts of a list.
pub(crate) struct Visible<'a> {
    root: u64,
    /// What each is mounted on, and where, by its ID.
    places: HashMap<u64, (u64, &'a [u8])>,
    taken: HashSet<(u64, &'a [u8])>,
}

impl<'a> Visible<'a> {
    /// Takes a list in which paths begin at a root directory that is in the mount `root`.
    pub(crate) fn of(mountinfo: &'a [u8], root: u64) -> Self {
        let places: HashMap<_, _> = mounts(mountinfo).map(|mount| (mount.id, (mount.parent, mount.point))).collect();
        let taken = places.values().copied().collect();
        Self { root, places, taken }
    }

    /// Whether the path of a mount leads to it, and not to another one that covers it.
    pub(crate) fn has(&self, id: u64) -> bool {
        let Some(&(mut parent, mut point)) = self.places.get(&id) else { return false };
        if self.taken.contains(&(id, point)) {
            return false;
        }
        // Outward, mount by mount. Each step leads to another one, as long as the list is the kernel's.
        for _ in 0..self.places.len() {
            // What is mounted on the root directory itself is on no path, which begins below it.
            if point == b"/" || directories(point).any(|above| self.taken.contains(&(parent, above))) {
                return false;
            }
            if parent == self.root {
                return true;
            }
            let Some(&outer) = self.places.get(&parent) else { return false };
            (parent, point) = outer;
        }
        false
    }
}

/// The directories that a path goes through, but for the root.
fn directories(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    (1..path.len()).filter(|&end| path[end] == b'/').map(|end| &path[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Those of the mounts that can be seen, each given as its ID, its parent, and where it is.
    fn seen(root: u64, list: &[(u64, u64, &str)]) -> Vec<u64> {
        let line = |(id, parent, point): &(u64, u64, &str)| format!("{id} {parent} 0:4 / {point} rw - tmpfs t rw");
        let text = list.iter().map(line).collect::<Vec<_>>().join("\n");
        let visible = Visible::of(text.as_bytes(), root);
        list.iter().map(|(id, ..)| *id).filter(|id| visible.has(*id)).collect()
    }

    #[test]
    fn a_mount_on_the_way_covers() {
        let ordinary = [(1, 0, "/"), (2, 1, "/run"), (3, 2, "/run/netns"), (4, 3, "/run/netns/blue")];
        assert_eq!(seen(1, &ordinary), [2, 3, 4]);
        let with = |more: &[(u64, u64, &str)]| seen(1, &[&ordinary, more].concat());
        assert_eq!(with(&[(5, 4, "/run/netns/blue")]), [2, 3, 5], "on itself");
        assert_eq!(with(&[(5, 3, "/run/netns")]), [2, 5], "on the root of the mount that it is on");
        assert_eq!(with(&[(5, 2, "/run")]), [5], "further out");
        assert_eq!(with(&[(5, 2, "/run/net")]), [2, 3, 4, 5], "beside");
        assert_eq!(with(&[(5, 1, "/run/netns")]), [2, 3, 4], "below one of them");
    }

    #[test]
    fn paths_begin_in_the_mount_of_the_root_directory() {
        let stacked = [(1, 0, "/"), (2, 1, "/"), (3, 2, "/a"), (4, 1, "/b")];
        assert_eq!(seen(1, &stacked), [4]);
        // After a chroot into a directory, the mount of the root is not in the list.
        assert_eq!(seen(9, &[(1, 9, "/a"), (2, 9, "/a/b"), (3, 1, "/a/c"), (4, 9, "/")]), [1, 3]);
        assert_eq!(seen(9, &[(1, 2, "/a"), (2, 1, "/b")]), [0_u64; 0], "not a list of the kernel's");
    }
}
