//! How the containers of a list are called in paths.

use std::collections::{HashMap, HashSet};

use crate::address::Address;
use crate::roster::Member;

/// Gives each container a segment that no other one has, and orders them by name.
pub(crate) fn make_unique(members: &mut [Member], is_near: impl Fn(&Address) -> bool) {
    disambiguate(members, is_near);
    mark_twins(members);
}

/// Makes segments unique: says which engine is meant, and whose, or uses the ID. A name that a near engine knows is its
/// container's, whatever other users call theirs.
fn disambiguate(members: &mut [Member], is_near: impl Fn(&Address) -> bool) {
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
            None => member.id.clone(),
        };
    }
}

/// Marks those to which no path leads, since it would lead to others as well.
fn mark_twins(members: &mut [Member]) {
    let mut bearers: HashMap<String, usize> = HashMap::new();
    for member in members.iter() {
        *bearers.entry(member.segment.clone()).or_default() += 1;
    }
    let mut known = HashSet::new();
    for member in members {
        member.is_twin = bearers.get(&member.segment).is_some_and(|bearers| *bearers > 1);
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
        disambiguate(&mut members, |place| place.owner.is_none());
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
        disambiguate(&mut members, |place| place.owner.is_none());
        let mut segments = members.clone().map(|member| member.segment);
        segments.sort_unstable();
        assert_eq!(segments, ["alice@web", "bob@docker:web", "bob@podman:web", "db", "web"]);
        // As alice sees it.
        let mut members = members.map(|member| Member { segment: member.name.clone(), ..member });
        disambiguate(&mut members, |place| place.owner.as_ref().is_none_or(|owner| &*owner.name == "alice"));
        let mut segments = members.map(|member| member.segment);
        segments.sort_unstable();
        assert_eq!(segments, ["alice@web", "bob@docker:web", "bob@podman:web", "db", "root@docker:web"]);
    }
}
