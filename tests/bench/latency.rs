//! What others notice of a long batch of moves: how long the kernel takes to answer in an unrelated network namespace.
//! Whoever changes or asks for a link waits for one lock of the whole kernel (RTNL).

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use nicon_lab::{NetPlace, tool};

use crate::links::Moves;
use crate::measure::Comparison;

/// How often somebody asks who does nothing else.
const PAUSE: Duration = Duration::from_millis(5);

/// Compares how long the answers take while nobody moves links, while nicon-linkmv does, and while `ip -batch` does.
pub(crate) fn beside_a_batch(bins: &Path) -> Result<Comparison, String> {
    let moves = Moves::prepare()?;
    let bystander = NetPlace::new()?;
    let mut asking = Asking::start(&bystander)?;
    let mut rows = Vec::new();
    let mut during = |name: &str, mut command: Command| {
        command.stdout(Stdio::null());
        let mut batch = command.spawn().map_err(|error| format!("{name}: {error}"))?;
        let answered = asking.until_end_of(&mut batch);
        rows.push((name.to_owned(), answered?));
        Ok::<_, String>(())
    };
    let mut idle = tool("sleep");
    idle.arg("2");
    during("while nobody moves links", idle)?;
    during("while nicon-linkmv moves 200", moves.by_nicon(bins)?)?;
    during("while ip -batch moves 200", moves.by_ip()?)?;
    Ok(Comparison::of_times("A request about a link in an unrelated network namespace", rows))
}

/// Somebody who asks about a link, again and again.
struct Asking {
    ip: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Asking {
    fn start(place: &NetPlace) -> Result<Self, String> {
        let mut ip = tool("setpriv");
        ip.args(["--pdeathsig", "KILL", "nsenter", &format!("--net=/proc/{}/ns/net", place.pid())]);
        ip.args(["stdbuf", "-oL", "ip", "-oneline", "-batch", "-"]);
        let ip = ip.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut ip = ip.map_err(|error| format!("start ip: {error}"))?;
        let (Some(questions), Some(answers)) = (ip.stdin.take(), ip.stdout.take()) else {
            return Err("ip has no pipes".into());
        };
        Ok(Self { ip, questions, answers: BufReader::new(answers) })
    }

    fn until_end_of(&mut self, batch: &mut Child) -> Result<Vec<Duration>, String> {
        let mut times = Vec::new();
        while batch.try_wait().map_err(|error| error.to_string())?.is_none() {
            times.push(self.ask()?);
            std::thread::sleep(PAUSE);
        }
        let status = batch.wait().map_err(|error| error.to_string())?;
        if status.success() { Ok(times) } else { Err(format!("a batch of moves: {status}")) }
    }

    fn ask(&mut self) -> Result<Duration, String> {
        let failed = |error: std::io::Error| format!("ask about a link: {error}");
        let begun = Instant::now();
        writeln!(self.questions, "link show dev lo").map_err(failed)?;
        let mut answer = String::new();
        self.answers.read_line(&mut answer).map_err(failed)?;
        if answer.contains("LOOPBACK") { Ok(begun.elapsed()) } else { Err(format!("ip said {answer:?}")) }
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        let _ = self.ip.kill();
        let _ = self.ip.wait();
    }
}
