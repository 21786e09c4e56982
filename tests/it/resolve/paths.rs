//! nicon-resolve finds the right process, whatever containers share and however they are called.

use std::path::Path;

use libtest_mimic::{Failed, Trial};
use nicon_lab::{LIMIT, Lab, output_of_input, output_within, tool, witness};
use serde_json::{Value, json};

use crate::support::expect::{is_process, parse, record, records, refusal};
use crate::support::kernel::translations;
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial("resolve::paths::finds_each_depth", finds_each_depth),
        suite.trial("resolve::paths::shared_pid_namespaces", shared_pid_namespaces),
        suite.trial("resolve::paths::names_within_names", names_within_names),
        suite.trial("resolve::paths::several_processes_in_one_container", several_processes_in_one_container),
        suite.trial("resolve::paths::names_with_dots", names_with_dots),
        suite.trial("resolve::paths::docker_out_of_docker", docker_out_of_docker),
        suite.trial("resolve::paths::containers_that_do_not_run", containers_that_do_not_run),
        suite.trial("resolve::paths::what_is_no_container_passes_on", what_is_no_container),
        suite.trial("resolve::paths::near_misses", near_misses),
        suite.trial("resolve::paths::docker_host", docker_host),
        suite.trial("resolve::paths::records_on_stdin", records_on_stdin),
        suite.trial("resolve::paths::answers_line_by_line", answers_line_by_line),
        suite.trial("resolve::paths::bare_pids_for_scripts", bare_pids_for_scripts),
        suite.trial("resolve::paths::a_table_at_a_terminal", a_table_at_a_terminal),
        suite.trial("resolve::paths::from_inside_the_pid_namespace_of_the_daemon", from_inside),
        suite.trial("resolve::paths::enters_nothing_and_runs_nothing", enters_nothing_and_runs_nothing),
    ]
}

/// Resolves a path in both ways of translating, and compares with what the container itself says, asked from inside.
#[track_caller]
fn is_right(suite: &Suite, lab: &Lab, path: &str) -> Value {
    let pid = lab.host_pid(path).unwrap();
    let [found, again] = translations().map(|translate| record(&suite.run(&["nicon-resolve", translate, path])));
    is_process(&found, pid);
    assert_eq!(found["target"], path);
    is_process(&again, pid);
    found
}

fn finds_each_depth(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let paths = ["setup", "setup.olt_1", "setup.olt_1.lt_1"];
    for (depth, path) in paths.iter().enumerate() {
        let found = is_right(suite, lab, path);
        let hops = found["hops"].as_array().unwrap();
        assert_eq!(hops.len(), depth + 1);
        for (hop, outer) in hops.iter().zip([""].iter().chain(&paths)) {
            let name = hop["name"].as_str().unwrap();
            let format = ["inspect", "--format={{.Id}} {{.State.Pid}}", name];
            let said = format!("{} {}", hop["id"].as_str().unwrap(), hop["inner_pid"]);
            assert_eq!(lab.docker(outer, &format)?.ok()?, said);
            let daemon = u32::try_from(hop["daemon"].as_u64().unwrap())?;
            assert_eq!(std::fs::read_to_string(format!("/proc/{daemon}/comm"))?.trim(), "dockerd");
        }
    }
    Ok(())
}

fn shared_pid_namespaces(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    for (at, sibling) in [("", "setup"), ("setup", "olt_1"), ("setup.olt_1", "lt_1")] {
        let prefix = if at.is_empty() { String::new() } else { format!("{at}.") };
        lab.run_container(at, "with-host", &["--pid=host"])?;
        lab.run_container(at, "with-sibling", &[&format!("--pid=container:{sibling}")])?;
        let host = is_right(suite, lab, &format!("{prefix}with-host"));
        let shared = is_right(suite, lab, &format!("{prefix}with-sibling"));
        let sibling = is_right(suite, lab, &format!("{prefix}{sibling}"));
        assert_eq!(shared["ns"]["pid"], sibling["ns"]["pid"], "they do share it");
        assert_ne!(shared["ns"]["net"], sibling["ns"]["net"], "a NIC must not land in the sibling");
        assert_ne!(host["ns"]["net"], sibling["ns"]["net"]);
        lab.remove(at, "with-host")?;
        lab.remove(at, "with-sibling")?;
    }
    Ok(())
}

fn names_within_names(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    for (at, name) in [("", "setup"), ("setup", "olt_1"), ("setup.olt_1", "lt_1")] {
        let prefix = if at.is_empty() { String::new() } else { format!("{at}.") };
        let others = [format!("x{name}"), format!("{name}x"), name[1..].to_owned()];
        for other in &others {
            lab.run_container(at, other, &[])?;
        }
        for name in others.iter().map(String::as_str).chain([name]) {
            is_right(suite, lab, &format!("{prefix}{name}"));
        }
        for other in &others {
            lab.remove(at, other)?;
        }
    }
    Ok(())
}

