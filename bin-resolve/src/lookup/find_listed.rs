//! Finds a container that was listed.

use nicon_core::{Error, Result, Status};

use crate::lookup::ask::{Answer, ask};
use crate::lookup::engines::Whose;
use crate::lookup::listing::ListedContainer;
use crate::lookup::site::EngineSite;
use crate::lookup::unusual::find_unusual;
use crate::proof::claim::Verified;
use crate::query::Qualifier;

/// Finds a container that was listed, as it was proved then, by its bundle, or by asking the engine that listed it for its ID.
///
/// # Errors
/// [`Status::No`] if it is no longer running; [`Status::Failed`] if that is unknown.
pub(crate) async fn find_listed(site: &EngineSite<'_>, listed: &ListedContainer) -> Result<Verified> {
    if listed.is_twin {
        let (engine, id) = (&listed.endpoint, &listed.id);
        return Err(Error::failed(format!(
            "{engine} runs several containers \"{id}\", which no path tells apart (begin the path with the process, as in \
             pid:4242)"
        )));
    }
    if let Some(found) = listed.verified.take()
        && found.process.is_alive()
    {
        return Ok(*found);
    }
    if let Some(bundle) = &listed.bundle {
        let claim = bundle.claim(&listed.summary());
        if let Ok((process, proof)) = site.prove(&listed.name, &claim).await {
            return Ok(claim.by(process, proof));
        }
    }
    let gone = || Error::no(format!("container \"{}\" is gone", listed.name));
    let of = Qualifier { namespace: listed.namespace.clone(), ..Qualifier::default() };
    let endpoint = site.at(&listed.endpoint).await?.ok_or_else(gone)?;
    let Answer { claim, is_there, .. } = ask(site, &endpoint, &listed.id, &of).await;
    if !is_there && claim.as_ref().is_ok_and(Option::is_none) {
        let engine = &listed.endpoint;
        return Err(Error::failed(format!("{engine} listed container \"{}\", and has ended since", listed.name)));
    }
    // If it is gone, its ID may be another's name.
    let (claim, no) = match claim {
        Ok(claim) => (claim.filter(|claim| claim.container.id == listed.id), gone()),
        Err(error) if error.status() == Status::No => (None, error),
        Err(error) => return Err(error),
    };
    let Some(claim) = claim else {
        let whose = if site.is_near(&listed.endpoint) { Whose::Near } else { Whose::Users };
        let of = Qualifier { namespace: listed.namespace.clone(), ..listed.endpoint.qualifier() };
        return find_unusual(site, whose, &of, &listed.id).await?.found.ok_or(no);
    };
    match site.prove(&listed.name, &claim).await {
        Ok((process, proof)) => Ok(claim.by(process, proof)),
        // Files outlive containers.
        Err(error) if claim.is_of_files() && claim.has_ended(site.settings.method) => Err(error.as_no()),
        Err(error) => Err(error),
    }
}
