//! How the containers of a list are called in paths.

use std::collections::{BTreeMap, HashMap, HashSet};

use nicon_core::Error;
use nicon_core::container::is_short_id;
use nicon_core::path::HOST;

use crate::engine::address::Address;
use crate::lookup::listing::ListedContainer;
use crate::lookup::placing::place_in_pods;
use crate::query::Qualifier;
use crate::query::path::{Path, by_id, spell};

/// Gives each container a segment that no other one has, and orders them by name. What was `asked` of the engines is said of each,
/// since others were not asked.
/// Returns what is to be told of those that are not in their pods.
pub(crate) fn make_unique(
    containers: &mut Vec<ListedContainer>,
    asked: &Qualifier,
    is_near: impl Fn(&Address) -> bool,
) -> Vec<Error> {
    let of_containers = Qualifier { user: asked.user.clone(), ..Qualifier::default() };
    disambiguate(containers, if asked.is_pod { &of_containers } else { asked }, &is_near);
    let remarks = place_in_pods(containers, asked, &is_near);
    mark_twins(containers, &is_near);
    remarks
}

/// Says which engine is meant where a container is called like what a path can begin with and is no container.
pub(crate) fn tell_from_starts(containers: &mut [ListedContainer]) {
    for container in containers.iter_mut().filter(|container| container.segment == HOST) {
        container.segment = format!("{}:{HOST}", container.endpoint.kind.name());
    }
}

/// Makes segments unique: says which engine is meant, and whose, or uses the ID. A name that a near engine knows is its
/// container's, whatever other users call theirs; so is an ID.
fn disambiguate(containers: &mut [ListedContainer], asked: &Qualifier, is_near: &impl Fn(&Address) -> bool) {
    containers.sort_by(|a, b| a.name.cmp(&b.name));
    let bearers = Bearers::of(containers);
    let segment = |container: &ListedContainer| {
        let (address, is_ours) = (container.address(), is_near(&container.endpoint));
        if let Some(way) = address.shortest(&bearers.rivals(container, is_near), asked) {
            return spell(&way, &container.segment, &container.id);
        }
        let way = if is_ours { address.as_asked(asked) } else { address.qualifier() };
        let is_a_name = bearers.by_segment.contains_key(&container.id[..]) && container.name != container.id;
        if is_a_name { by_id(&way, &container.id) } else { spell(&way, &container.id, &container.id) }
    };
    let segments: Vec<_> = containers.iter().map(segment).collect();
    containers.iter_mut().zip(segments).for_each(|(container, segment)| container.segment = segment);
}

/// Which containers a word may mean.
struct Bearers<'a> {
    by_segment: HashMap<&'a str, Vec<&'a ListedContainer>>,
    by_id: BTreeMap<&'a str, Vec<&'a ListedContainer>>,
}

impl<'a> Bearers<'a> {
    fn of(containers: &'a [ListedContainer]) -> Self {
        let mut bearers = Self { by_segment: HashMap::new(), by_id: BTreeMap::new() };
        for container in containers {
            bearers.by_segment.entry(&container.segment).or_default().push(container);
            if container.id != container.segment {
                bearers.by_id.entry(&container.id).or_default().push(container);
            }
        }
        bearers
    }

    /// The engines with a container that the segment of `container` may mean, its own among them.
    fn rivals(&self, container: &ListedContainer, is_near: &impl Fn(&Address) -> bool) -> Vec<Address> {
        let (word, is_ours) = (&container.segment[..], is_near(&container.endpoint));
        let named = self.by_segment[word].iter();
        // A whole ID is as good as a name; its beginning is not, unless it is a nearer one's.
        let by_id = self.by_id.range(word..).take_while(|(id, _)| id.starts_with(word)).flat_map(|(_, rivals)| rivals);
        let by_id = by_id.filter(|rival| rival.id == word || is_short_id(word) && !is_ours && is_near(&rival.endpoint));
        let rivals = named.chain(by_id).filter(|rival| !is_ours || is_near(&rival.endpoint));
        rivals.map(|rival| rival.address()).collect()
    }
}

