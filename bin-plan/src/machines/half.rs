//! The half of a plan that one machine makes.

use std::collections::HashMap;
use std::net::IpAddr;

use nicon_core::Record;

use super::address::{Lookup, of_one_family};
use super::declared::{Machine, Machines};
use crate::fault::Fault;

/// The machine whose half is wanted.
pub(crate) struct Here<'a> {
    pub(crate) name: &'a str,
    /// Whether the caller says so; otherwise it is what this machine is called.
    pub(crate) is_given: bool,
    pub(crate) lookup: Lookup<'a>,
}

impl Machines {
    /// Leaves the records of one machine's half, with the addresses of the other machines; and the faults of those that have none.
    ///
    /// # Errors
    /// If the plan has no such machine.
    pub(crate) fn keep_half(&self, here: &Here, records: &mut Vec<Record>) -> Result<Vec<Fault>, Fault> {
        let ours = self.get(here.name).ok_or_else(|| {
            let why = self.why_not(here.name);
            let of = if here.is_given { "--on".to_owned() } else { format!("this machine is called {}", here.name) };
            self.all[0].position.fault(format!("{of}: {why}: say whose half is wanted (--on NAME)"))
        })?;
        records.retain(|record| record.cell("on") == here.name);
        let mut found = HashMap::new();
        records.retain_mut(|record| {
            let remote = record.get("remote_end").and_then(|end| end["on"].as_str()).map(str::to_owned);
            let Some(theirs) = remote.as_deref().and_then(|remote| self.get(remote)) else { return true };
            let way = found.entry(&*theirs.name).or_insert_with(|| reach(ours, theirs, here.lookup));
            if let Ok(address) = way {
                record.set("remote", address.to_string());
            }
            way.is_ok()
        });
        Ok(found.into_values().filter_map(Result::err).collect())
    }
}

/// The address to which we send what is for another machine.
fn reach(ours: &Machine, theirs: &Machine, lookup: Lookup) -> Result<IpAddr, Fault> {
    let all = |machine: &Machine| match &machine.address {
        Some(address) => address.all(lookup).map_err(|why| machine.position.fault(format!("{}: {why}", machine.name))),
        None => Ok(Vec::new()),
    };
    of_one_family(&all(ours)?, &all(theirs)?).ok_or_else(|| {
        let families = "one has addresses of IPv4, and the other of IPv6";
        theirs.position.fault(format!("{} and {} do not reach each other: {families}", ours.name, theirs.name))
    })
}
