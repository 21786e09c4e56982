//! The capabilities of a container with a daemon.

use crate::{LIMIT, output_within, tool};

/// Where `setpriv --dump` tells the bounding set.
const BOUNDING_SET: &str = "Capability bounding set: ";

/// Those that Docker 20.10 has no names for (it knows what Linux 5.7 knew); `CAP_SYS_ADMIN` includes them, see
/// `capabilities(7)`.
const NEW: [&str; 3] = ["bpf", "checkpoint_restore", "perfmon"];

/// The options of `docker run` and `podman run` for as many as this machine has, each by its name. With `--cap-add=ALL` Docker
/// 20.10 asks for those that the machine lacks, too, and fails; to drop these by name is what Docker 26 refuses.
///
/// # Errors
/// Where `setpriv` does not tell what the machine has.
pub(crate) fn of_this_machine() -> Result<Vec<String>, String> {
    let dump = output_within(tool("setpriv").arg("--dump"), LIMIT)?.ok()?;
    let set = dump.lines().find_map(|line| line.strip_prefix(BOUNDING_SET)).ok_or("setpriv tells no bounding set")?;
    // What setpriv has no name for it calls `cap_N`.
    let known = set.split(',').filter(|name| !NEW.contains(name) && !name.starts_with("cap_"));
    Ok(std::iter::once("--cap-drop=ALL".to_owned()).chain(known.map(|name| format!("--cap-add={name}"))).collect())
}
