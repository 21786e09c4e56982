//! A run of nicon-resolve --watch, and what its events add up to.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use libtest_mimic::Failed;
use nicon_lab::{LIMIT, patience, witness};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::support::suite::Suite;

/// The fields that a record with a container always has.
const WHOLE: [&str; 6] = ["target", "pid", "starttime", "nspid", "ns", "hops"];

/// What tells two containers of a watch apart.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Key {
    /// Each is told once, whatever its name.
    Process,
    /// Each is asked for by a path.
    Path,
    /// Several records may ask for one.
    Record,
    /// None: they are shown in a table.
    Row,
}

/// The record as it is, whatever has happened.
pub(crate) fn without_event(record: &Value) -> Value {
    let mut record = record.clone();
    let fields = record.as_object_mut().unwrap();
    fields.remove("event");
    fields.remove("was");
    record
}

/// A container that is there, by the events.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Seen {
    pub(crate) path: String,
    pub(crate) pid: u32,
    pub(crate) is_paused: bool,
}

/// A watch that goes on, and what it has told so far.
pub(crate) struct Watching {
    child: Child,
    input: Option<ChildStdin>,
    events: Receiver<Value>,
    said: Arc<Mutex<String>>,
    key: Key,
    seen: BTreeMap<String, Seen>,
    /// What was told, and not asked for yet.
    passed: VecDeque<Value>,
    /// All events in short, for messages.
    told: String,
}

impl Watching {
    /// Watches what patterns match.
    pub(crate) fn patterns(suite: &Suite, words: &[&str]) -> Result<Self, Failed> {
        let mut command = suite.command("nicon-resolve")?;
        Self::spawn(command.arg("--watch").args(words), Key::Process)
    }

    /// Watches what is at paths, each of which is given once.
    pub(crate) fn paths(suite: &Suite, words: &[&str]) -> Result<Self, Failed> {
        let mut command = suite.command("nicon-resolve")?;
        Self::spawn(command.arg("--watch").args(words), Key::Path)
    }

    /// Watches by patterns, the whole command line of which is given.
    pub(crate) fn of(command: &mut Command) -> Result<Self, Failed> {
        Self::spawn(command, Key::Process)
    }

    /// Watches what records ask for, which it is fed.
    pub(crate) fn records(suite: &Suite, words: &[&str]) -> Result<Self, Failed> {
        let mut command = suite.command("nicon-resolve")?;
        Self::spawn(command.arg("--watch").args(words), Key::Record)
    }

    /// Shows in a table what patterns match.
    pub(crate) fn rows(suite: &Suite, words: &[&str]) -> Result<Self, Failed> {
        let mut command = suite.command("nicon-resolve")?;
        Self::spawn(command.args(["--watch", "-o", "table"]).args(words), Key::Row)
    }

