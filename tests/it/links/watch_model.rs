//! What nicon-links --watch tells adds up to what `ip` shows, whatever happens.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant, SystemTime};

use libtest_mimic::{Failed, Trial};
use nicon_lab::{LIMIT, output_within, patience, tool};
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::support::links::{Place, ip};
use crate::support::stream::Stream;
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    let storm =
        |name, how| suite.trial_of_kernel(&[], &format!("links::watch_model::{name}"), move |suite| storms(suite, how));
    vec![
        storm("storms_in_namespaces_that_were_named", How::Named),
        storm("storms_in_all_namespaces", How::All),
        storm("storms_while_it_cannot_read", How::Stopped),
    ]
}

#[derive(Clone, Copy, PartialEq)]
enum How {
    /// The namespaces are given by name and by PID.
    Named,
    /// All of the machine are watched.
    All,
    /// It is stopped during each storm, and its sockets overflow.
    Stopped,
}

/// How many storms there are, and how much happens in each.
const ROUNDS: usize = 5;
const DEEDS: usize = 40;

/// Of a link, all that is compared.
#[derive(Debug, Default, PartialEq)]
struct Seen {
    name: String,
    mac: String,
    mtu: u64,
    flags: BTreeSet<String>,
    operstate: String,
    master: Option<String>,
    addresses: BTreeSet<String>,
    /// Network namespace, ifindex and name of the other end.
    peer: Option<(u64, u64, String)>,
}

/// Links by the inode number of their network namespace and their ifindex.
type World = BTreeMap<(u64, u64), Seen>;

/// Namespaces that `ip netns` knows: some that come and go, and two of processes that stay.
struct Names {
    names: Vec<String>,
    places: Vec<Place>,
}

impl Names {
    fn new(how: &str) -> Self {
        let names: Vec<_> = (0..5).map(|number| format!("model-{how}-{number}")).collect();
        let places = vec![Place::new(), Place::new()];
        let (of_places, others) = names.split_at(places.len());
        for (name, place) in of_places.iter().zip(&places) {
            ip(&format!("netns attach {name} {}", place.pid()));
        }
        for name in others {
            ip(&format!("netns add {name}"));
        }
        Self { names, places }
    }

    /// The inode number of each, and what `ip` shows there.
    fn world(&self) -> Option<World> {
        use std::os::unix::fs::MetadataExt;
        let mut inos = BTreeMap::new();
        for name in &self.names {
            // A name that was taken away for good has no namespace.
            if let Ok(file) = std::fs::metadata(format!("/run/netns/{name}")).map_err(|_| ()) {
                inos.insert(name.clone(), file.ino());
            }
        }
        let shown = |name: &str, what: &str| -> Option<Vec<Value>> {
            let words = ["-n", name, "-j"].into_iter().chain(what.split(' '));
            let text = output_within(tool("ip").args(words), LIMIT).ok()?.ok().ok()?;
            if text.trim().is_empty() { Some(Vec::new()) } else { serde_json::from_str(&text).ok() }
        };
        let mut links = BTreeMap::new();
        for (name, ino) in &inos {
            let ids = shown(name, "netns list-id")?;
            links.insert(*ino, (shown(name, "-d addr show")?, ids));
        }
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let mut world = World::new();
        for (ino, (shown, ids)) in &links {
            for link in shown {
                let peer = |link: &Value| {
                    if let Some(near) = link["link"].as_str() {
                        let peer = shown.iter().find(|other| other["ifname"] == near)?;
                        return Some((*ino, peer["ifindex"].as_u64()?, near.to_owned()));
                    }
                    let (nsid, ifindex) = (&link["link_netnsid"], link["link_index"].as_u64()?);
                    let name = text(&ids.iter().find(|id| id["nsid"] == *nsid)?["name"]);
                    let there = *inos.get(&name)?;
                    let far = links[&there].0.iter().find(|other| other["ifindex"] == ifindex)?;
                    Some((there, ifindex, text(&far["ifname"])))
                };
                let addresses = link["addr_info"].as_array().into_iter().flatten();
                let seen = Seen {
                    name: text(&link["ifname"]),
                    mac: text(&link["address"]),
                    mtu: link["mtu"].as_u64()?,
                    // That the other end is down is no flag of the kernel's.
                    flags: link["flags"].as_array()?.iter().map(text).filter(|flag| flag != "M-DOWN").collect(),
                    operstate: text(&link["operstate"]),
                    master: link["master"].as_str().map(str::to_owned),
                    addresses: addresses.map(|a| format!("{}/{}", text(&a["local"]), a["prefixlen"])).collect(),
                    peer: peer(link),
                };
                world.insert((*ino, link["ifindex"].as_u64()?), seen);
            }
        }
        Some(world)
    }
}

