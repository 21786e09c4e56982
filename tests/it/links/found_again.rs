//! Links that are not where nicon-linkmv left them: somebody moved them on, or their container has ended.
//!
//! When a network namespace ends, the kernel puts a network card into the initial one, with the name, the alias and the
//! alternative names that it has. Virtual links go with their namespace. So tests that have no card put the link there themselves, as
//! the kernel does, and end the container then.

use libtest_mimic::{Failed, Trial};
use nicon_lab::{LIMIT, Ran, becomes, output_within, tool, wait_for};
use serde_json::{Value, json};

use crate::support::expect::{deed, record, refusal, undone};
use crate::support::kernel::Feature;
use crate::support::links::{Place, one};
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial_of_kernel(&[], "links::found_again::an_undo_finds_it_anywhere", an_undo),
        suite.trial_of_kernel(&[], "links::found_again::the_same_command_after_a_restart", after_a_restart),
        suite.trial_of_kernel(&[Feature::NetworkCard], "links::found_again::a_card_that_the_kernel_put_back", a_card),
        suite.trial_of_kernel(&[], "links::found_again::a_dry_run_foresees_it", foreseen),
        suite.trial_of_kernel(&[], "links::found_again::one_of_which_two_say_that_they_are_it", two_notes),
        suite.trial_of_kernel(&[], "links::found_again::a_killed_move_wherever_the_link_is", a_killed_move),
    ]
}

/// A link in `from` with an address and a route, and all that `ip` tells of it.
fn ground() -> (Place, [String; 3]) {
    let from = Place::new();
    from.sh("echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad");
    from.ip_batch("link add v9 type veth peer name p9\nlink set p9 up\nlink set v9 up mtu 1400\naddr add 10.9.0.1/24 dev v9\nroute add 10.9.2.0/26 via 10.9.0.254 dev v9\n");
    let before = from.state("v9");
    (from, before)
}

fn words(from: &Place, to: &Place) -> [String; 8] {
    ["nicon-linkmv", "-f", &from.pid().to_string(), "-t", &to.pid().to_string(), "v9", "eth1", "--keep=addr"]
        .map(str::to_owned)
}

fn mv(suite: &Suite, from: &Place, to: &Place) -> Ran {
    suite.run(&words(from, to).each_ref().map(String::as_str))
}

/// Puts the link back as the kernel does when `to` ends, and ends it.
fn end(to: Place, from: &Place) {
    to.ip(&format!("link set eth1 netns {}", from.pid()));
    drop(to);
}

fn comes_home(suite: &Suite, from: &Place, moved: &str, before: &[String; 3]) -> Value {
    let back = record(&suite.feed(&["nicon-linkmv", "--undo"], moved));
    becomes(|| from.state("v9"), before);
    assert_eq!((undone(&back)["changed"].clone(), from.journals()), (json!(true), Vec::new()));
    back
}

fn an_undo(suite: &Suite) -> Result<(), Failed> {
    let (from, before) = ground();
    let (to, third) = (Place::new(), Place::new());
    // Somebody moved it on and renamed it.
    let moved = mv(suite, &from, &to);
    record(&moved);
    to.ip(&format!("link set eth1 netns {} name other", third.pid()));
    comes_home(suite, &from, &moved.stdout, &before);
    assert_eq!(third.links(), ["lo"]);

    // It is in a namespace that nobody but a name keeps, and the container has ended.
    let moved = mv(suite, &from, &to);
    record(&moved);
    let mount = "mkdir -p /run/netns && touch /run/netns/kept && mount --bind";
    let kept = Place::new();
    output_within(tool("sh").args(["-c", &format!("{mount} /proc/{}/ns/net /run/netns/kept", kept.pid())]), LIMIT)?
        .ok()?;
    to.ip(&format!("link set eth1 netns {}", kept.pid()));
    drop((to, kept));
    comes_home(suite, &from, &moved.stdout, &before);
    output_within(tool("sh").args(["-c", "umount /run/netns/kept && rm /run/netns/kept"]), LIMIT)?.ok()?;

    // The kernel has put it back.
    let to = Place::new();
    let moved = mv(suite, &from, &to);
    record(&moved);
    end(to, &from);
    assert!(from.links().contains(&"eth1".to_owned()));
    comes_home(suite, &from, &moved.stdout, &before);
    Ok(())
}

