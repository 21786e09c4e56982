//! Finds a container by the beginning of its ID.

use nicon_core::container::is_id;
use nicon_core::path::show;
use nicon_core::{Error, Result};
use nix::libc;

use crate::engine::container::Filter;
use crate::lookup::find_listed::find_listed;
use crate::lookup::list::{list_near, list_others};
use crate::lookup::listing::{ListedContainer, Listing};
use crate::lookup::site::EngineSite;
use crate::lookup::suggest::{no_engine, shown, ways};
use crate::proof::claim::Verified;
use crate::query::Qualifier;

/// Finds the only container whose ID begins with `digits`, running or not, among those of all engines that are `of` those asked
/// for.
///
/// The engines' own look-up is of no use here: it prefers a container of that name, and knows only its own.
///
/// # Errors
/// [`Status::No`](nicon_core::Status::No) if there is none, or it does not run;
/// [`Status::Failed`](nicon_core::Status::Failed) if there are several, or an engine failed.
pub(crate) async fn find_by_id(site: &EngineSite<'_>, of: &Qualifier, digits: &str) -> Result<Verified> {
    let near = Listing::of(list_near(site, of, Filter::Any).await?);
    let mut some_there = near.some_there;
    let mut found = choose_among(of, digits, near)?;
    if found.is_none() {
        let others = list_others(site, of, Filter::Any).await?;
        let may_be_asked = |list: &Result<_>| !list.as_ref().is_err_and(|error| site.is_denied(error));
        let others = Listing::of(others.into_iter().filter(may_be_asked).collect());
        some_there |= others.some_there;
        found = choose_among(of, digits, others)?;
    }
    match found {
        Some(container) => find_listed(site, &container).await,
        None if !some_there => Err(no_engine(site, of)),
        None => Err(Error::no(format!("no container has an ID that begins with \"{digits}\""))),
    }
}

/// The container that is meant by `digits`; `None` if there is none.
fn choose_among(of: &Qualifier, digits: &str, mut list: Listing) -> Result<Option<ListedContainer>> {
    list.containers.retain(|container| container.is_of(of));
    // A permission for one engine is enough, as it is for a name.
    let is_grave = |error: &&Error| !matches!(error.errno(), Some(libc::EACCES | libc::EPERM));
    let refusal = list.failures.iter().find(is_grave).cloned();
    // The directories tell the IDs of containers whose own files cannot be read. A whole ID is nobody else's.
    let unread = list.unread.iter().find(is_grave).filter(|_| !is_id(digits)).cloned();
    match (choose(digits, &list.containers)?, refusal, unread) {
        (Some(container), None, None) => Ok(Some(container.clone())),
        (Some(container), Some(refusal), _) => {
            let address = container.address();
            let way = show(&[format!("{}id:{digits}", address.qualifier())]);
            Err(refusal.suffix(&format!(" (it may have such an ID, too; to ask only {address}, say {way})")))
        }
        (Some(container), None, Some(unread)) => {
            let ListedContainer { id, segment, .. } = container;
            Err(unread.suffix(&format!(" (such an ID may be there, too; if {id} is meant, say {segment}, or that)")))
        }
        (None, Some(error), _) | (None, None, Some(error)) => {
            let way_out = format!("; an engine that is named is asked alone, as in docker:id:{digits}");
            let way_out = if *of == Qualifier::default() { &way_out[..] } else { "" };
            Err(error.suffix(&format!(" (so whether a container has an ID \"{digits}..\" is unknown{way_out})")))
        }
        (None, None, None) => Ok(None),
    }
}

/// The container with this ID or, if there is none, the only one whose ID begins so.
fn choose<'a>(digits: &str, containers: &'a [ListedContainer]) -> Result<Option<&'a ListedContainer>> {
    let exact: Vec<_> = containers.iter().filter(|container| container.id == digits).collect();
    if exact.len() > 1 {
        let way_out = match ways(&exact) {
            Some(ways) => format!("say {}", ways.join(" or ")),
            None => "begin the path with its process, as in pid:4242".to_owned(),
        };
        return Err(Error::failed(format!("ID \"{digits}\" is ambiguous: {way_out}")));
    }
    if let [only] = exact[..] {
        return Ok(Some(only));
    }
    let fitting: Vec<_> = containers.iter().filter(|container| container.id.starts_with(digits)).collect();
    match fitting[..] {
        [] => Ok(None),
        [only] => Ok(Some(only)),
        _ => {
            Err(Error::failed(format!("ID \"{digits}\" is ambiguous: {} begin so: {}", fitting.len(), shown(&fitting))))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::address::{Address, Owner};
    use crate::engine::container::Summary;
    use crate::query::{Kind, Subject};
    use crate::rootfs::directory::FileId;

    fn container(id: &str, user: Option<&str>, kind: Kind) -> ListedContainer {
        let owner = user.map(|user| Owner { uid: 1, name: user.into() });
        let listed = Summary { id: id.to_owned(), name: "web".to_owned(), ..Summary::default() };
        ListedContainer::new(listed, Address { kind, owner, namespace: None }, FileId::default())
    }

    fn asked(path: &str, list: Listing) -> std::result::Result<Option<String>, String> {
        let Ok(Subject::Id { of, digits }) = Subject::parse(path) else { panic!("{path}") };
        let chosen = choose_among(&of, digits, list).map_err(|error| error.to_string());
        chosen.map(|container| container.map(|container| container.address().to_string()))
    }

    #[test]
    fn an_id_that_several_claim_has_a_way_out() {
        let id = &"c6".repeat(32)[..];
        let list = || Listing {
            containers: vec![
                container(id, Some("mal"), Kind::Docker),
                container(id, Some("dave"), Kind::Podman),
                container(id, Some("dave"), Kind::Docker),
            ],
            ..Listing::default()
        };
        let refusal = asked(&format!("id:{id}"), list()).unwrap_err();
        let ways = ["mal@id:", "dave@podman:id:", "dave@docker:id:"].map(|way| format!("{way}{id}"));
        assert_eq!(refusal, format!("ID \"{id}\" is ambiguous: say {}", ways.join(" or ")));
        for (way, engine) in ways.iter().zip(["mal@docker", "dave@podman", "dave@docker"]) {
            assert_eq!(asked(way, list()), Ok(Some(engine.to_owned())), "{way}");
        }
        let refusal = asked("id:c6", list()).unwrap_err();
        assert!(ways.iter().all(|way| refusal.contains(way)), "{refusal}");
        assert_eq!(asked("mal@id:c6", list()), Ok(Some("mal@docker".to_owned())));
        assert_eq!(asked("podman:id:c6", list()), Ok(Some("dave@podman".to_owned())));
        assert_eq!(asked("docker:id:c7", list()), Ok(None));
    }

    #[test]
    fn who_was_silent_is_told_with_the_way_out() {
        let list = |containers: &[ListedContainer]| Listing {
            containers: containers.to_vec(),
            failures: vec![Error::failed("mal@docker: the engine does not answer")],
            ..Listing::default()
        };
        let refusal = asked("id:c6", list(&[container("c6", Some("dave"), Kind::Podman)])).unwrap_err();
        let expected = "mal@docker: the engine does not answer (it may have such an ID, too; to ask only dave@podman, say \
             dave@podman:id:c6)";
        assert_eq!(refusal, expected);
        let refusal = asked("id:c6", list(&[])).unwrap_err();
        assert!(refusal.starts_with("mal@docker: the engine does not answer (so whether"), "{refusal}");
        assert!(refusal.contains("as in docker:id:c6"), "{refusal}");
    }
}
