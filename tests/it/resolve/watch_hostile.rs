//! nicon-resolve --watch among engines that rave: they cost little, and hold nobody up.

use std::fs;
use std::time::{Duration, Instant};

use libtest_mimic::{Failed, Trial};
use nicon_lab::{LIMIT, Lab, output_of_input, tool, until};
use serde_json::json;

use crate::support::expect::is_process;
use crate::support::suite::Suite;
use crate::support::watching::Watching;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial("resolve::watch_hostile::engines_that_rave", engines_that_rave),
        suite.trial("resolve::watch_hostile::files_in_a_flood", files_in_a_flood),
        suite.trial("resolve::watch_hostile::some_that_are_always_asked", some_that_are_always_asked),
    ]
}

/// What they do: see raving.c.
const MODES: [&str; 15] = [
    "endless",
    "drips",
    "mute",
    "floods",
    "lies",
    "thief",
    "errors",
    "silent",
    "no-events",
    "refuses",
    "hangs-up",
    "headers",
    "ends",
    "garbage",
    "calm",
];

/// How much of one processor all of them together may take, in per cent, and how much memory, in KiB.
const MOST_CPU: u64 = 90;
const MOST_MEMORY: u64 = 128 << 10;

/// How often the time is taken that an event needs.
const TIMES: u32 = 5;

/// The engine has another socket, which containers can be given.
const TWO_SOCKETS: &str = "ln -s /shared/docker.sock /run/docker.sock
exec dockerd --host=unix:///shared/docker.sock --host=unix:///shared/second.sock";

/// A watch through an engine of its own, of which no other test makes use, with a container that is good.
struct Place<'a> {
    lab: &'a Lab,
    name: &'a str,
    watching: Watching,
}

impl<'a> Place<'a> {
    fn new(suite: &Suite, lab: &'a Lab, name: &'a str) -> Result<Self, Failed> {
        let directory = format!("/run/{name}");
        fs::create_dir(&directory)?;
        let raving = format!("{directory}/raving");
        let cc = ["-x", "c", "-o", &raving, "-"];
        output_of_input(tool("cc").args(cc), include_str!("raving.c"), LIMIT)?.ok()?;
        lab.run_daemon_command("", name, &[&format!("--volume={directory}:/shared")], &["sh", "-c", TWO_SOCKETS])?;
        lab.run_daemon_container(name, "good", &[])?;
        lab.run_container(&format!("{name}.good"), "leaf", &[])?;
        let mut command = suite.command("nicon-resolve")?;
        command.env("DOCKER_HOST", format!("unix://{directory}/docker.sock"));
        let mut watching = Watching::of(command.args(["--watch", "**"]))?;
        watching.expect("good.leaf", "present");
        Ok(Self { lab, name, watching })
    }

    /// Starts an engine that raves, in a container that is called as what it does.
    fn rave(&self, mode: &str, victim: &str) -> Result<(), Failed> {
        let options = ["--tmpfs=/run", "--volume=/shared:/raving"];
        self.lab.run_command(self.name, mode, &options, &["/raving/raving", mode, victim])?;
        until("it raves", || {
            let said = self.lab.docker(self.name, &["logs", mode]).ok()?.ok().ok()?;
            said.contains("ready").then_some(())
        });
        Ok(())
    }

    fn remove(self) -> Result<(), Failed> {
        self.lab.remove("", self.name)?;
        Ok(fs::remove_dir_all(format!("/run/{}", self.name))?)
    }

    /// The longest that events of the good container take, from the end of the command that causes one; and the longest that such a
    /// command takes.
    fn slowest(&mut self) -> Result<(Duration, Duration), Failed> {
        let (mut slowest, mut command_takes) = (Duration::ZERO, Duration::ZERO);
        for [from, to] in [["leaf", "leaf-2"], ["leaf-2", "leaf"]].repeat(TIMES.try_into()?) {
            let begun = Instant::now();
            self.lab.docker(&format!("{}.good", self.name), &["rename", from, to])?.ok()?;
            command_takes = command_takes.max(begun.elapsed());
            let begun = Instant::now();
            self.watching.expect(&format!("good.{to}"), "changed");
            slowest = slowest.max(begun.elapsed());
        }
        Ok((slowest, command_takes))
    }

    /// What the watch has cost: processor time in hundredths of seconds, and the most memory in KiB.
    fn cost(&self) -> Result<(u64, u64), Failed> {
        let (mut time, mut memory) = (0, 0);
        for (pid, _) in self.watching.processes() {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
            let fields: Vec<_> = stat.rsplit_once(')').ok_or("no stat")?.1.split_whitespace().collect();
            time += fields[11].parse::<u64>()? + fields[12].parse::<u64>()?;
            let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
            let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
            memory += line.trim().trim_end_matches(" kB").parse::<u64>()?;
        }
        Ok((time, memory))
    }

