//! What a list of containers says is no more to be trusted than any other answer of an engine.

use std::fs;
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use libtest_mimic::{Failed, Trial};
use nicon_lab::{LIMIT, Lab, Ran, cgroup_directories, output_of_input, tool, until};

use crate::hostile::answers::{Engine, inspect, say};
use crate::support::expect::refusal;
use crate::support::subject::Subject;
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial("hostile::lists::lists_that_are_too_long", lists_that_are_too_long),
        suite.trial("hostile::lists::twenty_thousand_honest_containers", twenty_thousand_honest_containers),
        suite.trial("hostile::lists::lists_that_are_not_understood", lists_that_are_not_understood),
        suite.trial("hostile::lists::containers_that_are_not_there", containers_that_are_not_there),
        suite.trial("hostile::lists::answers_that_take_for_ever", answers_that_take_for_ever),
        suite.trial("hostile::lists::a_nest_without_end", a_nest_without_end),
    ]
}

/// An engine that lists `list`, and answers all else with `answer`.
fn listing(
    name: &str,
    list: String,
    answer: impl Fn(&str, &mut UnixStream) -> std::io::Result<()> + Send + Sync + 'static,
) -> Engine {
    Engine::hearing(name, move |request, stream| match request.split(' ').nth(1) {
        Some(path) if path.starts_with("/containers/json") => say(stream, &list),
        Some(path) => answer(path.split('/').nth(2).unwrap_or_default(), stream),
        None => Ok(()),
    })
}

fn id(number: usize) -> String {
    format!("{number:064x}")
}