impl Drop for Names {
    fn drop(&mut self) {
        for name in &self.names {
            let _ = output_within(tool("ip").args(["netns", "del", name]), LIMIT);
        }
    }
}

/// A run of nicon-links, and what its events add up to.
struct Model {
    watching: Stream,
    world: World,
    /// All links that were told of, by network namespace and ifindex.
    told: BTreeSet<(u64, u64)>,
    history: Vec<Value>,
}

impl Model {
    fn start(suite: &Suite, how: How, names: &Names) -> Result<Self, Failed> {
        let mut command = suite.command("nicon-links")?;
        command.arg("--watch");
        if how == How::All {
            command.arg("--all");
        } else {
            for place in &names.places {
                command.args(["-t", &place.pid().to_string()]);
            }
            for name in &names.names[names.places.len()..] {
                command.args(["--netns", name]);
            }
        }
        Ok(Self {
            watching: Stream::start(&mut command)?,
            world: World::new(),
            told: BTreeSet::new(),
            history: Vec::new(),
        })
    }

    fn hear(&mut self, nic: &Value) {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let id = |of: &Value| Some((of["netns"].as_u64()?, of["ifindex"].as_u64()?));
        let link = id(nic).unwrap();
        self.told.insert(link);
        self.history.push(nic.clone());
        let known = if nic["event"] == "gone" {
            self.world.remove(&link)
        } else {
            let strings = |field: &str| nic[field].as_array().unwrap().iter().map(text).collect();
            let seen = Seen {
                name: text(&nic["name"]),
                mac: text(&nic["mac"]),
                mtu: nic["mtu"].as_u64().unwrap(),
                flags: strings("flags"),
                operstate: text(&nic["operstate"]),
                master: nic["master"]["name"].as_str().map(str::to_owned),
                addresses: strings("addresses"),
                peer: id(&nic["peer"]).map(|(netns, ifindex)| (netns, ifindex, text(&nic["peer"]["name"]))),
            };
            self.world.insert(link, seen)
        };
        let is_new = ["present", "arrived"].iter().any(|event| nic["event"] == *event);
        assert_eq!(known.is_none(), is_new, "{nic} after {known:?}");
    }

    /// Waits until the events add up to what `ip` shows of these namespaces.
    #[track_caller]
    fn agree(&mut self, names: &Names, about: &str) {
        let give_up = Instant::now() + LIMIT * 2 * patience();
        loop {
            std::thread::sleep(Duration::from_millis(20));
            for record in self.watching.seen() {
                self.hear(&record["nic"]);
            }
            let there = names.world();
            assert!(there.is_some() || Instant::now() < give_up, "{about}");
            let Some(there) = there else { continue };
            let inos: BTreeSet<u64> = there.keys().map(|(ino, _)| *ino).collect();
            // Of all namespaces of the machine, those of other tests are told as well.
            let ours = |(netns, _): &(u64, u64)| inos.contains(netns);
            let differ: Vec<_> = there.iter().filter(|(id, seen)| self.world.get(id) != Some(seen)).collect();
            let more: Vec<_> = self.world.keys().filter(|id| ours(id) && !there.contains_key(id)).collect();
            if differ.is_empty() && more.is_empty() {
                return;
            }
            let is_about = |nic: &&Value| {
                differ.iter().any(|((netns, ifindex), _)| nic["netns"] == *netns && nic["ifindex"] == *ifindex)
            };
            let told = || self.history.iter().filter(is_about).map(Value::to_string).collect::<Vec<_>>().join("\n");
            assert!(Instant::now() < give_up, "shown {differ:?}, told:\n{}\ntold only {more:?}; {about}", told());
        }
    }
}

/// A generator of numbers that are as good as random.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % limit
    }
}

