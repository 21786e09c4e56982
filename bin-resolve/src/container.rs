//! What an engine says of a container, and whether that answers what was asked.

use bollard::models::ContainerInspectResponse;
use nicon_core::container::is_id;
use nicon_core::{Error, Result};

use crate::root::FileId;

/// A running container, as its engine tells it.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Container {
    /// 64 hexadecimal digits, but for containerd and runc, where it may be any name.
    pub(crate) id: String,
    pub(crate) name: String,
    /// The PID of its first process, in the engine's own PID namespace.
    pub(crate) inner_pid: i32,
    /// When that process started, in clock ticks since boot, where the engine tells it.
    pub(crate) starttime: Option<u64>,
    /// What its cgroup may be called besides its ID.
    pub(crate) cgroups: Vec<String>,
    /// The bundle that told the PID, where one did: the directory that the container's shim works in.
    pub(crate) bundle: Option<FileId>,
}

impl Container {
    /// Its ID, as people know it.
    pub(crate) fn short_id(&self) -> &str {
        short(&self.id)
    }
}

/// The first twelve digits of an ID, and all of one that is a name.
pub(crate) fn short(id: &str) -> &str {
    if is_id(id) { &id[..12] } else { id }
}

/// Takes nothing on trust: the answer must be about the container that was asked for, and tell a PID.
pub(crate) fn judge(asked: &str, answer: ContainerInspectResponse) -> Result<Container> {
    let id = answer.id.unwrap_or_default();
    let name = answer.name.as_deref().map(bare).unwrap_or_default().to_owned();
    if !is_id(&id) {
        return Err(not_understood("it has no container ID"));
    }
    if name != asked && !id.starts_with(asked) {
        return Err(not_understood(&format!("it is about \"{name}\" ({}), not \"{asked}\"", short(&id))));
    }
    let state = answer.state.ok_or_else(|| not_understood("it has no State"))?;
    if state.running != Some(true) {
        let status = state.status.map_or("not running".to_owned(), |status| status.to_string());
        return Err(Error::no(format!("container \"{asked}\" exists but is not running: it is {status}")));
    }
    match state.pid.map(i32::try_from) {
        Some(Ok(inner_pid)) if inner_pid > 0 => Ok(Container { id, name, inner_pid, ..Container::default() }),
        // An engine clears the PID a moment before it says that the container has stopped, and so while it restarts.
        Some(Ok(0)) => Err(Error::no(format!("container \"{asked}\" exists but has no process now"))),
        _ => Err(not_understood("it has no State.Pid")),
    }
}

/// Engines put a slash before a name.
pub(crate) fn bare(name: &str) -> &str {
    name.strip_prefix('/').unwrap_or(name)
}

/// What is said of an answer that cannot be used.
pub(crate) fn not_understood(why: &str) -> Error {
    Error::failed(format!("the engine's answer is not understood: {}", brief(why)))
}

/// The beginning of what an engine said, which may have filled a screen with it.
pub(crate) fn brief(said: &str) -> String {
    said.chars().take(300).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    fn answer(id: &str, name: &str, state: &str) -> ContainerInspectResponse {
        serde_json::from_str(&format!(r#"{{"Id":"{id}","Name":"{name}","State":{state}}}"#)).unwrap()
    }

    #[test]
    fn only_the_container_that_was_asked_for() {
        let running = r#"{"Running":true,"Status":"running","Pid":42}"#;
        let expected = Container { id: ID.into(), name: "web".into(), inner_pid: 42, ..Container::default() };
        assert_eq!(judge("web", answer(ID, "/web", running)).unwrap(), expected);
        assert_eq!(judge("0123", answer(ID, "/web", running)).unwrap(), expected);
        for (asked, id, name) in
            [("we", ID, "/web"), ("web", "0123", "/web"), ("web", ID, "/xweb"), ("web", ID, "/a/web")]
        {
            assert!(judge(asked, answer(id, name, running)).is_err(), "{asked} {id} {name}");
        }
    }

    #[test]
    fn a_container_without_a_process_is_a_clear_no() {
        for state in
            [r#"{"Running":false,"Status":"exited","Pid":0}"#, r#"{"Running":true,"Status":"restarting","Pid":0}"#]
        {
            assert_eq!(judge("web", answer(ID, "/web", state)).unwrap_err().status(), nicon_core::Status::No);
        }
        for state in [r#"{"Running":true}"#, r#"{"Running":true,"Pid":-1}"#, r#"{"Running":true,"Pid":4294967297}"#] {
            assert_eq!(judge("web", answer(ID, "/web", state)).unwrap_err().status(), nicon_core::Status::Failed);
        }
    }
}
