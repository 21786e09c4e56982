//! nicon-tree --watch draws again what a stream of records tells.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use libtest_mimic::{Failed, Trial};
use nicon_lab::{LIMIT, output_within, patience, tool};
use serde_json::{Value, json};

use crate::support::links::Place;
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    let trial = |name, test: fn(&Suite) -> Result<(), Failed>| {
        suite.trial_of_kernel(&[], &format!("filters::tree_watch::{name}"), test)
    };
    vec![
        trial("each_picture_in_a_pipe", in_a_pipe),
        trial("links_of_a_place", links_of_a_place),
        trial("in_place_at_a_terminal", at_a_terminal),
        trial("lines_that_cannot_be_drawn", bad_lines),
        trial("a_stream_that_never_rests", never_rests),
        trial("a_reader_that_has_left", reader_leaves),
    ]
}

fn record(path: &[&str], more: &Value) -> String {
    let hops: Vec<_> =
        path.iter().map(|name| json!({"name": name, "id": format!("id-{name}"), "engine": "docker"})).collect();
    let mut record = json!({"target": path.join("."), "hops": hops});
    record.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    format!("{record}\n")
}

fn event(path: &[&str], event: &str) -> String {
    record(path, &json!({"event": event}))
}

/// A run, and what it prints.
struct Drawing {
    child: Child,
    input: Option<ChildStdin>,
    output: Receiver<u8>,
}

impl Drawing {
    fn start(command: &mut Command) -> Result<Self, Failed> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).env("LC_ALL", "C.UTF-8");
        let mut child = command.spawn()?;
        let (sender, output) = channel();
        let reader = BufReader::new(child.stdout.take().ok_or("no pipe")?);
        std::thread::spawn(move || reader.bytes().map_while(Result::ok).try_for_each(|byte| sender.send(byte)));
        Ok(Self { input: child.stdin.take(), child, output })
    }

    fn tree(suite: &Suite, words: &[&str]) -> Result<Self, Failed> {
        let mut command = suite.command("nicon-tree")?;
        Self::start(command.arg("--watch").args(words))
    }

    fn say(&mut self, text: &str) {
        self.input.as_mut().unwrap().write_all(text.as_bytes()).unwrap();
    }

    /// What is printed up to and with this text.
    #[track_caller]
    fn up_to(&self, text: &str) -> String {
        let give_up = Instant::now() + LIMIT * patience();
        let mut seen = Vec::new();
        while !seen.ends_with(text.as_bytes()) {
            let left = give_up.saturating_duration_since(Instant::now());
            let Ok(byte) = self.output.recv_timeout(left) else {
                panic!("no {text:?} in {:?}", String::from_utf8_lossy(&seen))
            };
            seen.push(byte);
        }
        String::from_utf8(seen).unwrap()
    }

    /// All that is printed from now on, once its input has ended.
    fn rest(mut self) -> Result<(String, Option<i32>, String), Failed> {
        self.input = None;
        let rest: Vec<u8> = std::iter::from_fn(|| self.output.recv_timeout(LIMIT).ok()).collect();
        let told = std::io::read_to_string(self.child.stderr.take().ok_or("no pipe")?)?;
        Ok((String::from_utf8(rest)?, self.child.wait()?.code(), told))
    }
}

