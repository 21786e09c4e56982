//! nicon-linkmv against a container whose root changes links while they are moved, or says of them what is not true.

use libtest_mimic::{Failed, Trial};
use nicon_lab::{LIMIT, Lab, Ran, output_of_input, output_within, tool, wait_for};

use crate::support::events::Events;
use crate::support::expect::{deed, not_undone, record, refusal};
use crate::support::links::{Pair, Place, ip, links, one, state};
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial("hostile::links::a_link_that_says_it_was_ours", a_link_that_says_it_was_ours),
        suite.trial("hostile::links::a_mark_on_another_link_when_a_move_fails", a_mark_on_another_link),
        suite.trial("hostile::links::a_mark_on_another_link_after_a_kill", a_mark_after_a_kill),
        suite.trial("hostile::links::another_link_when_a_move_is_undone", another_link_when_undone),
        suite.trial("hostile::links::another_link_at_the_last_moment", another_link_at_the_last_moment),
    ]
}

/// The container's own link carries the mark of an interrupted move of a link that is gone; that move cannot be finished.
/// To put the link "back" would let it into our network namespace.
fn a_link_that_says_it_was_ours(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let to = Place::new();
    let ours = our_netns()?;
    to.ip("link add eth1 type veth peer name eth1-peer");
    to.ip("link add trap type veth peer name trap-peer");
    to.ip(&format!("link property add dev trap altname nicon.{ours}.7.long-gone"));
    let words = ["nicon-linkmv", "-t", &to.pid().to_string(), "long-gone", "eth1"];
    refusal(&suite.run(&words), 1, &["eth1 already exists", "trap stays in", "there is no journal"]);
    assert!(!links().iter().any(|name| name == "long-gone" || name == "trap"), "nothing came in");
    assert!(to.links().contains(&"trap".to_owned()));
    // What is said of a link that is there already is no word of ours, either.
    to.ip("link del trap");
    to.sh(&format!("ip link set eth1 up alias 'nicon: long-gone from net:[{ours}]'"));
    let there = record(&suite.run(&words));
    assert_eq!(deed(&there)["changed"], false);
    not_undone(&suite.feed(&["nicon-linkmv", "--undo"], there.to_string()), 2, &["nothing but the link itself says"]);
    assert!(!links().iter().any(|name| name == "long-gone") && to.links().contains(&"eth1".to_owned()));
    Ok(())
}

fn our_netns() -> Result<String, Failed> {
    let ours = std::fs::read_link("/proc/self/ns/net")?.to_string_lossy().into_owned();
    Ok(ours.trim_start_matches("net:[").trim_end_matches(']').to_owned())
}

/// The mark that the one link of a place carries.
fn mark_in(place: &Place) -> Option<String> {
    let text = place.ip("-o link");
    let mark = text.split_whitespace().map(|word| word.trim_end_matches('\\')).find(|word| word.starts_with("nicon."));
    mark.map(str::to_owned)
}

/// Takes the mark off `link` and puts it on `trap`.
fn swap(place: &Place, link: &str, mark: &str) {
    place.ip("link add trap type veth peer name trap-peer");
    place.ip(&format!("link property del dev {link} altname {mark}"));
    place.ip(&format!("link property add dev trap altname {mark}"));
}

/// While nicon waits for a carrier that never comes, the container gives the mark to a link of its own.
fn a_mark_on_another_link(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let (pair, to) = (Pair::new(), Place::new());
    let before = state(&pair.link);
    let ran = std::thread::scope(|scope| {
        let run = scope
            .spawn(|| suite.run(&["nicon-linkmv", "-t", &to.pid().to_string(), &pair.link, "eth1", "--wait", "6"]));
        wait_for("a link with its mark", || to.links().contains(&"eth1".to_owned()) && mark_in(&to).is_some());
        swap(&to, "eth1", &mark_in(&to).unwrap());
        run.join().unwrap()
    });
    refusal(&ran, 1, &["eth1 in process", "no carrier"]);
    assert_eq!(state(&pair.link), before, "the link itself came back");
    let mut there = to.links();
    there.sort();
    assert_eq!(there, ["lo", "trap", "trap-peer"]);
    Ok(())
}

/// Kills a move behind its message, so that the mark stays on the link.
fn killed(suite: &Suite, to: &Place, link: &str) -> Result<(), Failed> {
    for when in 1..40 {
        let mut strace = tool("strace");
        let kill = format!("inject=sendto:signal=KILL:when={when}");
        strace.args(["-qq", "-o", "/dev/null", "-e", "trace=sendto", "-e", &kill]);
        strace.arg(suite.bins()?.join("nicon-linkmv")).args(["-t", &to.pid().to_string(), link, "eth1"]);
        output_within(&mut strace, LIMIT)?;
        if to.links().contains(&"eth1".to_owned()) {
            return if mark_in(to).is_some() { Ok(()) } else { Err("it was killed too late".into()) };
        }
    }
    Err("no kill left it there".into())
}

fn a_mark_after_a_kill(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let (pair, to) = (Pair::new(), Place::new());
    killed(suite, &to, &pair.link)?;
    let mac = one(&to.ip("-j link show dev eth1"))["address"].clone();
    swap(&to, "eth1", &mark_in(&to).ok_or("no mark")?);
    let words = ["nicon-linkmv", "-t", &to.pid().to_string(), &pair.link, "eth1"];
    let finished = record(&suite.run(&words));
    let finished = &finished["nic"];
    assert_eq!((&finished["name"], &finished["mac"]), (&"eth1".into(), &mac));

    // The link itself is gone, and what carries its mark is not it.
    let (pair, to) = (Pair::new(), Place::new());
    killed(suite, &to, &pair.link)?;
    swap(&to, "eth1", &mark_in(&to).ok_or("no mark")?);
    to.ip("link del eth1");
    let words = ["nicon-linkmv", "-t", &to.pid().to_string(), &pair.link, "eth1"];
    refusal(&suite.run(&words), 1, &["trap in process", &format!("is not {}, whose tag it carries", pair.link)]);
    assert!(!links().iter().any(|name| *name == pair.link || name == "trap"));
    assert!(to.links().contains(&"trap".to_owned()));
    Ok(())
}

