//! Programs that go on: what they are fed, and what they tell.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use libtest_mimic::Failed;
use nicon_lab::{LIMIT, patience, until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

/// A program that goes on. It is killed when this is dropped.
pub(crate) struct Stream {
    child: Child,
    stdin: Option<ChildStdin>,
    records: Receiver<String>,
    errors: Receiver<String>,
}

impl Stream {
    /// Starts it.
    pub(crate) fn start(command: &mut Command) -> Result<Self, Failed> {
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = piped.spawn()?;
        let records = lines(child.stdout.take().ok_or("no output")?);
        let errors = lines(child.stderr.take().ok_or("no errors")?);
        Ok(Self { stdin: child.stdin.take(), child, records, errors })
    }

    /// Writes to its standard input.
    pub(crate) fn feed(&mut self, text: impl AsRef<[u8]>) {
        self.stdin.as_mut().expect("its input is open").write_all(text.as_ref()).unwrap();
    }

    /// Ends its standard input.
    pub(crate) fn end_input(&mut self) {
        self.stdin = None;
    }

    /// Its next record.
    #[track_caller]
    pub(crate) fn record(&mut self) -> Value {
        let line = self.records.recv_timeout(LIMIT);
        let line = line.unwrap_or_else(|error| panic!("no record: {error}; it says {:?}", self.told()));
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    }

    /// Its next records.
    #[track_caller]
    pub(crate) fn take(&mut self, count: usize) -> Vec<Value> {
        (0..count).map(|_| self.record()).collect()
    }

    /// The `nic` of its next record in which this has happened to a link of this name.
    #[track_caller]
    pub(crate) fn nic(&self, event: &str, name: &str) -> Value {
        self.nic_where(&format!("{event} {name}"), |nic| nic["event"] == event && nic["name"] == name)
    }

    /// The `nic` of its next record of which this is true.
    #[track_caller]
    pub(crate) fn nic_where(&self, what: &str, is_it: impl Fn(&Value) -> bool) -> Value {
        let give_up = Instant::now() + LIMIT;
        let mut others = Vec::new();
        loop {
            let line = self.records.recv_timeout(give_up.saturating_duration_since(Instant::now()));
            let line = line.unwrap_or_else(|_| panic!("no {what}; it says {:?}, and {others:?}", self.told()));
            let nic = serde_json::from_str::<Value>(&line).unwrap()["nic"].take();
            if is_it(&nic) {
                return nic;
            }
            others.push(nic);
        }
    }

    /// The records that it has written by now.
    pub(crate) fn seen(&self) -> Vec<Value> {
        let lines = self.records.try_iter();
        lines.map(|line| serde_json::from_str(&line).unwrap()).collect()
    }

    /// Its next line of standard error.
    #[track_caller]
    pub(crate) fn error(&mut self) -> String {
        self.errors.recv_timeout(LIMIT).expect("a line of standard error")
    }

    /// What it has written to standard error by now.
    pub(crate) fn told(&self) -> Vec<String> {
        self.errors.try_iter().collect()
    }

    /// Makes sure that it writes no record for a while.
    #[track_caller]
    pub(crate) fn says_nothing(&mut self) {
        let waited = self.records.recv_timeout(Duration::from_millis(300) * patience());
        assert_eq!(waited, Err(RecvTimeoutError::Timeout), "{:?}", self.told());
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().cast_signed()), signal).unwrap();
    }

    /// Waits until it has ended.
    #[track_caller]
    pub(crate) fn end(&mut self) -> ExitStatus {
        until("the end of a program", || self.child.try_wait().unwrap())
    }

    /// What it has written to standard error that was not read yet, once it has ended; where that is to be, it is killed.
    #[track_caller]
    pub(crate) fn told_in_the_end(mut self, is_killed: bool) -> String {
        if is_killed {
            self.signal(Signal::SIGKILL);
        }
        self.end();
        self.errors.iter().map(|line| line + "\n").collect()
    }

    /// How much of a processor it has used, in ticks.
    pub(crate) fn ticks(&self) -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid())).unwrap();
        let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The lines of an output, as they come.
fn lines(output: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, lines) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    lines
}
