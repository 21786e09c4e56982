//! What a link loses in a move.

use std::collections::BTreeMap;

use nicon_core::link::{Keep, LinkSpec};
use nicon_rtnl::Carry;
use nicon_rtnl::route::Route;
use serde::Serialize;
use serde_json::Value;

use crate::link::sysctl::Sysctls;

/// What the link had before the move and has no longer.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Losses {
    /// Addresses, with their prefix lengths.
    addr: Vec<String>,
    /// Routes, in short.
    route: Vec<String>,
    /// The names of settings that were not the namespace's defaults.
    sysctl: Vec<String>,
    /// The link that it was a port of.
    master: Option<String>,
    /// Permanent neighbours.
    neigh: Vec<String>,
    /// Queueing disciplines, VLANs and all else that was attached to it, by kind.
    #[serde(flatten)]
    attached: BTreeMap<String, Vec<String>>,
    /// Links that sat on it, and that the move destroyed.
    stacked: Vec<String>,
}

impl Losses {
    /// Of what a link has, what it loses in a move that keeps what the `spec` asks for. `attached` is what [`Attached::lost`] lists.
    ///
    /// [`Attached::lost`]: crate::link::attached::Attached::lost
    pub(crate) fn of(
        carry: &Carry,
        settings: &Sysctls,
        mut attached: BTreeMap<String, Vec<String>>,
        spec: &LinkSpec,
    ) -> Self {
        let shared_routes = attached.remove("route").unwrap_or_default();
        let mut lost = Self { neigh: carry.neighbours(), attached, ..Self::default() };
        // A route that was requested again is not lost, even if its attributes differ.
        let along = carry.along(!spec.keeps(Keep::Addr), !spec.keeps(Keep::Route), 0);
        lost.addr = along.addresses();
        lost.addr.retain(|address| !spec.addresses.iter().any(|given| given.to_string() == *address));
        let routes = along.routes();
        let again = |route: &&Route| spec.routes.iter().any(|given| route.is(given));
        lost.route = routes.iter().filter(|route| !again(route)).map(ToString::to_string).collect();
        lost.route.extend(shared_routes);
        if !spec.keeps(Keep::Sysctl) {
            lost.sysctl = settings.names();
        }
        lost
    }

    /// Adds the `master` that the link was a port of, and what was `stacked` on it.
    pub(crate) fn and_links(self, master: Option<String>, stacked: Vec<String>) -> Self {
        Self { master, stacked, ..self }
    }
}

/// How many of each, as a cell of the table.
pub(crate) fn cell(lost: Option<&Value>) -> String {
    let Some(Value::Object(lost)) = lost else { return "-".to_owned() };
    let parts = lost.iter().filter_map(|(kind, value)| match value {
        Value::Array(items) if items.is_empty() => None,
        Value::Array(items) => Some(format!("{} {kind}", items.len())),
        Value::String(name) => Some(format!("{kind} {name}")),
        _ => None,
    });
    let parts: Vec<_> = parts.collect();
    if parts.is_empty() { "-".to_owned() } else { parts.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_are_counted() {
        let cell = |lost: &str| cell(Some(&serde_json::from_str(lost).unwrap()));
        assert_eq!(
            cell(r#"{"addr":["a","b"],"route":[],"sysctl":["c"],"master":"br0"}"#),
            "2 addr, 1 sysctl, master br0"
        );
        assert_eq!(cell(r#"{"addr":[],"route":[],"sysctl":[],"master":null}"#), "-");
    }
}
