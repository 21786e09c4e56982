//! What an engine says of a container, and whether that answers what was asked.

use bollard::models::ContainerInspectResponse;
use nicon_core::near::nearest;
use nicon_core::{Error, Result};

use crate::engine::Engine;
use crate::listing::{Listed, State};

/// A running container, as its engine tells it.
#[derive(Debug, PartialEq)]
pub(crate) struct Container {
    /// 64 hexadecimal digits.
    pub(crate) id: String,
    pub(crate) name: String,
    /// The PID of its first process, in the engine's own PID namespace.
    pub(crate) inner_pid: i32,
}

/// Asks the engine for the container called `asked`.
pub(crate) async fn find(engine: &Engine, asked: &str) -> Result<Container> {
    match engine.inspect(asked).await? {
        Some(answer) => judge(asked, answer),
        None => Err(explain_missing(asked, &engine.list(State::Any).await.unwrap_or_default())),
    }
}

/// Takes nothing on trust: the answer must be about the container that was asked for, and tell a PID.
fn judge(asked: &str, answer: ContainerInspectResponse) -> Result<Container> {
    let id = answer.id.unwrap_or_default();
    let name = answer.name.as_deref().map(bare).unwrap_or_default().to_owned();
    if !is_full_id(&id) {
        return Err(not_understood("it has no container ID"));
    }
    if name != asked && !id.starts_with(asked) {
        return Err(not_understood(&format!("it is about \"{name}\" ({}), not \"{asked}\"", &id[..12])));
    }
    let state = answer.state.ok_or_else(|| not_understood("it has no State"))?;
    if state.running != Some(true) {
        let status = state.status.map_or("not running".to_owned(), |status| status.to_string());
        return Err(Error::no(format!("container \"{asked}\" exists but is not running: it is {status}")));
    }
    match state.pid.map(i32::try_from) {
        Some(Ok(inner_pid)) if inner_pid > 0 => Ok(Container { id, name, inner_pid }),
        // An engine clears the PID a moment before it says that the container has stopped, and so while it restarts.
        Some(Ok(0)) => Err(Error::no(format!("container \"{asked}\" exists but has no process now"))),
        _ => Err(not_understood("it has no State.Pid")),
    }
}

fn explain_missing(asked: &str, known: &[Listed]) -> Error {
    let ids = known.iter().map(|container| &container.id);
    let matching: Vec<_> = ids.filter(|id| id.starts_with(asked)).collect();
    if matching.len() > 1 {
        let shown: Vec<_> = matching.iter().map(|id| id.chars().take(12).collect::<String>()).collect();
        return Error::failed(format!("ID prefix \"{asked}\" is ambiguous: it fits {}", shown.join(", ")));
    }
    let near = nearest(asked, known.iter().map(|container| &container.name[..]));
    match near[..] {
        [] => Error::no(format!("no container \"{asked}\"")),
        _ => Error::no(format!("no container \"{asked}\" (near: {})", near.join(", "))),
    }
}

fn bare(name: &str) -> &str {
    name.strip_prefix('/').unwrap_or(name)
}

fn is_full_id(id: &str) -> bool {
    id.len() == 64 && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn not_understood(why: &str) -> Error {
    Error::failed(format!("the engine's answer is not understood: {why}"))
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
        let expected = Container { id: ID.into(), name: "web".into(), inner_pid: 42 };
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
