//! Lists all containers of all engines of one site.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::join_all;
use nicon_core::Result;

use crate::engine::container::Filter;
use crate::engine::endpoint::Endpoint;
use crate::engine::settings::within;
use crate::engine::state::store::Extent;
use crate::lookup::engines::Whose;
use crate::lookup::list_engine::list_engine;
use crate::lookup::listing::{ListResult, Listing, extent_below};
use crate::lookup::placing::keep_members;
use crate::lookup::prefetch::look_ahead;
use crate::lookup::segments;
use crate::lookup::site::EngineSite;
use crate::lookup::started::name_started;
use crate::lookup::suggest::no_engine;
use crate::lookup::unusual::list_unusual;
use crate::query::Qualifier;

/// Lists the containers of the engines asked for.
///
/// # Errors
/// If there is no engine, or none that answers.
pub(crate) async fn list(site: &EngineSite<'_>, asked: &Qualifier, filter: Filter) -> Result<Listing> {
    let mut lists = list_near(site, asked, filter).await?;
    match list_others(site, asked, filter).await {
        Ok(others) => lists.extend(others),
        // Nobody can keep root's from being listed.
        Err(error) => lists.push(Err(error)),
    }
    let mut listing = Listing::of(lists);
    if let Some(pod) = site.pod {
        keep_members(&mut listing, pod);
    }
    if !listing.some_there {
        return Err(listing.failures.into_iter().next().unwrap_or_else(|| no_engine(site, asked)));
    }
    let mut denied = Vec::new();
    for errors in [&mut listing.failures, &mut listing.unread] {
        denied.extend(errors.extract_if(.., |error| site.is_denied(error)).map(|error| error.to_string()));
    }
    if !denied.is_empty() {
        site.settings.log("not listed, since they are of other users", || denied.join("; "));
    }
    // The list of all is only read by people, who need no unique paths.
    if filter == Filter::Running {
        let unplaced = segments::make_unique(&mut listing.containers, asked, |address| site.is_near(address));
        listing.remarks.extend(unplaced);
        if site.container.is_none() {
            segments::tell_from_starts(&mut listing.containers);
        }
    }
    Ok(listing)
}

/// What each of the engines near lists: those at usual places, and those to which monitors lead.
///
/// # Errors
/// As [`EngineSite::near`].
pub(crate) async fn list_near(site: &EngineSite<'_>, asked: &Qualifier, filter: Filter) -> Result<Vec<ListResult>> {
    let near = site.settings.in_time(site.near(asked)).await?;
    if site.container.is_some() {
        site.settings.in_time(look_ahead(&near, &site.extent_of(asked)).map(Ok)).await?;
    }
    Ok(list_each(site, Whose::Near, &near, asked, filter).await)
}

/// What each of the engines of other users lists.
///
/// # Errors
/// As [`EngineSite::others`].
pub(crate) async fn list_others(site: &EngineSite<'_>, asked: &Qualifier, filter: Filter) -> Result<Vec<ListResult>> {
    let endpoints = site.others(asked).await?;
    let left_out = site.left_out(asked, &endpoints).await?.map(Err);
    let lists = list_each(site, Whose::Users, &endpoints, asked, filter).await;
    Ok(left_out.into_iter().chain(lists).collect())
}

async fn list_each(
    site: &EngineSite<'_>,
    whose: Whose,
    endpoints: &[Arc<Endpoint>],
    asked: &Qualifier,
    filter: Filter,
) -> Vec<ListResult> {
    let list = async |endpoint: &Arc<Endpoint>, wanted: Extent| {
        let list = within(budget_of(site, endpoint, filter), list_engine(site, endpoint, &wanted, filter)).await;
        // Whoever asks for one container has not named this engine.
        let is_unnamed = endpoint.address.owner.is_none() && filter == Filter::Running;
        list.map_err(|error| if is_unnamed { error } else { error.prefix(endpoint.address.to_string()) })
    };
    let (above, below): (Vec<_>, Vec<_>) = endpoints.iter().partition(|endpoint| !endpoint.kind().is_below_others());
    let lists = join_all(above.iter().map(|endpoint| list(endpoint, site.extent_of(asked)))).await;
    let in_time = |list: &ListResult| matches!(list, Ok(Some(list)) if !list.is_late);
    let tellers: Vec<_> = above.into_iter().zip(&lists).filter(|(_, list)| in_time(list)).map(|(by, _)| by).collect();
    let mut lists = list_unusual(site, whose, false, asked, filter, lists).await;
    let wanted = |endpoint: &Endpoint| extent_below(&lists, &endpoint.address, site.extent_of(asked));
    let below = join_all(below.into_iter().map(|endpoint| list(endpoint, wanted(endpoint)))).await;
    lists.extend(below);
    let mut lists = list_unusual(site, whose, true, asked, filter, lists).await;
    if filter == Filter::Running {
        name_started(site, whose, &tellers, asked, &mut lists).await;
    }
    lists
}

/// How long one engine may take. A list of all is a part of the search for one container, which is to end in time, and to say who
/// was silent.
fn budget_of(site: &EngineSite<'_>, endpoint: &Endpoint, filter: Filter) -> Duration {
    match filter {
        Filter::Running => site.settings.timeout,
        Filter::Any if endpoint.address.owner.is_some() => site.settings.timeout / 2,
        Filter::Any => site.settings.timeout * 9 / 10,
    }
}