    /// Events come as they came before, and the cost is bounded.
    fn stays_good(&mut self) -> Result<(), Failed> {
        let (begun, (worked, _)) = (Instant::now(), self.cost()?);
        let (delay, command) = self.slowest()?;
        while begun.elapsed() < Duration::from_secs(5) {
            std::thread::sleep(Duration::from_millis(50));
        }
        let (time, (now, memory)) = (begun.elapsed(), self.cost()?);
        let percent = u128::from(now - worked) * 1000 / time.as_millis();
        eprintln!("{}: {percent} % of a processor, {memory} KiB, {delay:?} after commands of {command:?}", self.name);
        assert!(percent < MOST_CPU.into(), "{percent} % of a processor");
        assert!(memory < MOST_MEMORY, "{memory} KiB");
        // A busy machine takes its time for the engine's own command, too. Whoever waits for one that is silent waits for five seconds.
        assert!(delay < command * 2 + Duration::from_secs(2), "{delay:?} after commands of {command:?}");
        Ok(())
    }
}

fn engines_that_rave(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let mut place = Place::new(suite, lab, "asylum")?;
    place.stays_good()?;
    let victim = lab.docker("asylum", &["inspect", "--format={{.Id}}", "good"])?.ok()?;
    for mode in MODES {
        place.rave(mode, &victim)?;
        // It is told as any other.
        is_process(&place.watching.expect(mode, "arrived"), lab.host_pid(&format!("asylum.{mode}"))?);
    }
    place.stays_good()?;
    // What they say leads to nobody else, is told a few times at most, and steers no terminal.
    let good = lab.host_pid("asylum.good")?;
    for event in place.watching.drain() {
        let target = event["target"].as_str().ok_or("no target")?;
        assert!(!target.starts_with("thief.") && (event["pid"] != good || target == "good"), "{event}");
    }
    let said = place.watching.said();
    assert!(said.lines().count() < 120, "{} lines: {said}", said.lines().count());
    assert!(
        !said.contains(|c: char| c.is_control() && c != '\n') && !said.contains("\nnicon-resolve: all is well"),
        "{said}"
    );
    assert!(said.contains("list containers in errors: "), "{said}");
    let refused = "list containers in refuses: docker tells no events: the engine answered 404 Not Found";
    assert_eq!(said.matches(refused).count(), 1, "{said}");
    // They go as they have come.
    for mode in MODES {
        lab.remove("asylum", mode)?;
        place.watching.expect(mode, "gone");
    }
    place.stays_good()?;
    place.remove()
}

/// Engines that always tell of something, and never what, are always being asked. Whoever has a socket of another engine only, by
/// which that may be found, waits until nobody else is asked: but not for ever.
fn some_that_are_always_asked(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let mut place = Place::new(suite, lab, "patience")?;
    for mode in ["mute-1", "mute-2", "mute-3", "mute-4"] {
        place.rave(mode, "")?;
        place.watching.expect(mode, "arrived");
    }
    lab.run_container("patience", "dood", &["--volume=/shared/second.sock:/run/docker.sock"])?;
    is_process(&place.watching.expect("dood", "arrived"), lab.host_pid("patience.dood")?);
    place.remove()
}

/// The directories in which engines without a daemon keep their files: whoever owns a container may write there.
const FLOOD: &str = r"mkdir -p /run/crun /run/runc /run/containerd/io.containerd.runtime.v2.task/default
while :; do
    for directory in /run/crun /run/runc /run/containerd/io.containerd.runtime.v2.task/default; do
        for name in a b c d e f g h; do mkdir $directory/$name; echo '{' >$directory/$name/state.json; done
        rm -rf $directory/?
    done
done";

fn files_in_a_flood(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let mut place = Place::new(suite, lab, "flooded")?;
    place.stays_good()?;
    for name in ["flood-1", "flood-2"] {
        lab.run_command("flooded", name, &["--tmpfs=/run"], &["sh", "-c", FLOOD])?;
        place.watching.expect(name, "arrived");
    }
    // Directories without number, also in each other: some of them are watched.
    let many = "mkdir -p /run/runc; cd /run/runc; i=0; while [ $i -lt 20000 ]; do mkdir x$i; i=$((i+1)); done; exec sleep infinity";
    lab.run_command("flooded", "many", &["--tmpfs=/run"], &["sh", "-c", many])?;
    place.watching.expect("many", "arrived");
    place.stays_good()?;
    for name in ["flood-1", "flood-2", "many"] {
        lab.remove("flooded", name)?;
        let gone = place.watching.expect(name, "gone");
        assert_ne!(gone["pid"], json!(null));
    }
    place.remove()
}
