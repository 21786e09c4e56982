//! nicon: everyday jobs in one command, each of which is a pipe of the programs that lie beside it.

use std::process::Stdio;

use libtest_mimic::{Failed, Trial};
use nicon_lab::{LIMIT, Lab, Ran, output_within, tool, until, witness};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::desk::Desk;
use crate::support::expect::refusal;
use crate::support::links::{Place, links};
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial("filters::front::a_command_all_the_way_inside", a_command_all_the_way_inside),
        suite.trial("filters::front::a_command_with_options", a_command_with_options),
        suite.trial("filters::front::a_shell_at_a_terminal", a_shell_at_a_terminal),
        suite.trial("filters::front::becomes_what_it_runs", becomes_what_it_runs),
        suite.trial("filters::front::the_hosts_ip", the_hosts_ip),
        suite.trial("filters::front::a_lab_from_a_file", a_lab_from_a_file),
        suite.trial("filters::front::a_lab_that_is_kept_wired", a_lab_that_is_kept_wired),
        suite.trial("filters::front::a_lab_with_faults", a_lab_with_faults),
        suite.trial("filters::front::an_interrupted_lab", an_interrupted_lab),
        suite.trial("filters::front::captures", captures),
        suite.trial("filters::front::others_are_programs", others_are_programs),
    ]
}

const PATH: &str = "setup.olt_1.lt_1";

fn answered(ran: &Ran) -> (Option<i32>, &str, &str) {
    (ran.code(), &ran.stdout, &ran.stderr)
}

fn a_command_all_the_way_inside(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let pid = lab.host_pid(PATH)?;
    let script = "for ns in mnt net pid uts ipc; do readlink /proc/self/ns/$ns; done";
    let inside = ["mnt", "net", "pid", "uts", "ipc"].map(|ns| witness::ns_link(pid, ns).unwrap()).join("\n");
    for words in [&["sh", "-c", script][..], &["--", "sh", "-c", script]] {
        assert_eq!(suite.run(&[&["nicon", "exec", PATH], words].concat()).ok()?, inside);
    }
    // Standard input is the command's, all of it.
    let long = "words\n".repeat(50_000);
    let ran = suite.feed(&["nicon", "exec", PATH, "wc", "-c"], &long);
    assert_eq!(answered(&ran), (Some(0), "300000\n", ""));
    assert_eq!(answered(&suite.feed(&["nicon", "exec", PATH], "echo $0")), (Some(0), "sh\n", ""));
    // An option of the command's is none of ours.
    let ran = suite.feed(&["nicon", "exec", PATH, "sh", "-c", "cat; echo $1", "sh", "--each"], "words\n");
    assert_eq!(answered(&ran), (Some(0), "words\n--each\n", ""));
    assert_eq!(suite.run(&["nicon", "exec", PATH, "sh", "-c", "exit 7"]).code(), Some(7));
    assert_eq!(suite.run(&["nicon", "exec", PATH, "no-such-command"]).code(), Some(127));
    refusal(&suite.run(&["nicon", "exec", "--", "--pid", "true"]), 125, &["nicon-resolve: --pid: "]);
    refusal(&suite.run(&["nicon", "exec", "setup.olt_1.lt1", "true"]), 125, &["nicon-resolve: ", "did you mean lt_1?"]);
    Ok(())
}

