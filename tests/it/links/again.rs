//! nicon-linkmv and links that an earlier run moved.

use libtest_mimic::{Failed, Trial};
use nicon_lab::{LIMIT, Ran, output_within, tool, until};
use serde_json::json;

use crate::links::settings::{ALL, Ground};
use crate::support::expect::{deed, record, refusal};
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial_of_kernel(&[], "links::again::again_a_dry_run_shows_what_a_run_does", dry_run),
        suite.trial_of_kernel(&[], "links::again::again_all_or_as_it_was", all_or_as_it_was),
        suite.trial_of_kernel(&[], "links::again::again_in_a_batch_that_fails", in_a_batch),
        suite.trial_of_kernel(&[], "links::again::no_record_is_not_silence", no_record),
        suite.trial_of_kernel(&[], "links::again::hints_at_a_terminal", hints),
    ]
}

fn dry_run(suite: &Suite) -> Result<(), Failed> {
    let ground = Ground::new();
    record(&ground.mv(suite, &["v9", "eth1"]));
    let mut words = vec!["v9", "eth1"];
    for (word, step) in [
        ("--mtu=1300", "link set eth1 mtu 1300"),
        ("--altname=wan", "link property add dev eth1 altname wan"),
        ("--addr=192.0.2.1/24", "address replace 192.0.2.1/24 dev eth1"),
        ("--gateway=192.0.2.2", "route add default via 192.0.2.2 dev eth1"),
    ] {
        words.push(word);
        let before = ground.state();
        let planned = record(&ground.mv(suite, &[&["-n"], &words[..]].concat()));
        assert_eq!((&planned["link"], &planned["name"]), (&json!("v9"), &json!("eth1")), "{planned}");
        assert_eq!(planned["steps"], json!([step]));
        ground.settles_as(&before);
        let moved = record(&ground.mv(suite, &words));
        let moved = deed(&moved);
        assert_eq!((&moved["link"], &moved["changed"]), (&json!("v9"), &json!(true)), "{moved}");
        assert_eq!(record(&ground.mv(suite, &[&["-n"], &words[..]].concat()))["steps"], json!([]));
        assert_eq!(deed(&record(&ground.mv(suite, &words)))["changed"], false);
    }
    // Whatever the run would set, and what keeps the link's origin known.
    let all = record(&ground.mv(suite, &[&["-n"], &ALL[..]].concat()));
    let steps = all["steps"].to_string();
    for step in ["mtu 1400 address 02:00:5e:00:53:21", "alias up link", "altname nicon-from.", "2001:db8::1/64"] {
        assert!(steps.contains(step), "{step} is not in {steps}");
    }
    // A pattern that the name fits stands for that name.
    assert_eq!(record(&ground.mv(suite, &["-n", "v9", "eth%d"]))["name"], "eth1");
    refusal(&ground.mv(suite, &["-n", "v9", "eth1", "--altname=lo"]), 1, &["lo already exists in process"]);
    Ok(())
}

fn all_or_as_it_was(suite: &Suite) -> Result<(), Failed> {
    let ground = Ground::new();
    record(&ground.mv(suite, &["v9", "eth1", "--addr=198.51.100.1/24", "--addr=2001:db8::1/64", "--altname=first"]));
    ground.to.ip("route add 203.0.113.0/24 via 198.51.100.2 dev eth1");
    ground.to.ip("link add br0 type bridge");
    let refused = |words: &[&str], status: i32, cause: &str| {
        let before = ground.to.state("eth1");
        refusal(&ground.mv(suite, &[&["v9", "eth1"], words].concat()), status, &[cause]);
        assert_eq!(ground.to.state("eth1"), before);
    };
    let more = [
        "--mtu=1300",
        "--mac=02:00:5e:00:53:22",
        "--alias=mine",
        "--altname=wan",
        "--addr=192.0.2.5/24",
        "--addr=2001:db8:1::1/64",
        "--gateway=192.0.2.6",
        "--route=198.18.0.0/15",
    ];
    refused(&[&more[..], &["--wait=0.1"]].concat(), 1, "no carrier after 0.1 s");
    // The bridge itself keeps some of what it takes from its first port.
    let before = ground.to.state("eth1");
    let no_port = ground.mv(suite, &["v9", "eth1", "--master=br0", "--wait=0.1"]);
    refusal(&no_port, 1, &["no carrier after 0.1 s"]);
    assert_eq!(ground.to.state("eth1"), before);
    for (word, status, cause) in [
        ("--altname=lo", 1, "lo already exists in process"),
        ("--mtu=17", 2, "MTU"),
        ("--master=nobody", 1, "no link nobody in process"),
        // The kernel alone knows that it refuses this.
        ("--addr=ff02::1/64", 2, "add address ff02::1/64"),
    ] {
        refused(&[&more[1..], &[word]].concat(), status, cause);
    }
    // One that was down is down again, and one that is to be up and is not is left so by a failure.
    ground.to.ip("link set eth1 down");
    refused(&["--mtu=1400", "--wait=0.1"], 1, "no carrier after 0.1 s");
    // The other end gets an address of its own as soon as both are up.
    let before = ground.to.state("eth1");
    ground.from.ip("link set p9 up");
    let words = [&["v9", "eth1"], &more[..], &["--addr=ff02::1/64"]].concat();
    refusal(&ground.mv(suite, &words), 2, &["add address ff02::1/64"]);
    assert_eq!(ground.to.state("eth1"), before);
    assert_eq!(deed(&record(&ground.mv(suite, &[&["v9", "eth1"], &more[..]].concat())))["changed"], true);
    Ok(())
}

