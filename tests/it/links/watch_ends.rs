//! nicon-links --watch goes on while there is something to watch, and holds nothing that has ended.

use std::time::{Duration, Instant};

use libtest_mimic::{Failed, Trial};
use nicon_lab::{LIMIT, output_within, patience, tool, wait_for};
use serde_json::Value;

use crate::support::links::{Pair, Place, ip, links};
use crate::support::stream::Stream;
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
    ]
}

/// A name of `ip netns`, which is taken away when this is dropped.
pub(super) struct Name(&'static str);

impl Name {
    pub(super) fn add(name: &'static str) -> Self {
        ip(&format!("netns add {name}"));
        Self(name)
    }
}

impl Drop for Name {
    fn drop(&mut self) {
        let _ = output_within(tool("ip").args(["netns", "del", self.0]), LIMIT);
    }
}

pub(super) fn watch(suite: &Suite, words: &[&str]) -> Result<Stream, Failed> {
    let mut command = suite.command("nicon-links")?;
    Stream::start(command.arg("--watch").args(words))
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
        let gone = [watching.nic_where("gone", |_| true), watching.nic_where("gone", |_| true)];
        assert!(gone.iter().all(|nic| nic["event"] == "gone" && nic["netns"] == *netns), "{gone:?}");
        wait_for("the end of its namespace", || !links().contains(&pair.peer));
        ip("netns add ends-1");
        watching.nic("arrived", "lo");
    }
    assert!(watching.told_in_the_end(true).contains("/run/netns/ends-1 has ended"));
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
    assert!(watching.told_in_the_end(true).contains("no network namespace is called \"ends-3\""));
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
    wait_for("the end of its namespace", || !links().contains(&pair.peer));
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
    shell.arg(suite.bins()?.join("nicon-links"));
    let mut watching = Stream::start(&mut shell)?;
    watching.feed("add\n");
    watching.nic_where("lo", |nic| nic["name"] == "lo" && nic["event"] != "gone");
    for _ in 0..2 {
        watching.feed("cover\n");
        watching.nic("gone", "lo");
        watching.feed("uncover\n");
        watching.nic("arrived", "lo");
    }
    watching.feed("cover\n");
    watching.nic("gone", "lo");
    watching.feed("add\n");
    watching.nic("arrived", "lo");
    watching.end_input();
    watching.end();
    Ok(())
}

fn processes(suite: &Suite) -> Result<(), Failed> {
    let [one, two, three] = [Place::new(), Place::new(), Place::new()];
    let mut watching = watch(suite, &["-t", &one.pid().to_string(), "-t", &two.pid().to_string()])?;
    for _ in 0..2 {
        watching.nic("present", "lo");
    }
    // The other end of a link of the second one is where nobody looks, and then nowhere.
    two.ip(&format!("link add eth1 type veth peer name eth1 netns {}", one.pid()));
    two.ip(&format!("link add eth2 type veth peer name eth2 netns {}", three.pid()));
    let ended = one.netns();
    drop((one, three));
    let is_its_end = |nic: &Value| nic["event"] == "gone" && nic["netns"] == ended && nic["name"] == "lo";
    watching.nic_where("the end of the first", is_its_end);
    two.ip("link add br0 type bridge");
    watching.nic("arrived", "br0");
    let ended = two.pid();
    drop(two);
    watching.nic("gone", "br0");
    assert_eq!(watching.end().code(), Some(1));
    let told = watching.told_in_the_end(false);
    assert!(told.contains(&format!("process {ended} exited: nobody is left in its network namespace")), "{told}");
    Ok(())
}

fn all_sees_new_ones(suite: &Suite) -> Result<(), Failed> {
    let watching = watch(suite, &["--all"])?;
    watching.nic("present", "lo");
    // Nothing tells of this one, but that processes are started.
    let place = Place::new();
    watching.nic_where("the place", |nic| nic["event"] == "arrived" && nic["netns"] == place.netns());
    place.ip("link add ends-br2 type bridge");
    watching.nic("arrived", "ends-br2");
    // A name is seen at once, and not when all is looked at again, as each second; of a busy machine the best of some says it.
    let took = ["ends-50", "ends-51", "ends-52", "ends-53", "ends-54"].map(|name| {
        let _name = Name::add(name);
        let begun = Instant::now();
        ip(&format!("-n {name} link add br-{name} type bridge"));
        watching.nic("arrived", &format!("br-{name}"));
        begun.elapsed()
    });
    assert!(took.iter().any(|took| *took < Duration::from_millis(700) * patience()), "{took:?}");
    // A link leads into this one.
    let place = Place::new();
    let pair = Pair::new();
    ip(&format!("link set {} netns {}", pair.link, place.pid()));
    let peer = watching.nic_where("its other end", |nic| {
        nic["name"] == *pair.peer && nic["peer"]["netns"] == place.netns() && nic["event"] != "gone"
    });
    assert_eq!(peer["peer"]["name"], *pair.link);
    place.ip(&format!("link set {} mtu 1300", pair.link));
    watching.nic_where("its end", |nic| nic["netns"] == place.netns() && nic["mtu"] == 1300);
    Ok(())
}

fn all_lets_go(suite: &Suite) -> Result<(), Failed> {
    let name = Name::add("ends-6");
    let place = Place::new();
    let (named, placed) = (link_into(name.0), Pair::new());
    ip(&format!("link set {} netns {} name eth2", placed.link, place.pid()));
    let watching = watch(suite, &["--all"])?;
    watching.nic_where("the place", |nic| nic["netns"] == place.netns() && nic["name"] == "eth2");
    drop(name);
    watching.nic("gone", "eth1");
    drop(place);
    watching.nic("gone", "eth2");
    for pair in [&named, &placed] {
        wait_for("the end of its namespace", || !links().contains(&pair.peer));
    }
    let told = watching.told_in_the_end(true);
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
    watching
        .nic_where("its other end is elsewhere", |nic| nic["name"] == "near" && nic["peer"]["netns"] == three.netns());
    three.ip(&format!("link set other netns {}", one.pid()));
    watching.nic_where("its other end is here", |nic| nic["name"] == "near" && nic["peer"]["netns"] == one.netns());
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