    fn spawn(command: &mut Command, key: Key) -> Result<Self, Failed> {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let (lines, mut errors) = (child.stdout.take().ok_or("no pipe")?, child.stderr.take().ok_or("no pipe")?);
        let (sender, events) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(lines).lines().map_while(Result::ok) {
                let _ = sender.send(serde_json::from_str(&line).unwrap_or(Value::String(line)));
            }
        });
        let said = Arc::<Mutex<String>>::default();
        let saying = Arc::clone(&said);
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(length @ 1..) = errors.read(&mut bytes) {
                saying.lock().unwrap().push_str(&String::from_utf8_lossy(&bytes[..length]));
            }
        });
        let input = child.stdin.take();
        Ok(Self {
            child,
            input,
            events,
            said,
            key,
            seen: BTreeMap::new(),
            passed: VecDeque::new(),
            told: String::new(),
        })
    }

    /// Gives it lines on standard input.
    pub(crate) fn feed(&mut self, lines: &str) -> Result<(), Failed> {
        let input = self.input.as_mut().ok_or("its input has ended")?;
        input.write_all(lines.as_bytes())?;
        Ok(input.flush()?)
    }

    /// Ends its standard input.
    pub(crate) fn end_input(&mut self) {
        self.input = None;
    }

    /// The next event, if there is one in time, whether it was passed over or not.
    fn next_within(&mut self, limit: Duration) -> Option<Value> {
        match self.events.recv_timeout(limit) {
            Ok(event) => {
                self.count(&event);
                Some(event)
            }
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => panic!("it has ended: {}", self.said()),
        }
    }

    /// The next event of the container at a path.
    #[track_caller]
    pub(crate) fn next_of(&mut self, path: &str) -> Value {
        self.next_that(path, |event| event["target"] == path)
    }

    /// The next row of the table, or its heading.
    #[track_caller]
    pub(crate) fn next_row(&mut self) -> String {
        let row = self.next_that("a row", Value::is_string);
        row.as_str().unwrap_or_default().to_owned()
    }

    /// The next event of which this is true. Those of others that come before are kept for whoever asks for them.
    #[track_caller]
    pub(crate) fn next_that(&mut self, what: &str, is_meant: impl Fn(&Value) -> bool) -> Value {
        if let Some(at) = self.passed.iter().position(&is_meant) {
            return self.passed.remove(at).unwrap();
        }
        let give_up = Instant::now() + LIMIT * patience();
        while let Some(event) = self.next_within(give_up.saturating_duration_since(Instant::now())) {
            if is_meant(&event) {
                return event;
            }
            self.passed.push_back(event);
        }
        panic!("no event of {what}; {:?} are there; {}", self.seen, self.said());
    }

    /// The next event of the container at a path, which is to be this one.
    #[track_caller]
    pub(crate) fn expect(&mut self, path: &str, what: &str) -> Value {
        let event = self.next_of(path);
        assert_eq!(event["event"], what, "{event}; {}", self.said());
        event
    }

    /// Takes all that was told already.
    pub(crate) fn drain(&mut self) -> Vec<Value> {
        let told = std::iter::from_fn(|| self.next_within(Duration::ZERO)).collect::<Vec<_>>();
        self.passed.drain(..).chain(told).collect()
    }

    /// Takes events until those that are there are these, of those that are meant.
    #[track_caller]
    pub(crate) fn adds_up_to(&mut self, expected: &[Seen], is_meant: impl Fn(&Seen) -> bool) {
        let give_up = Instant::now() + LIMIT * patience();
        let mut expected = expected.to_vec();
        expected.sort();
        loop {
            let mut there: Vec<_> = self.seen.values().filter(|seen| is_meant(seen)).cloned().collect();
            there.sort();
            if there == expected {
                return;
            }
            let next = self.next_within(give_up.saturating_duration_since(Instant::now()));
            let (said, told) = (self.said(), &self.told);
            assert!(next.is_some(), "they add up to {there:#?}, and there are {expected:#?}; {said}\n{told}");
        }
    }

    /// Whether the events add up to this container.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.seen.values().any(|seen| seen.path == path)
    }

    /// What it has said on standard error.
    pub(crate) fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }

    /// Waits until it has said something.
    #[track_caller]
    pub(crate) fn until_said(&self, words: &str) {
        let give_up = Instant::now() + LIMIT * patience();
        while !self.said().contains(words) {
            assert!(Instant::now() < give_up, "it did not say {words:?}, but {:?}", self.said());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Its process, and the child that does the work, each with its start time.
    pub(crate) fn processes(&self) -> Vec<(u32, u64)> {
        witness::family(self.child.id())
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().cast_signed()), signal).unwrap();
    }

    /// Waits until it ends by itself. The events that were not taken are lost.
    pub(crate) fn end(mut self) -> Result<(ExitStatus, String), Failed> {
        let give_up = Instant::now() + LIMIT * patience();
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok((status, self.said()));
            }
            if Instant::now() > give_up {
                return Err(format!("it does not end: {}", self.said()).into());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Keeps the sum of the events, of which each has to fit the ones before.
    fn count(&mut self, event: &Value) {
        // A record of a plan of nothing tells of no container.
        if self.key == Key::Row || event["plan_size"] == 0 {
            return;
        }
        let what = event["event"].as_str().unwrap_or_else(|| panic!("no event: {event}"));
        let path = event["target"].as_str().unwrap_or_else(|| panic!("no target: {event}")).to_owned();
        let _ = writeln!(self.told, "{what} {path} {} {}", event["pid"], event["was"]);
        if self.key == Key::Record {
            return;
        }
        let Some(pid) = event["pid"].as_u64() else {
            assert_eq!(what, "gone", "without a process: {event}");
            assert!(!self.has(&path), "it was there: {event}");
            return;
        };
        for field in WHOLE {
            assert!(!event[field].is_null(), "no {field}: {event}");
        }
        let (pid, is_paused) = (u32::try_from(pid).unwrap(), event["paused"] == true);
        let now = Seen { path, pid, is_paused };
        let key = match self.key {
            Key::Process => pid.to_string(),
            Key::Path | Key::Record | Key::Row => now.path.clone(),
        };
        let before = match what {
            "gone" => self.seen.remove(&key),
            _ => self.seen.insert(key, now.clone()),
        };
        match (what, before) {
            ("present" | "arrived", None) => assert!(event.get("was").is_none(), "{event}"),
            ("gone", Some(before)) => assert_eq!(before, now, "{event}"),
            ("changed", Some(before)) => {
                assert_eq!(before.pid, now.pid, "{event}");
                let was = event["was"].as_object().unwrap_or_else(|| panic!("nothing has changed: {event}"));
                for (field, was) in was {
                    assert_ne!(Some(was), event.get(field), "{event}");
                }
                let target = was.get("target").map_or(&now.path[..], |target| target.as_str().unwrap());
                assert_eq!(before.path, target, "{event}");
            }
            (_, before) => panic!("it was {before:?}: {event}; {}", self.said()),
        }
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
