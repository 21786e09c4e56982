//! nicon-nsexec: the time that it adds to a command's own, beside nsenter and the least that can be done.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nicon_lab::{LIMIT, Lab, command, output_within, tool};

use crate::measure::{Comparison, Contender, compare_added};

/// The container that is entered; it has cgroups of its own, and fewer capabilities than we have.
const CONTAINER: &str = "setup.olt_1.lt_1";

/// The floor, compiled here: what entering takes, without guards, cgroups or capabilities.
const ENTER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/bench/enter.c");

const RUNS: usize = 400;

/// Compares the network alone, five namespaces of a process in our own cgroup, and five of a container.
pub(crate) fn beside_nsenter(lab: &Lab, bins: &Path) -> Result<Vec<Comparison>, String> {
    let enter = Path::new("/run/nicon-bench-enter");
    output_within(tool("cc").args(["-O2", "-static", "-o"]).arg(enter).arg(ENTER), LIMIT)?.ok()?;
    let size = std::fs::metadata(bins.join("nicon-nsexec")).map_err(|error| format!("nicon-nsexec: {error}"))?.len();
    println!("nicon-nsexec has {size} bytes, the limit is {}\n", 3 << 19);

    let neighbour = Neighbour::start()?;
    let near = nicon_lab::witness::family(neighbour.0.id()).last().ok_or("unshare has no child")?.0;
    let container = lab.host_pid(CONTAINER)?;
    let five = ["--mount", "--uts", "--ipc", "--net", "--pid"];
    let cases = [
        ("nsexec --net: added to the time of `true`", near, &["--net"][..]),
        ("nsexec, five namespaces and a child: added to the time of `true`", near, &five[..]),
        ("the same with a container, whose cgroups it joins", container, &five[..]),
    ];
    let cases = cases.into_iter();
    cases.map(|(title, pid, options)| case(title, &pid.to_string(), options, bins, enter)).collect()
}

fn case(title: &str, pid: &str, options: &[&str], bins: &Path, enter: &Path) -> Result<Comparison, String> {
    let least = if options.len() > 1 { "five" } else { "net" };
    let entering = |mut program: Command| {
        program.args(["-t", pid]).args(options).arg("/bin/true");
        program
    };
    let contender = |name, command| Contender { name, runs: RUNS, command, ends: &[0] };
    let contenders = [
        contender("nicon-nsexec", Box::new(|| entering(command(bins, "nicon-nsexec"))) as Box<dyn Fn() -> Command>),
        contender("nsenter", Box::new(|| entering(tool("nsenter")))),
        contender("floor: a static C program", {
            Box::new(|| {
                let mut floor = Command::new(enter);
                floor.args([pid, least, "/bin/true"]);
                floor
            })
        }),
        contender("true alone", Box::new(|| tool("/bin/true"))),
    ];
    compare_added(title, &contenders)
}

/// A process with namespaces of its own in our own cgroup, which ends with us.
struct Neighbour(Child);

impl Neighbour {
    fn start() -> Result<Self, String> {
        let mut unshare = tool("unshare");
        unshare.args(["-m", "-u", "-i", "-n", "-p", "-f", "--mount-proc", "--kill-child", "sleep", "infinity"]);
        let child = unshare.stdin(Stdio::null()).stdout(Stdio::null()).spawn();
        let child = Self(child.map_err(|error| format!("start unshare: {error}"))?);
        // Until it has its namespaces and its child.
        std::thread::sleep(Duration::from_millis(300));
        Ok(child)
    }
}

impl Drop for Neighbour {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
