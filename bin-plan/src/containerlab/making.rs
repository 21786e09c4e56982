//! The records that a link becomes.

use nicon_core::Record;
use serde_json::json;

use super::end::End;
use super::nodes::{Nodes, Place};
use super::values::Values;
use crate::fault::Fault;
use crate::targets::Targets;
use crate::wanted::Wanted;

/// The MTU of links that do not say it, in bytes: large frames are to pass.
pub(super) const MTU: u32 = 9500;

/// What links are made with.
pub(super) struct Making<'a> {
    pub(super) nodes: &'a Nodes,
    pub(super) values: &'a Values<'a>,
    pub(super) targets: &'a Targets,
}

impl Making<'_> {
    /// A pair of two ends.
    pub(super) fn pair(&self, ends: [&End; 2], mtu: Option<u32>) -> Result<Vec<Wanted>, Vec<Fault>> {
        let mut wishes = Record::default();
        wishes.set("mtu", mtu.unwrap_or(MTU));
        // Virtual machines in containers would see the sums that were left to be filled in by a network card.
        wishes.set("offload", json!({"tx-checksumming": false}));
        let (mut places, mut faults) = (Vec::new(), Vec::new());
        for end in ends {
            match end.place(self.nodes) {
                Ok(place) => places.push(place),
                Err(fault) => faults.push(fault),
            }
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        let named = |(end, place): (&&End, &&Place)| format!("{}:{}", place.target, end.name(place).0);
        let name = ends.iter().zip(&places).map(named).collect::<Vec<_>>().join(" ");
        Ok(ends.into_iter().zip(places).map(|(end, place)| end.wanted(place, ("pair", &name), &wishes)).collect())
    }

    /// A link that is made at an end.
    pub(super) fn made(&self, end: &End, kind: &str, wishes: &Record) -> Result<Vec<Wanted>, Vec<Fault>> {
        let place = end.place(self.nodes).map_err(|fault| vec![fault])?;
        Ok(vec![end.wanted(place, ("kind", kind), wishes)])
    }

    /// Says that what is below a link is on the lab's own machine.
    pub(super) fn set_below(&self, wishes: &mut Record) {
        if let Ok(Some(from)) = self.targets.source(None) {
            wishes.set("from", from);
        }
    }
}
