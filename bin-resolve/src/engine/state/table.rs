//! The kinds of engines that keep files, a line for each.

use crate::engine::state::store::{Layout, Store};
use crate::engine::state::{containerd, crun, docker, incus, lxc, machine, podman, runc};
use crate::query::Kind;

fn layout(kind: Kind) -> &'static Layout {
    match kind {
        Kind::Docker => &docker::LAYOUT,
        Kind::Podman => &podman::LAYOUT,
        Kind::Containerd => &containerd::LAYOUT,
        Kind::Crun => &crun::LAYOUT,
        Kind::Runc => &runc::LAYOUT,
        Kind::Lxc => &lxc::LAYOUT,
        Kind::Incus => &incus::LAYOUT,
        Kind::Machine => &machine::LAYOUT,
    }
}

/// Where the files of an engine that root runs usually are.
pub(crate) fn usual(kind: Kind) -> Store {
    Store::usual(layout(kind))
}