fn a_command_with_options(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let (pid, own) = (lab.host_pid(PATH)?, std::process::id());
    let ran = suite.run(&["nicon", "-v", "exec", PATH, "--net", "readlink", "/proc/self/ns/net", "/proc/self/ns/mnt"]);
    let namespaces = [witness::ns_link(pid, "net"), witness::ns_link(own, "mnt")].map(Option::unwrap);
    assert_eq!(ran.stdout, namespaces.map(|link| link + "\n").concat());
    // What is shown is what a shell runs.
    let again = suite.shell(&ran.stderr, "");
    assert_eq!(answered(&again), (Some(0), &ran.stdout[..], ""));
    let names = ["front_2", "front_10"];
    names.iter().try_for_each(|name| lab.run_container("", name, &[]).map(drop))?;
    let ran = suite.run(&["nicon", "exec", "front_*", "--each", "--prefix", "--net", "echo", "here"]);
    assert_eq!(answered(&ran), (Some(0), "front_2\there\nfront_10\there\n", ""));
    let way_out =
        "nicon: 'front_*' matches 2 containers: nicon exec 'front_*' --each --prefix .. runs a command in each";
    for words in [&["exec", "front_*", "true"][..], &["ip", "front_*", "link"], &["exec", "front_*", "--net", "true"]] {
        refusal(&suite.run(&[&["nicon"], words].concat()), 125, &[way_out]);
        refusal(&suite.feed(&[&["nicon"], words].concat(), "words\n"), 125, &[way_out]);
    }
    names.iter().try_for_each(|name| lab.remove("", name))?;
    Ok(())
}

fn a_shell_at_a_terminal(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let mut desk = Desk::new(suite, "bash", "nicon exec")?;
    desk.press(&format!("nicon -v exec {PATH}\n"))?;
    desk.sees(&format!("nicon-resolve {PATH} | nicon-nsexec --all sh"));
    desk.press("readlink /proc/self/ns/net; test -t 0 && exit 7\n")?;
    desk.sees(&witness::ns_link(lab.host_pid(PATH)?, "net").ok_or("gone")?);
    desk.sees_prompt();
    assert_eq!(desk.status()?, "7");
    Ok(())
}

/// Whoever started it waits for, and signals, the command itself.
fn becomes_what_it_runs(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let mut command = suite.command("nicon")?;
    let mut child = command.args(["exec", PATH, "sleep", "88.8"]).stdin(Stdio::piped()).spawn()?;
    let is_sleep = |pid: u32| command_of(pid) == "sleep 88.8 ";
    until("sleep", || witness::family(child.id()).into_iter().find(|(pid, _)| is_sleep(*pid)));
    assert!(command_of(child.id()).contains("nicon-nsexec"), "{}", command_of(child.id()));
    kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGTERM)?;
    assert_eq!(child.wait()?.code(), Some(143));
    Ok(())
}

fn command_of(pid: u32) -> String {
    let words = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&words).replace('\0', " ")
}

fn the_hosts_ip(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let net = format!("--net=/proc/{}/ns/net", lab.host_pid(PATH)?);
    let ours = suite.run(&["nicon", "ip", PATH, "-j", "address"]).ok()?;
    assert_eq!(ours, output_within(tool("nsenter").args([&net, "ip", "-j", "address"]), LIMIT)?.ok()?);
    let ran = suite.run(&["nicon", "ip", PATH, "link", "show", "dev", "nope"]);
    assert!(ran.code() == Some(1) && ran.stderr.contains("nope"), "{ran:?}");
    refusal(&suite.run(&["nicon", "ip", "nobody"]), 125, &["nicon-resolve: nobody: "]);
    Ok(())
}

/// A plan in a file of its own, of a pair between two namespaces.
fn lab_file(name: &str, places: [&Place; 2], more: &str) -> Result<String, Failed> {
    let file = format!("/run/{name}.yaml");
    let [a, b] = places.map(Place::pid);
    std::fs::write(
        &file,
        format!("name: {name}\nlinks:\n- endpoints: [\"pid:{a}:front0\", \"pid:{b}:front1\"]\n{more}"),
    )?;
    Ok(file)
}

