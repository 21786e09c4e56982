//! A move and its undo leave everything as it was.

use libtest_mimic::{Failed, Trial};
use nicon_lab::{LIMIT, Lab, Ran, becomes, output_within, tool, wait_for, witness};
use serde_json::{Value, json};

use crate::support::expect::{deed, not_undone, parse, record, records, refusal, undone};
use crate::support::links::{Pair, Place, ip, links, one, state};
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial("links::undo::leaves_all_as_before", leaves_all_as_before),
        suite.trial_of_kernel(&[], "links::undo::whatever_was_done_meanwhile", whatever_was_done_meanwhile),
        suite.trial_of_kernel(&[], "links::undo::twice_is_once", twice_is_once),
        suite.trial_of_kernel(&[], "links::undo::names_and_numbers_that_are_taken", names_and_numbers_that_are_taken),
        suite.trial_of_kernel(&[], "links::undo::of_a_run_that_changed_nothing", of_a_run_that_changed_nothing),
        suite.trial_of_kernel(&[], "links::undo::of_two_runs_at_once", of_two_runs_at_once),
        suite.trial_of_kernel(&[], "links::undo::of_two_runs_and_what_lay_between", of_two_runs_and_what_lay_between),
        suite.trial_of_kernel(&[], "links::undo::to_another_namespace_than_ours", to_another_namespace),
        suite.trial_of_kernel(&[], "links::undo::records_that_undo_nothing", records_that_undo_nothing),
    ]
}

fn mv(place: &Place, suite: &Suite, link: &str) -> Ran {
    suite.run(&["nicon-linkmv", "--force", "-t", &place.pid().to_string(), link, "eth1"])
}

fn undo(suite: &Suite, moved: &Ran) -> Ran {
    suite.feed(&["nicon-linkmv", "--undo"], &moved.stdout)
}

/// Makes a veth with all that a move loses.
pub(crate) fn furnished(ip: impl Fn(&str) -> String, link: &str, peer: &str) {
    if !ip("-o link").contains(&format!(" {link}@")) {
        ip(&format!("link add {link} type veth peer name {peer}"));
    }
    // Tests run beside each other in one namespace: each pair has networks of its own.
    let n = link.trim_start_matches('v');
    let number: u32 = n.parse().unwrap();
    for line in [
        format!("link set {peer} up"),
        format!(
            "link set {link} up mtu 1400 txqueuelen 77 address 02:00:5e:00:{:02x}:{:02x}",
            0x54 + number / 100,
            number % 100
        ),
        format!("link property add dev {link} altname {link}-also"),
        format!("addr add 10.{n}.0.1/24 brd + dev {link} label {link}:x"),
        format!("addr add 10.{n}.1.1 peer 10.{n}.1.2/32 dev {link} scope link metric 12"),
        format!("-6 addr add 2001:db8:{n}::1/64 dev {link} nodad"),
        format!("-6 addr add 2001:db8:{n}::2/64 dev {link} nodad noprefixroute"),
        format!("route add 10.{n}.2.0/26 via 10.{n}.0.254 dev {link} metric 77 mtu 1300"),
        format!("route add 10.{n}.2.64/26 dev {link} scope link src 10.{n}.0.1 table 100"),
        format!("route add 10.{n}.2.128/26 via 172.31.{n}.1 dev {link} onlink proto static"),
        format!("-6 route add 2001:db8:{n}:1::/64 via 2001:db8:{n}::9 dev {link} metric 78"),
    ] {
        ip(&line);
    }
}

pub(crate) fn settles_as(before: &[String; 3], link: &str) {
    becomes(|| state(link), before);
}

