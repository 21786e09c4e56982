//! nicon-resolve asks the engines of this machine that `docker` and `podman` ask, which bear witness.

use std::fs;

use libtest_mimic::{Failed, Trial};
use nicon_lab::{LIMIT, Lab, Ran, output_within, tool};

use crate::resolve::engines::podman_pid;
use crate::support::expect::{is_process, record, refusal};
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial("resolve::settings::by_docker_context", by_docker_context),
        suite.trial("resolve::settings::by_a_context_that_is_not_to_be_had", by_a_context_that_is_not_to_be_had),
        suite.trial("resolve::settings::by_container_host", by_container_host),
    ]
}

type Settings<'a> = &'a [(&'a str, &'a str)];

/// A directory with Docker's configuration, on the private /run, and the user's home.
struct Config {
    suite: Suite,
    directory: String,
}

impl Config {
    fn new(suite: &Suite, name: &str) -> Result<Self, Failed> {
        let config = Self { suite: suite.clone(), directory: format!("/run/chosen-{name}/.docker") };
        fs::create_dir_all(&config.directory)?;
        config.write("{}")?;
        Ok(config)
    }

    fn write(&self, text: &str) -> Result<(), Failed> {
        Ok(fs::write(self.file(), text)?)
    }

    fn file(&self) -> String {
        format!("{}/config.json", self.directory)
    }

    fn create_context(&self, name: &str, host: &str) -> Result<(), Failed> {
        self.docker(&[], &["context", "create", name, "--docker", &format!("host={host}")])?.ok()?;
        Ok(())
    }

    /// Runs a program with settings of engines.
    fn run(&self, settings: Settings, words: &[&str]) -> Result<Ran, Failed> {
        let nicon = words[0] == "nicon-resolve";
        let mut command = if nicon { self.suite.command(words[0])? } else { tool(words[0]) };
        command.env("DOCKER_CONFIG", &self.directory).env_remove("HOME");
        Ok(output_within(command.args(&words[1..]).envs(settings.iter().copied()), LIMIT)?)
    }

    /// Docker's own command line.
    fn docker(&self, settings: Settings, words: &[&str]) -> Result<Ran, Failed> {
        self.run(settings, &[&["docker"], words].concat())
    }
}

