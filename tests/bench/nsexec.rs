//! nicon-nsexec: the time that it adds to a command's own, beside nsenter and the least that can be done.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nicon_lab::{LIMIT, Lab, command, output_within, tool};

use crate::measure::{Comparison, Contender, compare_added};

/// A container of Docker as it runs one by default, with cgroups and a cgroup namespace of its own.
const CONTAINER: &str = "entered";

/// The floor, compiled here: what entering takes, without guards, cgroups or capabilities.
const ENTER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/bench/enter.c");

const RUNS: usize = 400;

/// `docker exec` takes that much longer.
const RUNS_OF_DOCKER: usize = 40;

/// Compares the network alone and five namespaces of a process in our own cgroup, and the network and all of a container.
pub(crate) fn beside_nsenter(lab: &Lab, bins: &Path) -> Result<Vec<Comparison>, String> {
    let enter = Path::new("/run/nicon-bench-enter");
    output_within(tool("cc").args(["-O2", "-static", "-o"]).arg(enter).arg(ENTER), LIMIT)?.ok()?;
    let size = std::fs::metadata(bins.join("nicon-nsexec")).map_err(|error| format!("nicon-nsexec: {error}"))?.len();
    println!("nicon-nsexec has {size} bytes, the limit is {}\n", 3 << 19);

    let neighbour = Neighbour::start()?;
    let near = nicon_lab::witness::family(neighbour.0.id()).last().ok_or("unshare has no child")?.0.to_string();
    let five = ["--mount", "--uts", "--ipc", "--net", "--pid"];
    let mut comparisons = vec![
        beside_a_floor("nsexec --net: added to the time of `true`", &near, &["--net"], bins, enter)?,
        beside_a_floor("nsexec, five namespaces and a child: added to the time of `true`", &near, &five, bins, enter)?,
    ];
    lab.run_container("", CONTAINER, &["--cgroupns=private"])?;
    comparisons.push(into_a_container(lab, bins)?);
    lab.remove("", CONTAINER)?;
    Ok(comparisons)
}

fn contender<'a>(name: &'a str, command: impl Fn() -> Command + 'a) -> Contender<'a> {
    Contender { name, runs: RUNS, command: Box::new(command), ends: &[0], input: None }
}

/// A program that enters as nsenter does, with `true` as its command.
fn entering(mut program: Command, options: &[&str]) -> Command {
    program.args(options).arg("/bin/true");
    program
}

fn beside_a_floor(title: &str, pid: &str, options: &[&str], bins: &Path, enter: &Path) -> Result<Comparison, String> {
    let least = if options.len() > 1 { "five" } else { "net" };
    let options = [&["-t", pid], options].concat();
    let contenders = [
        contender("nicon-nsexec", || entering(command(bins, "nicon-nsexec"), &options)),
        contender("nsenter", || entering(tool("nsenter"), &options)),
        contender("floor: a static C program", || {
            let mut floor = Command::new(enter);
            floor.args([pid, least, "/bin/true"]);
            floor
        }),
        contender("true alone", || tool("/bin/true")),
    ];
    compare_added(title, &contenders)
}

fn into_a_container(lab: &Lab, bins: &Path) -> Result<Comparison, String> {
    let record = Path::new("/run/nicon-bench-record");
    let resolved = output_within(command(bins, "nicon-resolve").arg(CONTAINER), LIMIT)?.ok()?;
    std::fs::write(record, resolved + "\n").map_err(|error| format!("write {}: {error}", record.display()))?;
    let pid = lab.host_pid(CONTAINER)?.to_string();
    let (all, net) = (["-t", &pid, "--all"], ["-t", &pid, "--net"]);
    let nsexec = || command(bins, "nicon-nsexec");
    let contenders = [
        contender("nicon-nsexec --all", || entering(nsexec(), &all)),
        Contender { input: Some(record), ..contender("the same of a record", || entering(nsexec(), &all[2..])) },
        contender("nsenter --all, which joins no cgroup", || entering(tool("nsenter"), &all)),
        Contender {
            runs: RUNS_OF_DOCKER,
            ..contender("docker exec", || entering(tool("docker"), &["exec", CONTAINER]))
        },
        contender("nicon-nsexec --net", || entering(nsexec(), &net)),
        contender("nsenter --net", || entering(tool("nsenter"), &net)),
        contender("true alone", || tool("/bin/true")),
    ];
    compare_added("nsexec into a container of Docker: added to the time of `true`", &contenders)
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
