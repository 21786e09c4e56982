//! A container as its engine describes it, and whether that answers the question.

use nicon_core::container::{SHORT, is_id, is_short_id};
use nicon_core::{Error, Result};
use serde::Deserialize;

use crate::root::FileId;

/// How many characters of an engine's texts are shown.
const MAX_SAID: usize = 300;

/// A running container, as its engine describes it.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Container {
    /// 64 hexadecimal digits; with containerd and runc, any name.
    pub(crate) id: String,
    pub(crate) name: String,
    /// The engine's namespace in which it is, if it has any.
    pub(crate) namespace: Option<String>,
    /// The PID of its first process, in the engine's own PID namespace.
    pub(crate) inner_pid: i32,
    /// The ID for which its shim was started, if not its own: containers of a pod have one shim.
    pub(crate) sandbox: Option<String>,
    /// When that process started, in clock ticks since boot, if the engine records it.
    pub(crate) starttime: Option<u64>,
    /// Names that its cgroup may have instead of its ID.
    pub(crate) cgroups: Vec<String>,
    /// The bundle that the PID was read from, if any: the working directory of the container's shim.
    pub(crate) bundle: Option<FileId>,
}

/// The fields that are used of an engine's answer to `GET /containers/NAME/json`. What the others hold does not matter.
#[derive(Deserialize)]
pub(crate) struct Inspected {
    #[serde(rename = "Id")]
    id: Option<String>,
    #[serde(rename = "Name")]
    name: Option<String>,
    #[serde(rename = "State")]
    state: Option<State>,
}

#[derive(Deserialize)]
struct State {
    #[serde(rename = "Running")]
    running: Option<bool>,
    /// A word for people: which there are depends on the engine, and its version.
    #[serde(rename = "Status")]
    status: Option<String>,
    #[serde(rename = "Pid")]
    pid: Option<i64>,
}

impl Container {
    /// Its ID, shortened as engines print it.
    pub(crate) fn short_id(&self) -> &str {
        short(&self.id)
    }
}

/// The first twelve digits of an ID; a name is kept whole.
pub(crate) fn short(id: &str) -> &str {
    if is_id(id) { &id[..SHORT] } else { id }
}

/// How a container is meant by a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fit {
    /// The word is its name, or its whole ID.
    Exact,
    /// The word is the beginning of its ID, and long enough to be no name.
    ShortId,
}

/// How `asked` means the container with this ID and name, if it does. Engines take even a single digit for an ID, so that a
/// name which nobody has would lead to a container that happens to have such an ID.
pub(crate) fn fit(asked: &str, id: &str, name: &str) -> Option<Fit> {
    if name == asked || id == asked {
        return Some(Fit::Exact);
    }
    (is_short_id(asked) && is_id(id) && id.starts_with(asked)).then_some(Fit::ShortId)
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
    said.chars().take(MAX_SAID).collect()
}

/// The first of these texts, as many as there is room for, each of them whole.
pub(crate) fn brief_list(texts: impl ExactSizeIterator<Item = String>, separator: &str, most: usize) -> String {
    let number = texts.len();
    let mut shown: Vec<String> = Vec::new();
    let mut left = MAX_SAID;
    for text in texts.take(most) {
        let Some(rest) = left.checked_sub(text.chars().count() + separator.len()) else { break };
        left = rest;
        shown.push(text);
    }
    if shown.len() < number {
        shown.push("...".to_owned());
    }
    shown.join(separator)
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
    fn a_name_is_exact_and_an_id_is_no_less_than_engines_print() {
        assert_eq!(fit("web", ID, "web"), Some(Fit::Exact));
        assert_eq!(fit(ID, ID, "web"), Some(Fit::Exact));
        assert_eq!(fit(&ID[..12], ID, &ID[..12]), Some(Fit::Exact), "a name before an ID");
        assert_eq!(fit(&ID[..12], ID, "web"), Some(Fit::ShortId));
        for (asked, id, name) in
            [(&ID[..11], ID, "web"), ("we", ID, "web"), ("0123456789ab", "0123456789abc", "web"), ("a", "a-b", "a-b")]
        {
            assert_eq!(fit(asked, id, name), None, "{asked} {id} {name}");
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
