//! A name that was free when nicon-linkmv looked, and is taken when it moves the link. strace stops
//! it in between.

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

use libtest_mimic::{Failed, Trial};
use nicon_lab::tool;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::links::{Pair, Place, ip, state, wait_until};
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial_of_kernel(&[], "links::taken_names::a_name_taken_at_the_last_moment", a_name),
        suite.trial_of_kernel(
            &[],
            "links::taken_names::an_alternative_name_taken_at_the_last_moment",
            an_alternative_name,
        ),
        suite.trial_of_kernel(
            &[],
            "links::taken_names::a_wanted_alternative_name_taken_at_the_last_moment",
            a_wanted_alternative_name,
        ),
    ]
}

/// Has the second of two like links moved, as `words` say, to a place where something else is called `name` by then: it must
/// be refused for that reason, and the link be where it was, as it was.
fn refused(suite: &Suite, links: &[Pair; 2], words: &[&str], name: &str, take: &str) -> Result<(), Failed> {
    let start = |place: &Place, link: &Pair, options: &[&str]| {
        // Of the first thread alone: another one asks each namespace of the machine what sits on the link.
        let mut strace = tool("strace");
        strace.args(["-qq", "-e", "trace=sendto"]).args(options);
        strace.args(["sh", "-c", "echo $$; exec \"$@\"", "-"]).arg(suite.bins()?.join("nicon-linkmv"));
        strace.args(["-t", &place.pid().to_string(), &link.link]).args(words);
        Ok::<_, Failed>(strace.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?)
    };
    // The first link's move shows how many messages go before the one that moves it.
    let [first, link] = links;
    let messages = String::from_utf8(start(&Place::new(), first, &[])?.wait_with_output()?.stderr)?;
    let mut messages = messages.lines().filter(|line| line.contains("sendto("));
    let when = messages.position(|line| line.contains("RTM_SETLINK")).ok_or("nothing was moved")?;

    let (place, before) = (Place::new(), state(&link.link));
    // It stops after the one before that.
    let stop = format!("inject=sendto:signal=STOP:when={when}");
    let mut held = start(&place, link, &["-e", &stop])?;
    let (mut pid, mut message, mut told) = (String::new(), String::new(), String::new());
    BufReader::new(held.stdout.take().ok_or("no output")?).read_line(&mut pid)?;
    let mut stderr = BufReader::new(held.stderr.take().ok_or("no messages")?);
    while !message.contains("stopped by SIGSTOP") {
        message.clear();
        assert_ne!(stderr.read_line(&mut message)?, 0, "it did not stop: {told}");
        told += &message;
    }
    take.lines().for_each(|line| drop(place.ip(line)));
    kill(Pid::from_raw(pid.trim().parse()?), Signal::SIGCONT)?;
    stderr.read_to_string(&mut told)?;
    let ended = held.wait()?;
    assert!(told.contains(&format!("nicon-linkmv: {name} already exists in process")), "{told}");
    assert_eq!(ended.code(), Some(1), "{told}");
    assert_eq!(place.links().len(), 2, "{:?}", place.links());
    wait_until(|| state(&link.link) == before);
    assert_eq!(state(&link.link), before);
    Ok(())
}

/// The kernel leaves the link in the other namespace, down, under its old name, without addresses and routes.
fn a_name(suite: &Suite) -> Result<(), Failed> {
    let pairs = [Pair::new(), Pair::new()];
    for (n, pair) in pairs.iter().enumerate() {
        ip(&format!("link set {} up", pair.peer));
        ip(&format!("link set {} up txqueuelen 77", pair.link));
        ip(&format!("address add 192.0.2.{}/24 dev {}", n + 1, pair.link));
        ip(&format!("-6 address add 2001:db8:1::{}/64 dev {} nodad", n + 1, pair.link));
        ip(&format!("route add 198.51.100.{n}/32 via 192.0.2.254 dev {} metric 77", pair.link));
        ip(&format!("-6 route add 2001:db8:2::{n}/128 via 2001:db8:1::9 dev {} metric 78", pair.link));
    }
    refused(suite, &pairs, &["eth1"], "eth1", "link add eth1 type bridge")
}

/// An alternative name that the link brings along. The kernel sees that before it moves the link.
fn an_alternative_name(suite: &Suite) -> Result<(), Failed> {
    let pairs = [Pair::new(), Pair::new()];
    let name = |pair: &Pair| format!("{}-is-what-it-is-called-as-well", pair.link);
    for pair in &pairs {
        ip(&format!("link property add dev {} altname {}", pair.link, name(pair)));
    }
    let name = name(&pairs[1]);
    let take = format!("link add taker type bridge\nlink property add dev taker altname {name}");
    refused(suite, &pairs, &["eth1"], &name, &take)
}

/// One that it is to get: it has been moved by then, and comes back.
fn a_wanted_alternative_name(suite: &Suite) -> Result<(), Failed> {
    let take = "link add taker type bridge\nlink property add dev taker altname wanted";
    refused(suite, &[Pair::new(), Pair::new()], &["eth1", "--altname=wanted"], "wanted", take)
}
