//! nicon-resolve finds all that a pattern fits, and each container once.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use libtest_mimic::{Failed, Trial};
use nicon_lab::{LIMIT, Lab, Ran, output_of_input, output_within};
use serde_json::{Value, json};

use crate::support::expect::{is_process, parse, record, records, refusal};
use crate::support::kernel::{Feature, translations};
use crate::support::silent::Stopped;
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial("resolve::patterns::every_container_once", every_container_once),
        suite.trial("resolve::patterns::each_kind_of_wildcard", each_kind_of_wildcard),
        suite.trial("resolve::patterns::records_and_paths_beside_them", records_and_paths_beside_them),
        suite.trial("resolve::patterns::in_the_order_of_their_paths", in_the_order_of_their_paths),
        suite.trial("resolve::patterns::nothing_fits", nothing_fits),
        suite.trial_with(
            &[Feature::FullSpeed],
            "resolve::patterns::engines_that_do_not_answer",
            engines_that_do_not_answer,
        ),
    ]
}

/// Daemons of a test's own, below the outer one of the lab, where other tests come and go:
///
/// ```text
/// NAME: tree_1: lt_1 lt_2 my.dotted
///       tree_2: lt_1
///       bare, with-host (--pid=host), with-sibling (--pid=container:bare), stopped
///       dood (NAME's socket), spy (tree_1's socket), a-dood and a-thief (another socket of either engine)
/// ```
struct Forest<'a> {
    lab: &'a Lab,
    name: &'a str,
}

/// The engine's socket is a link to one that other containers can be given.
const TWO_SOCKETS: &str = "ln -s /shared/docker.sock /run/docker.sock
exec dockerd --host=unix:///shared/docker.sock --host=unix:///shared/second.sock";

impl<'a> Forest<'a> {
    fn plant(lab: &'a Lab, name: &'a str) -> Result<Self, String> {
        let forest = Self { lab, name };
        let own = format!("--volume=/run/{name}:/shared");
        lab.run_daemon_command("", name, &[&own], &["sh", "-c", TWO_SOCKETS])?;
        let shared = ["--volume=/run/shared:/shared"];
        lab.run_daemon_command(name, "tree_1", &shared, &["sh", "-c", TWO_SOCKETS])?;
        lab.run_daemon_container(name, "tree_2", &[])?;
        for (tree, leaf) in [("tree_1", "lt_1"), ("tree_1", "lt_2"), ("tree_1", "my.dotted"), ("tree_2", "lt_1")] {
            lab.run_container(&format!("{name}.{tree}"), leaf, &[])?;
        }
        for (name, option) in [
            ("bare", "--env=x=y"),
            ("with-host", "--pid=host"),
            ("with-sibling", "--pid=container:bare"),
            ("stopped", "--env=x=y"),
            ("dood", "--volume=/shared/docker.sock:/run/docker.sock"),
            ("a-dood", "--volume=/shared/second.sock:/run/docker.sock"),
            ("spy", "--volume=/run/shared/docker.sock:/run/docker.sock"),
            ("a-thief", "--volume=/run/shared/second.sock:/run/docker.sock"),
        ] {
            lab.run_container(forest.name, name, &[option])?;
        }
        lab.docker(name, &["kill", "stopped"])?.ok()?;
        Ok(forest)
    }

    fn remove(mut self) -> Result<(), Failed> {
        Ok(self.lab.remove("", std::mem::take(&mut self.name))?)
    }

    /// nicon-resolve, with the forest's engine as its own: so that paths begin with the trees.
    fn resolve(&self, suite: &Suite) -> Result<Command, String> {
        let mut command = suite.command("nicon-resolve")?;
        let socket = format!("unix:///proc/{}/root/shared/docker.sock", self.lab.host_pid(self.name)?);
        command.env("DOCKER_HOST", socket);
        Ok(command)
    }

    fn ask(&self, suite: &Suite, words: &[&str]) -> Result<Ran, String> {
        output_within(self.resolve(suite)?.args(words), LIMIT)
    }

    /// What `docker ps` says, run inside each container that has an engine of its own.
    fn listed_from_inside(&self) -> Result<BTreeSet<String>, String> {
        let mut paths = BTreeSet::new();
        for tree in ["", "tree_1", "tree_2"] {
            let at = if tree.is_empty() { self.name.to_owned() } else { format!("{}.{tree}", self.name) };
            for name in self.lab.docker(&at, &["ps", "--format={{.Names}}"])?.ok()?.lines() {
                paths.insert(if tree.is_empty() { name.to_owned() } else { spell(tree, name) });
            }
        }
        Ok(paths)
    }
}