fn a_lab_from_a_file(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let (a, b) = (Place::new(), Place::new());
    let file = lab_file("front-lab", [&a, &b], "  mtu: 1400\n")?;
    let wired = || a.links().contains(&"front0".to_owned()) && b.links().contains(&"front1".to_owned());
    assert_eq!(suite.run(&["nicon", "check", &file]).code(), Some(1));
    let ran = suite.run(&["nicon", "-v", "wire", &file]);
    assert!(ran.code() == Some(0) && wired(), "{ran:?}");
    assert_eq!(ran.stderr, format!("nicon-plan {file} | nicon-resolve | nicon-wire\n"));
    assert_eq!(suite.run(&["nicon", "check", &file]).code(), Some(0));
    // As nicon-wire's options, and from standard input.
    let text = std::fs::read_to_string(&file)?.replace("1400", "1300");
    let ran = suite.feed(&["nicon", "wire", "-", "--prune"], &text);
    assert!(ran.code() == Some(0) && wired(), "{ran:?}");
    assert_eq!(suite.run(&["nicon", "check", &file]).code(), Some(1));
    // What a run with --prune would remove is said, and no difference.
    std::fs::write(&file, text.replace("front0", "front2"))?;
    let said = "plan front-lab has 1 link that it does not ask for any more (";
    let ran = suite.run(&["nicon", "check", &file]);
    assert!(!ran.stdout.contains("link del front0") && ran.stderr.contains(said), "{ran:?}");
    // A link that was left out for a fault may be what is there.
    std::fs::write(&file, text.replace("front0", "front2") + "- {kind: dummy}\n")?;
    let ran = suite.run(&["nicon", "check", &file]);
    assert!(ran.code() == Some(2) && !ran.stderr.contains(said), "{ran:?}");
    std::fs::write(&file, text.replace("front0", "front2"))?;
    let ran = suite.run(&["nicon", "-v", "check", &file, "--prune"]);
    assert!(ran.code() == Some(1) && ran.stdout.contains("link del front0") && wired(), "{ran:?}");
    let shown = format!("nicon-plan {file} | nicon-resolve | nicon-wire --check --prune\n");
    assert!(ran.stderr.starts_with(&shown), "{ran:?}");
    std::fs::write(&file, text.replace("1300", "1400"))?;
    let ran = suite.run(&["nicon", "destroy", &file]);
    assert!(ran.code() == Some(0) && !wired(), "{ran:?}");
    // Half of one that is for several machines.
    let text = std::fs::read_to_string(&file)?;
    let (before, links) = text.split_once("links:").ok_or("no links")?;
    std::fs::write(&file, format!("{before}machines: {{m1: , m2: }}\nlinks:{links}  on: m1\n"))?;
    let ran = suite.run(&["nicon", "-v", "check", "--on", "m2", &file]);
    assert_eq!((ran.code(), &ran.stdout[..]), (Some(0), ""), "{ran:?}");
    assert_eq!(ran.stderr, format!("nicon-plan --on m2 --each {file} | nicon-resolve | nicon-wire --check\n"));
    let ran = suite.run(&["nicon", "wire", "--on", "m1", &file]);
    assert!(ran.code() == Some(0) && wired(), "{ran:?}");
    // Of the file no more is needed than its name: its machines may be gone, and what it says be wrong.
    std::fs::write(&file, format!("{before}machines: {{gone: {{address: gone.invalid}}}}\nlinks: 7\n"))?;
    let ran = suite.run(&["nicon", "-v", "destroy", &file]);
    assert!(ran.code() == Some(0) && !wired(), "{ran:?}");
    assert_eq!(ran.stderr, format!("nicon-plan --none {file} | nicon-wire --destroy\n"));
    std::fs::write(&file, text)?;
    let ran = suite.run(&["nicon", "-v", "check", "--prune", &file, "-J"]);
    assert_eq!(ran.stderr, format!("nicon-plan {file} | nicon-resolve | nicon-wire --check --prune -J\n"), "{ran:?}");
    refusal(&suite.run(&["nicon", "wire", &file, "--on"]), 2, &["--on wants a value"]);
    refusal(&suite.run(&["nicon", "wire", &file, "--on", "m1"]), 2, &["is not for several machines"]);
    // Without a file it is the program itself.
    let ran = suite.shell(&format!("nicon-plan {file} | nicon-resolve | nicon wire --check"), "");
    assert_eq!(ran.code(), Some(1), "{ran:?}");
    Ok(std::fs::remove_file(&file)?)
}

