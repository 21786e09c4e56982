//! Many links in one run of nicon-linkmv, and what becomes of the others when one fails.

use libtest_mimic::{Failed, Trial};
use nicon_lab::{LIMIT, Ran, output_of_input, tool, wait_for};
use serde_json::{Value, json};

use crate::links::undo::{furnished, settles_as};
use crate::support::expect::{parse, record, records};
use crate::support::links::{Pair, Place, ip, links, state};
use crate::support::stream::Stream;
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial_of_kernel(&[], "links::batch::fail_fast_ends_with_the_first_failure", fail_fast),
        suite.trial_of_kernel(&[], "links::batch::all_or_nothing", all_or_nothing),
        suite.trial_of_kernel(&[], "links::batch::pace_rests_after_each_link", pace),
        suite.trial_of_kernel(&[], "links::batch::who_waits_for_more_holds_up_no_end", who_waits),
        suite.trial_of_kernel(&[], "links::batch::each_record_has_its_own_attributes", own_attributes),
    ]
}

fn feed(suite: &Suite, options: &[&str], input: &[Value]) -> Ran {
    let lines = input.iter().map(Value::to_string).collect::<Vec<_>>().join("\n");
    suite.feed(&[&["nicon-linkmv"], options].concat(), lines)
}

fn fail_fast(suite: &Suite) -> Result<(), Failed> {
    let (pairs, place) = ([Pair::new(), Pair::new()], Place::new());
    let ask = |link: &str| json!({"pid": place.pid(), "link": link});
    let input = [ask(&pairs[0].link), ask("nowhere"), ask(&pairs[1].link)];
    let ran = feed(suite, &["--fail-fast"], &input);
    assert_eq!((ran.code(), parse(&ran.stdout).len(), ran.stderr.lines().count()), (Some(1), 1, 1), "{ran:?}");
    assert!(ran.stderr.contains("line 2: no link nowhere"), "{ran:?}");
    assert_eq!(place.links(), ["lo", &pairs[0].link]);
    assert!(links().contains(&pairs[1].link));
    Ok(())
}

fn all_or_nothing(suite: &Suite) -> Result<(), Failed> {
    let (pairs, place) = ([Pair::new(), Pair::new(), Pair::new()], Place::new());
    furnished(ip, &pairs[0].link, &pairs[0].peer);
    let before = pairs.each_ref().map(|pair| state(&pair.link));
    let ask = |n: usize, name: &str| json!({"pid": place.pid(), "link": pairs[n].link, "name": name});
    let broken = feed(suite, &["--all-or-nothing"], &[ask(0, "eth0"), ask(1, "eth1"), ask(2, "lo"), ask(2, "eth2")]);
    assert_eq!((broken.code(), &broken.stdout[..]), (Some(1), ""), "{broken:?}");
    assert!(broken.stderr.contains("line 3: lo already exists"), "{broken:?}");
    for (pair, before) in pairs.iter().zip(&before) {
        settles_as(before, &pair.link);
    }
    assert_eq!(place.links(), ["lo"]);

    // Undone is the last first: here nothing else is possible.
    let renamed = |from: u32, to: Value, link: &str, name: &str| json!({"from": from, "target": to["target"], "pid": to["pid"], "link": link, "name": name});
    let other = Place::new();
    let mut there = ask(0, "eth0");
    there["note"] = json!("kept");
    let mut back = renamed(place.pid(), json!({"target": "other", "pid": other.pid()}), "eth0", "eth5");
    back["wrong"] = Value::Null;
    let broken = feed(suite, &["--all-or-nothing"], &[there.clone(), back, json!({"pid": 0, "link": "x"})]);
    assert_eq!((broken.code(), &broken.stdout[..]), (Some(2), ""), "{broken:?}");
    settles_as(&before[0], &pairs[0].link);
    assert_eq!((place.links(), other.links()), (vec!["lo".to_owned()], vec!["lo".to_owned()]));

    // What an earlier run did is not this one's to undo.
    record(&feed(suite, &[], &[ask(1, "eth1")]));
    let broken = feed(suite, &["--all-or-nothing"], &[ask(1, "eth1"), there.clone(), ask(2, "lo")]);
    assert_eq!(broken.code(), Some(1), "{broken:?}");
    assert_eq!(place.links(), ["lo", "eth1"]);

    let all = records(&feed(suite, &["--all-or-nothing"], &[there, ask(2, "eth2")]));
    assert_eq!((all.len(), &all[0]["note"]), (2, &json!("kept")));
    assert_eq!(place.links().len(), 4);
    Ok(())
}