fn after_a_restart(suite: &Suite) -> Result<(), Failed> {
    let (from, _) = ground();
    for alias in ["", "mine"] {
        from.ip_batch(&format!("link set v9 alias {}\n", if alias.is_empty() { "\"\"" } else { alias }));
        let to = Place::new();
        record(&mv(suite, &from, &to));
        end(to, &from);
        let to = Place::new();
        let again = mv(suite, &from, &to);
        let told = record(&again);
        let deed = deed(&told);
        assert_eq!(
            (&deed["link"], &deed["undo"]["name"], &deed["changed"]),
            (&json!("v9"), &json!("v9"), &json!(true))
        );
        assert!(to.links().contains(&"eth1".to_owned()));
        record(&suite.feed(&["nicon-linkmv", "--undo"], &again.stdout));
        let home = one(&from.ip("-j link show dev v9"));
        assert_eq!(home["ifalias"].as_str().unwrap_or_default(), alias);
        assert!(!home.to_string().contains("nicon"), "{home}");
    }
    Ok(())
}

/// A card, which the kernel itself puts back.
fn a_card(suite: &Suite) -> Result<(), Failed> {
    let ip = |line: &str| {
        let host = ["-t", "1", "-n", "ip"].into_iter().chain(line.split(' '));
        output_within(tool("nsenter").args(host), LIMIT).unwrap().ok()
    };
    ip("link set vec0 up")?;
    ip("addr add 10.9.0.1/24 dev vec0")?;
    let mv = |to: &Place| suite.run(&["nicon-linkmv", "-f", "1", "-t", &to.pid().to_string(), "vec0", "eth1"]);
    let to = Place::new();
    let moved = mv(&to);
    record(&moved);
    drop(to);
    wait_for("card on the host", || ip("link show dev eth1").is_ok());
    let to = Place::new();
    let again = record(&mv(&to));
    assert_eq!((&deed(&again)["undo"]["name"], &deed(&again)["changed"]), (&json!("vec0"), &json!(true)));
    assert_eq!(to.links(), ["lo", "eth1"]);
    drop(to);
    wait_for("card on the host", || ip("link show dev eth1").is_ok());
    let back = record(&suite.feed(&["nicon-linkmv", "--undo"], &moved.stdout));
    assert_eq!(undone(&back)["changed"], true);
    let home = one(&ip("-j addr show dev vec0")?);
    assert_eq!((&home["addr_info"][0]["local"], home.get("ifalias")), (&json!("10.9.0.1"), None), "{home}");
    ip("addr flush dev vec0").map(drop)?;
    Ok(())
}

