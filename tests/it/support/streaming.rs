//! A program that goes on, and the records that it prints.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use libtest_mimic::Failed;
use nicon_lab::patience;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

/// It is killed when this is dropped.
pub(crate) struct Streaming {
    pub(crate) child: Child,
    pub(crate) records: Receiver<Value>,
    told: Arc<Mutex<String>>,
    teller: Option<JoinHandle<()>>,
}

impl Streaming {
    pub(crate) fn start(command: &mut Command) -> Result<Self, Failed> {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let reader = BufReader::new(child.stdout.take().ok_or("no pipe")?);
        let (sender, records) = channel();
        std::thread::spawn(move || {
            for line in reader.lines().map_while(Result::ok) {
                let _ = sender.send(serde_json::from_str(&line).unwrap());
            }
        });
        let told = Arc::new(Mutex::new(String::new()));
        let (reader, lines) = (BufReader::new(child.stderr.take().ok_or("no pipe")?), told.clone());
        let teller = std::thread::spawn(move || {
            for line in reader.lines().map_while(Result::ok) {
                *lines.lock().unwrap() += &(line + "\n");
            }
        });
        Ok(Self { child, records, told, teller: Some(teller) })
    }

    /// The `nic` of the next record, in which this is what happened, to a link of this name.
    #[track_caller]
    pub(crate) fn nic(&self, event: &str, name: &str) -> Value {
        self.until(|nic| nic["event"] == event && nic["name"] == name, &format!("{event} {name}"))
    }

    /// The `nic` of the next record of which this is true.
    #[track_caller]
    pub(crate) fn until(&self, is_it: impl Fn(&Value) -> bool, what: &str) -> Value {
        let give_up = Instant::now() + Duration::from_secs(20) * patience();
        let mut others = Vec::new();
        loop {
            let left = give_up.saturating_duration_since(Instant::now());
            let Ok(mut record) = self.records.recv_timeout(left) else {
                panic!("{what} was not told, but {:?} {others:?}", self.told.lock().unwrap())
            };
            let nic = record["nic"].take();
            if is_it(&nic) {
                return nic;
            }
            others.push(nic);
        }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().cast_signed()), signal).unwrap();
    }

    /// Waits for its end, and returns its exit status and what it wrote on standard error.
    pub(crate) fn end(mut self) -> Result<(Option<i32>, String), Failed> {
        let give_up = Instant::now() + Duration::from_secs(20) * patience();
        while self.child.try_wait()?.is_none() {
            assert!(Instant::now() < give_up, "it goes on");
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = self.teller.take().map(JoinHandle::join);
        let told = self.told.lock().unwrap().clone();
        Ok((self.child.wait()?.code(), told))
    }

    /// Kills it, and returns what it wrote on standard error.
    pub(crate) fn kill(mut self) -> Result<String, Failed> {
        self.child.kill()?;
        Ok(self.end()?.1)
    }
}

impl Drop for Streaming {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
