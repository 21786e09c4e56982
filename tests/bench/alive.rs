//! Containers that come and go, followed; and a lab that stays wired. Beside `docker events`, and scripts that live on it.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use nicon_lab::{LIMIT, Lab, command, output_within, tool};
use serde_json::Value;

use crate::links::write;
use crate::measure::Comparison;

/// How often a container is started or restarted.
const STARTS: usize = 20;

/// Containers that are started as fast as it goes, so many at a time.
const STORM: usize = 200;
const AT_ONCE: usize = 8;

/// Containers of the lab, its links, and those of them that the first container has.
const PLACES: usize = 12;
const LINKS: usize = 60;
const OWN_LINKS: usize = 8;

/// Events of an engine that tells nothing else.
const EVENTS: usize = 100_000;

/// Where the plan and the script are; `/run` is the benchmark's own.
const PLAN: &str = "/run/alive.yaml";
const ENGINE: &str = "/run/alive.sock";

/// Prints the name of each container that is started.
const DOCKER_EVENTS: &str = "docker events --filter event=start --format '{{.Actor.Attributes.name}}'";

/// A program that goes on, and its lines with the time at which each was read.
struct Following {
    child: Child,
    lines: Receiver<(Instant, String)>,
}

impl Following {
    fn start(mut command: Command) -> Result<Self, String> {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped());
        child = child.stderr(Stdio::null());
        let mut child = child.spawn().map_err(|error| format!("start {command:?}: {error}"))?;
        let stdout = child.stdout.take().ok_or("no pipe")?;
        let (sender, lines) = channel();
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let _ = sender.send((Instant::now(), line));
            }
        });
        Ok(Self { child, lines })
    }

    fn shell(script: &str, bins: &Path) -> Result<Self, String> {
        let path = std::env::var("PATH").unwrap_or_default();
        let mut shell = tool("setpriv");
        shell.args(["--pdeathsig", "KILL", "sh", "-c", script]).env("PATH", format!("{}:{path}", bins.display()));
        Self::start(shell)
    }

    /// The next line that is meant, and when it came.
    fn next(&self, is_meant: impl Fn(&str) -> bool) -> Result<Instant, String> {
        let until = Instant::now() + LIMIT;
        loop {
            match self.lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok((time, line)) if is_meant(&line) => return Ok(time),
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) => return Err("waited too long for a line".to_owned()),
                Err(RecvTimeoutError::Disconnected) => return Err("it has ended".to_owned()),
            }
        }
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether a line is a record of this event of this target.
fn is_event(line: &str, event: &str, target: &str) -> bool {
    let record: Value = serde_json::from_str(line).unwrap_or_default();
    record["event"] == event && record["target"] == target
}

/// From `docker events` printing that a container was started until it is known which process it is. One after the other: what a script starts
/// for each event would take the processors from the rest.
pub(crate) fn started(lab: &Lab, bins: &Path) -> Result<Comparison, String> {
    let watch = Following::shell("nicon-resolve -J --watch '**'", bins)?;
    watch.next(|line| is_event(line, "present", "setup.olt_1.lt_1"))?;
    let by_nicon = starts(lab, bins, &watch, |line, name| is_event(line, "arrived", name))?;
    drop(watch);
    let script = format!(
        "{DOCKER_EVENTS} | while read name; do echo $name $(docker inspect -f '{{{{.State.Pid}}}}' $name); done"
    );
    let script = Following::shell(&script, bins)?;
    let by_script = starts(lab, bins, &script, |line, name| line.starts_with(&format!("{name} ")))?;
    Ok(Comparison::of_times(
        "From docker events printing a start to the container's real PID",
        vec![
            ("nicon-resolve --watch '**', its record".to_owned(), by_nicon),
            ("a script: docker events | docker inspect (no nests)".to_owned(), by_script),
        ],
    ))
}

/// How long after `docker events` each start of a container is known to a program.
fn starts(
    lab: &Lab,
    bins: &Path,
    follower: &Following,
    is_told: impl Fn(&str, &str) -> bool,
) -> Result<Vec<Duration>, String> {
    let docker = Following::shell(DOCKER_EVENTS, bins)?;
    let mut times = Vec::new();
    // The first one shows that both have begun.
    for n in 0..=STARTS {
        let name = format!("start{n}");
        lab.run_container("", &name, &[])?;
        let printed = docker.next(|line| line == name)?;
        times.push(follower.next(|line| is_told(line, &name))?.saturating_duration_since(printed));
        lab.remove("", &name)?;
    }
    times.remove(0);
    Ok(times)
}

