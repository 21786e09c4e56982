//! nicon-links --watch goes on while there is something to watch, and holds nothing that has ended.

use std::process::Stdio;
use std::time::{Duration, Instant};

use libtest_mimic::{Failed, Trial};
use nicon_lab::{LIMIT, output_within, patience, tool, witness};
use nix::sys::signal::Signal;

use crate::filters::privileges::reachable;
use crate::support::links::{Pair, Place, ip, links, wait_until};
use crate::support::streaming::Streaming;
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    let trial = |name, test: fn(&Suite) -> Result<(), Failed>| {
        suite.trial_of_kernel(&[], &format!("links::watch_ends::{name}"), test)
    };
    vec![
        trial("a_name_that_ends_is_let_go_and_followed_again", a_name),
        trial("a_name_that_is_not_there_yet", a_name_to_come),
        trial("a_name_ends_while_a_process_is_in_its_namespace", a_name_with_a_process),
        trial("a_file_elsewhere_that_ends", a_file),
        trial("names_that_are_mounted_over", mounted_over),
        trial("processes_that_end_one_after_the_other", processes),
        trial("all_sees_new_names_and_new_processes", all_sees_new_ones),
        trial("all_lets_go_what_ends", all_lets_go),
        trial("a_peer_that_is_renamed_or_moved", peers),
        trial("a_master_that_is_renamed", masters),
        trial("a_thousand_links_come_and_go", a_thousand),
        trial("a_reader_that_has_left_ends_it", reader_leaves),
        trial("rows_at_a_terminal", rows),
        trial("what_an_ordinary_user_sees", as_nobody),
    ]
}

/// A name of `ip netns`, which is taken away when this is dropped.
struct Name(&'static str);

impl Name {
    fn add(name: &'static str) -> Self {
        ip(&format!("netns add {name}"));
        Self(name)
    }
}

impl Drop for Name {
    fn drop(&mut self) {
        let _ = output_within(tool("ip").args(["netns", "del", self.0]), LIMIT);
    }
}

fn watch(suite: &Suite, words: &[&str]) -> Result<Streaming, Failed> {
    let mut command = suite.command("nicon-links")?;
    Streaming::start(command.arg("--watch").args(words))
}

/// A link that leads into a name's namespace, for as long as that is there.
fn link_into(name: &str) -> Pair {
    let pair = Pair::new();
    ip(&format!("link set {} netns {name} name eth1", pair.link));
    pair
}

fn a_name(suite: &Suite) -> Result<(), Failed> {
    let name = Name::add("ends-1");
    let watching = watch(suite, &["--netns", "ends-1"])?;
    watching.nic("present", "lo");
    for _ in 0..3 {
        let pair = link_into(name.0);
        let netns = &watching.nic("changed", "eth1")["netns"];
        ip("netns del ends-1");
        let gone = [watching.until(|_| true, "gone"), watching.until(|_| true, "gone")];
        assert!(gone.iter().all(|nic| nic["event"] == "gone" && nic["netns"] == *netns), "{gone:?}");
        wait_until(|| !links().contains(&pair.peer));
        assert!(!links().contains(&pair.peer), "its namespace is held");
        ip("netns add ends-1");
        watching.nic("arrived", "lo");
    }
    assert!(watching.kill()?.contains("/run/netns/ends-1 has ended"));
    Ok(())
}

fn a_name_to_come(suite: &Suite) -> Result<(), Failed> {
    let there = Name::add("ends-2");
    let watching = watch(suite, &["--netns", "ends-3", "-t", there.0])?;
    watching.nic("present", "lo");
    let _name = Name::add("ends-3");
    watching.nic("arrived", "lo");
    ip("-n ends-3 link add br0 type bridge");
    watching.nic("arrived", "br0");
    assert!(watching.kill()?.contains("no network namespace is called \"ends-3\""));
    Ok(())
}

/// It was the name that was asked for.
fn a_name_with_a_process(suite: &Suite) -> Result<(), Failed> {
    let place = Place::new();
    ip(&format!("netns attach ends-4 {}", place.pid()));
    let _name = Name("ends-4");
    place.ip("link add br0 type bridge");
    let watching = watch(suite, &["--netns", "ends-4"])?;
    assert_eq!(watching.nic("present", "br0")["netns"], place.netns());
    ip("netns del ends-4");
    watching.nic("gone", "br0");
    ip("netns add ends-4");
    assert_ne!(watching.nic("arrived", "lo")["netns"], place.netns());
    Ok(())
}

/// Engines mount the namespaces of their containers in places of their own.
fn a_file(suite: &Suite) -> Result<(), Failed> {
    let file = format!("/run/nicon-ends-{}", std::process::id());
    std::fs::write(&file, "")?;
    let mount = |place: &Place| {
        let from = format!("/proc/{}/ns/net", place.pid());
        output_within(tool("mount").args(["--bind", &from, &file]), LIMIT)?.ok()
    };
    let pair = Pair::new();
    let place = Place::new();
    ip(&format!("link set {} netns {} name eth1", pair.link, place.pid()));
    mount(&place)?;
    let watching = watch(suite, &["-t", &file])?;
    watching.nic("present", "eth1");
    drop(place);
    output_within(tool("umount").arg(&file), LIMIT)?.ok()?;
    watching.nic("gone", "eth1");
    wait_until(|| !links().contains(&pair.peer));
    assert!(!links().contains(&pair.peer), "its namespace is held");
    let place = Place::new();
    place.ip("link add br0 type bridge");
    mount(&place)?;
    watching.nic("arrived", "br0");
    output_within(tool("umount").arg(&file), LIMIT)?.ok()?;
    Ok(std::fs::remove_file(&file)?)
}

/// /run/netns is made by the first `ip netns add`, and may be covered and uncovered by mounts.
fn mounted_over(suite: &Suite) -> Result<(), Failed> {
    let script = r#"mount -t tmpfs run /run; exec 8<&0; "$1" --netns over --watch <&8 & watch=$!
        while read step; do
            case $step in
                add) ip netns add over;;
                cover) mount -t tmpfs over /run/netns;;
                uncover) umount /run/netns;;
            esac
        done; kill $watch"#;
    let mut shell = tool("unshare");
    shell.args(["--mount", "--propagation=private", "sh", "-c", script, "sh"]);
    shell.arg(suite.bins()?.join("nicon-links")).stdin(Stdio::piped());
    let mut watching = Streaming::start(&mut shell)?;
    let mut stdin = watching.child.stdin.take().ok_or("no pipe")?;
    let mut step = |word: &str| std::io::Write::write_all(&mut stdin, format!("{word}\n").as_bytes());
    step("add")?;
    watching.until(|nic| nic["name"] == "lo" && nic["event"] != "gone", "lo");
    for _ in 0..2 {
        step("cover")?;
        watching.nic("gone", "lo");
        step("uncover")?;
        watching.nic("arrived", "lo");
    }
    step("cover")?;
    watching.nic("gone", "lo");
    step("add")?;
    watching.nic("arrived", "lo");
    drop(stdin);
    watching.end()?;
    Ok(())
}

