//! nicon-resolve by the ID of a container, and by names that could be the beginning of one.

use libtest_mimic::{Failed, Trial};
use nicon_lab::{LIMIT, Lab, output_within, tool, until};

use crate::resolve::engines::podman_pid;
use crate::support::expect::{is_process, record, refusal};
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial("resolve::by_id::as_engines_print_it", as_engines_print_it),
        suite.trial("resolve::by_id::few_digits_are_a_name", few_digits_are_a_name),
        suite.trial("resolve::by_id::few_digits_on_request", few_digits_on_request),
        suite.trial("resolve::by_id::a_name_before_an_id", a_name_before_an_id),
        suite.trial("resolve::by_id::of_other_engines", of_other_engines),
        suite.trial("resolve::by_id::of_a_daemon_that_hangs", of_a_daemon_that_hangs),
    ]
}

fn id_of(lab: &Lab, at: &str, name: &str) -> Result<String, Failed> {
    Ok(lab.docker(at, &["inspect", "--format={{.Id}}", name])?.ok()?)
}

#[track_caller]
fn leads_to(suite: &Suite, path: &str, pid: u32) {
    // For a pattern, others' containers that come or go meanwhile are told of.
    let ran = until("an answer that nobody disturbs", || {
        Some(suite.run(&["nicon-resolve", path])).filter(|ran| ran.code() != Some(2))
    });
    is_process(&record(&ran), pid);
}

fn as_engines_print_it(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let pid = lab.host_pid("setup.olt_1")?;
    let id = id_of(lab, "setup", "olt_1")?;
    let printed = lab.docker("setup", &["ps", "--format={{.ID}}", "--filter=name=^olt_1$"])?.ok()?;
    for digits in [&printed[..], &id[..], &id[..20]] {
        leads_to(suite, &format!("setup.{digits}"), pid);
        leads_to(suite, &format!("setup.docker:{digits}"), pid);
        leads_to(suite, &format!("setup.id:{digits}"), pid);
        leads_to(suite, &format!("setup.docker:id:{digits}"), pid);
        leads_to(suite, &format!("setup.root@id:{digits}"), pid);
        leads_to(suite, &format!("setu*.docker:id:{digits}"), pid);
        refusal(&suite.run(&["nicon-resolve", &format!("setup.podman:id:{digits}")]), 1, &["no podman engine"]);
        leads_to(suite, &format!("setu*.{digits}"), pid);
        leads_to(suite, &format!("setu*.id:{digits}"), pid);
    }
    Ok(())
}

/// Docker's own command line takes them for an ID. A NIC does not go to whoever happens to have such an ID.
fn few_digits_are_a_name(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let id = id_of(lab, "setup", "olt_1")?;
    output_within(tool("ip").args(["link", "add", "stray", "type", "veth", "peer", "stray-peer"]), LIMIT)?.ok()?;
    for digits in [&id[..5], &id[..11]] {
        assert_eq!(id_of(lab, "setup", digits)?, id, "the engine takes it");
        let why =
            format!("hop 2 ({digits} in setup): no container \"{digits}\" (one has an ID that begins so: id:{digits})");
        refusal(&suite.run(&["nicon-resolve", &format!("setup.{digits}")]), 1, &[&why]);
        let ran = suite.run(&["nicon-resolve", &format!("setup.docker:{digits}")]);
        refusal(&ran, 1, &[&format!("begins so: docker:id:{digits})")]);
        refusal(&suite.run(&["nicon-resolve", &format!("setu*.{digits}")]), 1, &["no running container matches"]);
        let pipe = format!("nicon-resolve setup.{digits} | nicon-linkmv stray");
        assert_eq!(suite.shell(&pipe, "").code(), Some(1));
        output_within(tool("ip").args(["link", "show", "stray"]), LIMIT)?.ok()?;
    }
    output_within(tool("ip").args(["link", "del", "stray"]), LIMIT)?.ok()?;
    Ok(())
}

