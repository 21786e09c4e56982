//! nicon-nsexec and the keys of a real terminal, under a shell that watches its jobs.

use std::io::{Read, Write};
use std::process::{ChildStdin, Stdio};
use std::sync::{Arc, Mutex};

use libtest_mimic::{Failed, Trial};
use nicon_lab::{Lab, tool, witness};

use crate::nsexec::as_nsenter::{CONTAINER, Cell, wait_for};
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![suite.trial("nsexec::keys::ctrl_z_and_ctrl_c", ctrl_z_and_ctrl_c)]
}

/// A shell at a terminal, whose keys we press.
struct Desk {
    shell: Cell,
    keys: ChildStdin,
    /// What the terminal has shown and nobody has asked for yet.
    shown: Arc<Mutex<String>>,
}

impl Desk {
    fn new(suite: &Suite) -> Result<Self, Failed> {
        let path = format!("{}:{}", suite.bins()?.display(), nicon_lab::search_path().to_string_lossy());
        let mut script = tool("setpriv");
        script.args(["--pdeathsig=KILL", "script", "-qec", "bash --norc --noprofile -i", "/dev/null"]);
        script.env("PATH", path).env("SHELL", "/bin/bash");
        let mut shell = Cell(script.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?);
        let keys = shell.0.stdin.take().ok_or("no keys")?;
        let mut screen = shell.0.stdout.take().ok_or("no screen")?;
        let shown = Arc::new(Mutex::new(String::new()));
        let text = Arc::clone(&shown);
        // Ends with the terminal.
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(length @ 1..) = screen.read(&mut buffer) {
                text.lock().unwrap().push_str(&String::from_utf8_lossy(&buffer[..length]));
            }
        });
        let mut desk = Self { shell, keys, shown };
        desk.press("PS1='prompt''> '\n")?;
        desk.sees("prompt> ");
        Ok(desk)
    }

    fn press(&mut self, keys: &str) -> Result<(), Failed> {
        Ok(self.keys.write_all(keys.as_bytes())?)
    }

    /// Waits until the terminal shows this.
    #[track_caller]
    fn sees(&self, text: &str) {
        wait_for(&format!("{text:?} on the terminal: {:?}", self.shown.lock().unwrap()), || {
            let mut shown = self.shown.lock().unwrap();
            let Some(at) = shown.find(text) else { return false };
            shown.drain(..at + text.len());
            true
        });
    }

    /// The states of those processes below the shell whose command line has this word.
    fn states(&self, word: &str) -> String {
        let family = witness::family(self.shell.0.id());
        let lines = family.into_iter().filter(|(pid, _)| {
            let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&line).contains(word)
        });
        lines.filter_map(|(pid, _)| witness::stat(pid)).map(|stat| stat.state).collect()
    }
}

fn ctrl_z_and_ctrl_c(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let pid = lab.host_pid(CONTAINER)?;
    for options in ["--all", "--all --no-pty", "--net"] {
        let mut desk = Desk::new(suite)?;
        // What is typed is echoed: the word that is waited for must not stand in it.
        desk.press(&format!("nicon-nsexec -t {pid} {options} sh -c 'echo rea''dy; exec sleep 77.7'\n"))?;
        desk.sees("ready");
        for _ in 0..3 {
            wait_for("the command to run", || desk.states("77.7").contains('S') && !desk.states("77.7").contains('T'));
            desk.press("\x1a")?;
            desk.sees("Stopped");
            desk.press("echo stat''us $?\n")?;
            desk.sees("status 148");
            desk.sees("prompt> ");
            assert!(desk.states("77.7").contains('T'), "{options}: {}", desk.states("77.7"));
            desk.press("fg\n")?;
        }
        wait_for("the command to go on", || !desk.states("77.7").contains('T'));
        // What is typed while the command still runs is the command's: the shell has to be back first.
        desk.press("\x03")?;
        desk.sees("prompt> ");
        desk.press("echo en''ded $?\n")?;
        desk.sees("ended 130");
        assert_eq!(desk.states("77.7"), "", "{options}: something is left");
    }
    Ok(())
}