/// Puts another link in the place of `eth1`: by name, ifindex and hardware address nobody can tell them apart.
fn impersonate(to: &Place, elsewhere: &Place) {
    let link = one(&to.ip("-j link show dev eth1"));
    let (ifindex, mac) = (&link["ifindex"], link["address"].as_str().unwrap());
    to.ip(&format!("link set eth1 netns {}", elsewhere.pid()));
    to.ip(&format!("link add eth1 index {ifindex} address {mac} type veth peer name trap-peer"));
}

fn another_link_when_undone(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let (pair, to, elsewhere) = (Pair::new(), Place::new(), Place::new());
    let moved = suite.run(&["nicon-linkmv", "-t", &to.pid().to_string(), &pair.link, "eth1"]);
    record(&moved);
    impersonate(&to, &elsewhere);
    let there = to.ip("-j -d addr");
    // The other one stays, and the right one is found where the container has put it.
    record(&suite.feed(&["nicon-linkmv", "--undo"], &moved.stdout));
    assert_eq!((to.ip("-j -d addr"), elsewhere.links()), (there, vec!["lo".to_owned()]));
    assert_eq!(one(&ip(&format!("-j link show dev {}", pair.link)))["link"], pair.peer.as_str());
    // Where there is only the other one, nothing is undone.
    let moved = suite.run(&["nicon-linkmv", "-t", &to.pid().to_string(), &pair.link, "eth2"]);
    record(&moved);
    to.ip("link del eth2");
    to.ip("link add eth2 type veth peer name eth2-peer");
    let undone = suite.feed(&["nicon-linkmv", "--undo"], &moved.stdout);
    not_undone(&undone, 1, &["eth2 is not in process"]);
    assert!(!links().contains(&pair.link));
    Ok(())
}

/// Between the look and the message the container puts another link in the place of the one that is to come back. What
/// comes then is never up in our namespace, and is sent back. strace holds the message back for long enough.
fn another_link_at_the_last_moment(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let (pair, to, elsewhere) = (Pair::new(), Place::new(), Place::new());
    let log = std::env::temp_dir().join(format!("nicon-last-moment-{}", to.pid()));
    ip(&format!("link set {} up", pair.link));
    let moved = suite.run(&["nicon-linkmv", "-t", &to.pid().to_string(), &pair.link, "eth1"]);
    record(&moved);
    let undo = |options: &[&str]| -> Result<Ran, Failed> {
        let mut strace = tool("strace");
        strace.arg("-qqo").arg(&log).args(["-e", "trace=sendto"]).args(options);
        strace.arg(suite.bins()?.join("nicon-linkmv")).arg("--undo");
        Ok(output_of_input(&mut strace, &moved.stdout, LIMIT)?)
    };
    // A run that is not disturbed shows how many messages go before it.
    let messages = undo(&[])?;
    let logged = || std::fs::read_to_string(&log).unwrap();
    let (first, is_message) = (logged(), |line: &&str| line.contains("sendto("));
    let sent: Vec<_> = first.lines().filter(is_message).collect();
    // Of a socket that belongs to another namespace strace knows the numbers only.
    let is_move = |line: &&str| ["RTM_SETLINK", "nlmsg_type=0x13 "].iter().any(|kind| line.contains(kind));
    let when = sent.iter().position(is_move).ok_or("nothing was put back")? + 1;
    assert!(links().contains(&pair.link), "{messages:?}");
    let again = record(&suite.run(&["nicon-linkmv", "-t", &to.pid().to_string(), &pair.link, "eth1"]));
    let mac = again["nic"]["mac"].as_str().ok_or("no address")?.to_owned();
    std::fs::write(&log, "")?;
    let events = Events::of_ours(&pair.peer);
    let delay = format!("inject=sendto:delay_enter=6s:when={when}");
    let held = std::thread::scope(|scope| {
        let run = scope.spawn(|| undo(&["-e", &delay]).unwrap());
        wait_for("the message before the move", || logged().lines().filter(is_message).count() == when);
        impersonate(&to, &elsewhere);
        run.join().unwrap()
    });
    std::fs::remove_file(&log)?;
    let events = events.end();
    let is_up = |line: &&str| line.split(['<', ',', '>']).any(|flag| flag == "UP");
    // Both have the one address; only the right one has its other end here.
    let of_either = events.lines().filter(|line| line.contains(&mac));
    let (right, other): (Vec<_>, Vec<_>) = of_either.partition(|line| line.contains(&format!("@{}:", pair.peer)));
    assert!(other.iter().any(|line| line.starts_with("Deleted ")), "it was not here: {events}");
    assert!(right.iter().any(is_up) && !other.iter().any(is_up), "{events}");
    // It was sent back, and the right one was found where the container had put it.
    assert_eq!(held.code(), Some(0), "{held:?}");
    assert_eq!(one(&ip(&format!("-j link show dev {}", pair.link)))["link"], pair.peer.as_str());
    assert_eq!(elsewhere.links(), ["lo"]);
    assert_eq!(to.links().len(), 3, "{:?}", to.links());
    Ok(())
}
