//! Labels are what whoever starts a container likes, and what its engine likes to say.

use std::io::Write;

use libtest_mimic::{Failed, Trial};
use nicon_lab::{LIMIT, Lab, Ran, output_within, tool, witness};
use serde_json::{Value, json};

use crate::hostile::answers::{Engine, inspect};
use crate::hostile::liars::{ID, Pretended, ROOT};
use crate::support::expect::{is_process, parse, record, refusal};
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial("hostile::labels::that_are_none", that_are_none),
        suite.trial("hostile::labels::for_the_terminal", for_the_terminal),
        suite.trial("hostile::labels::that_say_it_is_in_a_pod", that_say_it_is_in_a_pod),
        suite.trial("hostile::labels::without_end", without_end),
        suite.trial("hostile::labels::that_nobody_could_read_on", that_nobody_could_read_on),
    ]
}

/// An engine that has one container, `web`, with these labels.
struct Labelled {
    container: Pretended,
    engine: Engine,
}

impl Labelled {
    fn start(name: &str, labels: &[u8]) -> Result<Self, Failed> {
        let container = Pretended::start(&ROOT, "--mount")?;
        let told = inspect(ID, "/web", &container.inner_pid);
        let told = told.strip_suffix('}').ok_or("no object")?;
        let body = [told.as_bytes(), br#","Config":{"Labels":"#, labels, b"}}"].concat();
        let engine = Engine::hearing(&format!("labels-{name}"), move |request, stream| {
            let list = format!(r#"[{{"Id":"{ID}","Names":["/web"]}}]"#);
            let body = if request.contains("/containers/json") { list.as_bytes() } else { &body };
            write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len())?;
            stream.write_all(body)
        });
        Ok(Self { container, engine })
    }

    /// What is known of its labels, and what is said of the others. The container is there in any case.
    fn told(&self, suite: &Suite) -> (Value, Ran) {
        let ran = self.engine.ask(suite, "--labels");
        let mut records = parse(&ran.stdout);
        assert_eq!(records.len(), 1, "{ran:?}");
        is_process(&records[0], self.container.pid);
        assert_eq!(ran.code(), Some(if ran.stderr.is_empty() { 0 } else { 2 }), "{ran:?}");
        (records.remove(0)["labels"].take(), ran)
    }
}

/// What is not understood is not known, and whether a container is wanted by it neither.
fn that_are_none(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let many: Vec<_> = (0..=1000).map(|number| format!("\"{number}\":\"\"")).collect();
    for (name, labels, words) in [
        ("invalid", &b"{\"a\":\"\xff\xfe\"}"[..], "not understood"),
        ("invalid-key", b"{\"\xc3\x28\":\"\"}", "not understood"),
        ("surrogate", br#"{"a":"\ud800"}"#, "not understood"),
        ("numbers", br#"{"a":1}"#, "not understood"),
        ("objects", br#"{"a":{"b":[]}}"#, "not understood"),
        ("list", br#"["a"]"#, "not understood"),
        ("many", format!("{{{}}}", many.join(",")).as_bytes(), "it has more than 1000 labels"),
        ("large", format!(r#"{{"a":"{}"}}"#, "x".repeat(400 << 10)).as_bytes(), "or 128 KiB of them"),
    ] {
        let labelled = Labelled::start(name, labels)?;
        let (known, ran) = labelled.told(suite);
        assert!(known == json!({}) && ran.stderr.contains(words), "{name} {ran:?}");
        assert!(ran.stderr.contains("there may be other labels") || ran.stderr.lines().count() == 1, "{ran:?}");
        refusal(&labelled.engine.ask(suite, "--label=a"), 2, &["web: whether it has a label \"a\" is unknown", words]);
    }
    for (name, labels) in [("null", "null"), ("empty", "{}")] {
        let labelled = Labelled::start(name, labels.as_bytes())?;
        assert_eq!(labelled.told(suite).0, json!({}), "{name}");
        refusal(&labelled.engine.ask(suite, "--label=a"), 1, &["web: the container has no label a"]);
    }
    Ok(())
}

const CONTROLS: &str = r#"{"\u001b[2Ja\n":"\u001b]0;x\u0007\r\n\u202ey\u009b31m\u007f\u0000","":"\u2028"}"#;

fn for_the_terminal(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let is_harmless =
        |text: &str| !text.contains(|c: char| c.is_control() && !"\r\n".contains(c) || "\u{202e}\u{2028}".contains(c));
    let labelled = Labelled::start("controls", CONTROLS.as_bytes())?;
    let (known, ran) = labelled.told(suite);
    assert_eq!(known, serde_json::from_str::<Value>(CONTROLS)?);
    assert!(is_harmless(&ran.stdout) && ran.stdout.lines().count() == 1, "{ran:?}");
    let program = suite.bins()?.join("nicon-resolve");
    let line = format!("DOCKER_HOST=unix:///run/hostile-labels-controls.sock {} --labels web", program.display());
    let mut terminal = tool("script");
    let ran = output_within(terminal.args(["-qec", &line, "/dev/null"]), LIMIT)?;
    assert!(is_harmless(&ran.stdout) && ran.stdout.lines().count() == 2, "{ran:?}");
    assert!(
        ran.stdout.contains("LABELS") && ran.stdout.contains(r"\u{1b}[2Ja\n=\u{1b}]0;x\u{7}\r\n\u{202e}y"),
        "{ran:?}"
    );
    let ran = labelled.engine.ask(suite, "--label=\"$(printf '\\033[2J')\"");
    assert!(ran.code() == Some(1) && is_harmless(&ran.stderr), "{ran:?}");
    Ok(())
}

/// Labels are chosen by whoever starts a container: by those of Kubernetes it may be found, but it is in no pod.
fn that_say_it_is_in_a_pod(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let labels =
        ["pod.name=front", "pod.namespace=kube-system", "pod.uid=1", "container.name=web", "docker.type=podsandbox"];
    let options = labels.map(|label| format!("--label=io.kubernetes.{label}"));
    let options: Vec<&str> =
        options.iter().map(String::as_str).chain(["--label=io.cri-containerd.kind=sandbox"]).collect();
    lab.run_container("setup", "no-pod", &options)?;
    for path in ["setup/pod:front", "setup/pod:kube-system:front/web", "setup/pod:*", "setup/pod:*/web"] {
        let ran = suite.run(&["nicon-resolve", path]);
        assert_eq!((ran.code(), &ran.stdout[..]), (Some(1), ""), "{ran:?}");
    }
    let found = record(&suite.run(&["nicon-resolve", "setup.no-*", options[0]]));
    is_process(&found, lab.host_pid("setup.no-pod")?);
    assert!(found["target"] == "setup.no-pod" && found.get("pod").is_none(), "{found}");
    assert!(found["hops"][1].get("pod").is_none(), "{found}");
    Ok(lab.remove("setup", "no-pod")?)
}

/// More than is read of an engine's answer: the container is not found, and everything says so.
fn without_end(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let long = "x".repeat(100 << 10);
    let labels: Vec<String> = (0..6).map(|number| format!("--label={number}={long}")).collect();
    lab.run_daemon_container("", "of-excess", &[])?;
    let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
    lab.run_container("of-excess", "excessive", &labels)?;
    lab.run_container("of-excess", "modest", &[])?;
    let pid = lab.host_pid("of-excess.excessive")?;
    refusal(&suite.run(&["nicon-resolve", "of-excess.excessive"]), 2, &["hop 2 (excessive in of-excess)", "too large"]);
    let ran = suite.run(&["nicon-resolve", "of-excess.*"]);
    assert!(ran.code() == Some(2) && ran.stderr.contains("(excessive in of-excess): "), "{ran:?}");
    let found = parse(&ran.stdout);
    assert_eq!(found.len(), 1, "{ran:?}");
    is_process(&found[0], lab.host_pid("of-excess.modest")?);
    // What belongs to it may not be said to belong to none; of what is around it, that it is further in is told.
    let net = witness::ns_link(pid, "net").ok_or("no network namespace")?;
    let ran = suite.run(&["nicon-resolve", "--of", &net]);
    assert_eq!((ran.code(), &ran.stdout[..]), (Some(2), ""), "{ran:?}");
    assert!(ran.stderr.contains(&format!("{net}: it belongs to no container that could be looked at")), "{ran:?}");
    let ran = suite.run(&["nicon-resolve", "--of", &format!("pid:{pid}")]);
    assert!(ran.code() == Some(2) && ran.stderr.contains("(excessive in of-excess): "), "{ran:?}");
    assert_eq!(parse(&ran.stdout)[0]["target"], "of-excess", "{ran:?}");
    Ok(lab.remove("", "of-excess")?)
}

/// Bytes that records spell with six would make one that is longer than any program reads.
fn that_nobody_could_read_on(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let most = "\u{7f}".repeat((128 << 10) - 11);
    let too_many = "\u{7f}".repeat(100 << 10);
    for (name, values, is_known) in [("readable", [&most[..], ""], true), ("unreadable", [&too_many, &too_many], false)]
    {
        let options = [format!("--label=a={}", values[0]), format!("--label=b={}", values[1])];
        let options = options.each_ref().map(String::as_str);
        lab.run_container("setup", name, &options)?;
        let ran = suite.run(&["nicon-resolve", "--labels", &format!("setup.{name}")]);
        assert_eq!(ran.code(), Some(if is_known { 0 } else { 2 }), "{name} {}", ran.stderr);
        let passed = record(&suite.feed(&["nicon-nsid"], &ran.stdout));
        let expected = if is_known { json!({ "a": values[0], "b": values[1], "nicon-lab": "" }) } else { json!({}) };
        assert!(passed["labels"] == expected, "{name}: {} bytes", ran.stdout.len());
        lab.remove("setup", name)?;
    }
    Ok(())
}
