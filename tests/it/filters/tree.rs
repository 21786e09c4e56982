//! nicon-tree agrees with docker, ps, ip and readlink.

use std::collections::BTreeMap;

use libtest_mimic::{Failed, Trial};
use nicon_lab::{LIMIT, Lab, Ran, output_of_input, output_within, tool, until, wait_for, witness};
use serde_json::{Value, json};

use crate::support::links::Pair;
use crate::support::subject::TYPES;
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial("filters::tree::the_nest_agrees_with_docker_and_readlink", draws_the_nest),
        suite.trial("filters::tree::namespaces_of_other_containers_are_named", namespaces_of_others),
        suite.trial("filters::tree::containers_on_the_path_to_others", on_the_path),
        suite.trial("filters::tree::processes_agree_with_ps", processes),
        suite.trial("filters::tree::links_and_their_peers", links),
        suite.trial("filters::tree::wide_and_deep", wide_and_deep),
        suite.trial("filters::tree::lines_fit_the_terminal", the_terminal),
        suite.trial("filters::tree::lines_that_cannot_be_drawn", bad_lines),
    ]
}

pub(super) const PATHS: [&str; 3] = ["setup", "setup.olt_1", "setup.olt_1.lt_1"];

pub(super) fn tree(suite: &Suite, words: &[&str], input: &str) -> Ran {
    let mut command = suite.command("nicon-tree").unwrap();
    // A picture of hundreds of containers takes its time where others work, too.
    output_of_input(command.args(words).env("LC_ALL", "C.UTF-8"), input, LIMIT * 4).unwrap()
}

/// A row of the tree: its depth, and its cells.
#[derive(Debug, PartialEq)]
struct Row {
    depth: usize,
    name: String,
    kind: String,
    pid: Option<u32>,
    inner: Option<u32>,
    rest: String,
}

/// The rows of a tree of this machine, without the machine's own.
#[track_caller]
fn rows(ran: &Ran) -> Vec<Row> {
    let mut rows = all_rows(ran);
    let machine = rows.remove(0);
    assert_eq!((machine.depth, &machine.name[..], &machine.kind[..]), (0, "host", "machine"));
    rows.into_iter().map(|row| Row { depth: row.depth - 1, ..row }).collect()
}

/// The rows of a tree, cut at the columns of its heading.
#[track_caller]
fn all_rows(ran: &Ran) -> Vec<Row> {
    assert_eq!((ran.code(), &ran.stderr[..]), (Some(0), ""), "{ran:?}");
    let (heading, picture) = ran.stdout.split_once('\n').expect("a heading");
    let starts = ["KIND", "PID", "INNER"].map(|title| heading.find(title).expect("a title"));
    let last = heading.rfind(' ').expect("a last column") + 1;
    let row = |line: &str| {
        let letters: Vec<char> = line.chars().collect();
        let cell =
            |from: usize, to: usize| letters[from..to.min(letters.len())].iter().collect::<String>().trim().to_owned();
        let guided: String = letters[..starts[0]].iter().collect();
        let name = guided.trim_start_matches(|c| "│├└─ ".contains(c));
        Row {
            depth: (guided.chars().count() - name.chars().count()) / 3,
            name: name.trim().to_owned(),
            kind: cell(starts[0], starts[1]),
            pid: cell(starts[1], starts[2]).parse().ok(),
            inner: cell(starts[2], last).parse().ok(),
            rest: cell(last, letters.len()),
        }
    };
    picture.lines().map(row).collect()
}

/// The types of namespace in which two processes differ, in the order of the protocol.
fn changes(pid: u32, from: u32) -> String {
    let differ = TYPES.into_iter().filter(|ns_type| witness::ns_link(pid, ns_type) != witness::ns_link(from, ns_type));
    differ.collect::<Vec<_>>().join(" ")
}

