//! A whole lab, wired, compared and made in place, beside what labs' scripts do with `ip`.

use std::path::Path;
use std::process::Command;

use nicon_lab::{NetPlace, command, output_of_input, tool};
use serde_json::{Value, json};

use crate::links::{batch, fed, ip, write};
use crate::measure::{Comparison, Contender, compare};

/// Containers of the lab: network namespaces, each with a process.
const PLACES: usize = 20;

/// Links of the lab: a ring of pairs with two wires each, and one wire to the machine's bridge for each.
const LINKS: usize = 60;

/// Links that are made in place.
const MADE: usize = 100;

/// Where the input of the programs goes; `/run` is the benchmark's own.
const RECORDS: &str = "/run/lab.ndjson";
const SCRIPT: &str = "/run/lab.sh";
const MADE_RECORDS: &str = "/run/made.ndjson";
const MADE_BATCH: &str = "/run/made";

struct Lab {
    places: Vec<NetPlace>,
    bins: std::path::PathBuf,
}

/// One wire: where its ends are, how they are called, and their addresses. The machine has no PID here.
type Wire = [(Option<u32>, String, String); 2];

impl Lab {
    fn prepare(bins: &Path) -> Result<Self, String> {
        let places = (0..PLACES).map(|_| NetPlace::new()).collect::<Result<Vec<_>, _>>()?;
        let lab = Self { places, bins: bins.to_owned() };
        batch("link add br-lab type bridge\nlink set br-lab up", false);
        lab.write_records()?;
        lab.write_script()?;
        Ok(lab)
    }

    fn wires(&self) -> Vec<Wire> {
        let pid = |at: usize| Some(self.places[at % PLACES].pid());
        (0..LINKS)
            .map(|n| {
                let (at, address) = (n % PLACES, |last| format!("10.{}.{}.{last}/30", n / PLACES, n % PLACES));
                match n / PLACES {
                    2 => [(None, format!("port{at}"), String::new()), (pid(at), "up0".to_owned(), address(2))],
                    lane => {
                        [(pid(at), format!("east{lane}"), address(1)), (pid(at + 1), format!("west{lane}"), address(2))]
                    }
                }
            })
            .collect()
    }

    fn write_records(&self) -> Result<(), String> {
        let wires = self.wires();
        let record = |n: usize, (pid, name, address): &(Option<u32>, String, String)| {
            let mut record = json!({"pair": n.to_string(), "name": name, "plan": "bench", "plan_size": 2 * LINKS});
            if let Some(pid) = pid {
                record["pid"] = json!(pid);
            } else {
                (record["target"], record["master"]) = (json!("host"), json!("br-lab"));
            }
            if !address.is_empty() {
                record["addr"] = json!([address]);
            }
            record.to_string()
        };
        let records = wires.iter().enumerate().flat_map(|(n, wire)| wire.each_ref().map(|end| record(n, end)));
        write(RECORDS, &records.collect::<Vec<_>>().join("\n"))
    }

    /// What a script does: one `ip` for each step, inside the container for those that are done there.
    fn write_script(&self) -> Result<(), String> {
        let mut lines = vec!["set -e".to_owned()];
        for (n, wire) in self.wires().iter().enumerate() {
            lines.push(format!("ip link add t{n}a type veth peer name t{n}b"));
            for ((pid, name, address), side) in wire.iter().zip(["a", "b"]) {
                let inside = match pid {
                    Some(pid) => {
                        lines.push(format!("ip link set t{n}{side} netns {pid}"));
                        format!("nsenter -t {pid} -n ")
                    }
                    None => String::new(),
                };
                lines.push(format!("{inside}ip link set t{n}{side} name {name}"));
                if pid.is_none() {
                    lines.push(format!("ip link set {name} master br-lab"));
                }
                if !address.is_empty() {
                    lines.push(format!("{inside}ip addr add {address} dev {name}"));
                }
                lines.push(format!("{inside}ip link set {name} up"));
            }
        }
        write(SCRIPT, &lines.join("\n"))
    }