/// Marks those to which no path leads, since it would lead to others as well. Nobody makes a twin of one that is nearer.
fn mark_twins(containers: &mut [ListedContainer], is_near: &impl Fn(&Address) -> bool) {
    let mut bearers: HashMap<(Path, bool), usize> = HashMap::new();
    for container in containers.iter() {
        *bearers.entry((container.tail(), is_near(&container.endpoint))).or_default() += 1;
    }
    let count = |tail: Path, near| bearers.get(&(tail, near)).copied().unwrap_or_default();
    let mut known: HashSet<Path> = HashSet::new();
    // The nearest keep their segments.
    let (near, others): (Vec<_>, Vec<_>) = containers.iter_mut().partition(|container| is_near(&container.endpoint));
    for (is_ours, container) in
        near.into_iter().map(|near| (true, near)).chain(others.into_iter().map(|other| (false, other)))
    {
        let rivals = count(container.tail(), true) + if is_ours { 0 } else { count(container.tail(), false) };
        container.is_twin = rivals > 1;
        while !known.insert(container.tail()) {
            container.segment = format!("another {}", container.segment);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::address::Owner;
    use crate::engine::container::Summary;
    use crate::engine::container::fit;
    use crate::query::{Kind, Subject};
    use crate::rootfs::directory::FileId;

    #[test]
    fn each_has_a_path_of_its_own() {
        let file = FileId::default();
        let within = |namespace: Option<&str>, id: &str, name: &str, kind| {
            let listed = Summary {
                id: id.into(),
                name: name.into(),
                namespace: namespace.map(str::to_owned),
                ..Summary::default()
            };
            ListedContainer::new(listed, Address::usual(kind), file)
        };
        let container = |id, name, kind| within(None, id, name, kind);
        let mut containers = [
            container("a1", "web", Kind::Docker),
            container("b2", "web", Kind::Podman),
            container("c3", "db", Kind::Docker),
            within(Some("k8s.io"), "d4", "pause", Kind::Containerd),
            within(Some("k8s.io"), "e5", "pause", Kind::Containerd),
            within(Some("k8s.io"), "f6", "no name", Kind::Containerd),
            within(Some("teama"), "job", "job", Kind::Containerd),
            within(Some("teamb"), "job", "job", Kind::Containerd),
        ];
        disambiguate(&mut containers, &Qualifier::default(), &|address: &Address| address.owner.is_none());
        let mut segments = containers.map(|container| container.segment);
        segments.sort_unstable();
        let (jobs, others) = segments.split_at(2);
        assert_eq!(jobs, ["containerd:teama:job", "containerd:teamb:job"]);
        assert_eq!(others, ["d4", "db", "docker:web", "e5", "f6", "podman:web"]);
    }

    /// What a segment means, by the rules of names and IDs: near engines first.
    fn meant(segment: &str, containers: &[ListedContainer], is_near: impl Fn(&Address) -> bool) -> Vec<String> {
        let fits = |container: &&ListedContainer| match Subject::parse(segment).unwrap() {
            Subject::Container { of, name } => {
                container.is_of(&of) && fit(name, &container.id, &container.name).is_some()
            }
            Subject::Id { of, digits } => container.is_of(&of) && container.id.starts_with(digits),
            Subject::Process(_) | Subject::Unit(_) => false,
        };
        let (near, others): (Vec<_>, Vec<_>) =
            containers.iter().filter(fits).partition(|container| is_near(&container.endpoint));
        let meant = if near.is_empty() { others } else { near };
        meant.iter().map(|container| container.id.clone()).collect()
    }

    #[test]
    fn each_segment_leads_back() {
        let id = |digit: &str| digit.repeat(64);
        let of = |user: Option<&str>, kind, namespace: Option<&str>, id: &str, name: &str| {
            let owner = user.map(|user| Owner { uid: 1000, name: user.into() });
            let listed = Summary {
                id: id.into(),
                name: name.into(),
                namespace: namespace.map(str::to_owned),
                ..Summary::default()
            };
            ListedContainer::new(listed, Address { kind, owner, namespace: None }, FileId::default())
        };
        let containers = [
            of(None, Kind::Docker, None, &id("1"), "web"),
            of(None, Kind::Podman, None, &id("2"), "web"),
            // An ID for a name, next to the one whose ID it is, and whose own name two have.
            of(None, Kind::Containerd, Some("k8s.io"), &id("3"), "pause"),
            of(None, Kind::Containerd, Some("k8s.io"), &id("4"), "pause"),
            of(None, Kind::Docker, None, &id("5"), &id("3")),
            // A namespace that is called like a prefix.
            of(None, Kind::Containerd, Some("id"), "cafe", "cafe"),
            of(None, Kind::Containerd, Some("teama"), "cafe2", "cafe"),
            of(None, Kind::Runc, None, "_a+b", "_a+b"),
            of(None, Kind::Runc, None, "-", "-"),
            of(Some("ann"), Kind::Docker, None, &id("6"), "/!!"),
            of(Some("ann"), Kind::Podman, None, &id("7"), "web"),
            of(Some("ann"), Kind::Containerd, Some("a"), &id("8"), "pause"),
            of(Some("ann"), Kind::Containerd, Some("a"), &id("9"), "pause"),
            of(Some("bob"), Kind::Docker, None, &id("a"), &id("6")),
            of(Some("bob"), Kind::Docker, None, &id("b"), &id("1")),
            of(Some("bob"), Kind::Docker, None, &id("c"), &id("2")[..12]),
        ];
        let is_near = |address: &Address| address.owner.is_none();
        for asked in [
            "",
            "docker:",
            "ann@",
            "1000@",
            "root@",
            "containerd:",
            "containerd:k8s.io:",
            "containerd:id:",
            "bob@docker:",
        ] {
            let of = Subject::qualifier(&format!("{asked}x"));
            let mut listed: Vec<_> = containers.iter().filter(|container| container.is_of(&of)).cloned().collect();
            assert!(!listed.is_empty(), "{asked}");
            make_unique(&mut listed, &of, is_near);
            for container in &listed {
                let segment = &container.segment;
                assert!(!container.is_twin, "{segment}");
                assert_eq!(meant(segment, &containers, is_near), [&container.id[..]], "{segment} of {asked}*");
            }
        }
    }

    #[test]
    fn other_users_do_not_change_how_ours_are_called() {
        let file = FileId::default();
        let of = |user: &str, kind| Address { kind, owner: Some(Owner { uid: 1, name: user.into() }), namespace: None };
        let container = |id: &str, name: &str, address| {
            ListedContainer::new(Summary { id: id.into(), name: name.into(), ..Summary::default() }, address, file)
        };
        let mut containers = [
            container("a1", "web", Address::usual(Kind::Docker)),
            container("b2", "web", of("alice", Kind::Docker)),
            container("c3", "web", of("bob", Kind::Docker)),
            container("d4", "web", of("bob", Kind::Podman)),
            container("e5", "db", of("bob", Kind::Podman)),
        ];
        disambiguate(&mut containers, &Qualifier::default(), &|address: &Address| address.owner.is_none());
        let mut segments = containers.clone().map(|container| container.segment);
        segments.sort_unstable();
        assert_eq!(segments, ["alice@web", "bob@docker:web", "bob@podman:web", "db", "web"]);
        // As alice sees it.
        let mut containers =
            containers.map(|container| ListedContainer { segment: container.name.clone(), ..container });
        disambiguate(&mut containers, &Qualifier::default(), &|address: &Address| {
            address.owner.as_ref().is_none_or(|owner| &*owner.name == "alice")
        });
        let mut segments = containers.map(|container| container.segment);
        segments.sort_unstable();
        assert_eq!(segments, ["alice@web", "bob@docker:web", "bob@podman:web", "db", "root@docker:web"]);
    }

    #[test]
    fn nobody_makes_a_twin_of_a_nearer_one() {
        let file = FileId::default();
        let container = |id: &str, name: &str, user: Option<&str>| {
            let owner = user.map(|user| Owner { uid: 1, name: user.into() });
            let address = Address { kind: Kind::Docker, owner, namespace: None };
            ListedContainer::new(Summary { id: id.into(), name: name.into(), ..Summary::default() }, address, file)
        };
        let id = "a".repeat(64);
        // Its IDs are names of root's, and its names no path can have; and one that has an ID for a name.
        let mut containers = vec![
            container(&id, "web", None),
            container("web", "/!!", Some("mal")),
            container("web", "/!?", Some("mal")),
            container("b", &id, Some("mal")),
            container("c1", "db", None),
            container("c2", "db", None),
        ];
        make_unique(&mut containers, &Qualifier::default(), |address| address.owner.is_none());
        let of_root = containers.iter().filter(|container| container.endpoint.owner.is_none());
        let of_root: Vec<_> = of_root.map(|container| (&container.segment[..], container.is_twin)).collect();
        assert_eq!(of_root, [("c1", false), ("c2", false), ("web", false)]);
        let of_mal = containers.iter().filter(|container| container.endpoint.owner.is_some());
        let of_mal: Vec<_> = of_mal.map(|container| (&container.segment[..], container.is_twin)).collect();
        assert_eq!(of_mal[..2], [("mal@docker:web", true), ("another mal@docker:web", true)]);
    }
}
