//! Names the containers that started while their site was listed: an engine that was asked before does not know them as running, but
//! the runtime below it, which was read after that, has them already, by ID alone.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use futures_util::future::join_all;
use nicon_core::container::is_id;

use crate::engine::container::Filter;
use crate::engine::endpoint::Endpoint;
use crate::lookup::engines::Whose;
use crate::lookup::list_engine::list_engine;
use crate::lookup::listing::{ListResult, ListedContainer, counts_for};
use crate::lookup::site::EngineSite;
use crate::lookup::unusual::list_unusual;
use crate::query::Qualifier;

/// Gives the containers in `lists` that have no names those by which `tellers` know them.
///
/// What these say of a container that is about to start, or is said to have stopped, does not count: its process was proved.
pub(super) async fn name_started(
    site: &EngineSite<'_>,
    whose: Whose,
    tellers: &[&Arc<Endpoint>],
    asked: &Qualifier,
    lists: &mut [ListResult],
) {
    let listed = || lists.iter().flatten().flatten().flat_map(|list| &list.containers);
    if !listed().any(is_nameless) {
        return;
    }
    let extent = site.extent_of(asked);
    let told = join_all(tellers.iter().map(|endpoint| list_engine(site, endpoint, &extent, Filter::Any))).await;
    let told = list_unusual(site, whose, false, asked, Filter::Any, told).await;
    let mut named: HashMap<_, Vec<ListedContainer>> = HashMap::new();
    for container in told.into_iter().flatten().flatten().flat_map(|list| list.containers) {
        named.entry(container.id.clone()).or_default().push(container);
    }
    let lists = lists.iter_mut().flatten().flatten();
    for nameless in lists.flat_map(|list| &mut list.containers).filter(|container| is_nameless(container)) {
        let tellers = named.get(&nameless.id).into_iter().flatten();
        let counts = |by: &&ListedContainer| counts_for(by.endpoint.owner.as_ref(), nameless.endpoint.owner.as_ref());
        if let Some(by) = tellers.into_iter().find(counts) {
            *nameless = named_by(nameless, by);
        }
    }
}

/// Whether a runtime knows it by an ID that an engine above has made up. Those of pods have names.
fn is_nameless(container: &ListedContainer) -> bool {
    container.kind.is_below_others()
        && container.pod.is_none()
        && container.name == container.id
        && is_id(&container.id)
}

/// The container as the engine above knows it, with the process that was proved.
fn named_by(nameless: &ListedContainer, by: &ListedContainer) -> ListedContainer {
    let verified = nameless.verified.take().map(|mut found| {
        found.engine = by.address();
        found.container.name.clone_from(&by.name);
        found.container.namespace.clone_from(&by.namespace);
        found
    });
    ListedContainer { verified: Rc::new(verified.into()), ..by.clone() }
}
