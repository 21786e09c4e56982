//! nicon as those type it who know docker and git: options at any place, docker's letters, help, and networks that are no containers.

use libtest_mimic::{Failed, Trial};
use nicon_lab::{LIMIT, Lab, output_within, tool, witness};

use crate::support::desk::Desk;
use crate::support::expect::{parse, refusal};
use crate::support::links::{Place, ip, names};
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial("filters::front_usage::options_lead_nowhere_else", options_lead_nowhere_else),
        suite.trial("filters::front_usage::dockers_letters", dockers_letters),
        suite.trial("filters::front_usage::options_beside_the_operand", options_beside_the_operand),
        suite.trial("filters::front_usage::a_file_is_missing", a_file_is_missing),
        suite.trial("filters::front_usage::check_has_options", check_has_options),
        suite.trial("filters::front_usage::words_of_other_programs", words_of_other_programs),
        suite.trial("filters::front_usage::help_as_git_has_it", help_as_git_has_it),
        suite.trial("filters::front_usage::networks_without_containers", networks_without_containers),
    ]
}

const PATH: &str = "setup.olt_1.lt_1";

/// The links to the network and mount namespaces that a command has, with a line end each.
fn namespaces(pids: [u32; 2]) -> String {
    let [net, mnt] = pids;
    [witness::ns_link(net, "net"), witness::ns_link(mnt, "mnt")].map(|link| link.unwrap() + "\n").concat()
}

/// Only what chooses a namespace keeps a command from going all the way inside.
fn options_lead_nowhere_else(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let (pid, own) = (lab.host_pid(PATH)?, std::process::id());
    let look = ["readlink", "/proc/self/ns/net", "/proc/self/ns/mnt"];
    for (options, pids) in [
        (&["--set", "A=1"][..], [pid, pid]),
        (&["-S", "0"], [pid, pid]),
        (&["-S0", "--wd=/tmp"], [pid, pid]),
        (&["--clear-env"], [pid, pid]),
        (&["--no-pty", "--"], [pid, pid]),
        (&["--setu", "0"], [pid, pid]),
        (&["--privileged"], [pid, pid]),
        (&["-S", "0", "-n"], [pid, own]),
        (&["-FnS0"], [pid, own]),
        (&["--set", "A=1", "--net"], [pid, own]),
    ] {
        let ran = suite.run(&[&["nicon", "exec", PATH], options, &look].concat());
        assert!(ran.code() == Some(0) && ran.stdout == namespaces(pids), "{options:?}: {ran:?}");
    }
    let exec = |words: &[&str]| suite.run(&[&["nicon", "exec", PATH], words].concat()).ok();
    assert_eq!(exec(&["-S", "1000", "id", "-u"])?, "1000");
    assert_eq!(exec(&["--wd=/tmp", "pwd"])?, "/tmp");
    assert_eq!(exec(&["--set", "A=1", "printenv", "A"])?, "1");
    // A view is of the host's files, and without a command there is a shell.
    let ran = suite.feed(&["nicon", "exec", PATH, "--no-pty"], "readlink /proc/self/ns/net /proc/self/ns/mnt");
    assert!(ran.code() == Some(0) && ran.stdout == namespaces([pid, pid]), "{ran:?}");
    let ran = suite.run(&["nicon", "exec", PATH, "--view", "readlink", "/proc/self/ns/net"]);
    assert_eq!(ran.stdout, witness::ns_link(own, "net").ok_or("gone")? + "\n", "{ran:?}");
    Ok(())
}