fn draws_the_nest(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let found = suite.run(&["nicon-resolve", PATHS[2], PATHS[0], PATHS[1]]).ok()?;
    let drawn = rows(&tree(suite, &[], &found));
    assert_eq!(drawn.len(), PATHS.len(), "{drawn:?}");
    let mut around = std::process::id();
    for (depth, path) in PATHS.into_iter().enumerate() {
        let (outer, name) = path.rsplit_once('.').unwrap_or(("", path));
        let pid = lab.host_pid(path)?;
        let expected = Row {
            depth,
            name: name.to_owned(),
            kind: if depth == 0 { "docker".to_owned() } else { "docker dind".to_owned() },
            pid: Some(pid),
            inner: lab.docker(outer, &["inspect", "--format", "{{.State.Pid}}", name])?.ok()?.parse().ok(),
            rest: changes(pid, around),
        };
        assert_eq!(drawn[depth], expected);
        around = pid;
    }
    Ok(())
}

fn namespaces_of_others(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    lab.run_container("setup", "guest", &["--net=container:olt_1", "--pid=container:olt_1"])?;
    lab.run_container("setup", "plain", &["--pid=host"])?;
    for name in ["setup.guest", "setup.plain"] {
        let pid = lab.host_pid(name)?;
        // Docker reports a container as started before its command is executed.
        wait_for("exec", || std::fs::read(format!("/proc/{pid}/comm")).is_ok_and(|name| name == b"sleep\n"));
    }
    let found = suite.run(&["nicon-resolve", "setup", "setup.olt_1", "setup.guest", "setup.plain"]).ok()?;
    let drawn = rows(&tree(suite, &["--procs"], &found));
    let rest = |name: &str| drawn.iter().find(|row| row.name == name).unwrap().rest.clone();
    let setup = lab.host_pid("setup")?;
    let guest = changes(lab.host_pid("setup.guest")?, setup);
    assert_eq!(rest("guest"), guest.replace("net", "net=setup.olt_1").replace("pid", "pid=setup.olt_1"));
    assert_eq!(rest("plain"), changes(lab.host_pid("setup.plain")?, setup));
    assert!(rest("guest").contains("net=") && !rest("plain").contains("pid"));
    // A container that shares a PID namespace is drawn with its own processes only.
    for name in ["guest", "plain"] {
        let pid = lab.host_pid(&format!("setup.{name}"))?;
        let at = drawn.iter().position(|row| row.name == name).unwrap();
        assert_eq!((&drawn[at + 1].name[..], drawn[at + 1].pid), ("sleep", Some(pid)), "{drawn:?}");
        assert!(drawn.get(at + 2).is_none_or(|next| next.kind != "process"), "{drawn:?}");
        lab.remove("setup", name)?;
    }
    Ok(())
}

fn on_the_path(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let found = suite.run(&["nicon-resolve", "setup.olt_1.lt_1"]).ok()?;
    let own = std::process::id();
    let drawn = rows(&tree(suite, &[], &(found.clone() + &format!("\n{{\"pid\":{own}}}\n{{\"target\":\"host\"}}\n"))));
    assert_eq!(drawn.iter().map(|row| row.depth).collect::<Vec<_>>(), [0, 1, 2, 0]);
    for (row, path) in drawn.iter().zip(PATHS) {
        assert_eq!(row.pid, Some(lab.host_pid(path)?));
    }
    // The namespaces of containers on the path are unknown, so the innermost one is compared with the host.
    assert_eq!((&drawn[1].rest[..], &drawn[2].rest), ("-", &changes(lab.host_pid(PATHS[2])?, own)));
    assert_eq!((&drawn[3].name, drawn[3].pid), (&format!("process {own}"), Some(own)));
    // A container that is reached by a second path is recognised.
    lab.run_container("setup", "window", &["--volume=/run/docker.sock:/run/docker.sock"])?;
    let twice = suite.run(&["nicon-resolve", "setup.olt_1", "setup.window.olt_1"]).ok()?;
    let drawn = rows(&tree(suite, &[], &twice));
    let shown: Vec<_> = drawn.iter().map(|row| (row.depth, &row.name[..], &row.kind[..])).collect();
    assert_eq!(shown[1..], [(1, "olt_1", "docker dind"), (1, "window", "docker dind"), (2, "olt_1", "docker dood")]);
    assert_eq!(drawn[3].rest, "the same as setup.olt_1");
    lab.remove("setup", "window")?;
    // A path may begin with a process.
    let (outer, inner) = (lab.host_pid("setup")?, lab.host_pid("setup.olt_1")?);
    let begun = suite.run(&["nicon-resolve", &format!("pid:{outer}.olt_1"), &format!("pid:{outer}")]).ok()?;
    let drawn = rows(&tree(suite, &[], &begun));
    let shown: Vec<_> = drawn.iter().map(|row| (row.depth, &row.kind[..], row.pid)).collect();
    assert_eq!(shown, [(0, "process", Some(outer)), (1, "docker dind", Some(inner))]);

    let mut stale: Value = serde_json::from_str(&found)?;
    stale["starttime"] = json!(1);
    let drawn = rows(&tree(suite, &["--procs"], &stale.to_string()));
    assert_eq!((drawn.len(), &drawn[2].rest[..]), (3, "gone"), "{drawn:?}");
    Ok(())
}