fn leaves_all_as_before(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let pair = Pair::new();
    furnished(ip, &pair.link, &pair.peer);
    let (before, peer) = (state(&pair.link), state(&pair.peer));
    assert!(before.iter().all(|text| text.contains("2001:db8")), "{before:?}");
    let found = suite.run(&["nicon-resolve", "setup.olt_1.lt_1"]).ok()?;
    let moved = suite.feed(&["nicon-linkmv", &pair.link, "undo-me"], &found);
    record(&moved);
    assert!(!links().contains(&pair.link));
    let back = record(&undo(suite, &moved));
    let (told, did) = (undone(&back), record(&moved)["done"][0].clone());
    let ours = one(&ip(&format!("-j link show dev {}", pair.link)));
    assert_eq!((&told["name"], &told["ifindex"]), (&json!(pair.link), &ours["ifindex"]));
    assert_eq!((&told["id"], &told["by"], &told["netns"]), (&did["id"], &did["by"], &did["undo"]["netns"]));
    assert_eq!((&told["changed"], back.get("done"), back.get("nic")), (&json!(true), None, None));
    assert_eq!(back["hops"].as_array().map(Vec::len), Some(3));
    settles_as(&before, &pair.link);
    settles_as(&peer, &pair.peer);
    assert!(!lab.exec("setup.olt_1.lt_1", &["ip", "link"])?.ok()?.contains("undo-me"));

    // One that was down, had an alias, and was a port of a bridge.
    let (pair, place) = (Pair::new(), Place::new());
    ip("link add undo-br type bridge");
    ip(&format!("link set {} master undo-br alias mine", pair.link));
    let before = state(&pair.link);
    let moved = mv(&place, suite, &pair.link);
    record(&moved);
    record(&undo(suite, &moved));
    settles_as(&before, &pair.link);
    assert_eq!(place.links(), ["lo"]);
    Ok(())
}

fn whatever_was_done_meanwhile(suite: &Suite) -> Result<(), Failed> {
    let (pair, place) = (Pair::new(), Place::new());
    furnished(ip, &pair.link, &pair.peer);
    let before = state(&pair.link);
    let moved = mv(&place, suite, &pair.link);
    record(&moved);
    place.ip("link set eth1 down");
    place.ip("link set eth1 name renamed mtu 1280 alias other");
    place.ip("addr add 10.9.9.9/24 dev renamed");
    record(&undo(suite, &moved));
    settles_as(&before, &pair.link);

    let moved = mv(&place, suite, &pair.link);
    place.ip("link set eth1 address 02:00:5e:00:53:77");
    record(&undo(suite, &moved));
    settles_as(&before, &pair.link);

    let moved = mv(&place, suite, &pair.link);
    place.ip("link set eth1 down");
    place.ip("link set eth1 address 02:00:5e:00:53:78 name other");
    record(&undo(suite, &moved));
    settles_as(&before, &pair.link);

    // Who does not tell what identifies it cannot tell it from another, when name and address are others.
    let moved = mv(&place, suite, &pair.link);
    place.ip("link set eth1 down");
    place.ip("link set eth1 address 02:00:5e:00:53:78 name other");
    let mut told = record(&moved);
    told["done"][0]["undo"]["inode"] = Value::Null;
    let refused = suite.feed(&["nicon-linkmv", "--undo"], told.to_string());
    not_undone(&refused, 1, &["other in process", "is not the link that was moved there as eth1"]);
    assert_eq!(place.links(), ["lo", "other"]);
    Ok(())
}

fn twice_is_once(suite: &Suite) -> Result<(), Failed> {
    let (pair, place) = (Pair::new(), Place::new());
    furnished(ip, &pair.link, &pair.peer);
    let before = state(&pair.link);
    let moved = mv(&place, suite, &pair.link);
    assert_eq!(undone(&record(&undo(suite, &moved)))["changed"], true);
    settles_as(&before, &pair.link);
    // What is missing, as after an interrupted run, is put back.
    ip(&format!("addr flush dev {}", pair.link));
    for changed in [true, false] {
        assert_eq!(undone(&record(&undo(suite, &moved)))["changed"], changed);
        settles_as(&before, &pair.link);
    }
    // Not every kernel renames a link that is up.
    ip(&format!("link set {} down", pair.link));
    ip(&format!("link set {} name {}-other", pair.link, pair.link));
    ip(&format!("link set {}-other up", pair.link));
    assert_eq!(undone(&record(&undo(suite, &moved)))["changed"], true);
    settles_as(&before, &pair.link);
    Ok(())
}