/// All three programs run at once, the last of them in the place of nicon, and whichever of them ends, none of them is left.
fn a_lab_that_is_kept_wired(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let (a, b) = (Place::new(), Place::new());
    let file = lab_file("front-kept", [&a, &b], "")?;
    let wired = |link: &str| a.links().contains(&link.to_owned()).then_some(());
    let keep = |words: &[&str]| {
        let mut command = suite.command("nicon")?;
        command.args(words).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        Ok::<_, Failed>(command.spawn()?)
    };
    for (part, words) in [
        ("nicon-plan", ["wire", "--watch", &file]),
        ("nicon-resolve", ["wire", &file, "--watch"]),
        ("nicon-wire", ["wire", "--watch", &file]),
    ] {
        let child = keep(&words)?;
        until("the lab is wired", || wired("front0"));
        std::fs::write(&file, std::fs::read_to_string(&file)?.replace("front0", "front3"))?;
        until("what the file says now", || wired("front3"));
        std::fs::write(&file, std::fs::read_to_string(&file)?.replace("front3", "front0"))?;
        until("what it said before", || wired("front0"));
        let family = witness::family(child.id());
        let of_part =
            |(pid, _): &&(u32, u64)| command_of(*pid).split(' ').next().is_some_and(|word| word.ends_with(part));
        let (pid, _) = *family.iter().find(of_part).ok_or_else(|| format!("no {part}: {family:?}"))?;
        assert_eq!(pid == child.id(), part == "nicon-wire");
        kill(Pid::from_raw(pid.cast_signed()), Signal::SIGTERM)?;
        let ran = child.wait_with_output()?;
        assert_ne!(ran.status.code(), Some(0), "{part}: {ran:?}");
        until("the end of all", || family.iter().all(|(pid, _)| command_of(*pid).is_empty()).then_some(()));
        wired("front0").ok_or("the link is gone")?;
    }
    let ran = suite.run(&["nicon", "-v", "wire", "--watch", "/run/not-there.yaml", "--announce"]);
    let shown = "nicon-plan --watch /run/not-there.yaml | nicon-resolve --watch | nicon-wire --announce\n";
    assert!(ran.code() == Some(2) && ran.stderr.starts_with(shown), "{ran:?}");
    for option in [&["--watch"][..], &["--on", "m1"]] {
        refusal(&suite.run(&[&["nicon", "wire"], option].concat()), 2, &["wants the file of a plan"]);
    }
    assert_eq!(suite.run(&["nicon", "destroy", &file]).code(), Some(0));
    Ok(std::fs::remove_file(&file)?)
}

fn a_lab_with_faults(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let (a, b) = (Place::new(), Place::new());
    // What differs does not hide that a line is a fault, so that not all was compared.
    for (more, checked) in [
        ("- endpoints: [\"nobody-here:x\", \"host:y\"]\n", 1),
        ("- endpoints: [\"one:x\"]\n", 2),
        ("- {endpoints: [\"pid:1:x\", \"host:y\"], mut: 1400}\n", 2),
        ("  mtu: many\n", 2),
    ] {
        let file = lab_file("front-faults", [&a, &b], more)?;
        let ran = suite.run(&["nicon", "check", &file]);
        assert_eq!((ran.code(), ran.stderr.lines().count()), (Some(checked), 1), "{more}: {ran:?}");
        for job in ["wire", "check"] {
            let ran = suite.run(&["nicon", job, &file]);
            assert!(!ran.status.success() && !ran.stderr.is_empty(), "{job} {more}: {ran:?}");
        }
        assert!(!a.links().contains(&"front0".to_owned()), "{more}");
    }
    std::fs::remove_file("/run/front-faults.yaml")?;
    for job in ["wire", "check"] {
        refusal(&suite.run(&["nicon", job, "/run/not-there.yaml"]), 2, &["nicon-plan: ", "/run/not-there.yaml"]);
    }
    let missing = ["no file /run/not-there.yaml", "echo 'name: NAME' | nicon destroy -"];
    refusal(&suite.run(&["nicon", "destroy", "/run/not-there.yaml"]), 2, &missing);
    Ok(())
}

