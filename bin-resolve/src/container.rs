//! A container as its engine describes it, and whether that answers the question.

use bollard::models::ContainerInspectResponse;
use nicon_core::container::is_id;
use nicon_core::{Error, Result};

use crate::root::FileId;

/// A running container, as its engine describes it.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Container {
    /// 64 hexadecimal digits; with containerd and runc, any name.
    pub(crate) id: String,
    pub(crate) name: String,
    /// The PID of its first process, in the engine's own PID namespace.
    pub(crate) inner_pid: i32,
    /// When that process started, in clock ticks since boot, if the engine records it.
    pub(crate) starttime: Option<u64>,
    /// Names that its cgroup may have instead of its ID.
    pub(crate) cgroups: Vec<String>,
    /// The bundle that the PID was read from, if any: the working directory of the container's shim.
    pub(crate) bundle: Option<FileId>,
}

impl Container {
    /// Its ID, shortened as engines print it.
    pub(crate) fn short_id(&self) -> &str {
        short(&self.id)
    }
}

/// The first twelve digits of an ID; a name is kept whole.
pub(crate) fn short(id: &str) -> &str {
    if is_id(id) { &id[..12] } else { id }
}

/// Checks an answer: it must be about the container that was asked for, and have a PID.
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
        let status = state.status.map(|status| format!(" ({status})")).unwrap_or_default();
        return Err(Error::no(format!("container \"{asked}\" is not running{status}")));
    }
    match state.pid.map(i32::try_from) {
        Some(Ok(inner_pid)) if inner_pid > 0 => Ok(Container { id, name, inner_pid, ..Container::default() }),
        // Engines clear the PID shortly before they report a container as stopped, and during a restart.
        Some(Ok(0)) => Err(Error::no(format!("container \"{asked}\" has no process at the moment"))),
        _ => Err(not_understood("it has no State.Pid")),
    }
}

/// A name without the slash that engines put before it.
pub(crate) fn bare(name: &str) -> &str {
    name.strip_prefix('/').unwrap_or(name)
}

/// The error for an answer that cannot be used.
pub(crate) fn not_understood(why: &str) -> Error {
    Error::failed(format!("the engine's answer is not understood: {}", brief(why)))
}

/// The beginning of a text from an engine, which could fill the screen.
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