fn names_and_numbers_that_are_taken(suite: &Suite) -> Result<(), Failed> {
    let (pair, place) = (Pair::new(), Place::new());
    furnished(ip, &pair.link, &pair.peer);
    let before = one(&ip(&format!("-j -d addr show dev {}", pair.link)));
    let moved = mv(&place, suite, &pair.link);
    record(&moved);
    ip(&format!("link add {} index {} type bridge", pair.link, before["ifindex"]));
    let there = place.ip("-j -d addr");
    let taken = format!("{} already exists in ", pair.link);
    not_undone(&undo(suite, &moved), 1, &[&taken, "(bridge), where eth1 came from"]);
    ip(&format!("link del {}", pair.link));
    let other = format!("other-{}", pair.link);
    ip(&format!("link add {} index {} type veth peer name {other}", pair.link, before["ifindex"]));
    not_undone(
        &undo(suite, &moved),
        1,
        &[&taken, &format!("(veth, whose other end is {other}), where eth1 came from")],
    );
    assert_eq!(place.ip("-j -d addr"), there);
    ip(&format!("link del {other}"));
    ip(&format!("link add {} index {} type bridge", pair.link, before["ifindex"]));
    // The name is free again, the number is not.
    ip(&format!("link set {} name other-{}", pair.link, pair.link));
    record(&undo(suite, &moved));
    let after = || one(&ip(&format!("-j -d addr show dev {}", pair.link)));
    assert_ne!(after()["ifindex"], before["ifindex"]);
    let addresses = |link: &Value| link["addr_info"].to_string();
    becomes(|| addresses(&after()), &addresses(&before));
    let n = pair.link.trim_start_matches('v');
    let route = ip(&format!("route show 10.{n}.2.0/26 dev {}", pair.link));
    assert!(route.contains(&format!("via 10.{n}.0.254 metric 77 mtu 1300")), "{route}");
    ip(&format!("link del other-{}", pair.link));
    Ok(())
}

fn of_a_run_that_changed_nothing(suite: &Suite) -> Result<(), Failed> {
    let (pair, place) = (Pair::new(), Place::new());
    record(&mv(&place, suite, &pair.link));
    let again = mv(&place, suite, &pair.link);
    assert_eq!(deed(&record(&again))["changed"], false);
    // Of that only the link itself tells, and its container's root may have made it say so.
    not_undone(&undo(suite, &again), 2, &["nothing but the link itself says that it came from", "--undo --force"]);
    assert_eq!(place.links(), ["lo", "eth1"]);
    let forced = suite.feed(&["nicon-linkmv", "--undo", "--force"], &again.stdout);
    assert_eq!(undone(&record(&forced))["changed"], true);
    let back = one(&ip(&format!("-j link show dev {}", pair.link)));
    assert_eq!(back.get("ifalias"), None, "the note is gone");
    assert!(!back["flags"].as_array().ok_or("no flags")?.contains(&json!("UP")), "it may be another one");
    Ok(())
}

/// The second run knows nothing of how the link was, but the first does, whose record is there as well.
fn of_two_runs_at_once(suite: &Suite) -> Result<(), Failed> {
    let (pair, place) = (Pair::new(), Place::new());
    furnished(ip, &pair.link, &pair.peer);
    let before = state(&pair.link);
    let first = mv(&place, suite, &pair.link);
    let second = mv(&place, suite, &pair.link);
    let piped = suite.feed(&["nicon-linkmv", &pair.link, "eth1"], &first.stdout);
    for input in
        [format!("{}{}", first.stdout, second.stdout), format!("{}{}", second.stdout, first.stdout), piped.stdout]
    {
        record(&mv(&place, suite, &pair.link));
        let undone = records(&suite.feed(&["nicon-linkmv", "--undo", "--fail-fast"], input));
        let count: usize = undone.iter().map(|record| record["undone"].as_array().map_or(0, Vec::len)).sum();
        assert_eq!((count, undone.iter().all(|record| record.get("done").is_none())), (2, true), "{undone:?}");
        settles_as(&before, &pair.link);
    }
    Ok(())
}

/// The second run changes what the link is known by, and what was done where it was is undone before it leaves.
fn of_two_runs_and_what_lay_between(suite: &Suite) -> Result<(), Failed> {
    let (pair, place) = (Pair::new(), Place::new());
    let before = state(&pair.link);
    let target = place.pid().to_string();
    let words = ["nicon-linkmv", "-t", &target, &pair.link, "eth1", "--mac=02:00:5e:00:53:77"];
    let there = ["nicon-linkmv", "-f", "target", "eth1", "--altname=x"];
    let input = [&words, &words].map(|words| suite.run(words).stdout).concat();
    for between in [false, true] {
        let input = if between {
            suite.feed(&there, suite.feed(&there, suite.run(&words).stdout).stdout).stdout
        } else {
            input.clone()
        };
        let undone = records(&suite.feed(&["nicon-linkmv", "--undo"], &input));
        assert!(undone.iter().all(|record| record.get("done").is_none()), "{undone:?}");
        settles_as(&before, &pair.link);
        assert_eq!(place.links(), ["lo"]);
    }
    Ok(())
}

