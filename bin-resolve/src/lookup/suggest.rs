//! What may have been meant where nothing was found, and how else it is called.

use std::collections::BTreeMap;

use nicon_core::Error;
use nicon_core::container::{begins_id, is_short_id};
use nicon_core::path::is_name;
use nicon_core::path::show;
use nicon_core::suggest::nearest;

use crate::brief::brief_list;
use crate::engine::container::short;
use crate::engine::endpoint::Endpoint;
use crate::engine::pod::Pod;
use crate::lookup::listing::ListedContainer;
use crate::lookup::site::EngineSite;
use crate::query::path::spell;
use crate::query::{Kind, Qualifier};

/// How many containers are named.
const MAX_SHOWN: usize = 5;

/// The longest name that a hint repeats.
const MAX_LENGTH: usize = 100;

/// Why `asked` was not found among `known`, the containers of engines that are `of` those asked for.
pub(super) fn explain(of: &Qualifier, asked: &str, known: &[ListedContainer]) -> Error {
    let by_id: Vec<_> = known.iter().filter(|known| begins_id(asked) && known.id.starts_with(asked)).collect();
    if by_id.len() > 1 && is_short_id(asked) {
        return Error::failed(format!("ID \"{asked}\" is ambiguous: {} begin so: {}", by_id.len(), shown(&by_id)));
    }
    let name = |known: &ListedContainer| match known.as_pod() {
        Some(pod) => way_of_pod(pod).trim_start_matches('/').to_owned(),
        None => known.name.clone(),
    };
    let names: Vec<String> = known.iter().map(name).filter(|name| is_name(bare(name))).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let by_id = match by_id.len() {
        0 => None,
        1 => Some(format!("one has an ID that begins so: {of}id:{asked}")),
        several => Some(format!("{several} have IDs that begin so: {}", shown(&by_id))),
    };
    Error::no(match by_id.or_else(|| hint(asked, &names)) {
        Some(hint) => format!("no container \"{asked}\" ({hint})"),
        None => format!("no container \"{asked}\""),
    })
}

/// Why no pod is called `asked` among `known`.
pub(super) fn explain_pod(asked: &str, known: &[ListedContainer]) -> Error {
    let pods = known.iter().filter_map(ListedContainer::as_pod).filter(|pod| is_name(&pod.name));
    let ways: BTreeMap<&str, String> = pods.map(|pod| (&pod.name[..], way_of_pod(pod))).collect();
    if let Some((name, way)) = ways.iter().find(|(name, _)| is_dotted(name, asked)) {
        return Error::no(format!(
            "no pod \"{asked}\" (one is called \"{name}\": separate names with slashes, as in {way})"
        ));
    }
    let near = nearest(asked, ways.keys().copied());
    let (before, shown, after): (_, Vec<_>, _) = if near.is_empty() {
        (" (pods here: ", ways.into_values().collect(), ")")
    } else {
        (" (did you mean ", near.into_iter().map(|name| ways[name].clone()).collect(), "?)")
    };
    let separator = if after == ")" { ", " } else { " or " };
    match &shown[..] {
        [] => Error::no(format!("no pod \"{asked}\"")),
        _ => Error::no(format!(
            "no pod \"{asked}\"{before}{}{after}",
            brief_list(shown.into_iter(), separator, MAX_SHOWN)
        )),
    }
}

/// Whether a name goes on behind this with a dot, which separates names.
fn is_dotted(name: &str, asked: &str) -> bool {
    name.strip_prefix(asked).is_some_and(|rest| rest.starts_with('.'))
}

/// How a pod is named.
fn way_of_pod(pod: &Pod) -> String {
    show(&[spell(&pod.way(None), &pod.name, &pod.sandbox)])
}

/// A name without what is before it in that of a pod.
fn bare(name: &str) -> &str {
    name.rsplit(':').next().unwrap_or(name)
}

fn hint(asked: &str, names: &[&str]) -> Option<String> {
    let is_dotted = |name: &&&str| name.len() <= MAX_LENGTH && is_dotted(name, asked);
    if let Some(dotted) = names.iter().find(is_dotted) {
        return Some(format!("a container is called \"{dotted}\": separate names with slashes, as in /{dotted}"));
    }
    let by_lowercase: BTreeMap<String, &str> =
        names.iter().map(|name| (bare(name).to_ascii_lowercase(), *name)).collect();
    let near = nearest(&asked.to_ascii_lowercase(), by_lowercase.keys().map(String::as_str));
    if !near.is_empty() {
        let near = near.into_iter().map(|name| short(by_lowercase[name]).to_owned());
        return Some(format!("did you mean {}?", brief_list(near, " or ", MAX_SHOWN)));
    }
    let shown = by_lowercase.into_values().map(|name| short(name).to_owned());
    (shown.len() > 0).then(|| format!("containers here: {}", brief_list(shown, ", ", MAX_SHOWN)))
}

/// How each of these, which have the same ID, is named alone; `None` if one of them has no such name.
pub(super) fn ways(containers: &[&ListedContainer]) -> Option<Vec<String>> {
    containers.iter().map(|container| way(container, containers)).collect()
}

fn way(container: &ListedContainer, same: &[&ListedContainer]) -> Option<String> {
    let addresses: Vec<_> = same.iter().map(|same| same.address()).collect();
    let of = container.address().shortest(&addresses, &Qualifier::default())?;
    Some(show(&[format!("{of}id:{}", container.id)]))
}

