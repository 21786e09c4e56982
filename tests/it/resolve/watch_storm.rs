//! nicon-resolve --watch in a storm: at each quiet moment its events add up to what the engines say.

use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use libtest_mimic::{Failed, Trial};
use nicon_lab::Lab;

use crate::support::suite::Suite;
use crate::support::watching::{Seen, Watching};

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![suite.trial("resolve::watch_storm::adds_up_to_what_the_engines_say", adds_up)]
}

/// Where the engines are: those of the storm are in containers of its own.
const DEPTHS: [&str; 3] = ["", "storm", "storm.mid"];

/// The names that containers have there, and get.
const NAMES: [&str; 4] = ["storm-a", "storm-b", "storm-c", "storm-d"];

/// How many quiet moments there are, and how many things happen at each depth before each of them.
const MOMENTS: usize = 8;
const DEEDS: usize = 6;

/// The environment variable that repeats a storm.
const SEED: &str = "NICON_SEED";

/// Numbers by chance, and the same ones from the same seed.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % end as u64).unwrap()
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }
}

fn at(depth: &str, name: &str) -> String {
    if depth.is_empty() { name.to_owned() } else { format!("{depth}.{name}") }
}

/// Does something to a container, or several: an engine may refuse, which is no failure.
fn act(lab: &Lab, depth: &str, chance: &mut Chance) -> Result<String, String> {
    let (one, other) = (chance.of(&NAMES), chance.of(&NAMES));
    let words: &[&str] = match chance.below(11) {
        0..=2 => {
            lab.run_container(depth, one, &[]).map(drop).unwrap_or_default();
            return Ok(format!("{depth}: run {one}"));
        }
        3 => &["stop", one],
        4 => &["kill", "--signal=KILL", one],
        5 => &["restart", one],
        6 => &["pause", one],
        7 => &["unpause", one],
        8 => &["rename", one, other],
        9 => &["rm", "--force", one],
        _ => &["restart", one, other],
    };
    lab.docker(depth, words)?;
    Ok(format!("{depth}: {}", words.join(" ")))
}

/// What runs, by the engines and /proc.
fn truth(lab: &Lab) -> Result<Vec<Seen>, Failed> {
    let mut there = Vec::new();
    for depth in DEPTHS {
        let ids = lab.docker(depth, &["ps", "--quiet", "--no-trunc"])?.ok()?;
        let format = "--format={{.Name}} {{.State.Pid}} {{.State.Paused}}";
        let ids: Vec<&str> = ids.lines().collect();
        let told = if ids.is_empty() {
            String::new()
        } else {
            // Those of other tests come and go.
            lab.docker(depth, &[&["inspect", format], &ids[..]].concat())?.stdout
        };
        for line in told.lines() {
            let [name, pid, is_paused] = line.split(' ').collect::<Vec<_>>()[..] else { return Err(line.into()) };
            let name = name.trim_start_matches('/');
            if name.starts_with("storm") || name == "mid" {
                let pid = lab.pid_from(depth, pid)?;
                there.push(Seen { path: at(depth, name), pid, is_paused: is_paused == "true" });
            }
        }
    }
    Ok(there)
}

fn adds_up(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis();
    let seed = std::env::var(SEED).unwrap_or_else(|_| now.to_string()).parse::<u64>()?;
    eprintln!("{SEED}={seed} repeats this storm");
    lab.run_daemon_container("", "storm", &[])?;
    lab.run_daemon_container("storm", "mid", &[])?;
    let paths: Vec<String> = DEPTHS.iter().flat_map(|depth| NAMES.map(|name| at(depth, name))).collect();
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    let mut by_pattern = Watching::patterns(suite, &["**"])?;
    let mut by_path = Watching::paths(suite, &paths)?;
    let is_of_storm = |seen: &Seen| seen.path.starts_with("storm");
    // How many containers of the storm's there were at all moments together.
    let mut containers = 0;
    for moment in 0..MOMENTS {
        let storms = DEPTHS.iter().enumerate().map(|(number, depth)| {
            let mut chance = Chance(seed.wrapping_add((moment * DEPTHS.len() + number) as u64));
            move || (0..DEEDS).map(|_| act(lab, depth, &mut chance)).collect::<Result<Vec<_>, _>>()
        });
        let deeds = thread::scope(|scope| {
            let storms: Vec<_> = storms.map(|storm| scope.spawn(storm)).collect();
            storms.into_iter().map(|storm| storm.join().unwrap()).collect::<Result<Vec<_>, _>>()
        })?;
        let there = truth(lab)?;
        eprintln!("storm {seed}, moment {moment}: {deeds:?} leave {}", there.len());
        by_pattern.adds_up_to(&there, is_of_storm);
        let named: Vec<_> = there.into_iter().filter(|seen| paths.contains(&&seen.path[..])).collect();
        by_path.adds_up_to(&named, |_| true);
        containers += named.len();
    }
    // Where each run were refused, or no engine asked, there would be nothing to add up.
    assert!(containers > MOMENTS, "storm {seed}: {containers} containers at {MOMENTS} moments");
    // With what is around them, all of them go. Who is frozen cannot be killed by the end of its PID namespace.
    for depth in DEPTHS {
        NAMES.iter().try_for_each(|name| lab.docker(depth, &["unpause", name]).map(drop))?;
    }
    lab.remove("", "storm")?;
    NAMES.iter().try_for_each(|name| lab.docker("", &["rm", "--force", name]).map(drop))?;
    by_pattern.adds_up_to(&[], is_of_storm);
    by_path.adds_up_to(&[], |_| true);
    Ok(())
}
