//! How the containers of a list are called in paths.

use std::collections::{BTreeMap, HashMap, HashSet};

use nicon_core::container::is_short_id;

use crate::address::Address;
use crate::kind::Qualifier;
use crate::name::{by_id, spell};
use crate::roster::Member;

/// Gives each container a segment that no other one has, and orders them by name. What was `asked` of the engines is said of each,
/// since others were not asked.
pub(crate) fn make_unique(members: &mut [Member], asked: &Qualifier, is_near: impl Fn(&Address) -> bool) {
    disambiguate(members, asked, &is_near);
    mark_twins(members, &is_near);
}

/// Makes segments unique: says which engine is meant, and whose, or uses the ID. A name that a near engine knows is its
/// container's, whatever other users call theirs; so is an ID.
fn disambiguate(members: &mut [Member], asked: &Qualifier, is_near: &impl Fn(&Address) -> bool) {
    members.sort_by(|a, b| a.name.cmp(&b.name));
    let bearers = Bearers::of(members);
    let segment = |member: &Member| {
        let (address, is_ours) = (member.address(), is_near(&member.place));
        if let Some(way) = address.shortest(&bearers.rivals(member, is_near), asked) {
            return spell(&way, &member.segment, &member.id);
        }
        let way = if is_ours { address.as_asked(asked) } else { address.qualifier() };
        let is_a_name = bearers.by_segment.contains_key(&member.id[..]) && member.name != member.id;
        if is_a_name { by_id(&way, &member.id) } else { spell(&way, &member.id, &member.id) }
    };
    let segments: Vec<_> = members.iter().map(segment).collect();
    members.iter_mut().zip(segments).for_each(|(member, segment)| member.segment = segment);
}

/// Which containers a word may mean.
struct Bearers<'a> {
    by_segment: HashMap<&'a str, Vec<&'a Member>>,
    by_id: BTreeMap<&'a str, Vec<&'a Member>>,
}

impl<'a> Bearers<'a> {
    fn of(members: &'a [Member]) -> Self {
        let mut bearers = Self { by_segment: HashMap::new(), by_id: BTreeMap::new() };
        for member in members {
            bearers.by_segment.entry(&member.segment).or_default().push(member);
            if member.id != member.segment {
                bearers.by_id.entry(&member.id).or_default().push(member);
            }
        }
        bearers
    }

    /// The engines with a container that the segment of `member` may mean, its own among them.
    fn rivals(&self, member: &Member, is_near: &impl Fn(&Address) -> bool) -> Vec<Address> {
        let (word, is_ours) = (&member.segment[..], is_near(&member.place));
        let named = self.by_segment[word].iter();
        // A whole ID is as good as a name; its beginning is not, unless it is a nearer one's.
        let by_id = self.by_id.range(word..).take_while(|(id, _)| id.starts_with(word)).flat_map(|(_, rivals)| rivals);
        let by_id = by_id.filter(|rival| rival.id == word || is_short_id(word) && !is_ours && is_near(&rival.place));
        let rivals = named.chain(by_id).filter(|rival| !is_ours || is_near(&rival.place));
        rivals.map(|rival| rival.address()).collect()
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
    use crate::container::fit;
    use crate::kind::{Kind, Wanted};
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
        disambiguate(&mut members, &Qualifier::default(), &|place: &Address| place.owner.is_none());
        let mut segments = members.map(|member| member.segment);
        segments.sort_unstable();
        let (jobs, others) = segments.split_at(2);
        assert_eq!(jobs, ["containerd:teama:job", "containerd:teamb:job"]);
        assert_eq!(others, ["d4", "db", "docker:web", "e5", "f6", "podman:web"]);
    }

    /// What a segment means, by the rules of names and IDs: near engines first.
    fn meant(segment: &str, members: &[Member], is_near: impl Fn(&Address) -> bool) -> Vec<String> {
        let fits = |member: &&Member| match Wanted::parse(segment).unwrap() {
            Wanted::Container { of, name } => member.is_of(&of) && fit(name, &member.id, &member.name).is_some(),
            Wanted::Id { of, digits } => member.is_of(&of) && member.id.starts_with(digits),
            Wanted::Process(_) => false,
        };
        let (near, others): (Vec<_>, Vec<_>) = members.iter().filter(fits).partition(|member| is_near(&member.place));
        let meant = if near.is_empty() { others } else { near };
        meant.iter().map(|member| member.id.clone()).collect()
    }

    #[test]
    fn each_segment_leads_back() {
        let id = |digit: &str| digit.repeat(64);
        let of = |user: Option<&str>, kind, namespace: Option<&str>, id: &str, name: &str| {
            let owner = user.map(|user| Owner { uid: 1000, name: user.into() });
            let listed = Listed { id: id.into(), name: name.into(), namespace: namespace.map(str::to_owned) };
            Member::new(listed, Address { kind, owner, namespace: None }, FileId::default())
        };
        let members = [
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
        let is_near = |place: &Address| place.owner.is_none();
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
            let of = Wanted::qualifier(&format!("{asked}x"));
            let mut listed: Vec<_> = members.iter().filter(|member| member.is_of(&of)).cloned().collect();
            assert!(!listed.is_empty(), "{asked}");
            make_unique(&mut listed, &of, is_near);
            for member in &listed {
                let segment = &member.segment;
                assert!(!member.is_twin, "{segment}");
                assert_eq!(meant(segment, &members, is_near), [&member.id[..]], "{segment} of {asked}*");
            }
        }
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
        disambiguate(&mut members, &Qualifier::default(), &|place: &Address| place.owner.is_none());
        let mut segments = members.clone().map(|member| member.segment);
        segments.sort_unstable();
        assert_eq!(segments, ["alice@web", "bob@docker:web", "bob@podman:web", "db", "web"]);
        // As alice sees it.
        let mut members = members.map(|member| Member { segment: member.name.clone(), ..member });
        disambiguate(&mut members, &Qualifier::default(), &|place: &Address| {
            place.owner.as_ref().is_none_or(|owner| &*owner.name == "alice")
        });
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
        make_unique(&mut members, &Qualifier::default(), |place| place.owner.is_none());
        let of_root = members.iter().filter(|member| member.place.owner.is_none());
        let of_root: Vec<_> = of_root.map(|member| (&member.segment[..], member.is_twin)).collect();
        assert_eq!(of_root, [("c1", false), ("c2", false), ("web", false)]);
        let of_mal = members.iter().filter(|member| member.place.owner.is_some());
        let of_mal: Vec<_> = of_mal.map(|member| (&member.segment[..], member.is_twin)).collect();
        assert_eq!(of_mal[..2], [("mal@docker:web", true), ("another mal@docker:web", true)]);
    }
}
