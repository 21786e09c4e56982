//! What a topology says of the lab as a whole: its name, the names of its containers, and its management network.

use super::values::Values;
use crate::fault::{Fault, Position, START};
use crate::yaml::{Node, unknown_key};

/// The keys of a file. Those of `settings` are about starting nodes.
const KEYS: [&str; 6] = ["debug", "mgmt", "name", "prefix", "settings", "topology"];

/// What container names begin with, if the file does not say.
const PREFIX: &str = "clab";

/// The prefix that stands for the lab's name alone.
const LAB_NAME: &str = "__lab-name";

/// The bridge of Docker's own network, which is called `bridge`.
const DOCKER0: &str = "docker0";

/// The driver's option with which Docker calls a network's bridge by a name.
const BRIDGE_NAME: &str = "com.docker.network.bridge.name";

/// A lab.
pub(super) struct Lab {
    pub(super) name: (String, Position),
    prefix: Option<String>,
    /// The bridge of the management network, if the file names it.
    pub(super) bridge: Option<String>,
}

impl Lab {
    /// Reads the keys of a file.
    ///
    /// # Errors
    /// All faults that leave open what containers are called.
    pub(super) fn read(document: &Node, values: &Values) -> Result<Self, Vec<Fault>> {
        let entries = document.entries().unwrap_or_default();
        let unknown = entries.iter().filter(|entry| !KEYS.contains(&&*entry.key) && !entry.key.starts_with("x-"));
        let mut faults: Vec<_> = unknown.map(|entry| unknown_key(entry, &KEYS)).collect();
        let name = name(document, values).map_err(|fault| faults.push(fault)).ok();
        let prefix = match document.get("prefix").filter(|node| !node.is_nothing()) {
            Some(node) => values.text("prefix", node).map_err(|fault| faults.push(fault)).ok(),
            None => None,
        };
        let bridge = document.get("mgmt").map_or(Ok(None), |mgmt| bridge(mgmt, values));
        match (name, bridge) {
            (Some(name), Ok(bridge)) if faults.is_empty() => Ok(Self { name, prefix, bridge }),
            (_, bridge) => Err(faults.into_iter().chain(bridge.err()).collect()),
        }
    }

    /// What the container of a node is called.
    pub(super) fn container(&self, node: &str) -> String {
        let lab = &self.name.0;
        match self.prefix.as_deref().unwrap_or(PREFIX) {
            "" => node.to_owned(),
            LAB_NAME => format!("{lab}-{node}"),
            prefix => format!("{prefix}-{lab}-{node}"),
        }
    }
}

/// The lab's name.
///
/// # Errors
/// If there is none, or Git would have to be asked for it.
pub(super) fn name(document: &Node, values: &Values) -> Result<(String, Position), Fault> {
    let Some(node) = document.get("name").filter(|node| !node.is_nothing()) else {
        return Err(START.fault("the topology has no name, with which containerlab calls its containers"));
    };
    let name = values.text("name", node)?;
    if ["__gitBranch__", "__gitHash__"].iter().any(|word| name.contains(word)) {
        return Err(node.position.fault("name: nicon does not ask Git: write what the lab is called"));
    }
    Ok((name, node.position))
}

/// The bridge of the management network. Docker makes up its name, if the file does not say.
fn bridge(mgmt: &Node, values: &Values) -> Result<Option<String>, Fault> {
    if mgmt.is_nothing() {
        return Ok(None);
    }
    if mgmt.entries().is_none() {
        return Err(mgmt.expected("mgmt", "a map"));
    }
    let option = mgmt.get("driver-opts").and_then(|options| options.get(BRIDGE_NAME));
    if let Some(bridge) = option.or_else(|| mgmt.get("bridge")).filter(|bridge| !bridge.is_nothing()) {
        return values.text("bridge", bridge).map(|bridge| Some(bridge).filter(|bridge| !bridge.is_empty()));
    }
    let network = mgmt.get("network").map(|network| values.text("network", network)).transpose()?;
    Ok(network.filter(|network| network == "bridge").map(|_| DOCKER0.to_owned()))
}