/// Ctrl-C is for the program that works, which leaves nothing half done; nobody is asked to go on before it has ended.
fn an_interrupted_lab(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let (a, b) = (Place::new(), Place::new());
    // A bridge without ports has no carrier, which is waited for in vain.
    let bridge = format!("- {{kind: bridge, endpoint: \"pid:{}:front2\"}}\n", a.pid());
    let file = lab_file("front-keys", [&a, &b], &bridge)?;
    let mut desk = Desk::new(suite, "bash", "nicon wire")?;
    desk.press(&format!("nicon wire {file} --wait 600\n"))?;
    desk.wait_for("the bridge without a carrier", || a.links().contains(&"front2".to_owned()));
    desk.press("\x03")?;
    desk.sees_prompt();
    assert_ne!(desk.status()?, "0");
    desk.sees_prompt();
    // So it is for a program before that.
    desk.press("nicon wire -\n")?;
    desk.wait_for("the program that reads the plan", || !desk.pids("nicon-plan").is_empty());
    desk.press("\x03")?;
    desk.sees_prompt();
    assert_eq!(desk.status()?, "130");
    for link in ["front0", "front2"] {
        assert!(!a.links().contains(&link.to_owned()), "{link} is left");
    }
    assert!(!links().contains(&"front0".to_owned()));
    Ok(std::fs::remove_file(&file)?)
}

fn captures(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let net = format!("--net=/proc/{}/ns/net", lab.host_pid(PATH)?);
    let file = "/run/front.pcap";
    let mut command = suite.command("nicon")?;
    command.args(["capture", PATH, "lo", "--", "-c", "2", "icmp"]).stdin(Stdio::null()).stderr(Stdio::piped());
    let child = command.stdout(std::fs::File::create(file)?).spawn()?;
    // It has begun when the file has its head.
    until("the head of the capture", || std::fs::metadata(file).ok().filter(|file| file.len() > 0));
    output_within(tool("nsenter").args([&net, "ping", "-c1", "127.0.0.1"]), LIMIT)?.ok()?;
    let ran = child.wait_with_output()?;
    assert!(ran.status.success(), "{ran:?}");
    let read = output_within(tool("tcpdump").args(["-n", "-r", file]), LIMIT)?;
    assert!(read.stdout.contains("ICMP echo request") && read.stdout.contains("ICMP echo reply"), "{read:?}");
    let line = format!("{}/nicon capture {PATH} lo", suite.bins()?.display());
    let at_terminal = output_within(tool("script").args(["-qec", &line, "/dev/null"]).stdin(Stdio::null()), LIMIT)?;
    assert!(
        at_terminal.code() == Some(125) && at_terminal.stdout.contains("for a program or a file"),
        "{at_terminal:?}"
    );
    Ok(std::fs::remove_file(file)?)
}

fn others_are_programs(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let pid = lab.host_pid(PATH)?.to_string();
    assert_eq!(suite.run(&["nicon", "resolve", "--pid", PATH]).ok()?, pid);
    assert_eq!(
        suite.feed(&["nicon", "nsid", "--id", "net"], &pid).ok()?,
        suite.run(&["nicon-nsid", "--id", "net", &pid]).ok()?
    );
    refusal(&suite.run(&["nicon", "resolv", PATH]), 2, &["nicon: no command \"resolv\"", "did you mean resolve?"]);
    refusal(&suite.run(&["nicon", "x\x1b[31m"]), 2, &["see nicon --help"]);
    // Nothing is looked for elsewhere.
    let alone = "/run/front-alone";
    std::fs::create_dir_all(alone)?;
    std::fs::copy(suite.bins()?.join("nicon"), format!("{alone}/nicon"))?;
    for (words, status) in [("exec setup true", 125), ("nsid 1", 2), ("wire /dev/null", 2), ("ls", 2)] {
        let ran = suite.shell(&format!("{alone}/nicon {words}"), "");
        refusal(&ran, status, &[&format!("nicon: execute {alone}/nicon-"), "that lie beside it"]);
    }
    Ok(std::fs::remove_dir_all(alone)?)
}