fn processes(suite: &Suite) -> Result<(), Failed> {
    let [one, two, three] = [Place::new(), Place::new(), Place::new()];
    let watching = watch(suite, &["-t", &one.pid().to_string(), "-t", &two.pid().to_string()])?;
    for _ in 0..2 {
        watching.nic("present", "lo");
    }
    // The other end of a link of the second one is where nobody looks, and then nowhere.
    two.ip(&format!("link add eth1 type veth peer name eth1 netns {}", one.pid()));
    two.ip(&format!("link add eth2 type veth peer name eth2 netns {}", three.pid()));
    let ended = one.netns();
    drop((one, three));
    watching
        .until(|nic| nic["event"] == "gone" && nic["netns"] == ended && nic["name"] == "lo", "the end of the first");
    two.ip("link add br0 type bridge");
    watching.nic("arrived", "br0");
    let ended = two.pid();
    drop(two);
    watching.nic("gone", "br0");
    let (code, told) = watching.end()?;
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains(&format!("process {ended} exited: nobody is left in its network namespace")), "{told}");
    Ok(())
}

fn all_sees_new_ones(suite: &Suite) -> Result<(), Failed> {
    let watching = watch(suite, &["--all"])?;
    watching.nic("present", "lo");
    // Nothing tells of this one, but that processes are started.
    let place = Place::new();
    watching.until(|nic| nic["event"] == "arrived" && nic["netns"] == place.netns(), "the place");
    place.ip("link add ends-br2 type bridge");
    watching.nic("arrived", "ends-br2");
    let _name = Name::add("ends-5");
    let begun = Instant::now();
    ip("-n ends-5 link add ends-br type bridge");
    watching.nic("arrived", "ends-br");
    assert!(begun.elapsed() < Duration::from_millis(700) * patience(), "a name is seen at once: {:?}", begun.elapsed());
    // A link leads into this one.
    let place = Place::new();
    let pair = Pair::new();
    ip(&format!("link set {} netns {}", pair.link, place.pid()));
    let peer = watching.until(
        |nic| nic["name"] == *pair.peer && nic["peer"]["netns"] == place.netns() && nic["event"] == "changed",
        "its other end",
    );
    assert_eq!(peer["peer"]["name"], *pair.link);
    place.ip(&format!("link set {} mtu 1300", pair.link));
    watching.until(|nic| nic["netns"] == place.netns() && nic["mtu"] == 1300, "its end");
    Ok(())
}