/// A batch that fails moves no link back that an earlier run moved, but takes back what this one gave it.
fn in_a_batch(suite: &Suite) -> Result<(), Failed> {
    let ground = Ground::new();
    record(&ground.mv(suite, &["v9", "eth1"]));
    // The kernel tells a moment later that the other end is down.
    let told = || Some(ground.to.state("eth1")).filter(|[link, ..]| link.contains("LOWERLAYERDOWN"));
    let before = until("a state", told);
    let ask = |link: &str| json!({"pid": ground.to.pid(), "from": ground.from.pid(), "link": link, "name": "eth1", "mtu": 1300});
    let input = [ask("v9"), ask("nowhere")].map(|record| record.to_string()).join("\n");
    let ran = suite.feed(&["nicon-linkmv", "--all-or-nothing"], input);
    refusal(&ran, 1, &["line 2: no link nowhere"]);
    assert_eq!(ground.to.state("eth1"), before);
    Ok(())
}

/// A link that was named and not moved is not passed over in silence; an empty stream of records is one that is done.
fn no_record(suite: &Suite) -> Result<(), Failed> {
    for input in ["", "\n \n"] {
        let unmoved = suite.feed(&["nicon-linkmv", "veth0", "eth1"], input);
        refusal(&unmoved, 1, &["nicon-linkmv: no record on standard input: veth0 was not moved\n"]);
        let unmade = suite.feed(&["nicon-veth", "eth1", "eth2"], input);
        refusal(&unmade, 1, &["nicon-veth: no record on standard input: no pair was made\n"]);
        for words in [&["nicon-linkmv"][..], &["nicon-veth"], &["nicon-links", "--watch"]] {
            let ran = suite.feed(words, input);
            assert_eq!((ran.code(), &ran.stdout[..], &ran.stderr[..]), (Some(0), "", ""), "{ran:?}");
        }
    }
    let nothing = suite.feed(&["nicon-links", "--watch"], "{\"target\":\"x.never\"}\n");
    assert!(nothing.code() > Some(0) && nothing.stdout.is_empty(), "{nothing:?}");
    Ok(())
}

fn hints(suite: &Suite) -> Result<(), Failed> {
    let at_a_terminal = |words: &str| -> Result<Ran, Failed> {
        let line = format!("{}/{words}", suite.bins()?.display());
        Ok(output_within(tool("script").args(["-qec", &line, "/dev/null"]).stdin(std::process::Stdio::null()), LIMIT)?)
    };
    for (words, hint) in [
        ("nicon-linkmv --undo", "redirect the output of an earlier run (nicon-linkmv --undo <moved)"),
        ("nicon-linkmv veth0", "nothing to do: give --target PID, or pipe records in"),
        ("nicon-linkmv", "nothing to do: name a link and give --target PID, or pipe records in"),
    ] {
        let ran = at_a_terminal(words)?;
        assert!(ran.code() == Some(2) && ran.stdout.contains(hint), "{ran:?}");
    }
    let counted = at_a_terminal("nicon-links -s -t host")?;
    let titles = counted.stdout.lines().next().ok_or("no titles")?.trim_end();
    assert!(titles.contains("  RX  ") && titles.contains("  TX  "), "{titles}");
    let lo = counted.stdout.lines().find(|line| line.split_whitespace().nth(1) == Some("lo")).ok_or("no lo")?;
    assert_eq!(lo.matches(" packets").count(), 2, "{lo}");
    assert!(!at_a_terminal("nicon-links -t host")?.stdout.contains("packets"));
    Ok(())
}