fn dockers_letters(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let terminal = "a terminal is given without asking";
    for (words, said) in [
        (&["-it", PATH, "sh"][..], &["nicon: exec: -i: ", terminal][..]),
        (&["-t", PATH, "sh"], &["nicon: exec: -t: ", terminal]),
        (&["-u", "root", PATH, "id"], &["nicon: exec: -u: the user is -S USER"]),
        (&[PATH, "-it", "sh"], &["nicon: exec: leave out -t: the target is setup.olt_1.lt_1", terminal]),
        (&[PATH, "--target=1", "-n", "ip"], &["nicon: exec: leave out --target: the target is "]),
        (&[PATH, "-i", "sh"], &["nicon: exec: -i: ", terminal, "--ipc"]),
        (&[PATH, "-u", "root", "id"], &["nicon: exec: -u: the user is -S USER", "--uts"]),
        (&[PATH, "-i", "-u", "root", "id"], &["nicon: exec: -i: "]),
        (&[PATH, "-w", "/tmp", "pwd"], &["nicon: exec: -w: the directory is attached: --wd=/tmp (", "behind --"]),
        (&[PATH, "--wd", "/tmp", "pwd"], &["nicon: exec: --wd: the directory is attached: --wd=/tmp ("]),
        (&[PATH, "--workdir", "/tmp", "pwd"], &["nicon: exec: --workdir: the directory is --wd=DIR"]),
        (&["--workdir=/tmp", PATH, "pwd"], &["nicon: exec: --workdir: the directory is --wd=DIR"]),
        (&["-itd", PATH, "sh"], &["nicon: exec: "]),
        (&["-dit", PATH, "sh"], &["nicon: exec: -d: "]),
        (&["-d", PATH, "sleep", "9"], &["nicon: exec: -d: ", "nicon exec PATH COMMAND </dev/null &"]),
        (&[PATH, "-d", "sleep", "9"], &["nicon: exec: -d: ", "nicon exec PATH COMMAND </dev/null &"]),
    ] {
        refusal(&suite.run(&[&["nicon", "exec"], words].concat()), 125, said);
    }
    for (word, said) in [("-a", "all of these are listed"), ("-q", "nicon ls --pid"), ("--format", "nicon ls -o json")]
    {
        refusal(&suite.run(&["nicon", "ls", word, "json"]), 2, &[&format!("nicon: ls: {word}: "), said]);
    }
    // What is called like an option is hardly ever meant.
    for words in [&["resolve", "--no-such"][..], &["exec", PATH, "--no-such"], &["linkmv", "--zzz"]] {
        let ran = suite.run(&[&["nicon"], words].concat());
        assert!(ran.stderr.contains("unexpected argument '--") && !ran.stderr.contains("tip"), "{ran:?}");
    }
    let inside = ["-w", "--", "/bin/pwd"];
    assert_eq!(suite.run(&[&["nicon", "exec", PATH], &inside[..]].concat()).code(), Some(0));
    // Those who know nsenter mean namespaces.
    assert_eq!(suite.run(&["nicon", "exec", PATH, "-m", "-u", "-i", "-n", "-p", "echo", "in"]).ok()?, "in");
    assert_eq!(suite.run(&["nicon", "exec", PATH, "--ipc", "echo", "in"]).ok()?, "in");
    Ok(())
}

/// They may stand on both sides of it, unless they are those of a program that is none of nicon's.
fn options_beside_the_operand(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    for (words, status, said) in [
        (&["exec", "--net"][..], 125, "exec: the container is missing: nicon exec PATH .."),
        (&["exec", "--rm", PATH], 125, "exec: there is no option --rm (see nicon exec --help)"),
        (&["ip", "-brief", PATH], 125, "ip: the container comes first: nicon ip PATH -brief .."),
        (&["capture", "-n", PATH], 125, "capture: the container comes first: nicon capture PATH LINK -- -n .."),
        (&["capture", PATH, "-n"], 125, "capture: what tcpdump takes stands behind the link and --"),
        (&["capture", PATH, "lo", "icmp"], 125, "stands behind the link and --"),
        (&["wire", "-n", "lab.yaml"], 2, "wire: there is no option -n (nicon check lab.yaml shows what would be done)"),
        (&["wire", "lab.yaml", "-n"], 2, "wire: there is no option -n (nicon check lab.yaml shows what would be done)"),
        (&["wire", "lab.yaml", "--dry-run"], 2, "no option --dry-run (nicon check lab.yaml shows what would be done)"),
        (&["check", "lab.yaml", "--wait", "5"], 2, "check: there is no option --wait (see nicon check --help)"),
    ] {
        refusal(&suite.run(&[&["nicon"], words].concat()), status, &["nicon: ", said]);
    }
    for words in
        [&["--net", PATH, "cat", "/proc/self/comm"][..], &["-S", "0", "--net", PATH, "--", "cat", "/proc/self/comm"]]
    {
        assert_eq!(suite.run(&[&["nicon", "exec"], words].concat()).ok()?, "cat", "{words:?}");
    }
    Ok(())
}

fn a_file_is_missing(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let mut desk = Desk::new(suite, "bash", "nicon wire")?;
    for options in ["", " --prune"] {
        desk.press(&format!("nicon wire{options}\n"))?;
        desk.sees("nicon: wire: the plan's file is missing: nicon wire FILE");
        desk.sees_prompt();
        assert_eq!(desk.status()?, "2");
        desk.sees_prompt();
    }
    desk.press("nicon wire --version\n")?;
    desk.sees("nicon-wire ");
    Ok(())
}

fn check_has_options(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let (a, b) = (Place::new(), Place::new());
    let file = "/run/front-check.yaml";
    let [at, to] = [&a, &b].map(Place::pid);
    std::fs::write(file, format!("name: front-check\nlinks:\n- endpoints: [\"pid:{at}:x\", \"pid:{to}:y\"]\n"))?;
    let ran = suite.run(&["nicon", "-v", "check", file, "--force", "-o", "table"]);
    let shown = format!("nicon-plan --each {file} | nicon-resolve | nicon-wire --check --force -o table\n");
    assert!(ran.code() == Some(1) && ran.stderr.starts_with(&shown), "{ran:?}");
    // A table, and no records.
    assert!(!ran.stdout.is_empty() && !ran.stdout.starts_with('{'), "{ran:?}");
    let ran = suite.run(&["nicon", "check", file, "-J"]);
    assert!(ran.code() == Some(1) && !parse(&ran.stdout).is_empty(), "{ran:?}");
    let ran = suite.run(&["nicon", "check", file, "--on", "m1"]);
    assert!(ran.stderr.contains("is not for several machines"), "{ran:?}");
    refusal(&suite.run(&["nicon", "check", file, "--on"]), 2, &["--on wants a value"]);
    assert!(!a.links().contains(&"x".to_owned()));
    Ok(std::fs::remove_file(file)?)
}