/// So many containers of 400 KiB each.
fn large(entries: usize) -> String {
    let label = "x".repeat(400 << 10);
    let entries: Vec<_> = (0..entries).map(|n| format!(r#"{{"Id":"{}","Labels":{{"a":"{label}"}}}}"#, id(n))).collect();
    format!("[{}]", entries.join(","))
}

fn list(entries: usize) -> String {
    let entries: Vec<_> = (0..entries).map(|n| format!(r#"{{"Id":"{}","Names":["/c{n}"]}}"#, id(n))).collect();
    format!("[{}]", entries.join(","))
}

/// Under a limit of memory that it would not fit in if it were kept.
fn lists_that_are_too_long(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    for (name, body, words) in [
        ("million", list(50_000), "more than 32768 containers"),
        ("empties", format!("[{}{{}}]", "{},".repeat(2_000_000)), "not understood"),
        ("names", format!(r#"[{{"Id":"a","Names":[{}""]}}]"#, r#""","#.repeat(3_000_000)), "more than 8 MiB"),
        ("endless", large(330), "list of containers is too large (more than 128 MiB)"),
    ] {
        let ran = listing(name, body, |_, _| Ok(())).ask_for(suite, "--timeout=60 '**'");
        assert_eq!(ran.code(), Some(2), "{name}: {ran:?}");
        assert!(ran.stderr.contains(words), "{name}: {ran:?}");
        assert_eq!(ran.stdout, "");
    }
    Ok(())
}

/// A list of 12 MB, as Docker would write it, with a process at its end that is in a container's cgroup, under the same limit of memory.
fn twenty_thousand_honest_containers(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let real = "ab".repeat(32);
    let process = Subject::asleep(&[]);
    // A new one of cpuset has no processors, and takes no process.
    let directories =
        cgroup_directories(lab.name()).into_iter().filter(|path| !path.starts_with("/sys/fs/cgroup/cpuset"));
    let cgroups: Vec<_> = directories.map(|directory| directory.join(&real)).collect();
    for cgroup in &cgroups {
        fs::create_dir(cgroup)?;
        fs::write(cgroup.join("cgroup.procs"), process.pid().to_string())?;
    }
    let label = "x".repeat(450);
    let entry =
        |id: &str, name: &str| format!(r#"{{"Id":"{id}","Names":["/{name}"],"Labels":{{"a}}]\"":"{label}"}}}}"#);
    let others = (0..20_000).map(|number| entry(&id(number), &format!("c{number}")));
    let list = format!("[{}]", others.chain([entry(&real, "among")]).collect::<Vec<_>>().join(","));
    assert!(list.len() > 10 << 20);
    let pid = process.pid().to_string();
    let answer = inspect(&real, "/among", &pid);
    let engine = listing("honest", list, move |_, stream| say(stream, &answer));
    let ran = engine.ask_for(suite, "--timeout=60 --pid 'am?ng'");
    drop(process);
    for cgroup in &cgroups {
        until("the cgroup is empty", || fs::remove_dir(cgroup).ok());
    }
    assert_eq!((ran.code(), ran.stdout.trim(), &ran.stderr[..]), (Some(0), &pid[..], ""));
    Ok(())
}

fn lists_that_are_not_understood(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let deep = "[".repeat(100_000);
    for (number, body) in ["", "null", "{}", "[1]", "[{}]", r#"[{"Id":7}]"#, &deep].into_iter().enumerate() {
        let engine = listing(&format!("list-{number}"), body.to_owned(), |_, _| Ok(()));
        refusal(&engine.ask_for(suite, "'**'"), 2, &["**: list containers: ", "not understood"]);
    }
    // No name that could steer a terminal, or be something else in a path, is asked for or shown.
    let nasty = format!(r#"[{{"Id":"{}","Names":["/\u001b[2J","/../x","/a*"]}}]"#, id(7));
    let engine =
        listing("nasty", nasty, |asked, stream| say(stream, &inspect(&id(7), "/\\u001b[2J", &asked.len().to_string())));
    let ran = engine.ask_for(suite, "'**'");
    assert!(ran.code() == Some(2) && ran.stderr.contains(&format!("hop 1 ({})", id(7))), "{ran:?}");
    assert!(!ran.stderr.contains(|c: char| c.is_control() && c != '\n'), "{ran:?}");
    Ok(())
}

/// It lists ten thousand, and tells of each the PID of somebody else. It is believed in nothing, and not asked for long.
fn containers_that_are_not_there(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let own = std::process::id().to_string();
    let engine = listing("forged", list(10_000), move |name, stream| {
        let number: usize = name[1..].parse().unwrap_or_default();
        say(stream, &inspect(&id(number), &format!("/{name}"), &own))
    });
    let ran = engine.ask_for(suite, "'**'");
    told_a_few_times(&ran, "which is not the container's", "are left out: docker failed");

    // Gone since they were listed: that is nobody's failure, but there is none that fits.
    let engine = listing("gone", list(20), |_, stream| {
        let body = r#"{"message":"No such container"}"#;
        write!(stream, "HTTP/1.1 404 Not Found\r\nContent-Length: {}\r\n\r\n{body}", body.len())
    });
    refusal(&engine.ask_for(suite, "'**'"), 1, &["**: no running container matches"]);
    Ok(())
}

/// The lists are short, so that they come in time on a busy machine, too.
fn answers_that_take_for_ever(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let engine = listing("drip", list(100), |_, stream| {
        for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n{".iter().cycle() {
            stream.write_all(&[*byte])?;
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    });
    told_a_few_times(&engine.ask_for(suite, "--timeout=0.8 '**'"), "does not answer", "are left out: docker failed");

    // Each answer comes in time, and there is always another.
    let engine = listing("slow", list(1_000), |_, stream| {
        std::thread::sleep(Duration::from_millis(100));
        write!(stream, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
    });
    let ran = engine.ask_for(suite, "--timeout=0.8 '**'");
    assert!(ran.code() == Some(2) && ran.stderr.contains("are left out: the engine took more than 9.6 s"), "{ran:?}");
    Ok(())
}

/// An engine in whose only container there is another one, and so on, each of which answers in time.
fn a_nest_without_end(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    fs::create_dir("/run/nest")?;
    output_of_input(tool("cc").args(["-x", "c", "-o", "/run/nest/nest", "-"]), include_str!("nest.c"), LIMIT)?.ok()?;
    let ids: Vec<_> = (1..=60).map(id).collect();
    let words = ["/nest/nest", "150"].into_iter().chain(ids.iter().map(String::as_str));
    lab.run_command("", "endless", &["--tmpfs=/run", "--volume=/run/nest:/nest"], &words.collect::<Vec<_>>())?;
    while !lab.docker("", &["logs", "endless"])?.ok()?.contains("ready") {
        std::thread::sleep(Duration::from_millis(20));
    }
    // It is a nest as any other.
    let ran = suite.run(&["nicon-resolve", "endless.c.c"]);
    assert_eq!(crate::support::expect::record(&ran)["hops"][2]["id"], *ids[1], "{ran:?}");

    let ran = suite.run(&["nicon-resolve", "--timeout=0.8", "endless.**"]);
    assert!(ran.code() == Some(2) && ran.stderr.contains("what is in endless took more than 9.6 s"), "{ran:?}");
    lab.remove("", "endless")?;
    Ok(fs::remove_dir_all("/run/nest")?)
}

#[track_caller]
fn told_a_few_times(ran: &Ran, each: &str, at_last: &str) {
    assert_eq!((ran.code(), &ran.stdout[..]), (Some(2), ""), "{ran:?}");
    let lines: Vec<_> = ran.stderr.lines().collect();
    assert!(lines.len() <= 8 && lines.iter().any(|line| line.contains(each)), "{ran:?}");
    assert!(lines.iter().any(|line| line.contains(at_last)), "{ran:?}");
}
