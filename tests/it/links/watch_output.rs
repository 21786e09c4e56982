//! What nicon-links --watch prints, how much memory that takes, and whom it does not go on for.

use std::process::Stdio;

use libtest_mimic::{Failed, Trial};
use nicon_lab::{LIMIT, output_within, tool, witness};
use nix::sys::signal::Signal;

use super::watch_ends::{Name, watch};
use crate::filters::privileges::reachable;
use crate::support::links::{Pair, Place, ip};
use crate::support::stream::Stream;
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    let trial = |name, test: fn(&Suite) -> Result<(), Failed>| {
        suite.trial_of_kernel(&[], &format!("links::watch_output::{name}"), test)
    };
    vec![
        trial("a_thousand_links_come_and_go", a_thousand),
        trial("a_reader_that_has_left_ends_it", reader_leaves),
        trial("rows_at_a_terminal", rows),
        trial("what_an_ordinary_user_sees", as_nobody),
    ]
}

fn a_thousand(suite: &Suite) -> Result<(), Failed> {
    let place = Place::new();
    let watching = watch(suite, &["-t", &place.pid().to_string()])?;
    watching.nic("present", "lo");
    let resident = || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", watching.pid())).unwrap();
        let line = status.lines().find(|line| line.starts_with("RssAnon:")).unwrap().to_owned();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap()
    };
    let mut before = 0;
    for round in 0..5 {
        let lines =
            |line: &str| (0..100).map(|n| line.replace('#', &n.to_string()) + "\n").collect::<Vec<_>>().concat();
        place.ip_batch(&lines("link add a# type veth peer name b#\nlink set a# up\nlink set a# mtu 1300"));
        place.ip_batch(&lines("link del a#"));
        place.ip("link add round type bridge");
        watching.nic("arrived", "round");
        place.ip("link del round");
        watching.nic("gone", "round");
        if round == 0 {
            before = resident();
        }
    }
    assert!(resident() < before + 1024, "{} KiB, and {before} before", resident());
    Ok(())
}

fn reader_leaves(suite: &Suite) -> Result<(), Failed> {
    let place = Place::new();
    // Nothing happens, so that nothing is written: a program that waits for its next write goes on.
    let script = r#""$1" --watch -t "$2" | head -c 1"#;
    let mut shell = tool("sh");
    shell.args(["-c", script, "sh"]).arg(suite.bins()?.join("nicon-links")).arg(place.pid().to_string());
    let ran = output_within(&mut shell, LIMIT)?;
    assert_eq!((&ran.stdout[..], &ran.stderr[..]), ("{", ""), "{ran:?}");
    Ok(())
}

fn rows(suite: &Suite) -> Result<(), Failed> {
    let place = Place::new();
    let line = format!("exec {} --watch -t {}", suite.bins()?.join("nicon-links").display(), place.pid());
    let mut script =
        tool("script").args(["-qfec", &line, "/dev/null"]).stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
    let mut shown = std::io::BufReader::new(script.stdout.take().ok_or("no pipe")?);
    let mut next = || {
        let mut line = String::new();
        std::io::BufRead::read_line(&mut shown, &mut line).map(|_| line)
    };
    let title = next()?;
    assert!(title.starts_with("EVENT    TARGET"), "{title}");
    let present = next()?;
    assert!(present.starts_with("present  process "), "{present}");
    place.ip("link add br0 type bridge");
    let arrived = next()?;
    assert!(arrived.starts_with("arrived  process ") && arrived.contains("  br0 "), "{arrived}");
    assert_eq!(title.find("KIND"), arrived.find("bridge"), "{title}{arrived}");
    place.ip("link set br0 name a-longer-name");
    let changed = next()?;
    assert!(changed.starts_with("changed  process ") && changed.contains("  a-longer-name  "), "{changed}");
    place.ip("link del a-longer-name");
    let gone = next()?;
    assert_eq!(changed.find("bridge"), gone.find("bridge"), "a column does not become narrower: {changed}{gone}");
    drop(place);
    script.wait()?;
    Ok(())
}

/// Links of our own namespace, and one line about the rest.
fn as_nobody(suite: &Suite) -> Result<(), Failed> {
    let place = Place::new();
    let _names = [Name::add("ends-7"), Name::add("ends-8")];
    let pair = Pair::new();
    ip(&format!("link set {} netns {}", pair.link, place.pid()));
    let mut command = tool("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"]).arg(reachable(suite, "nicon-links")?);
    let watching = Stream::start(command.args(["--watch", "--all"]))?;
    let there = watching.nic("present", &pair.peer);
    assert_eq!((there["netns"].as_u64(), there["peer"]["name"].as_str()), (own_netns(), None), "{there}");
    let more = Pair::new();
    watching.nic("arrived", &more.link);
    ip(&format!("link set {} name renamed", more.link));
    watching.nic("changed", "renamed");
    ip("link del renamed");
    watching.nic("gone", "renamed");
    watching.signal(Signal::SIGTERM);
    let told = watching.told_in_the_end(false);
    assert_eq!(told.lines().count(), 1, "{told}");
    assert!(told.contains("processes could not be inspected") && told.contains("namespaces are left out"), "{told}");
    Ok(())
}

fn own_netns() -> Option<u64> {
    witness::ns_link(std::process::id(), "net")?.trim_start_matches("net:[").trim_end_matches(']').parse().ok()
}
