//! A name that was free when nicon-linkmv looked, and is taken when it moves the link; a new link's that is changed before it is
//! looked at. strace stops the program in between.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStderr, Stdio};

use libtest_mimic::{Failed, Trial};
use nicon_lab::{becomes, tool};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::kernel::Feature;
use crate::support::links::{Pair, Place, ip, links as links_here, state};
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
        suite.trial_of_kernel(
            &[Feature::EchoOfCreation],
            "links::taken_names::a_new_link_that_is_renamed",
            a_new_one_renamed,
        ),
    ]
}

/// A program that strace lets go on when it is told to.
struct Held {
    child: Child,
    pid: Pid,
    stderr: BufReader<ChildStderr>,
    told: String,
}

/// Starts a program under strace, with these options of strace's.
fn traced(suite: &Suite, words: &[&str], options: &[&str]) -> Result<Child, Failed> {
    // Of the first thread alone: another one asks each namespace of the machine what sits on a link.
    let mut strace = tool("strace");
    strace.args(["-qq", "-e", "trace=sendto"]).args(options);
    strace.args(["sh", "-c", "echo $$; exec \"$@\"", "-"]).arg(suite.bins()?.join(words[0])).args(&words[1..]);
    Ok(strace.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?)
}

/// How many messages a run sends before the first one of which this is true.
fn messages_before(suite: &Suite, words: &[&str], is_it: impl Fn(&str) -> bool) -> Result<usize, Failed> {
    let messages = String::from_utf8(traced(suite, words, &[])?.wait_with_output()?.stderr)?;
    let mut messages = messages.lines().filter(|line| line.contains("sendto("));
    Ok(messages.position(is_it).ok_or("there was no such message")?)
}

impl Held {
    /// Starts a program, and waits until it has sent so many messages.
    fn after(suite: &Suite, words: &[&str], messages: usize) -> Result<Self, Failed> {
        let stop = format!("inject=sendto:signal=STOP:when={messages}");
        let mut child = traced(suite, words, &["-e", &stop])?;
        let (mut pid, mut message, mut told) = (String::new(), String::new(), String::new());
        BufReader::new(child.stdout.take().ok_or("no output")?).read_line(&mut pid)?;
        let mut stderr = BufReader::new(child.stderr.take().ok_or("no messages")?);
        while !message.contains("stopped by SIGSTOP") {
            message.clear();
            assert_ne!(stderr.read_line(&mut message)?, 0, "it did not stop: {told}");
            told += &message;
        }
        Ok(Self { child, pid: Pid::from_raw(pid.trim().parse()?), stderr, told })
    }

    /// Lets it go on to its end. Returns its status, and what it and strace have told.
    fn go_on(mut self) -> Result<(Option<i32>, String), Failed> {
        kill(self.pid, Signal::SIGCONT)?;
        self.stderr.read_to_string(&mut self.told)?;
        Ok((self.child.wait()?.code(), self.told))
    }
}

/// Has the second of two like links moved, as `words` say, to a place where something else is called `name` by then: it must
/// be refused for that reason, and the link be where it was, as it was.
fn refused(suite: &Suite, links: &[Pair; 2], words: &[&str], name: &str, take: &str) -> Result<(), Failed> {
    // The first link's move shows how many messages go before the one that moves it.
    let [first, link] = links;
    let (other, place) = (Place::new(), Place::new());
    let pids = [&other, &place].map(|place| place.pid().to_string());
    let moving = |pid: usize, link: usize| [&["nicon-linkmv", "-t", &pids[pid], &links[link].link], words].concat();
    let when = messages_before(suite, &moving(0, 0), |message| message.contains("RTM_SETLINK"))?;
    assert!(!links_here().contains(&first.link), "it was moved");
    let before = state(&link.link);
    let held = Held::after(suite, &moving(1, 1), when)?;
    take.lines().for_each(|line| drop(place.ip(line)));
    let (status, told) = held.go_on()?;
    assert!(told.contains(&format!("nicon-linkmv: {name} already exists in process")), "{told}");
    assert_eq!(status, Some(1), "{told}");
    assert_eq!(place.links().len(), 2, "{:?}", place.links());
    becomes(|| state(&link.link), &before);
    Ok(())
}

/// Somebody, such as udev, gives a new link another name before anybody has seen it: it is not what was asked for, and goes.
fn a_new_one_renamed(suite: &Suite) -> Result<(), Failed> {
    // Of sockets in other network namespaces strace does not know what they are for.
    let is_creation = |message: &str| {
        let has = |words: [&str; 2]| words.iter().any(|word| message.contains(word));
        has(["type=RTM_NEWLINK", "type=0x10 "]) && has(["NLM_F_EXCL", "0x600"])
    };
    let veth: &[&str] = &["nicon-veth", "made", "far", "-t"];
    for (words, renamed) in [(veth, 0), (veth, 1), (&["nicon-linkadd", "bridge", "made", "-t"], 0)] {
        let places = [[(); 2]; 2].map(|pair| pair.map(|()| Place::new()));
        let pids = places.each_ref().map(|pair| pair.each_ref().map(|place| place.pid().to_string()));
        let making = |round: usize| {
            let [first, second] = pids[round].each_ref().map(String::as_str);
            let ends = if words == veth { vec![first, "-t", second] } else { vec![first] };
            [words, &ends].concat()
        };
        let when = messages_before(suite, &making(0), is_creation)?;
        let held = Held::after(suite, &making(1), when + 1)?;
        let name = ["made", "far"][renamed];
        places[1][renamed].ip(&format!("link set {name} name other"));
        let (status, told) = held.go_on()?;
        assert_eq!(status, Some(1), "{told}");
        assert!(told.contains("somebody has removed or renamed made"), "{told}");
        assert_eq!(places[1].each_ref().map(|place| place.links().len()), [1, 1], "{words:?}");
    }
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