/// Behind the container, all words are those of the program that runs there.
fn words_of_other_programs(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    for option in ["-h", "--help", "-V"] {
        let ran = suite.run(&["nicon", "ip", PATH, option]);
        let own = output_within(tool("ip").arg(option), LIMIT)?;
        assert_eq!((ran.code(), &ran.stdout, &ran.stderr), (own.code(), &own.stdout, &own.stderr), "{option}");
    }
    let ran = suite.run(&["nicon", "exec", PATH, "--help"]);
    assert!(ran.code() == Some(0) && ran.stdout.contains("Usage: nicon-nsexec "), "{ran:?}");
    for job in ["exec", "ip", "capture", "links", "tree", "check", "destroy"] {
        let ran = suite.run(&["nicon", job, "-h"]);
        assert!(ran.code() == Some(0) && ran.stdout.contains(&format!("Usage: nicon {job} ")), "{ran:?}");
    }
    Ok(())
}

fn help_as_git_has_it(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    for (help, option) in [
        (&["help"][..], &["nicon", "--help"][..]),
        (&["help", "exec"], &["nicon", "exec", "--help"]),
        (&["help", "wire"], &["nicon", "wire", "--help"]),
        (&["help", "help"], &["nicon", "help", "--help"]),
        (&["help", "links"], &["nicon", "links", "--help"]),
        (&["help", "nsid"], &["nicon-nsid", "--help"]),
        (&["help", "nicon-nsid"], &["nicon-nsid", "--help"]),
    ] {
        let (ran, own) = (suite.run(&[&["nicon"], help].concat()), suite.run(option));
        assert!(ran.code() == Some(0) && ran.stdout.contains("Usage: nicon"), "{help:?}: {ran:?}");
        assert_eq!(ran.stdout, own.stdout, "{help:?}");
    }
    refusal(&suite.run(&["nicon", "help", "resolv"]), 2, &["nicon: no command \"resolv\"", "did you mean resolve?"]);
    let alone = suite.run(&["nicon"]);
    assert_eq!((alone.code(), alone.stderr), (Some(2), suite.run(&["nicon", "-h"]).stdout));
    let ran = suite.run(&["nicon", "--help"]);
    assert!(ran.stdout.contains("\n  help "), "{ran:?}");
    Ok(())
}

fn networks_without_containers(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let named = "front-blue";
    ip(&format!("netns add {named}"));
    ip(&format!("-n {named} link add front-a type veth peer name front-b"));
    let (blue, file) = (format!("netns:{named}"), format!("file:/run/netns/{named}"));
    let there = names(&ip(&format!("-n {named} -j link")));
    assert_eq!(there.len(), 3);
    let links = |words: &[&str]| Ok::<_, Failed>(names(&suite.run(&[&["nicon"], words].concat()).ok()?));
    for path in [&blue, &file] {
        assert_eq!(links(&["ip", path, "-j", "link"])?, there);
        assert_eq!(links(&["exec", path, "--net", "ip", "-j", "link"])?, there);
        assert_eq!(
            suite.run(&["nicon", "exec", path, "-S0", "--view", "-n", "ls", "/sys/class/net/lo/mtu"]).code(),
            Some(0)
        );
    }
    let own = output_within(tool("ip").args(["-j", "link"]), LIMIT)?.ok()?;
    assert!(!names(&own).is_empty());
    assert_eq!(links(&["ip", "host", "-j", "link"])?, names(&own));
    // Standard input is the command's.
    let ran = suite.feed(&["nicon", "exec", "host", "--net", "cat"], "words\n");
    assert_eq!((ran.code(), &ran.stdout[..]), (Some(0), "words\n"), "{ran:?}");
    let ran = suite.run(&["nicon", "-v", "capture", &blue, "no-such-link"]);
    let shown = format!("nicon-nsexec --net=/run/netns/{named} tcpdump -U -w - -i no-such-link\n");
    assert!(ran.stderr.starts_with(&shown) && ran.stderr.contains("no-such-link: No such device"), "{ran:?}");
    for words in [&["id"][..], &["-S", "0", "id"], &["-n", "-m", "id"]] {
        for path in ["host", &blue] {
            let said = format!("nicon: exec: {path} is a network, and no container: nicon exec {path} --net COMMAND");
            refusal(&suite.run(&[&["nicon", "exec", path], words].concat()), 125, &[&said]);
        }
    }
    refusal(&suite.run(&["nicon", "ip", "host.a"]), 125, &["nicon-resolve: ", "host is no container"]);
    ip(&format!("netns del {named}"));
    Ok(())
}
