//! Which tunnels lead from one machine to another: the two ends of a VXLAN are a wire.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::link::{Peer, RemoteEnd, Tunnel};
use crate::nest::Nest;

/// A link of a node.
type Place = (usize, usize);

/// Gives each end of a tunnel the other one as its peer: that which its record names, or else the only one elsewhere that has its number.
pub(crate) fn connect(nest: &mut Nest) {
    let ends = ends(nest);
    let mut others = by_name(nest, &ends);
    by_number(nest, &ends, &mut others);
    for &(node, link) in &ends {
        let named = tunnel(nest, (node, link)).end.as_ref();
        let named = named.map(|end| {
            let target = Some(format!("{} on {}", end.target, end.on));
            Peer { name: end.name.clone(), id: None, target }
        });
        let peer = others.get(&(node, link)).map(|&(node, link)| {
            let there = &nest.nodes[node].links[link];
            Peer { name: there.name.clone(), id: Some(there.id), target: Some(nest.place_of(node)) }
        });
        nest.nodes[node].links[link].peer = peer.or(named);
    }
}

/// All ends of tunnels. What shares a network namespace has the same ones: they count once.
fn ends(nest: &Nest) -> Vec<Place> {
    let mut seen = HashSet::new();
    let all = nest
        .nodes
        .iter()
        .enumerate()
        .flat_map(|(at, node)| node.links.iter().enumerate().map(move |(link, of)| (at, link, of)));
    all.filter(|(_, _, link)| link.tunnel.is_some() && seen.insert(link.id))
        .map(|(node, link, _)| (node, link))
        .collect()
}

fn tunnel(nest: &Nest, (node, link): Place) -> &Tunnel {
    nest.nodes[node].links[link].tunnel.as_ref().expect("it is the end of a tunnel")
}

/// The other end of each that names one, and of those that are named.
fn by_name(nest: &Nest, ends: &[Place]) -> HashMap<Place, Place> {
    let mut called: HashMap<RemoteEnd, Vec<Place>> = HashMap::new();
    for &(node, link) in ends {
        let of = &nest.nodes[node];
        let asked = of.record.as_ref().and_then(|record| record.text("target").ok()?).map(str::to_owned);
        let targets: HashSet<String> = asked.into_iter().chain([nest.path(node)]).collect();
        let machine = nest.machines[of.machine].title();
        let machines: HashSet<String> = tunnel(nest, (node, link)).on.clone().into_iter().chain([machine]).collect();
        for (target, on) in targets.iter().flat_map(|target| machines.iter().map(move |on| (target, on))) {
            let end = RemoteEnd { on: on.clone(), target: target.clone(), name: of.links[link].name.clone() };
            called.entry(end).or_default().push((node, link));
        }
    }
    let mut others = HashMap::new();
    for &end in ends {
        let here = tunnel(nest, end);
        let there = here.end.as_ref().and_then(|end| called.get(end)).into_iter().flatten();
        if let Some(&other) =
            sole(there.filter(|&&other| is_elsewhere(nest, end, other) && tunnel(nest, other).vni == here.vni))
        {
            others.insert(end, other);
            others.entry(other).or_insert(end);
        }
    }
    others
}

/// The other end of each that names none and is named by none. Several machines may have one of a number, as where a group of addresses
/// is at the other end: then the addresses decide.
fn by_number(nest: &Nest, ends: &[Place], others: &mut HashMap<Place, Place>) {
    let mut of_number: BTreeMap<(u64, u64), Vec<Place>> = BTreeMap::new();
    for &end in ends.iter().filter(|end| !others.contains_key(end) && tunnel(nest, **end).end.is_none()) {
        let Tunnel { vni, dst_port, .. } = tunnel(nest, end);
        of_number.entry((*vni, *dst_port)).or_default().push(end);
    }
    for all in of_number.values() {
        let other = |end: Place| {
            let are_known = all.len() > 2;
            let elsewhere = all.iter().filter(|&&other| is_elsewhere(nest, end, other));
            sole(elsewhere.filter(|&&other| fit(tunnel(nest, end), tunnel(nest, other), are_known))).copied()
        };
        for &end in all {
            others.extend(other(end).filter(|&there| other(there) == Some(end)).map(|there| (end, there)));
        }
    }
}

fn is_elsewhere(nest: &Nest, (a, _): Place, (b, _): Place) -> bool {
    nest.nodes[a].machine != nest.nodes[b].machine
}

