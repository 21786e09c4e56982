//! A run of nicon-resolve --watch in a machine.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use libtest_mimic::Failed;
use nicon_lab::machine::Machine;
use nicon_lab::{LIMIT, patience, tool};
use serde_json::Value;

/// A watch that goes on until this is dropped.
pub(crate) struct Watching<'a> {
    machine: &'a Machine,
    child: Child,
    events: Receiver<Value>,
    /// What was told, and not asked for yet.
    passed: Vec<Value>,
}

impl<'a> Watching<'a> {
    /// Watches as somebody whose commands begin with the words `caller`.
    pub(crate) fn start(machine: &'a Machine, caller: &[&str], words: &[&str]) -> Result<Self, Failed> {
        // What enters the machine is our child, and ends with this; it has nicon-resolve for a child.
        let end = ["setpriv", "--pdeathsig=KILL"];
        Self::of(machine, machine.command(&[&end, caller, &["nicon-resolve", "--watch"], words].concat()))
    }

    /// Watches as somebody who hesitates for a second before each question.
    pub(crate) fn hesitant(machine: &'a Machine, caller: &[&str], words: &[&str]) -> Result<Self, Failed> {
        let entering = machine.command(&[caller, &["nicon-resolve", "--timeout=30", "--watch"], words].concat());
        let mut strace = tool("setpriv");
        strace.args(["--pdeathsig=KILL", "strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=sendto"]);
        strace.args(["-e", "inject=sendto:delay_enter=1000000"]).arg(entering.get_program()).args(entering.get_args());
        Self::of(machine, strace)
    }

    fn of(machine: &'a Machine, mut command: Command) -> Result<Self, Failed> {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn()?;
        let lines = BufReader::new(child.stdout.take().ok_or("no pipe")?).lines();
        let (sender, events) = channel();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if sender.send(serde_json::from_str(&line).unwrap_or(Value::String(line))).is_err() {
                    return;
                }
            }
        });
        Ok(Self { machine, child, events, passed: Vec::new() })
    }

    /// The next event of the container at a path, which is to be this one.
    #[track_caller]
    pub(crate) fn expect(&mut self, path: &str, what: &str) -> Value {
        let event = self.expect_any(path);
        assert_eq!(event["event"], what, "{event}");
        event
    }

    #[track_caller]
    pub(crate) fn expect_any(&mut self, path: &str) -> Value {
        let give_up = Instant::now() + LIMIT * patience();
        if let Some(at) = self.passed.iter().position(|event| event["target"] == path) {
            return self.passed.remove(at);
        }
        while let Ok(event) = self.events.recv_timeout(give_up.saturating_duration_since(Instant::now())) {
            if event["target"] == path {
                return event;
            }
            self.passed.push(event);
        }
        panic!("no event of {path}, but {:?}", self.passed)
    }

    /// The next one is of a process that runs in the cgroup that the word is in, with the mount namespace of its PID.
    #[track_caller]
    pub(crate) fn expect_process(&mut self, path: &str, what: &str, pid: &str) -> Value {
        let event = self.expect(path, what);
        assert_eq!(event["pid"].to_string(), pid, "{event}");
        let link = self.machine.run(&["readlink", &format!("/proc/{pid}/ns/mnt")]);
        assert_eq!(link.stdout.trim(), format!("mnt:[{}]", event["ns"]["mnt"]), "{event}");
        event
    }

    /// Whether nothing was told of a path that has not been asked for.
    pub(crate) fn is_quiet_about(&mut self, path: &str, time: Duration) -> bool {
        let until = Instant::now() + time;
        while let Ok(event) = self.events.recv_timeout(until.saturating_duration_since(Instant::now())) {
            self.passed.push(event);
        }
        !self.passed.iter().any(|event| event["target"] == path)
    }
}

impl Drop for Watching<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