/// What a test that fails leaves here would be in the answers of others.
impl Drop for Forest<'_> {
    fn drop(&mut self) {
        if !self.name.is_empty() {
            let _ = self.lab.remove("", self.name);
        }
    }
}

fn spell(tree: &str, name: &str) -> String {
    let separator = if name.contains('.') { '/' } else { '.' };
    format!("{tree}{separator}{name}")
}

/// A record as it would be if the engine had been asked for the container, and its bundle had not been read.
fn as_if_asked(mut record: Value) -> Value {
    for hop in record["hops"].as_array_mut().unwrap() {
        hop.as_object_mut().unwrap().remove("file");
    }
    record
}

fn targets(records: &[Value]) -> Vec<&str> {
    let mut targets: Vec<_> = records.iter().map(|record| record["target"].as_str().unwrap()).collect();
    targets.sort_unstable();
    targets
}

fn every_container_once(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let forest = Forest::plant(lab, "every")?;
    let expected = forest.listed_from_inside()?;
    assert_eq!(expected.len(), 13, "{expected:?}");
    for translate in translations() {
        let ran = forest.ask(suite, &[translate, "**"])?;
        let found = records(&ran);
        assert_eq!(targets(&found), expected.iter().collect::<Vec<_>>(), "{ran:?}");
        for record in &found {
            let target = record["target"].as_str().unwrap();
            assert_eq!(record["pattern"], "**");
            if !target.contains('/') {
                is_process(record, lab.host_pid(&format!("every.{target}"))?);
            }
            let engine_of = match target {
                "dood" => json!("/"),
                "spy" => json!("tree_1"),
                _ => Value::Null,
            };
            assert_eq!(record["engine_of"], engine_of, "{record}");
        }
        let pids: BTreeSet<_> = found.iter().map(|record| record["pid"].as_u64()).collect();
        assert_eq!(pids.len(), found.len(), "each once");

        // Each target leads back to the same container, and what is asked again passes through.
        let again = records(&output_of_input(&mut forest.resolve(suite)?, &ran.stdout, LIMIT)?);
        assert_eq!(again, found.into_iter().map(as_if_asked).collect::<Vec<_>>());
    }

    // Seen from the lab's own engine, the forest is one container among others, and the engines in it are the same.
    let below = records(&suite.run(&["nicon-resolve", "every.**"]));
    let inside = |path: &String| if path.contains('/') { format!("every/{path}") } else { format!("every.{path}") };
    let expected: BTreeSet<_> = expected.iter().map(inside).collect();
    assert_eq!(targets(&below), expected.iter().collect::<Vec<_>>());
    let dood = below.iter().find(|record| record["target"] == "every.dood").unwrap();
    assert_eq!(dood["engine_of"], "every");

    // A name that is written out leads through a loop as ever.
    let looped = records(&suite.run(&["nicon-resolve", "every.dood.dood.tree_?"]));
    assert_eq!(targets(&looped), ["every.dood.dood.tree_1", "every.dood.dood.tree_2"]);
    forest.remove()
}

fn each_kind_of_wildcard(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let forest = Forest::plant(lab, "kinds")?;
    for (pattern, expected) in [
        ("*", &["a-dood", "a-thief", "bare", "dood", "spy", "tree_1", "tree_2", "with-host", "with-sibling"][..]),
        ("tree_?", &["tree_1", "tree_2"]),
        ("[a-c]*", &["a-dood", "a-thief", "bare"]),
        ("[!a-s]*e", &[]),
        ("*.lt_1", &["tree_1.lt_1", "tree_2.lt_1"]),
        ("tree_1.*", &["tree_1.lt_1", "tree_1.lt_2", "tree_1/my.dotted"]),
        ("tree_1/my.*", &["tree_1/my.dotted"]),
        (r"*.my\.dotted", &["tree_1/my.dotted"]),
        ("**.lt_[2-9]", &["tree_1.lt_2"]),
        ("tree_2.**", &["tree_2.lt_1"]),
        ("**.**.b*", &["bare"]),
        ("*.*.*", &[]),
        // The engine inside of it is tree_1's, which it was not reached through.
        ("spy.*2", &["spy.lt_2"]),
        ("dood.b*", &["dood.bare"]),
    ] {
        let ran = forest.ask(suite, &[pattern])?;
        assert_eq!(ran.code(), Some(i32::from(expected.is_empty())), "{pattern}: {ran:?}");
        assert_eq!(targets(&parse(&ran.stdout)), expected, "{pattern}: {ran:?}");
    }
    let id = lab.docker("kinds.tree_1", &["inspect", "--format={{.Id}}", "lt_2"])?.ok()?;
    let found = record(&forest.ask(suite, &[&format!("t*.{}", &id[..12])])?);
    assert_eq!(found["target"], "tree_1.lt_2");
    forest.remove()
}