/// Two daemons have a container of one name; whichever Docker's command line asks, nicon asks.
fn by_docker_context(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    lab.run_container("", "twin", &[])?;
    lab.run_container("setup", "twin", &[])?;
    let (ours, inner) = (lab.host_pid("twin")?, lab.host_pid("setup.twin")?);
    let (own, other) =
        ("unix:///run/docker.sock", format!("unix:///proc/{}/root/run/docker.sock", lab.host_pid("setup")?));
    let config = Config::new(suite, "contexts")?;
    for (name, host) in [("inner", &other[..]), ("own", own), ("usual", "")] {
        config.create_context(name, host)?;
    }
    // A user without HOME has one in /etc/passwd; a test leaves that alone.
    let home: [(&str, &str); 2] = [("DOCKER_CONFIG", ""), ("HOME", "/run/chosen-contexts")];
    let context = |name| format!(r#"{{"currentContext":"{name}"}}"#);
    let all: &[(&str, Settings, u32)] = &[
        ("{}", &[], ours),
        ("", &[], ours),
        ("null", &[], ours),
        (&context(""), &[], ours),
        (&context("default"), &[], ours),
        (&context("own"), &[], ours),
        (&context("usual"), &[], ours),
        (&context("inner"), &[], inner),
        (&context("inner"), &home, inner),
        (r#"{"auths":{},"CURRENTCONTEXT":"inner"}"#, &[], inner),
        (&context("inner"), &[("DOCKER_CONTEXT", "default")], ours),
        (&context("inner"), &[("DOCKER_CONTEXT", "own")], ours),
        (&context("inner"), &[("DOCKER_CONFIG", "/run/chosen-nowhere")], ours),
        (&context("own"), &[("DOCKER_CONTEXT", "inner")], inner),
        (&context("own"), &[("DOCKER_CONTEXT", "inner"), ("DOCKER_HOST", own)], ours),
        (&context("own"), &[("DOCKER_CONTEXT", "nobody"), ("DOCKER_HOST", &other)], inner),
        (&context("inner"), &[("DOCKER_HOST", "unix://")], ours),
        (&context("inner"), &[("DOCKER_HOST", &format!(" {own} "))], ours),
    ];
    for (text, settings, pid) in all {
        config.write(text)?;
        let id = config.docker(settings, &["inspect", "--format={{.Id}}", "twin"])?.ok()?;
        let found = record(&config.run(settings, &["nicon-resolve", "twin"])?);
        assert_eq!(found["hops"][0]["id"], id, "{text} {settings:?}");
        is_process(&found, *pid);
    }
    // An empty variable is none. Docker is not asked: its versions may differ.
    config.write(&context("inner"))?;
    let empty = [("DOCKER_CONTEXT", ""), ("DOCKER_HOST", "")];
    is_process(&record(&config.run(&empty, &["nicon-resolve", "twin"])?), inner);
    // The chosen one is the only one that is asked.
    let others = ["hop 1", "no container \"setup\""];
    refusal(&config.run(&[], &["nicon-resolve", "setup"])?, 1, &others);
    assert!(!config.docker(&[], &["inspect", "setup"])?.status.success());
    // Other engines are asked for by name, and a context within a container is that container's own affair.
    let ran = config.run(&[], &["nicon-resolve", "--engine=runc", "twin"])?;
    refusal(&ran, 1, &["hop 1"]);
    is_process(&record(&config.run(&[("DOCKER_CONTEXT", "own")], &["nicon-resolve", "setup.twin"])?), inner);
    lab.remove("setup", "twin")?;
    Ok(lab.remove("", "twin")?)
}

/// Nothing is named, and it is said what was to be asked, by which setting, and how to ask the usual engines.
fn by_a_context_that_is_not_to_be_had(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let config = Config::new(suite, "broken")?;
    for (name, host) in [("gone", "unix:///run/nowhere.sock"), ("far", "ssh://me@there"), ("wire", "tcp://127.0.0.1:9")]
    {
        config.create_context(name, host)?;
    }
    let find = format!("grep -l '\"gone\"' {}/contexts/meta/*/meta.json", config.directory);
    let meta = output_within(tool("sh").args(["-c", &find]), LIMIT)?.ok()?;
    let ask = |settings: Settings| config.run(settings, &["nicon-resolve", "setup"]);
    let broken = |settings: Settings, words: &[&str]| -> Result<(), Failed> {
        let told = config.docker(settings, &["inspect", "setup"])?;
        assert!(!told.status.success(), "nor does Docker: {told:?}");
        refusal(&ask(settings)?, 2, words);
        Ok(())
    };
    broken(
        &[("DOCKER_CONTEXT", "far")],
        &["context \"far\" (DOCKER_CONTEXT) is at \"ssh://me@there\"", "(unset DOCKER_"],
    )?;
    broken(&[("DOCKER_CONTEXT", "wire")], &["context \"wire\"", "tcp://", "DOCKER_CONTEXT=default"])?;
    for odd in ["nobody", "../../etc", "a/b", "\u{1b}[2J", " default", "Default", "ü"] {
        let shown = odd.replace('\u{1b}', "\\u{1b}");
        broken(
            &[("DOCKER_CONTEXT", odd)],
            &[&format!("context \"{shown}\" (DOCKER_CONTEXT) is unknown"), "meta.json"],
        )?;
    }
    let file = config.file();
    for name in ["far", "nobody"] {
        config.write(&format!(r#"{{"currentContext":"{name}"}}"#))?;
        let by = format!("context \"{name}\" (currentContext of {file})");
        broken(&[], &[&by, "(docker context use default, or say DOCKER_CONTEXT=default)"])?;
        is_process(&record(&ask(&[("DOCKER_CONTEXT", "default")])?), lab.host_pid("setup")?);
    }
    // What is not there is no error of the settings.
    config.write(r#"{"currentContext":"gone"}"#)?;
    refusal(&ask(&[])?, 1, &["hop 1", "no socket at /run/nowhere.sock, as context \"gone\" says"]);
    for text in ["{", "", "[]", "{}", r#"{"Endpoints":{"Docker":{}}}"#, r#"{"Endpoints":{"docker":{"Host":5}}}"#] {
        fs::write(&meta, text)?;
        broken(&[], &["context \"gone\"", &meta])?;
    }
    for host in ["unix://", "unix://relative", "/run/docker.sock"] {
        fs::write(&meta, format!(r#"{{"Endpoints":{{"docker":{{"Host":"{host}"}}}}}}"#))?;
        broken(&[], &["context \"gone\"", &format!("\"{host}\"")])?;
    }
    // Docker only warns of these, and asks the usual socket, whatever they were to say.
    for text in ["{", "[]", r#"{"currentContext":5}"#, "\u{feff}{}"] {
        config.write(text)?;
        assert!(config.docker(&[], &["inspect", "setup"])?.stderr.contains("WARNING"), "{text}");
        refusal(&ask(&[])?, 2, &[&file, "is not understood"]);
    }
    fs::remove_file(&file)?;
    fs::create_dir(&file)?;
    refusal(&ask(&[])?, 2, &[&format!("read {file}: ")]);
    is_process(&record(&ask(&[("DOCKER_HOST", "unix:///run/docker.sock")])?), lab.host_pid("setup")?);
    Ok(())
}

/// Podman is its own service's client where this variable says so. Two of them have a container of one name: the other one is
/// at the usual place, on a /run of this test's own.
fn by_container_host(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let config = Config::new(suite, "podman")?;
    let mut found = Vec::new();
    for quay in ["quay-1", "quay-2"] {
        lab.run_daemon_container("setup", quay, &[])?;
        let at = format!("setup.{quay}");
        lab.start_podman(&at, "")?;
        let id = lab.run_podman(&at, "pod-twin", &[], &["sleep", "infinity"])?;
        let run = format!("/proc/{}/root/run/podman", lab.host_pid(&at)?);
        found.push((id, podman_pid(lab, &at, "pod-twin")?, run));
    }
    let [(chosen, pid, there), (usual, other_pid, run)] = &found[..] else { return Err("not two".into()) };
    let mount =
        "mount -t tmpfs none /run && mkdir /run/podman && ln -s \"$1/podman.sock\" /run/podman && shift && exec \"$@\"";
    let ask = |settings: Settings, words: &[&str]| {
        let program = suite.bins()?.join("nicon-resolve");
        let program = program.to_str().ok_or("the path of the programs is not UTF-8")?;
        let words: Vec<&str> = words.iter().map(|word| if *word == "nicon-resolve" { program } else { word }).collect();
        config.run(settings, &[&["unshare", "--mount", "sh", "-c", mount, "sh", run], &words[..]].concat())
    };
    let inspect =
        ["env", "--unset=DOCKER_CONFIG", "HOME=/root", "podman", "--remote", "inspect", "--format={{.Id}}", "pod-twin"];
    let host = format!("unix://{there}/podman.sock");
    let cases: [(Settings, &str, u32); 2] = [(&[("CONTAINER_HOST", &host)], chosen, *pid), (&[], usual, *other_pid)];
    for (settings, id, pid) in cases {
        assert_eq!(ask(settings, &inspect)?.ok()?, *id, "so says podman");
        for path in ["pod-twin", "podman:pod-twin"] {
            let found = record(&ask(settings, &["nicon-resolve", "--timeout=25", path])?);
            assert_eq!(found["hops"][0]["id"], *id, "{path}");
            is_process(&found, pid);
        }
    }
    // It need not be told to be a client.
    let local: Vec<&str> = inspect.iter().filter(|word| **word != "--remote").copied().collect();
    assert_eq!(ask(&[("CONTAINER_HOST", &host)], &local)?.ok()?, *chosen);
    for host in ["unix:///run/nowhere.sock", "ssh://me@there/x.sock"] {
        let settings = [("CONTAINER_HOST", host)];
        assert!(!ask(&settings, &local)?.status.success());
        let ran = ask(&settings, &["nicon-resolve", "podman:pod-twin"])?;
        assert!(ran.code() != Some(0) && ran.stdout.is_empty(), "{ran:?}");
        let words = ["CONTAINER_HOST", host.trim_start_matches("unix://")];
        assert!(words.iter().all(|word| ran.stderr.contains(word)), "{ran:?}");
    }
    let connection = [("CONTAINER_CONNECTION", "there")];
    refusal(&ask(&connection, &["nicon-resolve", "pod-twin"])?, 2, &["CONTAINER_CONNECTION is \"there\""]);
    // Docker is none of its business.
    for settings in [[("CONTAINER_HOST", &host[..])], connection] {
        let ran = config.run(&settings, &["nicon-resolve", "--engine=docker", "setup"])?;
        is_process(&record(&ran), lab.host_pid("setup")?);
    }
    lab.remove("setup", "quay-1")?;
    Ok(lab.remove("setup", "quay-2")?)
}