impl Drop for Drawing {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn in_a_pipe(suite: &Suite) -> Result<(), Failed> {
    let mut drawing = Drawing::tree(suite, &[])?;
    drawing.say(&(event(&["a"], "present") + &event(&["a", "b"], "present")));
    let first = drawing.up_to("└─ b  docker   -    -      -\n");
    assert_eq!(first.lines().count(), 4, "{first}");
    drawing.say(&event(&["a", "c"], "arrived"));
    let second = drawing.up_to("└─ c  docker   -    -      -\n");
    assert!(second.starts_with("\nNAME") && second.contains("├─ b"), "an empty line, and all of it again: {second}");
    // The same container by another name is no other container.
    let renamed = json!([{"name": "a", "id": "id-a"}, {"name": "d", "id": "id-c"}]);
    drawing.say(&record(&["a", "c"], &json!({"event": "changed", "hops": renamed})));
    assert!(!drawing.up_to("└─ d  container  -    -      -\n").contains("└─ c"));
    drawing.say(&event(&["a", "b"], "gone"));
    let fourth = drawing.up_to("└─ d  container  -    -      -\n");
    assert!(!fourth.contains('b'), "{fourth}");
    // What tells nothing new is not drawn.
    drawing.say(&event(&["never"], "gone"));
    std::thread::sleep(Duration::from_millis(400));
    drawing.say(&event(&["z"], "arrived"));
    drawing.up_to("\nNAME");
    let (rest, code, told) = drawing.rest()?;
    assert_eq!((rest.matches("NAME ").count(), code, &told[..]), (0, Some(0), ""), "{rest}");
    Ok(())
}

fn links_of_a_place(suite: &Suite) -> Result<(), Failed> {
    let place = Place::new();
    let bins = suite.bins()?;
    let script = format!(
        "{}/nicon-links --watch -t {} | {}/nicon-tree --watch --links",
        bins.display(),
        place.pid(),
        bins.display()
    );
    place.ip("link add br0 type bridge");
    let drawing = Drawing::start(tool("sh").args(["-c", &script]))?;
    drawing.up_to("br0");
    drawing.up_to("\n");
    place.ip("link set br0 name br1");
    let renamed = drawing.up_to("br1");
    assert!(!renamed.contains("br0"), "{renamed}");
    place.ip("link add v0 type veth peer name v1");
    drawing.up_to("v1");
    place.ip("link del br1");
    drawing.up_to("\n\n");
    let last = drawing.up_to("v1 ");
    assert!(!last.contains("br1"), "{last}");
    // The end of the place is the end of what nicon-links can tell, and of the stream.
    drop(place);
    let (rest, code, _) = drawing.rest()?;
    assert!(rest.ends_with("DETAILS\n") && code == Some(0), "{rest}");
    Ok(())
}

fn at_a_terminal(suite: &Suite) -> Result<(), Failed> {
    let path = |what: &str| format!("/run/nicon-tree-watch-{}.{what}", std::process::id());
    let (fifo, terminal) = (path("fifo"), path("tty"));
    output_within(tool("mkfifo").arg(&fifo), LIMIT)?.ok()?;
    let program = suite.bins()?.join("nicon-tree");
    let line = format!("tty >{terminal}; stty rows 5 columns 30; exec {} --watch <{fifo}", program.display());
    let mut drawing = Drawing::start(tool("script").args(["-qefc", &line, "/dev/null"]))?;
    let mut input = std::fs::OpenOptions::new().write(true).open(&fifo)?;
    drawing.up_to("\u{1b}[?1049h");
    write!(input, "{}{}", event(&["a"], "present"), event(&["a", &"x".repeat(60)], "present"))?;
    drawing.up_to("\u{1b}[H");
    let first = drawing.up_to("\u{1b}[J");
    let shown: Vec<_> = first.split("\r\n").map(|line| line.split('\u{1b}').next().unwrap().to_owned()).collect();
    assert!(shown.len() == 4 && shown.iter().all(|line| line.chars().count() <= 30), "{first:?}");
    // More than there are rows.
    (0..6).try_for_each(|number| write!(input, "{}", event(&[&format!("c{number}")], "arrived")))?;
    let second = drawing.up_to("\u{1b}[J");
    assert!(second.starts_with("\u{1b}[H") && second.contains("(6 more lines)"), "{second:?}");
    assert_eq!(second.matches("\r\n").count(), 4, "{second:?}");
    // The window grows.
    let device = std::fs::read_to_string(&terminal)?;
    output_within(tool("stty").args(["-F", device.trim(), "rows", "20", "columns", "100"]), LIMIT)?.ok()?;
    // By stty in two steps.
    let mut third = drawing.up_to("\u{1b}[J");
    if !third.contains(&"x".repeat(50)) {
        third = drawing.up_to("\u{1b}[J");
    }
    assert!(third.contains("c5") && third.contains(&"x".repeat(50)) && !third.contains("more lines"), "{third:?}");
    // Ctrl-C: the terminal is as it was, with the last picture on it.
    drawing.say("\u{3}");
    drawing.up_to("\u{1b}[?25h\u{1b}[?1049l");
    let mut left = drawing.up_to("c5");
    left.retain(|c| c != '\r');
    assert!(left.starts_with("NAME") && !left.contains('\u{1b}'), "{left:?}");
    let (_, code, _) = drawing.rest()?;
    assert_eq!(code, Some(130));
    [fifo, terminal].iter().try_for_each(std::fs::remove_file)?;
    Ok(())
}

fn bad_lines(suite: &Suite) -> Result<(), Failed> {
    let mut drawing = Drawing::tree(suite, &[])?;
    drawing.say(&(event(&["a"], "present") + "{}\nsetup\n"));
    drawing.up_to("a  docker");
    drawing.say(&event(&["b"], "present"));
    drawing.up_to("b  docker");
    let (_, code, told) = drawing.rest()?;
    assert_eq!((code, told.lines().count()), (Some(2), 2), "{told}");
    assert!(told.starts_with("nicon-tree: line 2: the record names neither"), "{told}");
    assert!(told.contains("nicon-tree: line 3: \"setup\" is not a record"), "{told}");
    Ok(())
}

/// It is drawn now and then, and not for each record.
fn never_rests(suite: &Suite) -> Result<(), Failed> {
    let mut drawing = Drawing::tree(suite, &[])?;
    let begun = Instant::now();
    let mut count = 0;
    while begun.elapsed() < Duration::from_secs(3) {
        count += 1;
        drawing.say(&record(&["a"], &json!({"event": "changed", "hops": [{"name": format!("n{count}"), "id": "a"}]})));
        std::thread::sleep(Duration::from_millis(5));
    }
    let (rest, ..) = drawing.rest()?;
    let pictures = rest.matches("NAME").count();
    // One each quarter of a second, however long it took.
    let most = usize::try_from(begun.elapsed().as_millis() / 250)? + 1;
    assert!((2..=most).contains(&pictures), "{pictures} pictures of {count} records");
    assert!(rest.trim_end().lines().last().is_some_and(|line| line.starts_with(&format!("└─ n{count} "))), "{rest}");
    Ok(())
}

fn reader_leaves(suite: &Suite) -> Result<(), Failed> {
    let script = r#"{ "$1" --watch; echo ended >&2; } | head -n 1"#;
    let mut shell = tool("timeout");
    shell.args(["20", "sh", "-c", script, "sh"]).arg(suite.bins()?.join("nicon-tree"));
    let mut child = shell.stdin(Stdio::piped()).stderr(Stdio::piped()).stdout(Stdio::null()).spawn()?;
    // It stays open: the input is not what ends the watch.
    let mut input = child.stdin.take().ok_or("no pipe")?;
    input.write_all(event(&["a"], "present").as_bytes())?;
    let mut told = String::new();
    BufReader::new(child.stderr.take().ok_or("no pipe")?).read_line(&mut told)?;
    drop(input);
    child.wait()?;
    assert_eq!(told, "ended\n");
    Ok(())
}