/// As many containers as are started as fast as it goes: how long after its own line each record comes.
pub(crate) fn storm(lab: &Lab, bins: &Path) -> Result<Comparison, String> {
    let docker = Following::shell(DOCKER_EVENTS, bins)?;
    let watch = Following::shell("nicon-resolve -J --watch 'storm*'", bins)?;
    // It has begun when it tells of one.
    lab.run_container("", "storm-first", &[])?;
    watch.next(|line| is_event(line, "present", "storm-first") || is_event(line, "arrived", "storm-first"))?;
    let (mut running, mut told) = (Vec::new(), Vec::new());
    for n in 0..STORM {
        let name = format!("storm{n}");
        let mut run = lab.command("", &["docker", "start", &name]);
        lab.docker(
            "",
            &["create", "--name", &name, "--network=none", "--volume=/usr:/usr:ro", "nicon-lab", "sleep", "infinity"],
        )?
        .ok()?;
        run.stdout(Stdio::null());
        told.push(name);
        running.push(run);
    }
    let mut children: Vec<Child> = Vec::new();
    for mut run in running {
        if children.len() == AT_ONCE {
            let _ = children.remove(0).wait();
        }
        children.push(run.spawn().map_err(|error| error.to_string())?);
    }
    for mut child in children {
        let _ = child.wait();
    }
    let times_of = |following: &Following, name: &dyn Fn(&str) -> Option<String>| {
        let mut times = std::collections::HashMap::new();
        while times.len() < STORM {
            let last = std::cell::RefCell::new(None);
            let time = following.next(|line| {
                let found = name(line).filter(|name| told.contains(name));
                let is_found = found.is_some();
                last.replace(found);
                is_found
            })?;
            if let Some(name) = last.into_inner() {
                times.insert(name, time);
            }
        }
        Ok::<_, String>(times)
    };
    let printed = times_of(&docker, &|line| Some(line.to_owned()))?;
    let known = times_of(&watch, &|line| {
        let record: Value = serde_json::from_str(line).ok()?;
        (record["event"] == "arrived").then(|| record["target"].as_str().map(str::to_owned))?
    })?;
    let after = printed.iter().map(|(name, time)| known[name].saturating_duration_since(*time)).collect();
    for name in told.iter().map(String::as_str).chain(["storm-first"]) {
        lab.remove("", name)?;
    }
    Ok(Comparison::of_times(
        "200 containers started as fast as it goes, 8 at a time: each from docker's line to its record",
        vec![("nicon-resolve --watch 'storm*', all 200 of them".to_owned(), after)],
    ))
}

/// The container of this number.
fn place(n: usize) -> String {
    format!("node{n}")
}

fn plan() -> String {
    let own = (0..OWN_LINKS).map(|n| (0, format!("e{n}"), n + 1, format!("w{n}")));
    let others = (OWN_LINKS..LINKS).map(|n| {
        let from = 1 + n % (PLACES - 1);
        (from, format!("e{n}"), 1 + from % (PLACES - 1), format!("w{n}"))
    });
    let links = own.chain(others).map(|(from, name, to, other)| {
        format!("- endpoints: [\"{}:{name}\", \"{}:{other}\"]\n", place(from), place(to))
    });
    format!("name: alive\nlinks:\n{}", links.collect::<String>())
}

/// From `docker events` printing that a container of a lab was started to the last of its links.
pub(crate) fn repaired(lab: &Lab, bins: &Path) -> Result<Comparison, String> {
    for n in 0..PLACES {
        lab.run_container("", &place(n), &[])?;
    }
    write(PLAN, &plan())?;
    let docker = Following::shell(DOCKER_EVENTS, bins)?;
    let first = place(0);
    let pipe = format!("nicon-plan --watch {PLAN} | nicon-resolve --watch | nicon-wire -J");
    let by_nicon = repairs(lab, &docker, &Following::shell(&pipe, bins)?, 2 * LINKS, |line| {
        let record: Value = serde_json::from_str(line).unwrap_or_default();
        record["target"] == *first && record["event"] != "gone"
    })?;
    // In the lab, docker inspect would tell another namespace's PIDs; nicon-resolve takes less time than it.
    let script = format!(
        "{DOCKER_EVENTS} --filter container={first} | while read name; do
             pid=$(nicon-resolve --pid $name)
             for n in $(seq 0 {}); do
                 other=$(nicon-resolve --pid node$((n + 1)))
                 nsenter -t $other -n ip link del w$n 2>/dev/null
                 ip link add tmp-e type veth peer name tmp-w
                 ip link set tmp-e netns $pid; ip link set tmp-w netns $other
                 nsenter -t $pid -n sh -c \"ip link set tmp-e name e$n; ip link set e$n up\"
                 nsenter -t $other -n sh -c \"ip link set tmp-w name w$n; ip link set w$n up\"
                 echo link
             done
         done",
        OWN_LINKS - 1
    );
    let by_script = repairs(lab, &docker, &Following::shell(&script, bins)?, 0, |line| line == "link")?;
    for n in 0..PLACES {
        lab.remove("", &place(n))?;
    }
    Ok(Comparison::of_times(
        "A container of a lab of 60 links is restarted: from docker's line to the last of its 8 links",
        vec![
            ("nicon-plan --watch | nicon-resolve --watch | nicon-wire".to_owned(), by_nicon),
            ("a script: docker events, nicon-resolve --pid, ip for each step".to_owned(), by_script),
        ],
    ))
}