/// Whether each sends to where the other one is; what is not known may fit, unless it must be known.
fn fit(a: &Tunnel, b: &Tunnel, are_known: bool) -> bool {
    [(a, b), (b, a)].iter().all(|(from, to)| match (&from.remote, &to.local) {
        (Some(remote), Some(local)) => remote == local,
        _ => !are_known,
    })
}

/// The only one.
fn sole<T>(mut all: impl Iterator<Item = T>) -> Option<T> {
    all.next().filter(|_| all.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;
    use nicon_core::Record;

    /// The peers of links that machines have: the machine and its network namespace, what its VXLAN has, and what else is known.
    fn peers(links: &[(&str, &str, &str)]) -> Vec<Option<String>> {
        let mut nest = Nest::default();
        for (machine, vxlan, more) in links {
            let line = format!(
                r#"{{"target":"netns:b","machine":"{machine}","boot":"{machine}","nic":{{"name":"vx","ifindex":2,"netns":7,"kind":"vxlan","vxlan":{{"dst_port":4789,{vxlan}}}}}{more}}}"#
            );
            nest.add(Record::parse(&line).unwrap()).unwrap();
        }
        connect(&mut nest);
        let links = nest.nodes.iter().flat_map(|node| &node.links);
        links.map(|link| link.peer.as_ref().map(|peer| format!("{} {}", peer.place(), peer.id.is_some()))).collect()
    }

    fn some(texts: &[&str]) -> Vec<Option<String>> {
        texts.iter().map(|text| Some((*text).to_owned()).filter(|text| !text.is_empty())).collect()
    }

    #[test]
    fn two_ends_of_one_number_are_a_wire() {
        let both = ["netns:b on lab2 true", "netns:b on lab1 true"];
        assert_eq!(peers(&[("lab1", r#""vni":5"#, ""), ("lab2", r#""vni":5"#, "")]), some(&both));
        assert_eq!(peers(&[("lab1", r#""vni":5"#, ""), ("lab2", r#""vni":6"#, "")]), some(&["", ""]));
        let contradict =
            [("lab1", r#""vni":5,"remote":"192.0.2.9""#, ""), ("lab2", r#""vni":5,"local":"192.0.2.2""#, "")];
        assert_eq!(peers(&contradict), some(&["", ""]));
    }

    #[test]
    fn of_more_ends_the_addresses_decide() {
        let three = ["lab1", "lab2", "lab3"];
        assert_eq!(peers(&three.map(|lab| (lab, r#""vni":5"#, ""))), some(&["", "", ""]));
        let links = [
            ("lab1", r#""vni":5,"remote":"192.0.2.3","local":"192.0.2.1""#, ""),
            ("lab2", r#""vni":5,"remote":"192.0.2.9","local":"192.0.2.2""#, ""),
            ("lab3", r#""vni":5,"remote":"192.0.2.1","local":"192.0.2.3""#, ""),
        ];
        assert_eq!(peers(&links), some(&["netns:b on lab3 true", "", "netns:b on lab1 true"]));
    }

    #[test]
    fn a_plan_names_the_other_end() {
        let end = r#","name":"vx","remote_end":{"on":"lab3","target":"netns:b","name":"vx"}"#;
        let links = [("lab1", r#""vni":5"#, end), ("lab2", r#""vni":5"#, ""), ("lab3", r#""vni":5"#, "")];
        assert_eq!(peers(&links), some(&["netns:b on lab3 true", "", "netns:b on lab1 true"]));
        // Of what is not in the input it is told where it is.
        assert_eq!(peers(&links[..2]), some(&["netns:b on lab3 false", ""]));
        // Machines may have other names in the plan.
        let end = |on: &str, there: &str| {
            format!(
                r#","on":"{on}","done":[{{"netns":7,"ifindex":2}}],"remote_end":{{"on":"{there}","target":"netns:b","name":"vx"}}"#
            )
        };
        let (a, b) = (end("a", "b"), end("b", "a"));
        let both = [("lab1", r#""vni":5"#, &*a), ("lab2", r#""vni":5"#, &*b), ("lab3", r#""vni":5"#, "")];
        assert_eq!(peers(&both), some(&["netns:b on lab2 true", "netns:b on lab1 true", ""]));
        // What a plan says of another link of that container says nothing of this one.
        let other = end("a", "b").replace("\"ifindex\":2", "\"ifindex\":3");
        assert_eq!(peers(&[("lab1", r#""vni":5"#, &other)]), some(&[""]));
    }
}