/// The processes in a PID namespace according to ps and readlink: the PID of each, and that of its parent.
fn family(link: &str) -> Result<BTreeMap<u32, u32>, Failed> {
    let listed = output_within(tool("ps").args(["-eo", "pid=,ppid=,stat="]), LIMIT)?.ok()?;
    let living = listed.lines().filter_map(|line| match line.split_whitespace().collect::<Vec<_>>()[..] {
        [pid, parent, state] if !state.starts_with('Z') => Some((pid.parse().ok()?, parent.parse().ok()?)),
        _ => None,
    });
    Ok(living.filter(|(pid, _)| witness::ns_link(*pid, "pid").as_deref() == Some(link)).collect())
}

fn processes(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    lab.run_command("setup", "busy", &[], &["sh", "-c", "sleep 1001 & sh -c 'sleep 1002 & exec sleep 1003' & wait"])?;
    lab.docker("setup", &["exec", "--detach", "busy", "sleep", "1004"])?.ok()?;
    let found = suite.run(&["nicon-resolve", "setup", "setup.olt_1", "setup.busy"]).ok()?;
    // The shims of containers that are drawn are left out, and no other process.
    let shims = ["setup.olt_1", "setup.busy"].map(|path| witness::stat(lab.host_pid(path).unwrap()).unwrap().parent);
    for (path, name, at_least) in [("setup", "setup", 2), ("setup.busy", "busy", 5)] {
        let first = lab.host_pid(path)?;
        let link = witness::ns_link(first, "pid").ok_or("no PID namespace")?;
        let before = family(&link)?;
        let drawn = rows(&tree(suite, &["--procs"], &found));
        let mut staying = family(&link)?;
        staying.retain(|pid, parent| before.get(pid) == Some(parent));
        let at = drawn.iter().position(|row| row.name == name).unwrap();
        let below = drawn[at + 1..].iter().take_while(|row| row.kind == "process");
        let mut around = vec![(drawn[at].depth, 0)];
        let mut members = Vec::new();
        for row in below {
            let pid = row.pid.unwrap();
            around.retain(|(depth, _)| *depth < row.depth);
            let (_, parent) = *around.last().unwrap();
            around.push((row.depth, pid));
            members.push(pid);
            // The daemon starts and ends processes of its own all the time.
            let Some(real) = staying.get(&pid) else { continue };
            assert!(
                parent == *real || (parent == 0 && !staying.contains_key(real)),
                "{row:?} below {parent}: {drawn:?}"
            );
            if name == "busy" {
                assert_eq!(row.inner, witness::nspid(pid).unwrap().last().copied());
                assert_eq!(row.name, std::fs::read_to_string(format!("/proc/{pid}/comm"))?.trim());
            }
        }
        assert_eq!(members.first(), Some(&first));
        let missing: Vec<_> = staying.keys().filter(|pid| !members.contains(pid) && !shims.contains(pid)).collect();
        assert!(missing.is_empty() && !members.iter().any(|pid| shims.contains(pid)), "{missing:?} {drawn:?}");
        assert!(staying.len() >= at_least && (name == "setup" || members.len() == at_least), "{drawn:?}");
    }
    Ok(lab.remove("setup", "busy")?)
}