fn all_lets_go(suite: &Suite) -> Result<(), Failed> {
    let name = Name::add("ends-6");
    let place = Place::new();
    let (named, placed) = (link_into(name.0), Pair::new());
    ip(&format!("link set {} netns {} name eth2", placed.link, place.pid()));
    let watching = watch(suite, &["--all"])?;
    watching.until(|nic| nic["netns"] == place.netns() && nic["name"] == "eth2", "the place");
    drop(name);
    watching.nic("gone", "eth1");
    drop(place);
    watching.nic("gone", "eth2");
    for pair in [&named, &placed] {
        wait_until(|| !links().contains(&pair.peer));
        assert!(!links().contains(&pair.peer), "its namespace is held");
    }
    let told = watching.kill()?;
    assert!(!told.contains("exited") && !told.contains("ended"), "nobody asked for them: {told}");
    Ok(())
}

/// Of a change of its other end nothing is announced of a link itself.
fn peers(suite: &Suite) -> Result<(), Failed> {
    let [one, two, three] = [Place::new(), Place::new(), Place::new()];
    one.ip(&format!("link add near type veth peer name far netns {}", two.pid()));
    let pids = [&one, &two, &three].map(|place| place.pid().to_string());
    let watching = watch(suite, &["-t", &pids[0], "-t", &pids[1], "-t", &pids[2]])?;
    watching.nic("present", "near");
    two.ip("link set far name other");
    let changed = watching.nic("changed", "near");
    assert_eq!((&changed["peer"]["name"], &changed["was"]["peer"]["name"]), (&"other".into(), &"far".into()));
    two.ip(&format!("link set other netns {}", three.pid()));
    watching.until(|nic| nic["name"] == "near" && nic["peer"]["netns"] == three.netns(), "its other end is elsewhere");
    three.ip(&format!("link set other netns {}", one.pid()));
    watching.until(|nic| nic["name"] == "near" && nic["peer"]["netns"] == one.netns(), "its other end is here");
    Ok(())
}

fn masters(suite: &Suite) -> Result<(), Failed> {
    let place = Place::new();
    place.ip_batch("link add br0 type bridge\nlink add port type veth peer name v1\nlink set port master br0");
    for kind in [&[][..], &["--kind", "veth"]] {
        let pid = place.pid().to_string();
        let watching = watch(suite, &[&["-t", &pid], kind].concat())?;
        assert_eq!(watching.nic("present", "port")["master"]["name"], "br0");
        place.ip("link set br0 name br1");
        assert_eq!(watching.nic("changed", "port")["master"]["name"], "br1");
        place.ip("link set br1 name br0");
    }
    Ok(())
}

fn a_thousand(suite: &Suite) -> Result<(), Failed> {
    let place = Place::new();
    let watching = watch(suite, &["-t", &place.pid().to_string()])?;
    watching.nic("present", "lo");
    let resident = || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", watching.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap().to_owned();
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
    let watching = Streaming::start(command.args(["--watch", "--all"]))?;
    let there = watching.nic("present", &pair.peer);
    assert_eq!((there["netns"].as_u64(), there["peer"]["name"].as_str()), (own_netns(), None), "{there}");
    let more = Pair::new();
    watching.nic("arrived", &more.link);
    ip(&format!("link set {} name renamed", more.link));
    watching.nic("changed", "renamed");
    ip("link del renamed");
    watching.nic("gone", "renamed");
    watching.signal(Signal::SIGTERM);
    let (_, told) = watching.end()?;
    assert_eq!(told.lines().count(), 1, "{told}");
    assert!(told.contains("processes could not be inspected") && told.contains("namespaces are left out"), "{told}");
    Ok(())
}

fn own_netns() -> Option<u64> {
    witness::ns_link(std::process::id(), "net")?.trim_start_matches("net:[").trim_end_matches(']').parse().ok()
}