/// A dry run says what the run does with a link that came back under another name, and is refused alike; `ip` does the same by its steps.
fn foreseen(suite: &Suite) -> Result<(), Failed> {
    for alias in ["", "mine"] {
        let (from, _) = ground();
        from.sh("echo 1 >/proc/sys/net/ipv4/conf/v9/forwarding");
        from.ip_batch(&format!("link set v9 alias {}\n", if alias.is_empty() { "\"\"" } else { alias }));
        let to = Place::new();
        record(&mv(suite, &from, &to));
        end(to, &from);
        from.sh("echo 1 >/proc/sys/net/ipv4/conf/eth1/forwarding");
        let to = Place::new();
        let dry = |words: &[&str]| {
            let places = ["-n", "-f", &from.pid().to_string(), "-t", &to.pid().to_string()].map(str::to_owned);
            let places = places.each_ref().map(String::as_str);
            suite.run(&[&["nicon-linkmv"][..], &places, words].concat())
        };
        from.ip("link add m0 link eth1 type macvlan");
        refusal(&dry(&["v9", "eth1"]), 2, &["v9 has m0 stacked on it"]);
        from.ip("link del m0");
        let before = from.state("eth1");
        let planned = record(&dry(&["v9", "eth1"]));
        assert_eq!(from.state("eth1"), before);
        assert_eq!((&planned["link"], &planned["name"]), (&json!("v9"), &json!("eth1")));
        assert_eq!(planned["lost"]["sysctl"], json!(["ipv4/conf/forwarding"]), "{planned}");
        let steps: Vec<_> = planned["steps"].as_array().ok_or("no steps")?.iter().filter_map(Value::as_str).collect();
        let moves = steps.iter().position(|step| step.starts_with("link set v9 netns ")).ok_or("no move")?;
        for step in &steps[..moves] {
            from.sh(&format!("ip {step}"));
        }
        let home = one(&from.ip("-j link show dev v9"));
        assert_eq!(home["ifalias"].as_str().unwrap_or_default(), alias);
        assert!(!home.to_string().contains("nicon"), "{home}");
        // The rest is that of a link which never left.
        assert_eq!(record(&dry(&["v9", "eth1"]))["steps"], json!(steps[moves..]));
    }
    Ok(())
}

fn two_notes(suite: &Suite) -> Result<(), Failed> {
    let (from, _) = ground();
    let to = Place::new();
    record(&mv(suite, &from, &to));
    end(to, &from);
    from.ip_batch(&format!("link set p9 alias \"nicon: v9 from net:[{}]\"\n", from.netns()));
    let to = Place::new();
    refusal(&mv(suite, &from, &to), 2, &["all say that they were v9", "p9", "eth1", "say which"]);
    // A link that says so elsewhere is not believed.
    from.ip_batch("link set p9 alias x\n");
    to.ip_batch(&format!(
        "link add trap type veth peer name trap-peer\nlink set trap alias \"nicon: v9 from net:[{}]\"\n",
        from.netns()
    ));
    record(&mv(suite, &from, &to));
    assert_eq!(to.links(), ["lo", "trap-peer", "trap", "eth1"]);
    Ok(())
}

fn a_killed_move(suite: &Suite) -> Result<(), Failed> {
    let (from, before) = ground();
    let (to, third) = (Place::new(), Place::new());
    let words = words(&from, &to);
    let killed = (1..200).any(|when| {
        let mut strace = tool("strace");
        let kill = format!("inject=sendto:signal=KILL:when={when}");
        // Of the first thread only: another one asks each namespace of the machine.
        strace.args(["-qq", "-o", "/dev/null", "-e", "trace=sendto", "-e", &kill]);
        strace.arg(suite.bins().unwrap().join(&words[0])).args(&words[1..]);
        output_within(&mut strace, LIMIT).unwrap();
        to.links().contains(&"eth1".to_owned())
    });
    assert!(killed && !from.journals().is_empty());
    to.ip(&format!("link set eth1 netns {} name other", third.pid()));
    drop(to);
    let to = Place::new();
    let (journals, state) = (from.journals(), third.ip("-j -d addr"));
    let words = self::words(&from, &to);
    let planned = record(&suite.run(&[&words.each_ref().map(String::as_str)[..], &["--dry-run"]].concat()));
    let back =
        format!("put other in the network namespace of PID {} back as v9, since its move was interrupted", third.pid());
    assert_eq!(planned["steps"], json!([back, format!("move v9 to process {}", to.pid())]));
    assert_eq!((from.journals(), third.ip("-j -d addr")), (journals, state));
    let moved = mv(suite, &from, &to);
    record(&moved);
    assert!(to.ip("addr").contains("10.9.0.1/24"));
    comes_home(suite, &from, &moved.stdout, &before);
    Ok(())
}
