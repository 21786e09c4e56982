//! A plan that is kept wired, and its containers, which come and go.

use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use libtest_mimic::Failed;
use serde_json::{Value, json};

use crate::support::expect::deed;
use crate::support::links::{Pair, Place, one, state};
use crate::support::stream::Stream;
use crate::support::suite::Suite;
use nicon_lab::{becomes, witness};

/// Containers by number, and what a plan asks for in them.
pub(crate) struct KeptLab {
    pub(crate) plan: String,
    pub(crate) revision: u64,
    /// `None` while it is not there.
    pub(crate) places: Vec<Option<Place>>,
    /// What is asked for, and in which container; `None` is the host.
    pub(crate) wishes: Vec<(Option<usize>, Value)>,
    pub(crate) stream: Stream,
}

impl KeptLab {
    /// One of so many containers that run, and a program that has no records yet.
    pub(crate) fn new(suite: &Suite, places: usize, wishes: Vec<(Option<usize>, Value)>) -> Result<Self, Failed> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let plan = format!("kept-{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let places = (0..places).map(|_| Some(place())).collect();
        let stream = Stream::start(&mut suite.command("nicon-wire")?)?;
        Ok(Self { plan, revision: 1, places, wishes, stream })
    }

    /// Starts another program in the place of the one that kept the plan until now.
    pub(crate) fn start_again(&mut self, command: &mut Command) -> Result<(), Failed> {
        self.stream = Stream::start(command)?;
        Ok(())
    }

    pub(crate) fn place(&self, number: usize) -> &Place {
        self.places[number].as_ref().expect("it runs")
    }

    /// The record of an item, counted from 0, as nicon-resolve --watch prints it.
    pub(crate) fn record(&self, item: usize, event: &str) -> String {
        let (place, wish) = &self.wishes[item];
        let mut record = json!({"target": place.map_or("host".to_owned(), |number| format!("c{number}"))});
        if let Some(place) = place.and_then(|number| self.places[number].as_ref()) {
            record["pid"] = place.pid().into();
            record["starttime"] = witness::stat(place.pid()).unwrap().start_time.into();
            record["ns"] = json!({"net": place.netns()});
        }
        record.as_object_mut().unwrap().extend(wish.as_object().unwrap().clone());
        record["plan"] = self.plan.clone().into();
        record["plan_size"] = self.wishes.len().into();
        record["plan_item"] = (item + 1).into();
        record["plan_revision"] = self.revision.into();
        record["event"] = event.into();
        format!("{record}\n")
    }

    /// The records of all items as they are now.
    pub(crate) fn records(&self) -> String {
        let event = |(place, _): &(Option<usize>, Value)| match place {
            Some(number) if self.places[*number].is_none() => "gone",
            _ => "present",
        };
        (0..self.wishes.len()).map(|item| self.record(item, event(&self.wishes[item]))).collect()
    }

    /// The records of the items in a container.
    pub(crate) fn records_of(&self, number: usize, event: &str) -> String {
        let is_there = |item: &usize| self.wishes[*item].0 == Some(number);
        (0..self.wishes.len()).filter(is_there).map(|item| self.record(item, event)).collect()
    }

    /// Feeds all records, and waits until each was acted on or passed.
    #[track_caller]
    pub(crate) fn begin(&mut self) -> Vec<Value> {
        let records = self.records();
        self.stream.feed(records);
        self.stream.take(self.wishes.len())
    }

    /// Ends a container. What its record said stays to be told.
    pub(crate) fn stop(&mut self, number: usize) -> String {
        let gone = self.records_of(number, "gone");
        self.places[number] = None;
        gone
    }

    /// Starts one that does not run.
    pub(crate) fn start(&mut self, number: usize) -> String {
        self.places[number] = Some(place());
        self.records_of(number, "arrived")
    }

    /// Restarts containers, and returns what is printed of that.
    #[track_caller]
    pub(crate) fn restart(&mut self, numbers: &[usize]) -> Vec<Value> {
        let gone: String = numbers.iter().map(|number| self.stop(*number)).collect();
        self.stream.feed(&gone);
        self.stream.take(gone.lines().count());
        let arrived: String = numbers.iter().map(|number| self.start(*number)).collect();
        self.stream.feed(&arrived);
        self.stream.take(self.touched_by(numbers))
    }

    /// Puts new containers in the place of some, of which nobody tells.
    pub(crate) fn replace(&mut self, numbers: &[usize]) {
        for number in numbers {
            self.places[*number] = Some(place());
        }
    }