/// It rests after what it moved, and after nothing else.
fn pace(suite: &Suite) -> Result<(), Failed> {
    let (pairs, place) = ([Pair::new(), Pair::new(), Pair::new()], Place::new());
    let ask = |link: &str| json!({"pid": place.pid(), "link": link});
    let rests = |input: &[Value]| -> Result<usize, Failed> {
        let lines = input.iter().map(Value::to_string).collect::<Vec<_>>().join("\n");
        let mut strace = tool("strace");
        strace.args(["-f", "-qq", "-e", "trace=poll,ppoll"]).arg(suite.bins()?.join("nicon-linkmv"));
        let ran = output_of_input(strace.args(["--pace", "0.25"]), lines, LIMIT)?;
        Ok(ran.stderr.matches("tv_nsec=250000000").count())
    };
    let all = pairs.each_ref().map(|pair| ask(&pair.link));
    assert_eq!(rests(&[all[0].clone(), ask("nowhere"), all[1].clone(), all[2].clone()])?, 2);
    assert_eq!(place.links().len(), 4);
    assert_eq!(rests(&all)?, 0, "there was nothing to do");
    let usage = suite.run(&["nicon-linkmv", "--pace", "soon"]);
    assert!(usage.code() == Some(2) && usage.stderr.contains("not a number of seconds"), "{usage:?}");
    Ok(())
}

/// Nobody knows when the next record comes. Meanwhile a container can end, and its links with it.
fn who_waits(suite: &Suite) -> Result<(), Failed> {
    for program in ["nicon-linkmv", "nicon-veth", "nicon-linkadd"] {
        let (pair, place) = (Pair::new(), Place::new());
        let mut stream = Stream::start(&mut suite.command(program)?)?;
        let wishes = match program {
            "nicon-linkmv" => vec![json!({"pid": place.pid(), "link": pair.link, "name": "eth1"})],
            "nicon-linkadd" => {
                vec![json!({"pid": place.pid(), "kind": "vxlan", "vni": 7, "from": "target", "name": "v7"})]
            }
            _ => ["eth2", "eth3"].map(|name| json!({"pid": place.pid(), "pair": "p", "name": name})).into(),
        };
        for wish in &wishes {
            stream.feed(format!("{wish}\n"));
        }
        stream.take(wishes.len());
        place.ip(&format!("link add here type veth peer name {}-far netns {}", pair.peer, std::process::id()));
        drop(place);
        let far = format!("{}-far", pair.peer);
        wait_for(format_args!("the end of a namespace that {program} holds"), || !links().contains(&far));
        stream.end_input();
        assert!(stream.end().success());
    }
    Ok(())
}

fn own_attributes(suite: &Suite) -> Result<(), Failed> {
    let (pairs, place) = ([Pair::new(), Pair::new()], Place::new());
    place.ip("link add br0 type bridge");
    let input = [
        json!({"pid": place.pid(), "link": pairs[0].link, "name": "eth0", "mtu": 1400, "mac": "02:00:5e:00:53:11",
            "addr": ["192.0.2.1/24", "2001:db8::1/64"], "route": "198.51.100.0/24,192.0.2.3", "gateway": "192.0.2.2"}),
        json!({"pid": place.pid(), "link": pairs[1].link, "name": "eth1", "master": "br0", "alias": "uplink",
            "altname": ["wan"], "up": false}),
    ];
    assert_eq!(records(&feed(suite, &[], &input)).len(), 2);
    let link = |name: &str| crate::support::links::one(&place.ip(&format!("-j -d addr show dev {name}")));
    let (first, second) = (link("eth0"), link("eth1"));
    assert_eq!((&first["mtu"], &first["address"]), (&json!(1400), &json!("02:00:5e:00:53:11")));
    let up = |link: &Value| link["flags"].as_array().unwrap().contains(&json!("UP"));
    assert_eq!(
        (&second["master"], &second["ifalias"], up(&first), up(&second)),
        (&json!("br0"), &json!("uplink"), true, false)
    );
    assert_eq!(second["altnames"][0], "wan");
    let routes = place.ip("route show dev eth0");
    assert!(routes.contains("default via 192.0.2.2") && routes.contains("198.51.100.0/24 via 192.0.2.3"), "{routes}");
    for (field, value, words) in [
        ("mtu", json!("x"), "\"mtu\""),
        ("addr", json!([1]), "\"addr\""),
        ("addr", json!(["192.0.2.1"]), "prefix length"),
        ("gateway", json!("x"), "not an IP address"),
        ("up", json!(1), "\"up\""),
        ("keep", json!(["all"]), "cannot be kept"),
        ("altname", json!(["a b"]), "alternative name"),
    ] {
        let mut wrong = json!({"pid": place.pid(), "link": pairs[0].peer});
        wrong[field] = value;
        crate::support::expect::refusal(&feed(suite, &[], &[wrong]), 2, &[words]);
    }
    assert!(links().contains(&pairs[0].peer));
    Ok(())
}