/// A script of what happens in a storm; much of it fails, since it is not there.
fn storm(dice: &mut Dice, names: &Names) -> String {
    let mut script = String::new();
    for _ in 0..DEEDS {
        let [here, there] = [0; 2].map(|_| &names.names[dice.below(names.names.len())]);
        let [link, other] = [0; 2].map(|_| format!("l{}", dice.below(6)));
        let number = dice.below(250) + 1;
        let _ = match dice.below(14) {
            0..3 => writeln!(script, "ip -n {here} link add {link} type veth peer name {other} netns {there}"),
            3 => writeln!(script, "ip -n {here} link add {link} type bridge"),
            4 => writeln!(script, "ip -n {here} link del {link}"),
            5 => writeln!(script, "ip -n {here} link set {link} name {other}"),
            6 => writeln!(script, "ip -n {here} link set {link} up"),
            7 => writeln!(
                script,
                "ip -n {here} link set {link} down; ip -n {here} link set {link} mtu {}",
                1280 + number
            ),
            8 => writeln!(script, "ip -n {here} addr add 192.0.2.{number}/24 dev {link}"),
            9 => writeln!(script, "ip -n {here} addr flush dev {link}"),
            10 => writeln!(script, "ip -n {here} link set {link} netns {there}"),
            11 => writeln!(script, "ip -n {here} link set {link} master {other}"),
            12 => writeln!(script, "ip -n {here} link set {link} nomaster"),
            // Its namespace ends, unless a process is in it.
            _ if names.names[2..].contains(here) => writeln!(script, "ip netns del {here}; ip netns add {here}"),
            _ => Ok(()),
        };
    }
    script
}

/// `ip monitor` in a place, as a witness of which links there were: their ifindexes.
struct Witness(Child, Receiver<u64>);

impl Witness {
    fn new(place: &Place) -> Result<Self, Failed> {
        let net = format!("--net=/proc/{}/ns/net", place.pid());
        let mut command = tool("nsenter");
        command.args([&net, "stdbuf", "-oL", "ip", "-o", "monitor", "link"]);
        let mut child = command.stdout(Stdio::piped()).spawn()?;
        let reader = BufReader::new(child.stdout.take().ok_or("no pipe")?);
        let (sender, ifindexes) = channel();
        std::thread::spawn(move || {
            for line in reader.lines().map_while(Result::ok) {
                let number = line.trim_start_matches("Deleted ").split(':').next().unwrap_or_default();
                let _ = number.parse().map(|ifindex| sender.send(ifindex));
            }
        });
        Ok(Self(child, ifindexes))
    }

    /// All that it has seen, up to this one.
    fn seen(&self, last: u64) -> Result<BTreeSet<u64>, Failed> {
        let mut seen = BTreeSet::new();
        while !seen.contains(&last) {
            seen.insert(self.1.recv_timeout(LIMIT * 2 * patience())?);
        }
        Ok(seen)
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn storms(suite: &Suite, how: How) -> Result<(), Failed> {
    let seed = SystemTime::UNIX_EPOCH.elapsed()?.as_nanos().try_into().unwrap_or(1) | 1;
    let mut dice = Dice(seed);
    let names = Names::new(match how {
        How::Named => "named",
        How::All => "all",
        How::Stopped => "stopped",
    });
    let mut model = Model::start(suite, how, &names)?;
    model.agree(&names, "at the start");
    // What happens while it is stopped, nobody is told.
    let watched = if how == How::Stopped { &[][..] } else { &names.places };
    let witnesses = watched.iter().map(Witness::new).collect::<Result<Vec<_>, _>>()?;
    // `ip` says nothing when it listens.
    std::thread::sleep(Duration::from_millis(300));
    for round in 0..ROUNDS {
        let script = storm(&mut dice, &names);
        if how == How::Stopped {
            model.watching.signal(Signal::SIGSTOP);
        }
        output_within(tool("sh").args(["-c", &format!("({script}) 2>/dev/null; true")]), LIMIT * 4)?.ok()?;
        if how == How::Stopped {
            let place = &names.places[round % 2];
            let change = |n| format!("link set full mtu {}\n", 1280 + n);
            let changes = (0..1000).map(change).collect::<Vec<_>>().concat();
            place.ip_batch(&format!("link add full type bridge\n{changes}link del full\n"));
            model.watching.signal(Signal::SIGCONT);
        }
        model.agree(&names, &format!("seed {seed}, round {round}: {script}"));
    }
    for (place, witness) in watched.iter().zip(witnesses) {
        place.ip("link add last type bridge");
        model.agree(&names, "at the end");
        let last = *model.world.iter().find(|((ino, _), seen)| *ino == place.netns() && seen.name == "last").unwrap().0;
        let announced = witness.seen(last.1)?;
        let of_place = model.told.iter().filter(|(ino, _)| *ino == place.netns()).map(|(_, ifindex)| *ifindex);
        let told: BTreeSet<u64> = of_place.collect();
        assert!(announced.len() > 1, "seed {seed}: {announced:?}");
        assert!(announced.is_subset(&told), "seed {seed}: {announced:?} {told:?}");
    }
    Ok(())
}
