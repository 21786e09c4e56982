//! Whatever call a move or its undo dies at, nothing is lost: the same command finishes what was begun, or puts it back.

use libtest_mimic::{Failed, Trial};
use nicon_lab::{Ran, becomes};
use serde_json::Value;

use crate::links::undo::{furnished, settles_as};
use crate::support::expect::{deed, record, refusal};
use crate::support::killed;
use crate::support::links::{Place, ip, links, state};
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial_of_kernel(&[], "links::interrupted::a_move_at_each_call", a_move),
        suite.trial_of_kernel(&[], "links::interrupted::a_change_where_it_is", a_change_where_it_is),
        suite.trial_of_kernel(&[], "links::interrupted::an_undo_at_each_call", an_undo),
        suite.trial_of_kernel(&[], "links::interrupted::a_move_that_fails_at_each_call", a_move_that_fails),
    ]
}

/// A place in which IPv6 does not take a second to find an address unique: that would add up to minutes.
fn hasty_place() -> Place {
    let place = Place::new();
    place.sh("echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad");
    place
}

/// A link with all that a move loses, in a place of its own.
fn furnished_place() -> (Place, String) {
    let from = hasty_place();
    furnished(|line| from.ip(line), "v77", "p77");
    from.sh("echo 2 >/proc/sys/net/ipv4/conf/v77/rp_filter");
    (from, "v77".to_owned())
}

fn settles(place: &Place, link: &str, wanted: &[String; 3]) {
    becomes(|| place.state(link), wanted);
}

fn undo(suite: &Suite, moved: &str) -> Ran {
    suite.feed(&["nicon-linkmv", "--undo"], moved)
}

fn a_move(suite: &Suite) -> Result<(), Failed> {
    let ((from, link), to) = (furnished_place(), hasty_place());
    let before = from.state(&link);
    let (source, target) = (from.pid().to_string(), to.pid().to_string());
    let words =
        ["nicon-linkmv", "-f", &source, "-t", &target, &link, "eth1", "--keep=addr,route,sysctl", "--altname=x"];
    let first = suite.run(&words);
    record(&first);
    let there = to.state("eth1");
    record(&undo(suite, &first.stdout));
    settles(&from, &link, &before);

    let (mut left, mut finished) = (0, 0);
    let kills = killed::at_each_call(suite, (&words, "", 0), || {
        let moved = !from.links().contains(&link);
        assert_eq!(to.links().len(), 1 + usize::from(moved), "it is in one place");
        let again = suite.run(&words);
        let told = record(&again);
        settles(&to, "eth1", &there);
        assert_eq!(to.sh("cat /proc/sys/net/ipv4/conf/eth1/rp_filter"), "2");
        left += usize::from(!moved);
        let told = deed(&told);
        finished += usize::from(moved && told["changed"] == true);
        // Only a run that was killed when all was done has nothing left for the next one to tell.
        let whole = told["undo"].get("requests").is_some();
        assert_eq!(whole, told["changed"] == true, "{told}");
        record(&undo(suite, if whole { &again.stdout } else { &first.stdout }));
        settles(&from, &link, &before);
        assert_eq!(from.sh("cat /proc/sys/net/ipv4/conf/v77/rp_filter"), "2");
        Ok(())
    })?;
    assert!(kills > 20 && left > 5 && finished > 5, "{kills} kills: {left} before, {finished} in the middle");
    // One that was killed at the very end may have left its journal, which the next move of the link takes over.
    record(&suite.run(&words));
    assert_eq!(from.journals(), [""; 0]);
    Ok(())
}

/// The next command does not move the link, but changes it where it is.
fn a_change_where_it_is(suite: &Suite) -> Result<(), Failed> {
    let ((from, link), to) = (furnished_place(), hasty_place());
    from.ip_batch("link add br77 type bridge forward_delay 0\nlink set br77 up\nlink set v77 master br77\n");
    from.rest();
    let before = from.state(&link);
    let (source, target) = (from.pid().to_string(), to.pid().to_string());
    let words = ["nicon-linkmv", "--force", "-f", &source, "-t", &target, &link, "eth1"];
    let first = suite.run(&words);
    record(&undo(suite, &first.stdout));
    settles(&from, &link, &before);
    let mut changed = 0;
    let kills = killed::at_each_call(suite, (&words, "", 0), || {
        if from.links().contains(&link) {
            let there = suite.run(&["nicon-linkmv", "-f", "target", "-t", &source, &link, "--altname=here"]);
            changed += usize::from(deed(&record(&there))["changed"] == true);
            record(&undo(suite, &there.stdout));
        } else {
            let again = suite.run(&words);
            let whole = deed(&record(&again))["undo"].get("requests").is_some();
            record(&undo(suite, if whole { &again.stdout } else { &first.stdout }));
        }
        settles(&from, &link, &before);
        Ok(())
    })?;
    assert!(kills > 20 && changed > 5, "{kills} kills, {changed} changes");
    Ok(())
}

fn an_undo(suite: &Suite) -> Result<(), Failed> {
    let ((from, link), to) = (furnished_place(), hasty_place());
    let before = from.state(&link);
    let (source, target) = (from.pid().to_string(), to.pid().to_string());
    let there = ["nicon-linkmv", "-f", &source, "-t", &target, &link, "eth1"];
    let moved = suite.run(&there);
    record(&moved);
    let kills = killed::at_each_call(suite, (&["nicon-linkmv", "--undo"], &moved.stdout, 0), || {
        assert!(from.links().len() + to.links().len() == 4, "it is in one place");
        record(&undo(suite, &moved.stdout));
        settles(&from, &link, &before);
        record(&suite.run(&there));
        Ok(())
    })?;
    assert!(kills > 20, "{kills} kills");
    Ok(())
}

/// A VXLAN whose port is taken: the kernel finds that out when it has moved and renamed it, and the link must be taken back.
fn a_move_that_fails(suite: &Suite) -> Result<(), Failed> {
    let to = hasty_place();
    let taken = std::net::UdpSocket::bind("0.0.0.0:0")?;
    ip(&format!("link add doomed type vxlan id 9 dstport {}", taken.local_addr()?.port()));
    ip("link set doomed mtu 1400 alias mine");
    ip("address add 192.0.2.129/25 dev doomed label doomed:x");
    let before = state("doomed");
    let target = to.pid().to_string();
    let words = ["nicon-linkmv", "-t", &target, "doomed", "eth1", "--keep=addr"];
    let mut stranded = 0;
    let kills = killed::at_each_call(suite, (&words, "", 2), || {
        stranded += usize::from(!links().contains(&"doomed".to_owned()));
        refusal(&suite.run(&words), 2, &["Address ", "in use"]);
        settles_as(&before, "doomed");
        assert_eq!(to.links(), ["lo"]);
        Ok(())
    })?;
    assert!(kills > 20 && stranded > 2, "{kills} kills, {stranded} of them left it stranded");
    drop(taken);
    let moved: Value = record(&suite.run(&words));
    assert_eq!(deed(&moved)["lost"]["addr"], serde_json::json!([]));
    assert!(to.ip("-j addr show dev eth1").contains("192.0.2.129"));
    to.ip("link del eth1");
    Ok(())
}
