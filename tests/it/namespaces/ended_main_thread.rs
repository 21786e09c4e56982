//! A process whose main thread has ended, and that lives on in another: /proc/PID/ns shows next to nothing of it.
#![allow(unsafe_code, reason = "nobody else ends one thread and not the process")]

use std::process::{Command, ExitCode};

use libtest_mimic::{Failed, Trial};
use nicon_lab::{Lab, until, witness};
use serde_json::json;

use crate::support::subject::{Subject, TYPES, answers, link, pids};
use crate::support::suite::Suite;

/// Argument that makes this program become such a process.
pub(crate) const BODY: &str = "--end-the-main-thread";

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial("namespaces::ended_main_thread::a_process_without_its_main_thread", nsid_tells_its_namespaces),
        suite.trial("namespaces::ended_main_thread::a_process_without_its_main_thread", nsfind_finds_it),
        suite.trial("namespaces::ended_main_thread::of_a_process_without_its_main_thread", links_lists_them),
    ]
}

fn headless() -> Result<(Subject, String), Failed> {
    let own = std::env::current_exe()?;
    let subject = Subject::start(&["--net", "--uts"], &format!("exec '{}' {BODY}", own.display()));
    let pid = subject.pid();
    until("the main thread ends", || witness::stat(pid).filter(|stat| stat.state == 'Z'));
    assert!(std::fs::read_link(format!("/proc/{pid}/ns/net")).is_err());
    let threads = std::fs::read_dir(format!("/proc/{pid}/task"))?;
    let mut threads = threads.filter_map(|thread| thread.ok()?.file_name().into_string().ok());
    let thread = threads.find(|tid| *tid != pid.to_string()).ok_or("no other thread")?;
    Ok((subject, thread))
}

fn nsid_tells_its_namespaces(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let (subject, thread) = headless()?;
    let pid = subject.pid();
    let told = answers(&suite.run(&["nicon-nsid", &pid.to_string()])).remove(0);
    for ns_type in TYPES {
        let shown = std::fs::read_link(format!("/proc/{pid}/task/{thread}/ns/{ns_type}"))?;
        let ino = told["ns"][ns_type].as_u64().ok_or(format!("no {ns_type}: {told}"))?;
        assert_eq!(shown.to_str(), Some(link(ns_type, ino).as_str()));
    }
    Ok(())
}

fn nsfind_finds_it(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let (subject, thread) = headless()?;
    let pid = subject.pid();
    for ns_type in ["net", "uts"] {
        let netns = std::fs::read_link(format!("/proc/{pid}/task/{thread}/ns/{ns_type}"))?;
        let name = netns.to_str().ok_or("not UTF-8")?;
        let ino = name.trim_start_matches(|c: char| !c.is_ascii_digit()).trim_end_matches(']');
        for asked in [name, ino] {
            let leader = answers(&suite.run(&["nicon-nsfind", asked])).remove(0);
            assert_eq!((&leader["pid"], &leader["nprocs"]), (&json!(pid), &json!(1)), "{leader}");
            assert_eq!(pids(&answers(&suite.run(&["nicon-nsfind", "--all", asked]))), [pid].into());
        }
    }
    Ok(())
}

fn links_lists_them(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let (subject, thread) = headless()?;
    let net = format!("/proc/{}/task/{thread}/ns/net", subject.pid());
    let name = "headless0";
    let made =
        Command::new("nsenter").args([&format!("--net={net}"), "ip", "link", "add", name, "type", "veth"]).status()?;
    assert!(made.success());
    let links = answers(&suite.run(&["nicon-links", "--all"]));
    let told = links.iter().find(|link| link["nic"]["name"] == name).ok_or("it is not listed")?;
    assert_eq!(told["pid"], json!(subject.pid()), "{told}");
    Ok(())
}

/// The body of the process.
pub(crate) fn run() -> ExitCode {
    std::thread::spawn(|| {
        let ended = || witness::stat(std::process::id()).is_some_and(|stat| stat.state == 'Z');
        until("the main thread ends", || ended().then_some(()));
        println!("ready");
        loop {
            std::thread::park();
        }
    });
    // SAFETY: the other thread uses nothing that lives on this one's stack.
    unsafe { libc::syscall(libc::SYS_exit, 0) };
    unreachable!("this thread has ended")
}