fn several_processes_in_one_container(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let script = "sleep infinity & sleep infinity & unshare --pid --fork sleep infinity & exec sleep infinity";
    lab.run_command("setup", "crowd", &["--cap-add=SYS_ADMIN"], &["sh", "-c", script])?;
    is_right(suite, lab, "setup.crowd");
    Ok(lab.remove("setup", "crowd")?)
}

fn names_with_dots(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    lab.run_container("setup", "my.dotted", &[])?;
    lab.run_container("", "dotted.too", &[])?;
    let pid = lab.exec("setup", &["docker", "exec", "my.dotted", "readlink", "/proc/self/ns/mnt"])?.ok()?;
    let pid = witness::first_process_of(&pid).ok_or("my.dotted has no process")?;
    for path in ["setup/my.dotted", "/setup/my.dotted", r"setup.my\.dotted"] {
        is_process(&record(&suite.run(&["nicon-resolve", path])), pid);
    }
    assert_eq!(record(&suite.run(&["nicon-resolve", "/dotted.too"]))["hops"][0]["name"], "dotted.too");
    for (path, hop, dotted) in [
        ("setup.my.dotted", "hop 2 (my in setup): ", "/my.dotted)"),
        ("dotted.too", "hop 1 (dotted): ", "/dotted.too)"),
    ] {
        refusal(&suite.run(&["nicon-resolve", path]), 1, &[hop, dotted]);
    }
    lab.remove("", "dotted.too")?;
    Ok(lab.remove("setup", "my.dotted")?)
}

fn docker_out_of_docker(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let socket = "--volume=/run/docker.sock:/run/docker.sock";
    lab.run_container("", "dood", &[socket])?;
    lab.run_container("setup", "dood-within", &[socket])?;
    for (path, container, sharing) in [
        ("dood.setup", "setup", json!(["host", "dood"])),
        ("dood.setup.olt_1", "setup.olt_1", json!(["host", "dood", "dind"])),
        ("setup.dood-within.olt_1", "setup.olt_1", json!(["host", "dind", "dood"])),
        ("dood.dood.dood.setup", "setup", json!(["host", "dood", "dood", "dood"])),
    ] {
        let found = record(&suite.run(&["nicon-resolve", path]));
        is_process(&found, lab.host_pid(container)?);
        let told: Vec<_> = found["hops"].as_array().unwrap().iter().map(|hop| hop["sharing"].clone()).collect();
        assert_eq!(json!(told), sharing, "{path}");
    }
    lab.remove("setup", "dood-within")?;
    Ok(lab.remove("", "dood")?)
}

fn containers_that_do_not_run(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    lab.docker("setup", &["create", "--name", "idle", "nicon-lab", "true"])?.ok()?;
    refusal(&suite.run(&["nicon-resolve", "setup.idle"]), 1, &["hop 2", "\"idle\" is not running (created)"]);
    lab.run_container("setup", "was-there", &[])?;
    lab.docker("setup", &["kill", "was-there"])?.ok()?;
    refusal(&suite.run(&["nicon-resolve", "setup.was-there"]), 1, &["is not running (exited)"]);
    refusal(
        &suite.run(&["nicon-resolve", "setup.olt_1.lt_1.more"]),
        1,
        &["hop 4", "no container engine (no socket at /run/docker.sock", "--socket PATH"],
    );

    lab.run_container("setup", "frozen", &[])?;
    let pid = lab.host_pid("setup.frozen")?;
    lab.docker("setup", &["pause", "frozen"])?.ok()?;
    is_process(&record(&suite.run(&["nicon-resolve", "setup.frozen"])), pid);
    lab.docker("setup", &["unpause", "frozen"])?.ok()?;
    for name in ["idle", "was-there", "frozen"] {
        lab.remove("setup", name)?;
    }
    Ok(())
}