    /// How many records are printed when containers arrive: those of all units that have an end there.
    fn touched_by(&self, numbers: &[usize]) -> usize {
        let is_there = |(place, _): &&(Option<usize>, Value)| place.is_some_and(|number| numbers.contains(&number));
        let pairs: Vec<&Value> = self.wishes.iter().filter(is_there).map(|(_, wish)| &wish["pair"]).collect();
        let is_touched = |wish: &&(Option<usize>, Value)| {
            is_there(wish) || !wish.1["pair"].is_null() && pairs.contains(&&wish.1["pair"])
        };
        self.wishes.iter().filter(is_touched).count()
    }

    /// Makes sure that `ip` finds all links with their addresses where the plan has them, and that packets pass each pair whose ends
    /// are both there.
    #[track_caller]
    pub(crate) fn is_wired(&self) {
        for (place, wish) in &self.wishes {
            let is_away = |(place, other): &(Option<usize>, Value)| {
                other["pair"] == wish["pair"] && place.is_some_and(|number| self.places[number].is_none())
            };
            let Some(place) = place.and_then(|number| self.places[number].as_ref()) else { continue };
            if !wish["pair"].is_null() && self.wishes.iter().any(is_away) {
                continue;
            }
            let name = wish["name"].as_str().unwrap();
            let link = one(&place.ip(&format!("-j addr show dev {name}")));
            let mark = format!("nicon-{}.{}:{name}", if wish["link"].is_null() { "made" } else { "kept" }, self.plan);
            assert!(link["altnames"].as_array().is_some_and(|altnames| altnames.contains(&mark.into())), "{link}");
            for address in wish["addr"].as_array().into_iter().flatten() {
                let address = address.as_str().unwrap().split('/').next().unwrap();
                let has = |info: &Value| info["local"] == address;
                assert!(link["addr_info"].as_array().unwrap().iter().any(has), "{address}: {link}");
            }
            for route in wish["route"].as_array().into_iter().flatten() {
                let (dst, _) = route.as_str().unwrap().split_once(',').unwrap();
                assert!(place.ip(&format!("route show {dst}")).contains(name), "{dst}");
            }
            if let Some(far) = wish["far"].as_str() {
                place.reaches(far);
            }
        }
    }

    /// Ends the run, and takes the plan away.
    #[track_caller]
    pub(crate) fn destroy(&mut self, suite: &Suite) {
        self.stream.signal(nix::sys::signal::Signal::SIGTERM);
        self.stream.end();
        let plan = format!("{}\n", json!({"plan": self.plan}));
        crate::support::expect::records(&suite.feed(&["nicon-wire", "--destroy"], plan));
        for place in self.places.iter().flatten() {
            assert_eq!(place.links(), ["lo"]);
        }
        let left = std::fs::read_dir("/run/nicon").unwrap().flatten().map(|entry| entry.file_name());
        let left: Vec<_> = left.map(|name| name.to_string_lossy().into_owned()).collect();
        let is_ours =
            |name: &&String| name.ends_with(&format!(".{}", self.plan)) || name.contains(&format!(".{}:", self.plan));
        assert_eq!(left.iter().find(is_ours), None);
    }
}

fn place() -> Place {
    let place = Place::new();
    place.sh("echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad; ip link set lo up");
    place
}

/// The ends of a pair of this name between two containers, with an address for each.
pub(crate) fn pair(name: &str, [first, second]: [usize; 2], subnet: u8) -> [(Option<usize>, Value); 2] {
    let address = |host: u8| format!("10.77.{subnet}.{host}");
    let end = |own: u8, far: u8| {
        json!({"pair": name, "name": name, "addr": [format!("{}/24", address(own))], "far": address(far),
            "route": [format!("10.78.{subnet}.{own}/32,{}", address(far))]})
    };
    [(Some(first), end(1, 2)), (Some(second), end(2, 1))]
}

/// Whether the last deed of each record changed anything.
pub(crate) fn changed(records: &[Value]) -> Vec<bool> {
    records.iter().map(|record| deed(record)["changed"] == true).collect()
}

/// A pair between each container and the next, and between the last and the first.
pub(crate) fn ring(places: usize) -> Vec<(Option<usize>, Value)> {
    (0..places).flat_map(|n| pair(&format!("p{n}"), [n, (n + 1) % places], u8::try_from(n).unwrap())).collect()
}

/// Makes sure that a link is home as it was, but for its number, which another link may have by now.
#[track_caller]
pub(crate) fn is_as_before(before: &[String; 3], card: &Pair) {
    let unnumbered = |state: &[String; 3]| {
        let mut link = one(&state[0]);
        link.as_object_mut().unwrap().remove("ifindex");
        (link, state[1].clone(), state[2].clone())
    };
    becomes(|| unnumbered(&state(&card.link)), &unnumbered(before));
}