/// The IDs of containers, as far as there is room for them: each as it tells this one from the others.
pub(super) fn shown(containers: &[&ListedContainer]) -> String {
    let shown = |container: &&ListedContainer| {
        let begins_so = |other: &&&ListedContainer| short(&other.id) == short(&container.id);
        let rivals: Vec<_> = containers.iter().filter(begins_so).copied().collect();
        let same: Vec<_> = rivals.iter().filter(|rival| rival.id == container.id).copied().collect();
        match (rivals.len(), same.len()) {
            (1, _) => short(&container.id).to_owned(),
            (_, 1) => container.id.clone(),
            _ => way(container, &same).unwrap_or_else(|| container.id.clone()),
        }
    };
    brief_list(containers.iter().map(shown), ", ", MAX_SHOWN)
}

/// The error if there is no engine: what was tried, and how to choose another socket.
pub(super) fn no_engine(site: &EngineSite<'_>, asked: &Qualifier) -> Error {
    if let Some(user) = &asked.user {
        let what = asked.engine.map_or("engine", Kind::name);
        return Error::no(format!(
            "user {user} has no {what} here (users are looked for in /run/user/UID, by their IDs and the names in /etc/passwd)"
        ));
    }
    let (sockets, asked) = (site.sockets(), asked.engine.or(site.settings.engine));
    let kinds = Kind::ALL.into_iter().filter(|kind| match asked {
        Some(asked) => *kind == asked,
        None => *kind == Kind::Docker || sockets.chosen(Kind::Docker).is_none(),
    });
    let mut tried: Vec<_> =
        kinds.clone().flat_map(|kind| sockets.of(kind)).map(|path| path.display().to_string()).collect();
    tried.dedup();
    let engine = asked.map_or("container", Kind::name);
    let tried = tried.join(", ");
    if tried.is_empty() {
        return Error::no(format!("no {engine} engine (none of its files are here)"));
    }
    let chosen = kinds.clone().find_map(|kind| sockets.chosen(kind));
    let variable = if asked == Some(Kind::Podman) { "CONTAINER_HOST" } else { "DOCKER_HOST" };
    let hint = match (site.container, chosen) {
        (None, Some(by)) => &format!(", as {by} says"),
        (None, None) => &format!(", and no files; {variable}=unix:///PATH names another"),
        (Some(_), _) => ", and no files; --socket PATH names another",
    };
    Error::no(format!("no {engine} engine (no socket at {tried}{hint})"))
}

/// Why it is unknown what runs under an engine that does not run itself, and whose files are not known.
pub(super) fn untold(site: &EngineSite<'_>, endpoint: &Endpoint) -> Error {
    let (kind, sockets) = (endpoint.kind(), site.sockets());
    let by = sockets.chosen(kind).unwrap_or("the caller");
    let at = sockets.of(kind).first().map(|path| path.display().to_string()).unwrap_or_default();
    Error::failed(format!(
        "{} at {at} is not running, and {by} does not say where its files are: what outlived it is unknown (start it)",
        kind.name()
    ))
}

#[cfg(test)]
mod tests {
    use nicon_core::Status;

    use super::*;
    use crate::engine::address::Address;
    use crate::engine::container::Summary;
    use crate::query::Kind;
    use crate::rootfs::directory::FileId;

    #[test]
    fn the_beginning_of_an_id_is_no_name() {
        let container = |id: &str, name: &str| {
            let listed = Summary { id: id.repeat(32), name: name.to_owned(), ..Summary::default() };
            ListedContainer::new(listed, Address::usual(Kind::Docker), FileId::default())
        };
        let known = [container("c6", "web"), container("c7", "db")];
        for (asked, status, expected) in [
            ("c6", Status::No, "no container \"c6\" (one has an ID that begins so: id:c6)"),
            ("c", Status::No, "no container \"c\" (2 have IDs that begin so: c6c6c6c6c6c6, c7c7c7c7c7c7)"),
            ("we", Status::No, "no container \"we\" (did you mean web?)"),
        ] {
            let error = explain(&Qualifier::default(), asked, &known);
            assert_eq!((error.status(), &error.to_string()[..]), (status, expected));
        }
        let twins = [container("c6", "web"), container("c6", "db")];
        let error = explain(&Qualifier::default(), &"c6".repeat(6), &twins);
        let ambiguous = "ID \"c6c6c6c6c6c6\" is ambiguous: 2 begin so: ";
        assert!(error.status() == Status::Failed && error.to_string().starts_with(ambiguous), "{error}");
    }

    #[test]
    fn a_hint_says_what_may_have_been_meant() {
        let names = ["setup", "Olt_1", "my.dotted"];
        for (asked, expected) in [
            ("SETUP", "did you mean setup?"),
            ("olt1", "did you mean Olt_1?"),
            ("my", "a container is called \"my.dotted\": separate names with slashes, as in /my.dotted"),
            ("qqqqqqqq", "containers here: my.dotted, Olt_1, setup"),
        ] {
            assert_eq!(hint(asked, &names).as_deref(), Some(expected));
        }
        assert_eq!(hint("qqqqqqqq", &["a", "b", "c", "d", "e", "f"]).unwrap(), "containers here: a, b, c, d, e, ...");
        assert_eq!(hint("web", &[]), None);
        // No name, and no ID that is one, is cut.
        let ids: Vec<_> = ["a", "b", "c", "d"].iter().map(|digit| digit.repeat(64)).collect();
        let ids: Vec<_> = ids.iter().map(String::as_str).collect();
        assert_eq!(hint(&"a".repeat(60), &ids).unwrap(), "did you mean aaaaaaaaaaaa?");
        let long = ["x", "y", "z"].map(|letter| format!("{letter}-{}", "web-".repeat(30)));
        let long = [&long[0][..], &long[1], &long[2]];
        assert_eq!(hint("qqq", &long).unwrap(), format!("containers here: {}, {}, ...", long[0], long[1]));
    }
}