/// Restarts the first container again and again, and tells how long its links take each time. At first, `ready` lines come.
fn repairs(
    lab: &Lab,
    docker: &Following,
    keeping: &Following,
    ready: usize,
    is_link: impl Fn(&str) -> bool,
) -> Result<Vec<Duration>, String> {
    for _ in 0..ready {
        keeping.next(|_| true)?;
    }
    let (first, mut times) = (place(0), Vec::new());
    for _ in 0..STARTS {
        lab.docker("", &["restart", "--time=0", &first])?.ok()?;
        let told = docker.next(|line| line == first)?;
        let last = (0..OWN_LINKS).try_fold(told, |_, _| keeping.next(&is_link))?;
        times.push(last.saturating_duration_since(told));
        let links = format!("nsenter -t {} -n ip -o link | grep -c ': e'", lab.host_pid(&first)?);
        let links = output_within(tool("sh").args(["-c", &links]), LIMIT)?.ok()?;
        if links.trim() != OWN_LINKS.to_string() {
            return Err(format!("{first} has {} of its {OWN_LINKS} links", links.trim()));
        }
    }
    Ok(times)
}

/// An engine that tells of 100,000 events, and has no containers: how long it takes, and how much memory.
pub(crate) fn many_events(bins: &Path) -> Result<Comparison, String> {
    let _ = fs::remove_file(ENGINE);
    let listener = UnixListener::bind(ENGINE).map_err(|error| format!("bind {ENGINE}: {error}"))?;
    let (sender, done) = channel();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let sender = sender.clone();
            thread::spawn(move || {
                serve(stream, || {
                    let _ = sender.send(Instant::now());
                });
            });
        }
    });
    let mut watch = command(bins, "nicon-resolve");
    watch.args(["-J", "--watch", "docker:*"]).env("DOCKER_HOST", format!("unix://{ENGINE}"));
    let begun = Instant::now();
    let watch = Following::start(watch)?;
    let end = done.recv_timeout(LIMIT).map_err(|error| format!("wait for the events to be read: {error}"))?;
    // It works in a child of its own.
    let children = fs::read_to_string(format!("/proc/{0}/task/{0}/children", watch.child.id())).unwrap_or_default();
    let status = fs::read_to_string(format!("/proc/{}/status", children.trim())).map_err(|error| error.to_string())?;
    let peak =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.trim().parse().ok());
    let row = ("nicon-resolve --watch, all of them read".to_owned(), vec![end - begun], peak);
    Ok(Comparison::of_one("An engine tells of 100,000 events", row))
}

fn serve(mut stream: UnixStream, all_read: impl Fn()) {
    let mut reader = BufReader::new(match stream.try_clone() {
        Ok(stream) => stream,
        Err(_) => return,
    });
    loop {
        let mut request = String::new();
        while !request.ends_with("\r\n\r\n") {
            if reader.read_line(&mut request).unwrap_or(0) == 0 {
                return;
            }
        }
        let answered = if request.starts_with("GET /events") {
            let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n";
            let event = "{\"status\":\"start\",\"id\":\"0123456789ab\",\"Type\":\"container\",\"Action\":\"start\"}\n";
            let told = stream.write_all(head.as_bytes());
            let told = told.and_then(|()| (0..EVENTS).try_for_each(|_| stream.write_all(event.as_bytes())));
            if told.is_ok() {
                all_read();
            }
            // What is left open tells nothing more.
            let _ = reader.read(&mut [0; 1]);
            return;
        } else {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n[]")
        };
        if answered.is_err() {
            return;
        }
    }
}