fn few_digits_on_request(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let pid = lab.host_pid("setup.olt_1")?;
    let id = id_of(lab, "setup", "olt_1")?;
    for digits in [&id[..5], &id[..11]] {
        leads_to(suite, &format!("setup.id:{digits}"), pid);
        leads_to(suite, &format!("setu*.id:{digits}"), pid);
    }
    leads_to(suite, &format!("setup.id:{}.lt_1", &id[..5]), lab.host_pid("setup.olt_1.lt_1")?);
    // Of 17 IDs at least two begin with the same of 16 digits.
    let names: Vec<String> = (0..17).map(|n| format!("same-digit-{n}")).collect();
    let mut ids = Vec::new();
    for name in &names {
        ids.push(lab.docker("setup", &["create", "--name", name, "nicon-lab", "true"])?.ok()?);
    }
    let begins = |digit: &str| ids.iter().filter(|id| id.starts_with(digit)).count();
    let twice = ids.iter().map(|id| &id[..1]).find(|digit| begins(digit) > 1).ok_or("pigeons fly")?;
    let number = || {
        let witness = lab.docker("setup", &["ps", "--all", "--no-trunc", "--quiet"])?.ok()?;
        Ok::<_, Failed>(witness.lines().filter(|id| id.starts_with(twice)).count())
    };
    let (number, ambiguous, unknown) = loop {
        let before = number()?;
        let ran = ["id:", ""].map(|prefix| suite.run(&["nicon-resolve", &format!("setup.{prefix}{twice}")]));
        // Another test may have started a container there meanwhile.
        if number()? == before {
            let [ambiguous, unknown] = ran;
            break (before, ambiguous, unknown);
        }
    };
    refusal(&ambiguous, 2, &["hop 2", &format!("\"{twice}\" is ambiguous: {number} begin so: ")]);
    // Those that begin so are no containers of that name, either.
    refusal(&unknown, 1, &[&format!("no container \"{twice}\" ({number} have IDs that begin so: ")]);
    let idle = &ids[0];
    refusal(&suite.run(&["nicon-resolve", &format!("setup.id:{}", &idle[..30])]), 1, &["is not running (created)"]);
    let witness = lab.docker("setup", &["ps", "--all", "--no-trunc", "--quiet"])?.ok()?;
    let nobody = if witness.contains("\n0000") { "ffffff" } else { "000000" };
    let ran = suite.run(&["nicon-resolve", &format!("setup.id:{nobody}")]);
    refusal(&ran, 1, &[&format!("no container has an ID that begins with \"{nobody}\"")]);
    for name in &names {
        lab.remove("setup", name)?;
    }
    for (bad, why) in [
        ("id:", "\"\" is not the beginning of an ID"),
        ("id:xyz", "\"xyz\" is not the beginning of an ID"),
        ("id:C6D", "say c6d"),
        ("id:c6*", "\"c6*\" is not the beginning of an ID"),
        ("docker:id:web", "\"web\" is not the beginning of an ID"),
        ("pid:0", "\"0\" is not a PID"),
        ("*@web", "\"*\" is not a user"),
    ] {
        refusal(&suite.run(&["nicon-resolve", bad]), 2, &["path ", bad, why]);
    }
    Ok(())
}

/// As with Docker, the name counts; the ID needs to be asked for.
fn a_name_before_an_id(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let id = id_of(lab, "setup", "olt_1")?;
    for digits in [&id[..4], &id[..12], &id[..20]] {
        let named = lab.run_container("setup", digits, &[])?;
        assert_eq!(id_of(lab, "setup", digits)?, named, "so does Docker");
        let pid = lab.host_pid(&format!("setup.{digits}"))?;
        leads_to(suite, &format!("setup.{digits}"), pid);
        leads_to(suite, &format!("setu*.{digits}"), pid);
        leads_to(suite, &format!("setup.id:{digits}"), lab.host_pid("setup.olt_1")?);
        lab.remove("setup", digits)?;
    }
    Ok(())
}

/// Podman, and files of runc: what is asked for is compared with each engine's answer, and all of them are counted.
fn of_other_engines(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    lab.run_daemon_container("setup", "berth", &[])?;
    lab.start_podman("setup.berth", "")?;
    let id = lab.run_podman("setup.berth", "short-of-id", &[], &["sleep", "infinity"])?;
    let pid = podman_pid(lab, "setup.berth", "short-of-id")?;
    let few = &id[..6];
    let inspect = ["inspect", "--format={{.Id}}", few];
    assert_eq!(lab.podman("setup.berth", &inspect)?.ok()?, id, "podman takes it");
    let ask = |segment: &str| suite.run(&["nicon-resolve", "--timeout=25", &format!("setup.berth.{segment}")]);
    for engine in ["", "podman:", "runc:"] {
        let begins = format!("begins so: {engine}id:{few})");
        refusal(&ask(&format!("{engine}{few}")), 1, &["no container", &begins]);
        is_process(&record(&ask(&format!("{engine}id:{few}"))), pid);
    }
    is_process(&record(&ask(&format!("id:{few}"))), pid);
    is_process(&record(&ask(&id[..12])), pid);
    // Another one, of runc, whose ID begins with the same digits; then it is called like them.
    let twin = format!("{few}{}", "0".repeat(58));
    let state =
        r#"mkdir -p "/run/runc/$1" && echo '{"init_process_pid":0,"init_process_start":0}' >"/run/runc/$1/state.json""#;
    lab.script("setup.berth", state, &[&twin])?;
    refusal(&ask(&format!("id:{few}")), 2, &["is ambiguous: 2 begin so: ", &id[..12], &twin[..12]]);
    refusal(&ask(few), 1, &["(2 have IDs that begin so: "]);
    is_process(&record(&ask(&format!("podman:id:{few}"))), pid);
    lab.script("setup.berth", "mv \"/run/runc/$1\" \"/run/runc/$2\"", &[&twin, few])?;
    refusal(&ask(&format!("id:{few}")), 1, &[&format!("\"{few}\" is not running")]);
    Ok(lab.remove("setup", "berth")?)
}

/// Its files answer, and are as exact.
fn of_a_daemon_that_hangs(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    lab.run_daemon_container("setup", "mute", &[])?;
    let id = lab.run_container("setup.mute", "spoken-for", &[])?;
    let pid = lab.host_pid("setup.mute.spoken-for")?;
    let daemon = lab.host_pid("setup.mute")?;
    lab.stop(daemon)?;
    let ask = |segment: &str| suite.run(&["nicon-resolve", "--timeout=6", &format!("setup.mute.{segment}")]);
    let [short, by_id, few] = [ask(&id[..12]), ask(&format!("id:{}", &id[..6])), ask(&id[..6])];
    lab.signal(daemon, "CONT")?;
    for ran in [short, by_id] {
        is_process(&record(&ran), pid);
        assert_eq!(record(&ran)["hops"][2]["via"], "disk", "{ran:?}");
    }
    refusal(&few, 2, &["the engine does not answer"]);
    Ok(lab.remove("setup", "mute")?)
}
