//! How the containers of a list are called in paths.

use std::collections::{HashMap, HashSet};

use crate::address::Address;
use crate::roster::Member;

/// Gives each container a segment that no other one has, and orders them by name.
pub(crate) fn make_unique(members: &mut [Member], is_near: impl Fn(&Address) -> bool) {
    disambiguate(members, &is_near);
    mark_twins(members, &is_near);
}

/// Makes segments unique: says which engine is meant, and whose, or uses the ID. A name that a near engine knows is its
/// container's, whatever other users call theirs.
fn disambiguate(members: &mut [Member], is_near: &impl Fn(&Address) -> bool) {
    members.sort_by(|a, b| a.name.cmp(&b.name));
    let mut bearers: HashMap<String, Vec<Address>> = HashMap::new();
    for member in members.iter() {
        bearers.entry(member.segment.clone()).or_default().push(member.address());
    }
    for member in members {
        let is_ours = is_near(&member.place);
        let is_rival = |rival: &&Address| !is_ours || is_near(&rival.within(None));
        let rivals = bearers[&member.segment].iter().filter(is_rival);
        let rivals: Vec<_> = rivals.cloned().collect();
        member.segment = match member.address().shortest(&rivals) {
            Some(way) => format!("{way}{}", member.segment),
            None if is_ours => member.id.clone(),
            None => format!("{}{}", member.address().qualifier(), member.id),
        };
    }
}

/// Marks those to which no path leads, since it would lead to others as well. Nobody makes a twin of one that is nearer.
fn mark_twins(members: &mut [Member], is_near: &impl Fn(&Address) -> bool) {
    let mut bearers: HashMap<(String, bool), usize> = HashMap::new();
    for member in members.iter() {
        *bearers.entry((member.segment.clone(), is_near(&member.place))).or_default() += 1;
    }
    let count = |segment: &str, near| bearers.get(&(segment.to_owned(), near)).copied().unwrap_or_default();
    let mut known: HashSet<String> = HashSet::new();
    // The nearest keep their segments.
    let (near, others): (Vec<_>, Vec<_>) = members.iter_mut().partition(|member| is_near(&member.place));
    for (is_ours, member) in
        near.into_iter().map(|near| (true, near)).chain(others.into_iter().map(|other| (false, other)))
    {
        let rivals = count(&member.segment, true) + if is_ours { 0 } else { count(&member.segment, false) };
        member.is_twin = rivals > 1;
        while !known.insert(member.segment.clone()) {
            member.segment = format!("another {}", member.segment);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::Owner;
    use crate::kind::Kind;
    use crate::listing::Listed;
    use crate::root::FileId;

    #[test]
    fn each_has_a_path_of_its_own() {
        let file = FileId::default();
        let within = |namespace: Option<&str>, id: &str, name: &str, kind| {
            let listed = Listed { id: id.into(), name: name.into(), namespace: namespace.map(str::to_owned) };
            Member::new(listed, Address::usual(kind), file)
        };
        let member = |id, name, kind| within(None, id, name, kind);
        let mut members = [
            member("a1", "web", Kind::Docker),
            member("b2", "web", Kind::Podman),
            member("c3", "db", Kind::Docker),
            within(Some("k8s.io"), "d4", "pause", Kind::Containerd),
            within(Some("k8s.io"), "e5", "pause", Kind::Containerd),
            within(Some("k8s.io"), "f6", "no name", Kind::Containerd),
            within(Some("teama"), "job", "job", Kind::Containerd),
            within(Some("teamb"), "job", "job", Kind::Containerd),
        ];
        disambiguate(&mut members, &|place: &Address| place.owner.is_none());
        let mut segments = members.map(|member| member.segment);
        segments.sort_unstable();
        let (jobs, others) = segments.split_at(2);
        assert_eq!(jobs, ["containerd:teama:job", "containerd:teamb:job"]);
        assert_eq!(others, ["d4", "db", "docker:web", "e5", "f6", "podman:web"]);
    }

    #[test]
    fn other_users_do_not_change_how_ours_are_called() {
        let file = FileId::default();
        let of = |user: &str, kind| Address { kind, owner: Some(Owner { uid: 1, name: user.into() }), namespace: None };
        let member = |id: &str, name: &str, place| {
            Member::new(Listed { id: id.into(), name: name.into(), namespace: None }, place, file)
        };
        let mut members = [
            member("a1", "web", Address::usual(Kind::Docker)),
            member("b2", "web", of("alice", Kind::Docker)),
            member("c3", "web", of("bob", Kind::Docker)),
            member("d4", "web", of("bob", Kind::Podman)),
            member("e5", "db", of("bob", Kind::Podman)),
        ];
        disambiguate(&mut members, &|place: &Address| place.owner.is_none());
        let mut segments = members.clone().map(|member| member.segment);
        segments.sort_unstable();
        assert_eq!(segments, ["alice@web", "bob@docker:web", "bob@podman:web", "db", "web"]);
        // As alice sees it.
        let mut members = members.map(|member| Member { segment: member.name.clone(), ..member });
        disambiguate(&mut members, &|place: &Address| place.owner.as_ref().is_none_or(|owner| &*owner.name == "alice"));
        let mut segments = members.map(|member| member.segment);
        segments.sort_unstable();
        assert_eq!(segments, ["alice@web", "bob@docker:web", "bob@podman:web", "db", "root@docker:web"]);
    }

    #[test]
    fn nobody_makes_a_twin_of_a_nearer_one() {
        let file = FileId::default();
        let member = |id: &str, name: &str, user: Option<&str>| {
            let owner = user.map(|user| Owner { uid: 1, name: user.into() });
            let place = Address { kind: Kind::Docker, owner, namespace: None };
            Member::new(Listed { id: id.into(), name: name.into(), namespace: None }, place, file)
        };
        let id = "a".repeat(64);
        // Its IDs are names of root's, and its names no path can have; and one that has an ID for a name.
        let mut members = [
            member(&id, "web", None),
            member("web", "/!!", Some("mal")),
            member("web", "/!?", Some("mal")),
            member("b", &id, Some("mal")),
            member("c1", "db", None),
            member("c2", "db", None),
        ];
        make_unique(&mut members, |place| place.owner.is_none());
        let of_root = members.iter().filter(|member| member.place.owner.is_none());
        let of_root: Vec<_> = of_root.map(|member| (&member.segment[..], member.is_twin)).collect();
        assert_eq!(of_root, [("c1", false), ("c2", false), ("web", false)]);
        let of_mal = members.iter().filter(|member| member.place.owner.is_some());
        let of_mal: Vec<_> = of_mal.map(|member| (&member.segment[..], member.is_twin)).collect();
        assert_eq!(of_mal[..2], [("mal@docker:web", true), ("another mal@docker:web", true)]);
    }
}
