//! The containers of Incus. It has LXC run them, whose monitors are then processes of Incus' own program; so they are known as those of
//! LXC are, and its daemon, which may not run, is not asked. Its virtual machines have no such monitors, and are no containers.

use nicon_core::{Process, Result};

use crate::engine::state::first_process::Monitored;
use crate::engine::state::lxc;
use crate::engine::state::store::{Layout, Store};
use crate::query::Kind;

/// The program of the daemon, and of the monitors that it starts (`incusd forkstart`).
pub(super) const PROGRAM: &str = "incusd";

/// The project whose containers are called by their names alone.
const DEFAULT: &str = "default";

/// What is defined is in a database, which is not read.
pub(super) static LAYOUT: Layout = Layout::none(Kind::Incus);

static RUNNING: Layout = Layout::monitored(Kind::Incus, |_, _| Ok(false));

/// The container of a monitor; `None` if the process is none, as the daemon itself.
///
/// # Errors
/// As [`lxc::container_of`].
pub(super) fn follow(process: &Process) -> Result<Option<Store>> {
    let Some((dir, container)) = lxc::container_of(process, &[PROGRAM])? else { return Ok(None) };
    let (project, name) = name_of(&container.name);
    let (namespace, name) = (Some(project.to_owned()), name.to_owned());
    Ok(Some(Store::usual(&RUNNING).at(vec![dir]).with(Monitored { name, namespace, ..container })))
}

/// The project and the name of what LXC knows by this name: neither has an underscore (`project.Instance` of Incus).
fn name_of(name: &str) -> (&str, &str) {
    name.split_once('_').unwrap_or((DEFAULT, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_its_project_before_it() {
        assert_eq!(name_of("web"), ("default", "web"));
        assert_eq!(name_of("my-prod_web-1"), ("my-prod", "web-1"));
    }
}