fn records_and_paths_beside_them(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    lab.run_container("setup.olt_1", "beside-1", &[])?;
    lab.run_container("setup.olt_1", "beside-2", &[])?;
    let input = "setup\n{\"note\":[1.50,null],\"target\":\"setup.olt_1.beside-?\",\"link\":\"x\"}\n{\"target\":\"setup.[\"}\nsetup.olt_1\n";
    let ran = suite.feed(&["nicon-resolve"], input);
    assert_eq!(ran.code(), Some(2), "{ran:?}");
    assert!(ran.stderr.starts_with("nicon-resolve: line 3: path \"setup.[\""), "{ran:?}");
    let found = parse(&ran.stdout);
    assert_eq!(targets(&found[1..3]), ["setup.olt_1.beside-1", "setup.olt_1.beside-2"]);
    assert_eq!((&found[0]["target"], &found[3]["target"]), (&json!("setup"), &json!("setup.olt_1")));
    let enriched =
        r#"{"note":[1.50,null],"target":"setup.olt_1.beside-1","link":"x","pattern":"setup.olt_1.beside-?","pid":"#;
    assert!(ran.stdout.contains(enriched), "{ran:?}");

    // What a record expects is expected of each that fits.
    let ran = suite.feed(&["nicon-resolve"], r#"{"target":"setup.olt_1.beside-?","expected_pid":1}"#);
    assert_eq!((ran.code(), &ran.stdout[..]), (Some(1), ""), "{ran:?}");
    assert_eq!(ran.stderr.matches("setup.olt_1.beside-?: its PID is ").count(), 2, "{ran:?}");

    // Two patterns: the container that both fit is told for both.
    let ran = suite.run(&["nicon-resolve", "--pid", "setup.olt_1.beside-*", "setup.*.beside-1"]);
    let (one, two) = (lab.host_pid("setup.olt_1.beside-1")?, lab.host_pid("setup.olt_1.beside-2")?);
    let pids: Vec<u32> = ran.ok()?.lines().map(|line| line.parse().unwrap()).collect();
    assert_eq!((BTreeSet::from_iter(&pids[..2]), &pids[2..]), (BTreeSet::from([&one, &two]), &[one][..]));
    lab.remove("setup.olt_1", "beside-1")?;
    Ok(lab.remove("setup.olt_1", "beside-2")?)
}

fn in_the_order_of_their_paths(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    lab.run_daemon_container("", "row_2", &[])?;
    for (at, name) in
        [("", "row_10"), ("row_2", "lt_10"), ("", "row_1"), ("row_2", "lt_2"), ("row_2", "lt_1"), ("", "row")]
    {
        lab.run_container(at, name, &[])?;
    }
    let sorted = ["row", "row_1", "row_2", "row_2.lt_1", "row_2.lt_2", "row_2.lt_10", "row_10"];
    for _ in 0..4 {
        // Other tests' containers come and go.
        let found = parse(&suite.run(&["nicon-resolve", "**"]).stdout);
        let paths: Vec<_> = found.iter().filter_map(|record| record["target"].as_str()).collect();
        let paths: Vec<_> = paths.into_iter().filter(|path| path.starts_with("row")).collect();
        assert_eq!(paths, sorted);
    }
    ["row", "row_1", "row_2", "row_10"].into_iter().try_for_each(|name| Ok(lab.remove("", name)?))
}

fn nothing_fits(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    for (pattern, words) in [
        ("setup.olt_1.q*", "setup.olt_1.q*: no running container matches"),
        ("qq?.**.x", "qq?.**.x: no running container matches"),
        ("qqqqqqqq.*", "qqqqqqqq.*: hop 1 (qqqqqqqq): no container"),
        (
            "setup.olt_1.lt_1.*",
            "list containers in setup.olt_1.lt_1: no container engine (no socket at /run/docker.sock",
        ),
    ] {
        refusal(&suite.run(&["nicon-resolve", pattern]), 1, &[words]);
    }
    for pattern in ["a.b**", r"a.\*", "a.[", "a*.$b"] {
        refusal(&suite.run(&["nicon-resolve", pattern]), 2, &["path \"a"]);
    }
    Ok(())
}

fn engines_that_do_not_answer(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let forest = Forest::plant(lab, "mute")?;
    let all = forest.listed_from_inside()?;
    // By its files what is in it is listed all the same, and that it does not answer is told.
    let late = "the engine does not answer (waited 3 s): its files were read instead";
    let but = |tree: &str| all.iter().filter(|path| *path == tree || !path.starts_with(tree)).collect::<Vec<_>>();
    let mut resolve = forest.resolve(suite)?;
    resolve.args(["--timeout=6", "**"]);

    for tree in ["tree_1", "tree_2"] {
        // The daemon is the container's first process.
        let stopped = Stopped::new(lab.host_pid(&format!("mute.{tree}"))?)?;
        let ran = output_within(&mut resolve, LIMIT)?;
        drop(stopped);
        assert_eq!(ran.code(), Some(2), "{ran:?}");
        assert_eq!(targets(&parse(&ran.stdout)), all.iter().collect::<Vec<_>>(), "{ran:?}");
        assert!(ran.stderr.contains(&format!("**: list containers in {tree}: {late}")), "{ran:?}");
        // tree_1's engine has another socket, too.
        assert_eq!(ran.stderr.lines().count(), if tree == "tree_1" { 2 } else { 1 }, "{ran:?}");
    }

    let stopped = Stopped::new(lab.host_pid("mute")?)?;
    let ran = output_within(&mut resolve, LIMIT)?;
    drop(stopped);
    assert_eq!(ran.code(), Some(2), "{ran:?}");
    assert_eq!(targets(&parse(&ran.stdout)), all.iter().collect::<Vec<_>>(), "{ran:?}");
    // It has another socket, too.
    let places = ["list containers", "list containers in a-dood"];
    assert_eq!(ran.stderr, places.map(|place| format!("nicon-resolve: **: {place}: {late}\n")).concat());

    // What can be told is told before it is known that the rest cannot.
    let stopped = Stopped::new(lab.host_pid("mute.tree_2")?)?;
    let mut child = forest.resolve(suite)?.args(["--timeout=25", "**"]).stdout(Stdio::piped()).spawn()?;
    let lines = BufReader::new(child.stdout.take().ok_or("no stdout")?).lines();
    // Whose engine some have may be known only when all engines are.
    let later = ["spy", "a-dood", "a-thief"];
    let mut missing: BTreeSet<_> = but("tree_2").into_iter().filter(|path| !later.contains(&&path[..])).collect();
    for line in lines.map_while(Result::ok) {
        missing.remove(&parse(&line)[0]["target"].as_str().unwrap().to_owned());
        if missing.is_empty() {
            break;
        }
    }
    assert!(missing.is_empty(), "{missing:?}");
    assert!(child.try_wait()?.is_none(), "it still waits");
    child.kill()?;
    child.wait()?;
    drop(stopped);

    // A socket that nobody listens at any more. Whoever looks at all containers may have connected, which ends socat as well.
    lab.run_container("mute", "stale", &["--tmpfs=/run"])?;
    let script = "socat UNIX-LISTEN:/run/docker.sock,unlink-close=0 - & until [ -S /run/docker.sock ]; do sleep 0.05; done; kill -KILL $! || :";
    lab.exec("mute.stale", &["sh", "-c", script])?.ok()?;
    let ran = output_within(&mut resolve, LIMIT)?;
    assert_eq!(ran.code(), Some(2), "{ran:?}");
    assert!(
        ran.stderr.contains("list containers in stale: connect to /run/docker.sock: Connection refused"),
        "{ran:?}"
    );
    assert_eq!(parse(&ran.stdout).len(), all.len() + 1, "it is told itself: {ran:?}");
    forest.remove()
}