fn to_another_namespace(suite: &Suite) -> Result<(), Failed> {
    let (from, to) = (Place::new(), Place::new());
    from.ip("link add far type veth peer name far-peer");
    from.ip("addr add 192.0.2.1/24 dev far");
    let before = from.ip("-j -d addr");
    let mut there = tool("nsenter");
    there.arg(format!("--net=/proc/{}/ns/net", from.pid())).arg(suite.bins()?.join("nicon-linkmv"));
    let moved = output_within(there.args(["-t", &to.pid().to_string(), "far", "eth1"]), LIMIT)?;
    record(&moved);
    assert_eq!(to.links(), ["lo", "eth1"]);
    record(&undo(suite, &moved));
    assert_eq!(from.ip("-j -d addr"), before);
    // Other tests have links here as well: none of them is called so.
    assert!(!links().contains(&"far".to_owned()));
    drop(from);
    Ok(())
}

fn records_that_undo_nothing(suite: &Suite) -> Result<(), Failed> {
    let (pair, place) = (Pair::new(), Place::new());
    let moved = record(&mv(&place, suite, &pair.link));
    let there = place.ip("-j -d addr");
    let with = |field: &str, value: Value| {
        let mut changed = moved.clone();
        changed["done"][0]["undo"][field] = value;
        suite.feed(&["nicon-linkmv", "--undo"], changed.to_string())
    };
    let own = json!({"pid": place.pid()}).to_string();
    refusal(&suite.feed(&["nicon-linkmv", "--undo"], own), 2, &["no record has a \"done\""]);
    not_undone(&with("name", json!("a/b")), 2, &["\"a/b\" is not a link name"]);
    not_undone(&with("netns", json!("x")), 2, &["\"undo\"", "netns"]);
    not_undone(&with("netns", json!(1)), 1, &["net:[1]", "is not there any more"]);
    not_undone(&with("up", json!(7)), 2, &["\"undo\""]);
    assert_eq!(place.ip("-j -d addr"), there);
    for (program, words, file) in [
        ("nicon-linkmv", &["--undo", "moved"][..], "moved"),
        ("nicon-linkmv", &["moved", "--undo"], "FILE"),
        ("nicon-veth", &["--undo", "made"], "made"),
        ("nicon-veth", &["eth1", "eth2", "--undo"], "FILE"),
        ("nicon-linkadd", &["--undo", "made"], "made"),
    ] {
        let way_out = format!(
            "{program}: --undo reads what an earlier run printed from standard input: {program} --undo <{file}\n"
        );
        refusal(&suite.run(&[&[program], words].concat()), 2, &[&way_out]);
    }
    // The container took the link with it.
    let starttime = witness::stat(place.pid()).ok_or("gone")?.start_time;
    assert!(starttime > 0);
    drop(place);
    wait_for("the end of its namespace", || !links().contains(&pair.peer));
    not_undone(&suite.feed(&["nicon-linkmv", "--undo"], moved.to_string()), 1, &["no process has PID"]);
    // Of a run that ends at the first failure, each record says what became of it.
    let two = ["1", "2"].map(|id| {
        let mut moved = moved.clone();
        moved["done"][0]["id"] = json!(id);
        moved.to_string() + "\n"
    });
    let ran = suite.feed(&["nicon-linkmv", "--undo", "--fail-fast"], two.concat());
    assert_eq!(ran.code(), Some(1), "{ran:?}");
    let [first, second] = &parse(&ran.stdout)[..] else { panic!("{ran:?}") };
    assert!(second["failed"].as_str().is_some_and(|why| why.contains("no process has PID")), "{ran:?}");
    assert_eq!(first["failed"], "not undone, since the run ended before", "{ran:?}");
    let table = suite.feed(&["nicon-linkmv", "--undo", "-o", "wide"], moved.to_string());
    assert!(table.stdout.contains("no process has PID"), "{table:?}");
    Ok(())
}
