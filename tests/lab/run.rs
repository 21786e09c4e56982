//! Running a command under a time-out.

use std::{
    env,
    io::{self, Read, Write},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{self, Receiver},
    thread,
    time::{Duration, Instant},
};

/// Long enough for any single command of a test, short enough to wait for.
pub const LIMIT: Duration = Duration::from_secs(30);

/// How much longer everything may take: an emulated processor (`NICON_EMULATED=1`) is that much slower.
#[must_use]
pub fn patience() -> u32 {
    if env::var_os("NICON_EMULATED").is_some() { 10 } else { 1 }
}

/// What a finished command said.
#[derive(Debug, Clone)]
pub struct Ran {
    /// The command line, for messages.
    pub command: String,
    /// How it ended.
    pub status: ExitStatus,
    /// All of its standard output; bytes that are not UTF-8 are replaced.
    pub stdout: String,
    /// All of its standard error.
    pub stderr: String,
}

impl Ran {
    /// The output without the white space around it.
    ///
    /// # Errors
    /// Command, status and standard error, when it did not succeed.
    pub fn ok(&self) -> Result<String, String> {
        if self.status.success() {
            return Ok(self.stdout.trim().to_owned());
        }
        Err(format!("{}: {}: {}{}", self.command, self.status, self.stderr.trim(), self.stdout.trim()))
    }

    /// Exit status, `None` when a signal ended it.
    #[must_use]
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }
}

/// Runs a command to its end, without input; kills it (and only it) after `limit`.
///
/// # Errors
/// When it cannot be started, or did not end in time.
pub fn output_within(command: &mut Command, limit: Duration) -> Result<Ran, String> {
    output_of_input(command, "", limit)
}

/// Like [`output_within`], with `input` on its standard input.
///
/// # Errors
/// When it cannot be started, or did not end in time.
pub fn output_of_input(command: &mut Command, input: impl AsRef<[u8]>, limit: Duration) -> Result<Ran, String> {
    let give_up = Instant::now() + limit * patience();
    let line = line_of(command);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| format!("run {line}: {error}"))?;

    let mut stdin = child.stdin.take();
    let input = input.as_ref().to_vec();
    // A command may end without reading its input: a broken pipe here is its right.
    thread::spawn(move || stdin.as_mut().map(|stdin| stdin.write_all(&input)));
    let stdout = read_all(child.stdout.take());
    let stderr = read_all(child.stderr.take());

    let status = wait_until(&mut child, give_up).map_err(|error| format!("wait for {line}: {error}"))?;
    // Something that the command left running may hold the pipes open: that is not waited for beyond the limit.
    let rest = |pipe: Receiver<Vec<u8>>| {
        let bytes = pipe.recv_timeout(give_up.saturating_duration_since(Instant::now()));
        bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    };
    match (status, rest(stdout), rest(stderr)) {
        (Some(status), Ok(stdout), Ok(stderr)) => Ok(Ran { command: line, status, stdout, stderr }),
        (_, stdout, stderr) => {
            let said = [stdout.unwrap_or_default(), stderr.unwrap_or_default()].concat();
            Err(format!("{line}: no end within {limit:?}: {}", said.trim()))
        }
    }
}

/// Waits for a child; `None` when it had to be killed, which one that hangs in the kernel survives for the time being.
pub(crate) fn wait_until(child: &mut Child, give_up: Instant) -> io::Result<Option<ExitStatus>> {
    let mut pause = Duration::from_micros(200);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() > give_up {
            child.kill()?;
            let dead = Instant::now() + Duration::from_secs(1);
            while child.try_wait()?.is_none() && Instant::now() < dead {
                thread::sleep(pause);
            }
            return Ok(None);
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(10));
    }
}

fn read_all(pipe: Option<impl Read + Send + 'static>) -> Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            // What was read before an error is the best that there is.
            let _ = pipe.read_to_end(&mut bytes);
        }
        let _ = sender.send(bytes);
    });
    receiver
}

fn line_of(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