/// Records of namespaces that are no container's go through the pipe in their turn, and say on which machine that is. Containers that are
/// called like one are told by their engine.
fn what_is_no_container(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let starts = ["host", "netns:my.net", "file:/run/netns/my.net"];
    let lines = starts.map(|start| json!({"target": start, "link": "veth0", "x": 1}).to_string());
    let input = format!("{}\n{{\"target\":\"setup\"}}\n{}\n{}\n", lines[0], lines[1], lines[2]);
    let ran = suite.feed(&["nicon-resolve"], input);
    let printed: Vec<&str> = ran.stdout.lines().collect();
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
    let name = output_within(tool("uname").arg("-n"), LIMIT)?.ok()?;
    let here = format!("\"boot\":\"{}\",\"machine\":\"{name}\"}}", boot.trim());
    let lines = lines.map(|line| line.replace('}', &format!(",{here}")));
    assert_eq!((ran.code(), [printed[0], printed[2], printed[3]]), (Some(0), [&lines[0][..], &lines[1], &lines[2]]));
    is_process(&parse(printed[1])[0], lab.host_pid("setup")?);
    let ran = suite.run(&["nicon-resolve", "netns:my.net"]);
    assert_eq!(
        (ran.code(), ran.stdout.trim()),
        (Some(0), &*format!("{{\"target\":\"netns:my.net\",{here}")),
        "{ran:?}"
    );
    refusal(&suite.run(&["nicon-resolve", "--pid", "host"]), 2, &["host: it is no container, and has no PID"]);
    refusal(&suite.feed(&["nicon-resolve"], r#"{"target":"host","expected_pid":7}"#), 2, &["PID 7 was expected"]);
    refusal(&suite.run(&["nicon-resolve", "host.setup"]), 2, &["say \"setup\""]);

    lab.run_container("", "host", &[])?;
    lab.run_container("setup", "host", &[])?;
    is_right(suite, lab, "setup.host");
    is_process(&record(&suite.run(&["nicon-resolve", "docker:host"])), lab.host_pid("host")?);
    let listed = records(&suite.run(&["nicon-resolve", "hos?", "setup.hos?"]));
    assert_eq!(listed.iter().map(|found| &found["target"]).collect::<Vec<_>>(), ["docker:host", "setup.host"]);
    lab.remove("setup", "host")?;
    Ok(lab.remove("", "host")?)
}

fn near_misses(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    refusal(&suite.run(&["nicon-resolve", "setup.olt1.lt_1"]), 1, &["hop 2 (olt1 in setup)", "did you mean olt_1"]);
    refusal(&suite.run(&["nicon-resolve", "SETUP"]), 1, &["did you mean setup"]);
    let others = "hop 1 (qqqqqqqq): no container \"qqqqqqqq\" (containers here: ";
    refusal(&suite.run(&["nicon-resolve", "qqqqqqqq"]), 1, &[others]);
    refusal(&suite.run(&["nicon-resolve", "a/../b"]), 2, &["\"a/../b\"", "\"..\" is not a container name"]);
    Ok(())
}

fn docker_host(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let with = |host: &str, path: &str| {
        let mut command = suite.command("nicon-resolve")?;
        output_within(command.arg(path).env("DOCKER_HOST", host), LIMIT)
    };
    // The socket of a nested daemon, as it is seen from here: the path then begins inside.
    let inner = format!("unix:///proc/{}/root/run/docker.sock", lab.host_pid("setup")?);
    is_process(&record(&with(&inner, "olt_1.lt_1")?), lab.host_pid("setup.olt_1.lt_1")?);
    refusal(&with("unix:///nowhere.sock", "setup")?, 1, &["hop 1", "no socket at /nowhere.sock, as DOCKER_HOST says"]);
    for host in ["tcp://127.0.0.1:2375", "ssh://somewhere"] {
        refusal(&with(host, "setup")?, 2, &[host, "DOCKER_HOST"]);
    }
    Ok(())
}

fn records_on_stdin(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let input = "setup\n\n{\"note\":{\"x\":[1.50,null]},\"target\":\"setup.olt_1\",\"link\":\"veth9\"}\nsetup.nobody\n\
                 {\"no\":\"target\"}\nsetup.olt_1.lt_1\n";
    let ran = suite.feed(&["nicon-resolve"], input);
    assert_eq!(ran.code(), Some(2), "2 beats 1: {ran:?}");
    let found = crate::support::expect::parse(&ran.stdout);
    assert_eq!(found.len(), 3, "{ran:?}");
    for (record, path) in found.iter().zip(["setup", "setup.olt_1", "setup.olt_1.lt_1"]) {
        is_process(record, lab.host_pid(path)?);
    }
    assert!(
        ran.stdout.contains(r#"{"note":{"x":[1.50,null]},"target":"setup.olt_1","link":"veth9","pid":"#),
        "{ran:?}"
    );
    let told: Vec<_> = ran.stderr.lines().collect();
    assert_eq!(told.len(), 2, "{ran:?}");
    assert!(told[0].starts_with("nicon-resolve: line 4: setup.nobody: hop 2"), "{ran:?}");
    assert!(told[1].starts_with("nicon-resolve: line 5: the record has no \"target\""), "{ran:?}");

    // Many at once, in the order in which they were asked, of which all but the first share their prefix.
    let many = format!("setup\n{}", "setup.olt_1.lt_1\n".repeat(300));
    let found = records(&suite.feed(&["nicon-resolve"], many));
    assert_eq!(found.len(), 301);
    let leaf = lab.host_pid("setup.olt_1.lt_1")?;
    assert!(found[1..].iter().all(|record| record["pid"] == leaf) && found[0]["pid"] == lab.host_pid("setup")?);
    Ok(())
}

fn answers_line_by_line(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    use std::io::{BufRead, BufReader, Write};
    use std::process::Stdio;
    let mut command = suite.command("nicon-resolve")?;
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let mut input = child.stdin.take().ok_or("no stdin")?;
    let mut answers = BufReader::new(child.stdout.take().ok_or("no stdout")?).lines();
    for path in ["setup", "setup.olt_1"] {
        writeln!(input, "{path}")?;
        let answer: Value = serde_json::from_str(&answers.next().ok_or("no answer before the next question")??)?;
        is_process(&answer, lab.host_pid(path)?);
    }
    drop(input);
    assert!(child.wait()?.success());
    Ok(())
}

fn bare_pids_for_scripts(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let ran = suite.run(&["nicon-resolve", "--pid", "setup", "setup.olt_1.lt_1"]);
    assert_eq!(ran.stdout, format!("{}\n{}\n", lab.host_pid("setup")?, lab.host_pid("setup.olt_1.lt_1")?));
    let script = "nsenter -t $(nicon-resolve --pid setup.olt_1.lt_1) -u hostname";
    let path = format!("{}:{}", suite.bins()?.display(), nicon_lab::search_path().to_string_lossy());
    assert_eq!(output_within(tool("sh").args(["-c", script]).env("PATH", path), LIMIT)?.ok()?, "lt_1");
    Ok(())
}

fn a_table_at_a_terminal(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let program = suite.bins()?.join("nicon-resolve");
    let at_terminal = |options: &str| {
        let line = format!("{} {options} setup.olt_1.lt_1 setup", program.display());
        output_of_input(tool("script").args(["-qec", &line, "/dev/null"]), "", LIMIT)?.ok()
    };
    let table = at_terminal("")?;
    let lines: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["TARGET", "PID", "NSPID", "NET", "HOPS"], "{table}");
    assert_eq!(lines[1][..2], ["setup.olt_1.lt_1", &lab.host_pid("setup.olt_1.lt_1")?.to_string()], "{table}");
    assert_eq!(lines[2][..2], ["setup", &lab.host_pid("setup")?.to_string()], "{table}");
    let forced = at_terminal("--json")?;
    assert_eq!(forced.lines().count(), 2);
    assert!(forced.lines().all(|line| line.starts_with('{')), "{forced}");
    Ok(())
}

/// Seen from the outer daemon's own PID namespace the PIDs are others, and the processes the same.
fn from_inside(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let program = suite.bins()?.join("nicon-resolve");
    let program = program.to_str().ok_or("the path of the programs is not UTF-8")?;
    for translate in translations() {
        let ran = output_within(lab.inside(program).args([translate, "setup", "setup.olt_1.lt_1"]), LIMIT)?;
        let found = records(&ran);
        assert_eq!(found.len(), 2, "{found:?}");
        for (record, path) in found.iter().zip(["setup", "setup.olt_1.lt_1"]) {
            let outside = lab.host_pid(path)?;
            let nspid = witness::nspid(outside).ok_or("it is gone")?;
            assert_eq!(record["nspid"], json!(nspid[1..]), "{path}");
            assert_eq!(record["pid"], nspid[1], "{path}");
            let mnt = format!("mnt:[{}]", record["ns"]["mnt"]);
            assert_eq!(Some(mnt), witness::ns_link(outside, "mnt"), "{path}");
        }
    }
    Ok(())
}

fn enters_nothing_and_runs_nothing(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let log = Path::new("/run").join("trace-of-resolve");
    let mut strace = tool("strace");
    strace.args(["-f", "-qq", "-e", "trace=setns,unshare,execve,execveat,fork,vfork,clone,clone3,connect", "-o"]);
    strace.arg(&log).arg(suite.bins()?.join("nicon-resolve")).arg("setup.olt_1.lt_1");
    is_process(&record(&output_within(&mut strace, LIMIT)?), lab.host_pid("setup.olt_1.lt_1")?);
    let trace = std::fs::read_to_string(&log)?;
    std::fs::remove_file(&log)?;
    let calls = |name: &str| trace.lines().filter(|line| line.contains(&format!(" {name}("))).count();
    assert_eq!(calls("execve"), 1, "only itself: {trace}");
    assert_eq!(calls("connect"), 3, "one socket a hop: {trace}");
    assert_eq!(calls("setns") + calls("unshare") + calls("vfork") + calls("execveat"), 0, "{trace}");
    // Each C library has its own call for a fork.
    let is_clone = |line: &&str| [" fork(", " clone(", " clone3("].into_iter().any(|call| line.contains(call));
    let new_processes = trace.lines().filter(is_clone).filter(|line| !line.contains("CLONE_THREAD")).count();
    assert_eq!(new_processes, 1, "a child that does the work, and threads: {trace}");
    Ok(())
}