    fn destroy(&self) {
        for (pid, name, _) in self.wires().iter().flatten() {
            let mut delete = tool("nsenter");
            match pid {
                Some(pid) => delete.args(["-t", &pid.to_string(), "-n", "ip", "link", "del", name]),
                None => continue,
            };
            // Its other end may have taken it along.
            let _ = delete.output();
        }
    }

    fn by_nicon(&self, option: &[&str]) -> Command {
        let mut wire = fed(&self.bins, "nicon-wire", RECORDS);
        wire.args(option);
        wire
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        self.destroy();
        batch("link del br-lab", true);
    }
}

/// The links of the lab made, named, addressed and brought up; and the lab compared when it is wired.
pub(crate) fn wired(bins: &Path) -> Result<[Comparison; 2], String> {
    let lab = Lab::prepare(bins)?;
    let fresh = |command: Command| {
        lab.destroy();
        command
    };
    let made = compare(
        "A lab of 60 links in 20 containers, wired",
        &[
            by("nicon-wire", 9, || fresh(lab.by_nicon(&[]))),
            by("a script: ip for each step", 3, || {
                let mut shell = tool("sh");
                shell.arg(SCRIPT);
                fresh(shell)
            }),
        ],
    )?;
    lab.destroy();
    output_of_input(&mut lab.by_nicon(&[]), "", nicon_lab::LIMIT)?.ok()?;
    let pids: Vec<String> = lab.places.iter().map(|place| place.pid().to_string()).collect();
    let checked = compare(
        "The same lab compared with its plan",
        &[
            by("nicon-wire --check", 30, || lab.by_nicon(&["--check"])),
            by("the bare lists: links, addresses and routes of each namespace", 30, || {
                let mut bare = command(bins, "nicon-bench-netlink");
                bare.arg("lists").args(&pids);
                bare
            }),
        ],
    )?;
    Ok([made, checked])
}

/// Links of two kinds made in their places, or made here and moved.
pub(crate) fn in_place(bins: &Path) -> Result<[Comparison; 2], String> {
    let place = NetPlace::new()?;
    let pid = place.pid();
    batch("link add up0 type veth peer name up0p\nlink set up0 up\nlink set up0p up", false);
    let fresh = |command: Command| {
        let mut delete = tool("nsenter");
        let script = format!("for n in $(seq 0 {}); do echo \"link del e$n\"; done | ip -force -batch -", MADE - 1);
        // At first there is nothing to delete.
        let _ = delete.args(["-t", &pid.to_string(), "-n", "sh", "-c", &script]).output();
        command
    };
    let compare_kind = |title: &str, record: &dyn Fn(usize) -> Value, words: &dyn Fn(usize) -> String| {
        let records: Vec<String> = (0..MADE).map(|n| record(n).to_string()).collect();
        write(MADE_RECORDS, &records.join("\n"))?;
        let lines = (0..MADE).map(|n| format!("link add t{n} {}\nlink set t{n} netns {pid} name e{n} up", words(n)));
        write(MADE_BATCH, &lines.collect::<Vec<_>>().join("\n"))?;
        compare(
            title,
            &[
                by("nicon-linkadd, one batch", 9, || fresh(fed(bins, "nicon-linkadd", MADE_RECORDS))),
                by("ip -batch: create, then move", 3, || fresh(ip(&["-batch", MADE_BATCH]))),
            ],
        )
    };
    let macvlan = compare_kind(
        "100 macvlans in a container, on a link of the machine, up",
        &|n| json!({"pid": pid, "kind": "macvlan", "name": format!("e{n}"), "parent": "up0"}),
        &|_| "link up0 type macvlan mode bridge".to_owned(),
    )?;
    let vxlan = compare_kind(
        "100 vxlans in a container, by the machine's network, up",
        &|n| json!({"pid": pid, "kind": "vxlan", "name": format!("e{n}"), "vni": n + 1, "remote": "192.0.2.1"}),
        &|n| format!("type vxlan id {} remote 192.0.2.1 dstport 4789", n + 1),
    )?;
    fresh(ip(&["link"]));
    batch("link del up0", true);
    Ok([macvlan, vxlan])
}

fn by<'a>(name: &'a str, runs: usize, command: impl Fn() -> Command + 'a) -> Contender<'a> {
    Contender { name, runs, ends: &[0], input: None, command: Box::new(command) }
}
