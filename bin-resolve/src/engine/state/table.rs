//! The kinds of engines that keep files, a line for each.

use crate::engine::state::store::{Layout, Store};
use crate::engine::state::{containerd, crun, docker, podman, runc};
use crate::query::Kind;

static LXC: Layout = Layout { of_user: Some(|user| user.data.join("lxc")), ..Layout::none(Kind::Lxc) };
static INCUS: Layout = Layout::none(Kind::Incus);
static MACHINE: Layout = Layout::none(Kind::Machine);

fn layout(kind: Kind) -> &'static Layout {
    match kind {
        Kind::Docker => &docker::LAYOUT,
        Kind::Podman => &podman::LAYOUT,
        Kind::Containerd => &containerd::LAYOUT,
        Kind::Crun => &crun::LAYOUT,
        Kind::Runc => &runc::LAYOUT,
        Kind::Lxc => &LXC,
        Kind::Incus => &INCUS,
        Kind::Machine => &MACHINE,
    }
}

/// Where the files of an engine that root runs usually are.
pub(crate) fn usual(kind: Kind) -> Store {
    Store::usual(layout(kind))
}
