//! A small lab of two places, and the plan for it.

use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};

use crate::links::undo::furnished;
use crate::support::links::{Pair, Place, ip, state};
use crate::support::suite::Suite;

/// Two places that a pair connects, and a link of ours that goes to the first.
pub(crate) struct Lab {
    pub(crate) plan: String,
    pub(crate) places: [Place; 2],
    /// Has what a move loses.
    pub(crate) pair: Pair,
    /// What it was like in the beginning.
    pub(crate) before: [String; 3],
}

impl Lab {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let plan = format!("lab-{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let pair = Pair::new();
        for link in [&pair.link, &pair.peer] {
            // As below. What its link had comes home with it.
            std::fs::write(format!("/proc/sys/net/ipv6/conf/{link}/accept_dad"), "0").unwrap();
        }
        furnished(ip, &pair.link, &pair.peer);
        let places = [Place::new(), Place::new()];
        for place in &places {
            // Else it takes a second to find an address unique.
            place.sh("echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad");
        }
        let before = state(&pair.link);
        Self { plan, places, pair, before }
    }

    /// What the plan asks for: a pair, and a link that is moved.
    pub(crate) fn wishes(&self) -> [Value; 3] {
        let [first, second] = self.places.each_ref().map(Place::pid);
        [
            json!({"pid": first, "pair": "p", "name": "eth1", "addr": ["192.0.2.1/30"], "mtu": 1400}),
            json!({"pid": second, "pair": "p", "name": "eth1", "addr": ["192.0.2.2/30"], "mtu": 1400}),
            json!({"pid": first, "link": self.pair.link, "name": "eth2", "addr": ["198.51.100.1/24"]}),
        ]
    }

    /// The records of a plan that has these wishes.
    pub(crate) fn records(&self, wishes: &[Value]) -> String {
        let record = |wish: &Value| {
            let mut record = wish.clone();
            record["plan"] = self.plan.clone().into();
            record["plan_size"] = wishes.len().into();
            format!("{record}\n")
        };
        wishes.iter().map(record).collect()
    }

    /// The records of the whole plan.
    pub(crate) fn input(&self) -> String {
        self.records(&self.wishes())
    }

    /// All that `ip` tells of both places, once nothing changes by itself any more.
    pub(crate) fn state(&self) -> [String; 2] {
        self.places.iter().for_each(Place::rest);
        self.places.each_ref().map(|place| {
            let all = ["-j -d addr", "route show table all", "-6 route show table all"];
            all.map(|line| place.ip(line)).concat()
        })
    }

    /// The mark of a link of this plan.
    pub(crate) fn mark(&self, name: &str) -> String {
        let tie = if name == "eth2" { "kept" } else { "made" };
        format!("nicon-{tie}.{}:{name}", self.plan)
    }

    /// What is said of the pair if the plan asks only for the other link any more, whichever end is found first.
    pub(crate) fn left_pair(&self) -> [String; 2] {
        let [first, second] = self.places.each_ref().map(Place::pid);
        // No record names the second place.
        let (first, second) = (format!("process {first}:eth1"), format!("pid:{second}:eth1"));
        let line = |one, other| {
            let plan = &self.plan;
            format!(
                "nicon-wire: plan {plan} has 2 links that it does not ask for any more ({one}, {other}): --prune takes them away\n"
            )
        };
        [line(&first, &second), line(&second, &first)]
    }

    /// What is kept of the plan in /run/nicon.
    pub(crate) fn kept(&self) -> Vec<String> {
        let names = std::fs::read_dir("/run/nicon").into_iter().flatten().flatten();
        let names = names.map(|entry| entry.file_name().to_string_lossy().into_owned());
        let ours = |name: &String| {
            name.contains(&format!(".{}:", self.plan)) || name.ends_with(&format!("plan.{}", self.plan))
        };
        names.filter(ours).collect()
    }

    /// Wires the plan.
    pub(crate) fn wire(&self, suite: &Suite) -> Vec<Value> {
        crate::support::expect::records(&suite.feed(&["nicon-wire"], self.input()))
    }

    /// Makes sure that nothing of the plan is left: the places are empty, and our link is home as it was.
    #[track_caller]
    pub(crate) fn is_gone(&self) {
        for place in &self.places {
            assert_eq!(place.links(), ["lo"]);
        }
        crate::links::undo::settles_as(&self.before, &self.pair.link);
        assert_eq!(self.kept(), [""; 0]);
    }
}
