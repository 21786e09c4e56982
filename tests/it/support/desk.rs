//! A shell at a terminal, whose keys we press.

use std::fmt;
use std::io::{Read, Write};
use std::process::{ChildStdin, Stdio};
use std::sync::{Arc, Mutex};

use libtest_mimic::Failed;
use nicon_lab::{tool, witness};

use crate::support::cell::Cell;
use crate::support::suite::Suite;

/// What the shell writes when it waits for a line.
const PROMPT: &str = "prompt> ";

/// A shell at a terminal. What is typed there is echoed: a text that is waited for must not stand in it.
pub(crate) struct Desk {
    shell: Cell,
    keys: ChildStdin,
    /// What is tried here, for messages.
    about: String,
    /// What the terminal has shown and nobody has asked for yet.
    shown: Arc<Mutex<String>>,
}

impl Desk {
    /// `shell` is bash, dash, fish or zsh, which edits no lines unless it is `zsh -f`; `about` tells what is tried, for messages.
    pub(crate) fn new(suite: &Suite, shell: &str, about: &str) -> Result<Self, Failed> {
        let about = format!("{shell}, {about}");
        let path = format!("{}:{}", suite.bins()?.display(), nicon_lab::search_path().to_string_lossy());
        let (line, prompt) = match shell {
            "bash" => ("bash --norc --noprofile -i", "PS1='prom''pt> '"),
            "fish" => ("fish --no-config -i", "function fish_prompt; echo 'prom''pt> '; end"),
            "zsh" => ("zsh -f -i +Z", "PS1='prom''pt> '"),
            other => (other, "PS1='prom''pt> '"),
        };
        let mut script = tool("setpriv");
        script.args(["--pdeathsig=KILL", "script", "-qec", &format!("exec {line}"), "/dev/null"]);
        script.env("PATH", path).env("SHELL", "/bin/sh").env("TERM", "dumb").env("PS1", "$ ").env_remove("ENV");
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
        let mut desk = Self { shell, keys, about, shown };
        desk.press(&format!("{prompt}\n"))?;
        desk.sees_prompt();
        Ok(desk)
    }

    /// Presses keys.
    pub(crate) fn press(&mut self, keys: &str) -> Result<(), Failed> {
        Ok(self.keys.write_all(keys.as_bytes())?)
    }

    /// Waits until the terminal shows this; returns what it has shown before.
    #[track_caller]
    pub(crate) fn sees(&self, text: &str) -> String {
        let mut before = String::new();
        self.wait_for(&format!("{text:?} on the terminal"), || {
            let mut shown = self.shown.lock().unwrap();
            let Some(at) = shown.find(text) else { return false };
            before = shown.drain(..at + text.len()).collect();
            true
        });
        before
    }

    /// Waits for something that happens here.
    #[track_caller]
    pub(crate) fn wait_for(&self, what: &str, condition: impl FnMut() -> bool) {
        nicon_lab::wait_for(format_args!("{what} ({self})"), condition);
    }

    #[track_caller]
    pub(crate) fn sees_prompt(&self) -> String {
        self.sees(PROMPT)
    }

    /// The exit status that the shell has of what it ran last.
    #[track_caller]
    pub(crate) fn status(&mut self) -> Result<String, Failed> {
        self.press("echo stat''us $?,\n")?;
        self.sees("status ");
        Ok(self.sees(",").trim_end_matches(',').to_owned())
    }

    /// The states of those processes below the shell whose command line has this word.
    pub(crate) fn states(&self, word: &str) -> String {
        self.pids(word).into_iter().filter_map(witness::stat).map(|stat| stat.state).collect()
    }

    /// These processes.
    pub(crate) fn pids(&self, word: &str) -> Vec<u32> {
        let has_word = |pid: &u32| {
            let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&line).contains(word)
        };
        witness::family(self.shell.0.id()).into_iter().map(|(pid, _)| pid).filter(has_word).collect()
    }

    /// How many bytes the terminal has shown that nobody has asked for.
    pub(crate) fn unseen(&self) -> usize {
        self.shown.lock().unwrap().len()
    }

    /// Hangs the terminal up.
    pub(crate) fn hang_up(&mut self) -> Result<(), Failed> {
        // Its near end is open there alone.
        self.shell.0.kill()?;
        Ok(self.shell.0.wait().map(drop)?)
    }

    /// Whether the job whose command line has this word has stopped, as the shell sees it: by the process that the shell has started.
    pub(crate) fn is_stopped(&self, word: &str) -> bool {
        self.states(word).starts_with('T')
    }

    /// Whether a process below the shell whose command line has this word is in the foreground of the shell's terminal.
    pub(crate) fn is_foreground(&self, word: &str) -> bool {
        witness::family(self.shell.0.id()).into_iter().any(|(pid, _)| {
            let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            // Behind the name: state, parent, group, session, terminal, its foreground group; see `proc_pid_stat(5)`.
            let fields: Vec<&str> = stat.rsplit_once(") ").map_or("", |(_, rest)| rest).split(' ').collect();
            let is_foreground = fields.len() > 5 && fields[2] == fields[5] && fields[0] != "T";
            is_foreground && String::from_utf8_lossy(&line).contains(word)
        })
    }
}

/// For messages: what is shown when they are printed.
impl fmt::Display for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; shown: {:?}", self.about, self.shown.lock().unwrap())
    }
}
