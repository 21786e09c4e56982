//! Finds pods, and the containers of one pod.

use nicon_core::container::begins_id;
use nicon_core::path::show;
use nicon_core::{Error, Result};

use crate::brief::brief_list;
use crate::engine::container::{Filter, Fit, fit, short};
use crate::engine::pod::Pod;
use crate::lookup::find_listed::find_listed;
use crate::lookup::list::{list_near, list_others};
use crate::lookup::listing::{ListedContainer, Listing};
use crate::lookup::placing::keep_members;
use crate::lookup::site::EngineSite;
use crate::lookup::suggest;
use crate::proof::claim::Verified;
use crate::query::path::{by_id, spell};
use crate::query::{Kind, Qualifier};

/// How many containers are named.
const MAX_SHOWN: usize = 5;

/// Finds the sandbox of the pod called `name`, in any of Kubernetes' namespaces or that of the qualifier.
///
/// # Errors
/// [`Status::No`](nicon_core::Status::No) if there is none, or it does not run; [`Status::Failed`](nicon_core::Status::Failed) if there
/// are several, or that is unknown.
pub(crate) async fn find_pod(site: &EngineSite<'_>, of: &Qualifier, name: &str) -> Result<Verified> {
    if site.pod.is_some() {
        return Err(Error::no("there are no pods in a pod"));
    }
    let is_meant = |listed: &&ListedContainer| listed.is_of(of) && listed.as_pod().is_some_and(|pod| pod.name == name);
    let Running { listing, some_there } =
        running(site, of, |listing| listing.containers.iter().any(|one| is_meant(&one))).await?;
    let found: Vec<_> = listing.containers.iter().filter(is_meant).collect();
    match found[..] {
        [] if !some_there => Err(suggest::no_engine(site, &Qualifier { engine: Some(Kind::Containerd), ..of.clone() })),
        [] => Err(unless_unknown(&listing, &format!("a pod \"{name}\""), || missing(name, &listing.containers))),
        [one] => certain(site, &listing, one).await,
        _ => Err(Error::failed(format!(
            "\"{name}\" is ambiguous: say {}",
            brief_list(ways(site, &found).into_iter(), " or ", MAX_SHOWN)
        ))),
    }
}

/// Finds the container called `name`, or with such an ID, of the pod that the site is.
///
/// # Errors
/// As [`find_pod`].
pub(crate) async fn find_in_pod(site: &EngineSite<'_>, of: &Qualifier, name: &str) -> Result<Verified> {
    let fits = |listed: &ListedContainer, how| listed.is_of(of) && fit(name, &listed.id, &listed.name) == Some(how);
    let Running { mut listing, .. } = running(site, of, |listing| !listing.containers.is_empty()).await?;
    if let Some(pod) = site.pod {
        keep_members(&mut listing, pod);
    }
    let exact: Vec<_> = listing.containers.iter().filter(|listed| fits(listed, Fit::Exact)).collect();
    let by_id = || listing.containers.iter().filter(|listed| fits(listed, Fit::ShortId)).collect();
    let found: Vec<_> = if exact.is_empty() { by_id() } else { exact };
    match found[..] {
        [] => Err(unless_unknown(&listing, &format!("a container \"{name}\""), || {
            suggest::explain(of, name, &listing.containers)
        })),
        [one] => certain(site, &listing, one).await,
        _ => Err(Error::failed(format!("\"{name}\" is ambiguous: the pod runs {}", suggest::shown(&found)))),
    }
}

/// What runs at a site.
struct Running {
    listing: Listing,
    some_there: bool,
}

/// What engines of the site itself run and, if that is not `enough`, what those of other users do.
async fn running(site: &EngineSite<'_>, of: &Qualifier, enough: impl Fn(&Listing) -> bool) -> Result<Running> {
    let near = Listing::of(list_near(site, of, Filter::Running).await?);
    if enough(&near) || !near.failures.is_empty() {
        return Ok(Running { some_there: true, listing: near });
    }
    let others = list_others(site, of, Filter::Running).await?;
    let others = others.into_iter().filter(|list| !list.as_ref().is_err_and(|error| site.is_denied(error)));
    let mut all = Listing::of(others.collect());
    let some_there = near.some_there || all.some_there;
    all.containers.extend(near.containers);
    all.unread.extend(near.unread);
    all.remarks.extend(near.remarks);
    Ok(Running { listing: all, some_there })
}

/// The only one that is meant, unless somebody else may have such a one, too.
async fn certain(site: &EngineSite<'_>, listing: &Listing, found: &ListedContainer) -> Result<Verified> {
    match listing.failures.first() {
        Some(error) => Err(error.clone().suffix(" (so whether it is the only one is unknown)")),
        None => find_listed(site, found).await,
    }
}

/// The reason why nothing is known of `what`, if there is one.
fn unless_unknown(listing: &Listing, what: &str, missing: impl FnOnce() -> Error) -> Error {
    let unknown = listing.failures.iter().chain(&listing.unread).chain(&listing.remarks).next();
    match unknown {
        Some(error) => error.clone().suffix(&format!(" (so whether there is {what} is unknown)")),
        None => missing(),
    }
}

/// Why there is no pod called `name` among what runs: it may be that only its sandbox does not.
fn missing(name: &str, known: &[ListedContainer]) -> Error {
    let left: Vec<_> = known.iter().filter(|listed| listed.pod.as_ref().is_some_and(|pod| pod.name == name)).collect();
    if let Some(pod) = left.first().and_then(|first| first.pod.as_ref()) {
        let containers = left.iter().map(|listed| format!("{} as {}", listed.name, id_of(listed)));
        let (pod, containers) = (pod, brief_list(containers, ", ", MAX_SHOWN));
        return Error::no(format!("the sandbox of {pod} does not run; name its containers alone: {containers}"));
    }
    suggest::explain_pod(name, known)
}

fn id_of(listed: &ListedContainer) -> String {
    if begins_id(&listed.id) { format!("id:{}", short(&listed.id)) } else { listed.id.clone() }
}

/// How each of these sandboxes is named alone: by its namespace, or else by its ID.
fn ways(site: &EngineSite<'_>, found: &[&ListedContainer]) -> Vec<String> {
    let by_name = |listed: &&ListedContainer| {
        let owner = listed.endpoint.owner.as_ref().filter(|_| !site.is_near(&listed.endpoint));
        let way = |pod: &Pod| spell(&pod.way(owner.map(|owner| owner.name.to_string())), &pod.name, &listed.id);
        listed.as_pod().map(way).unwrap_or_default()
    };
    let names: Vec<String> = found.iter().map(by_name).collect();
    let is_alone = |name: &String| names.iter().filter(|other| *other == name).count() == 1;
    let way = |(name, listed): (&String, &&ListedContainer)| {
        show(&[if is_alone(name) { name.clone() } else { by_id(&Qualifier::default(), &listed.id) }])
    };
    let mut ways: Vec<_> = names.iter().zip(found).map(way).collect();
    ways.sort_unstable();
    ways
}
