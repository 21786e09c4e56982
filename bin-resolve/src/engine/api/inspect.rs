//! What an engine says of one container, and whether that answers the question.

use nicon_core::container::is_id;
use nicon_core::{Error, Result};
use serde::Deserialize;

use crate::brief::brief;
use crate::engine::container::{Container, bare, fit, short};

/// The fields that are used of an engine's answer to `GET /containers/NAME/json`. What the others hold does not matter.
#[derive(Deserialize)]
pub(crate) struct Inspected {
    #[serde(rename = "Id")]
    id: Option<String>,
    #[serde(rename = "Name")]
    name: Option<String>,
    #[serde(rename = "State")]
    state: Option<InspectedState>,
}

#[derive(Deserialize)]
struct InspectedState {
    #[serde(rename = "Running")]
    running: Option<bool>,
    /// A word for people: which there are depends on the engine, and its version.
    #[serde(rename = "Status")]
    status: Option<String>,
    #[serde(rename = "Pid")]
    pid: Option<i64>,
}

/// Checks an answer: it must be about the container that was asked for, and have a PID. `None` if the engine took a name for
/// the beginning of an ID.
pub(crate) fn judge(asked: &str, answer: Inspected) -> Result<Option<Container>> {
    let id = answer.id.unwrap_or_default();
    let name = answer.name.as_deref().map(bare).unwrap_or_default().to_owned();
    if !is_id(&id) {
        return Err(not_understood("it has no container ID"));
    }
    if fit(asked, &id, &name).is_none() {
        if id.starts_with(asked) {
            return Ok(None);
        }
        return Err(not_understood(&format!("it is about \"{name}\" ({}), not \"{asked}\"", short(&id))));
    }
    let state = answer.state.ok_or_else(|| not_understood("it has no State"))?;
    if state.running != Some(true) {
        let status = state.status.filter(|status| !status.is_empty());
        let status = status.map(|status| format!(" ({})", brief(&status))).unwrap_or_default();
        return Err(Error::no(format!("container \"{asked}\" is not running{status}")));
    }
    match state.pid.map(i32::try_from) {
        Some(Ok(inner_pid)) if inner_pid > 0 => Ok(Some(Container { id, name, inner_pid, ..Container::default() })),
        // Engines clear the PID shortly before they report a container as stopped, and during a restart.
        Some(Ok(0)) => Err(Error::no(format!("container \"{asked}\" has no process at the moment"))),
        _ => Err(not_understood("it has no State.Pid")),
    }
}

/// The error for an answer that cannot be used.
pub(crate) fn not_understood(why: &str) -> Error {
    Error::failed(format!("the engine's answer is not understood: {}", brief(why)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    fn answer(id: &str, name: &str, state: &str) -> Inspected {
        serde_json::from_str(&format!(r#"{{"Id":"{id}","Name":"{name}","State":{state}}}"#)).unwrap()
    }

    #[test]
    fn only_the_container_that_was_asked_for() {
        let running = r#"{"Running":true,"Status":"running","Pid":42}"#;
        let expected = || Container { id: ID.into(), name: "web".into(), inner_pid: 42, ..Container::default() };
        for asked in ["web", ID, &ID[..12]] {
            assert_eq!(judge(asked, answer(ID, "/web", running)).unwrap(), Some(expected()), "{asked}");
        }
        for asked in ["0", "0123", &ID[..11]] {
            assert_eq!(judge(asked, answer(ID, "/web", running)).unwrap(), None, "{asked}");
        }
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
