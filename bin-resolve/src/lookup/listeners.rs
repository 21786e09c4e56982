//! Who listens in a site as monitors of LXC's do, and what is told of the sockets that nobody there is seen to have.

use std::sync::Arc;

use nicon_core::{Error, NsType, Result, Status, proc};

use crate::engine::state::lxc_listeners::Listeners;
use crate::engine::state::monitors::Monitor;
use crate::lookup::site::EngineSite;
use crate::query::Kind;

/// Who may be a monitor by its sockets; and what is `unread`, if it is to be told.
pub(super) async fn monitors(site: &EngineSite<'_>, unread: Option<&mut Vec<Error>>) -> Vec<Monitor> {
    let (listeners, is_machines) = match find(site).await {
        Ok(found) => found,
        Err(error) => {
            // In a container that is ending there is nobody.
            let failed = Some(error).filter(|error| error.status() == Status::Failed);
            if let (Some(unread), Some(error)) = (unread, failed) {
                unread.push(error.prefix("look for monitors of LXC's"));
            }
            return Vec::new();
        }
    };
    // What listens in the machine's network namespace is told of the machine.
    if let (Some(unread), false) = (unread, is_machines && site.container.is_some()) {
        unread.extend(tell(site, &listeners));
    }
    let pidns = site.pidns.id().ino;
    listeners.pids.iter().map(|pid| Monitor { pid: *pid, pidns, kind: Kind::Lxc }).collect()
}

/// Who listens, and whether that is in the network namespace of our own machine.
async fn find(site: &EngineSite<'_>) -> Result<(Arc<Listeners>, bool)> {
    let (monitors, pidns) = (&site.engines.monitors, site.pidns.id().ino);
    let Some(container) = site.container else { return Ok((monitors.listeners(pidns).await?, true)) };
    let of_machine = monitors.machines_netns();
    let is_machines = of_machine.is_some() && container.namespace_id(NsType::Net)? == of_machine;
    let machines = if is_machines { monitors.listeners(site.settings.pidns.id().ino).await? } else { Arc::default() };
    Ok((monitors.listeners_in(container, pidns, &machines).await?, is_machines))
}

/// The error if somebody has the sockets whom root ought to be able to look at. Otherwise they are none of this site's, or no monitor's.
fn tell(site: &EngineSite<'_>, listeners: &Listeners) -> Option<Error> {
    let names = listeners.unheld.as_ref()?;
    let denied = Some(&listeners.denied[..]).filter(|denied| site.settings.is_root && !denied.is_empty());
    let doubt = denied.and_then(proc::complaint_within_reach);
    if doubt.is_none() {
        let step = || {
            format!("no process that may be looked at here has the sockets {names}, which are called as monitors' are")
        };
        site.settings.log("lxc", step);
    }
    doubt.map(|error| error.prefix(format!("lxc: which containers the monitors at {names} have is unknown")))
}