/// Whether the kernel gives a link a link-local address of its own depends on the version of Docker, which may turn IPv6 off.
fn without_link_local(rest: &str) -> String {
    rest.split(' ').filter(|word| !word.starts_with("fe80:")).collect::<Vec<_>>().join(" ")
}

fn links(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    lab.run_container("setup", "left", &[])?;
    lab.run_container("setup.olt_1", "right", &[])?;
    let found = suite.run(&["nicon-resolve", "setup.left", "setup.olt_1.right"]).ok()?;
    suite.feed(&["nicon-veth", "wl", "wr", "--addr=192.0.2.1/30"], &found).ok()?;
    let listed = until("both ends are up", || {
        let listed = suite.feed(&["nicon-links", "--kind=veth"], &found).ok().ok()?;
        (listed.matches(r#""operstate":"UP""#).count() == 2).then_some(listed)
    });
    let drawn = rows(&tree(suite, &["--links"], &listed));
    let wired: Vec<_> = drawn.iter().filter(|row| row.kind == "veth").collect();
    let expected = [(2, "wr", "UP ↔ wl in setup.left"), (1, "wl", "UP 192.0.2.1/30 ↔ wr in setup.olt_1.right")];
    // Containers are in the order of the records: left, then olt_1 and the containers in it.
    let rests = wired.iter().rev().map(|row| without_link_local(&row.rest)).collect::<Vec<_>>();
    let shown = wired.iter().rev().zip(&rests).map(|(row, rest)| (row.depth - 1, &row.name[..], &rest[..]));
    assert_eq!(shown.collect::<Vec<_>>(), expected, "{drawn:?}");
    for (path, name) in [("setup.left", "wl"), ("setup.olt_1.right", "wr")] {
        lab.exec(path, &["ip", "link", "show", "dev", name])?.ok()?;
    }
    let all = suite.feed(&["nicon-links"], &found).ok()?;
    assert!(
        all.contains(r#""name":"lo""#) && !rows(&tree(suite, &["--links"], &all)).iter().any(|row| row.name == "lo")
    );
    // Loopback alone is not drawn, but the right pipe was run.
    let loopback = all.lines().filter(|line| line.contains(r#""name":"lo""#)).collect::<Vec<_>>().join("\n");
    let ran = tree(suite, &["--links"], &loopback);
    assert!(ran.code() == Some(0) && ran.stderr.is_empty() && ran.stdout.contains("left"), "{ran:?}");
    let dot = tree(suite, &["--links", "--dot"], &listed).ok()?;
    assert_eq!(dot.matches("style=dashed").count(), 1, "{dot}");
    let svg = tree(suite, &["--links", "--svg"], &listed).ok()?;
    assert_eq!(svg.matches("class=\"wire ").count(), 1, "{svg}");

    assert!(rows(&tree(suite, &[], &listed)).iter().all(|row| row.kind.starts_with("docker")));
    let ran = tree(suite, &["--links"], &found);
    assert_eq!(ran.code(), Some(2), "{ran:?}");
    assert!(ran.stderr.contains("--links: no links in the input: nicon-resolve PATH... | nicon-links"), "{ran:?}");
    let pair = Pair::new();
    let listed = suite.run(&["nicon-links", "--target=host"]).ok()?;
    assert_eq!(rows(&tree(suite, &[], &listed)), []);
    let drawn = rows(&tree(suite, &["--links"], &listed));
    let is_shown = |name: &String| drawn.iter().any(|row| (row.depth, &row.name) == (0, name));
    assert!(is_shown(&pair.link) && is_shown(&pair.peer), "the machine's own: {drawn:?}");
    lab.remove("setup", "left")?;
    Ok(lab.remove("setup.olt_1", "right")?)
}

/// A record of a container that does not exist, with hostile names in its path.
pub(super) fn hostile() -> String {
    let names = ["größe 網路", "</text><script>&amp;\"']]>", "\"];}\\N\\l\\", "\u{1b}[2J\u{9b}\u{202e}\u{ffff}\n"];
    let hops: Vec<Value> = names.iter().map(|name| json!({"name": name, "id": name, "engine": "docker"})).collect();
    json!({"hops": hops}).to_string()
}

fn wide_and_deep(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let hop = |name: String| json!({"name": name, "id": name, "engine": "docker"});
    let siblings =
        (0..300).map(|number| json!({"hops": [hop("around".into()), hop(format!("c{number}"))]}).to_string() + "\n");
    let drawn = rows(&tree(suite, &[], &siblings.collect::<String>()));
    assert_eq!(drawn.len(), 301);
    assert!(drawn[1..].iter().enumerate().all(|(number, row)| (row.depth, &row.name) == (1, &format!("c{number}"))));
    let deep = json!({"hops": (0..64).map(|depth| hop(format!("level_{depth}"))).collect::<Vec<_>>()}).to_string();
    let drawn = rows(&tree(suite, &[], &deep));
    assert!(drawn.iter().enumerate().all(|(depth, row)| (row.depth, &row.name) == (depth, &format!("level_{depth}"))));
    let narrow = tree(suite, &["--width=80"], &deep).ok()?;
    for (depth, line) in narrow.lines().skip(2).enumerate() {
        assert!(line.chars().count() <= 80 && line.contains(&format!("level_{depth} ")), "{line}");
    }
    let shown = tree(suite, &["--width=60"], &hostile()).ok()?;
    assert!(shown.contains("網路") && !shown.contains(['\u{1b}', '\u{9b}', '\u{202e}']), "{shown}");
    let ascii = tree(suite, &["--ascii"], &hostile()).ok()?;
    assert!(ascii.is_ascii() && ascii.contains("\\u{7db2}"), "{ascii}");
    Ok(())
}

fn the_terminal(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let path = std::env::temp_dir().join(format!("nicon-tree-{}", std::process::id()));
    std::fs::write(&path, json!({"hops": [{"name": "x".repeat(200), "id": "1"}]}).to_string())?;
    let program = suite.bins()?.join("nicon-tree");
    let drawn = |locale: &str| {
        let line = format!("stty rows 24 columns 50; {} <{}", program.display(), path.display());
        output_within(tool("script").args(["-qec", &line, "/dev/null"]).env("LC_ALL", locale), LIMIT)?.ok()
    };
    let (utf8, ascii) = (drawn("C.UTF-8"), drawn("C"));
    std::fs::remove_file(&path)?;
    for (shown, mark) in [(utf8?, "x…"), (ascii?, "x...")] {
        assert!(shown.lines().all(|line| line.trim_end().chars().count() <= 50) && shown.contains(mark), "{shown}");
    }
    Ok(())
}

fn bad_lines(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let good = format!("{{\"pid\":{}}}", lab.host_pid("setup")?);
    let ran = tree(suite, &[], &format!("{{}}\n{{\"hops\":[{{}}]}}\nsetup\n{good}\n"));
    assert_eq!((ran.code(), ran.stdout.lines().count()), (Some(2), 3), "{ran:?}");
    let messages: Vec<_> = ran.stderr.lines().collect();
    let expected = [
        "line 1: the record names neither",
        "line 2: field \"hops\": a hop has no \"name\"",
        "line 3: \"setup\" is not a record",
    ];
    assert_eq!(messages.len(), expected.len(), "{ran:?}");
    for (message, expected) in messages.iter().zip(expected) {
        assert!(message.starts_with(&format!("nicon-tree: {expected}")), "{message}");
    }
    assert_eq!(tree(suite, &[], "").ok()?, "");
    Ok(())
}
