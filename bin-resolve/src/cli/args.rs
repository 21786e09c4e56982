//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use clap::builder::{PathBufValueParser, PossibleValue, PossibleValuesParser, TypedValueParser};
use nicon_core::filter::format::OutputFormat;
use nicon_core::filter::seconds::seconds;
use nicon_core::path::Engine as Kind;
use nicon_core::pidns::Method;
use nicon_resolve::Options;

/// Find the real process of a container, however deep it is nested.
///
/// PATH names a container inside a container: `a.b.c`. If names contain dots, use slashes, as in `a/my.dotted/c` or
/// `/my.dotted`, or escape the dots, as in `a.my\.dotted.c`. A segment is a container's exact name, or its ID, of
/// which at least 12 digits are needed; `id:c6d` takes fewer, if they are unique. A prefix says which engine is meant, and
/// whose: `podman:a`, `alice@podman:a`, `containerd:NAMESPACE:a`, `docker:id:c6d`. Others are `lxc:a`,
/// `incus:PROJECT:a` and `machine:a`, of systemd's. `pod:front` or `pod:NAMESPACE:front` is a pod, and `pod:front/web` a
/// container of it. The first segment can also be a process or a unit of systemd's, as in `pid:4242.a` or `unit:docker/a`.
///
/// A pattern names all running containers that match it: `*`, `?`, `[a-z]` and `[!a-z]` within a segment, and `**` for
/// any number of segments; `**` alone is every container on this machine.
///
/// `host`, `netns:NAME` and `file:/PATH` are network namespaces and no containers: they pass through, for the programs that
/// handle links.
///
/// Without PATH, reads paths, one a line, or records with a "target" from standard input.
///
/// The host's own engines are asked, and those of its users, unless a setting chooses one instead: for Docker,
/// `DOCKER_HOST=unix:///PATH`, or else `DOCKER_CONTEXT` or `docker context use`; for Podman (`podman:a`), `CONTAINER_HOST`, or else
/// `DOCKER_HOST`. Where a setting chooses Docker, a path without a prefix asks it alone.
#[derive(Debug, Parser)]
#[allow(clippy::struct_excessive_bools, reason = "each is an option of its own")]
#[command(
    name = "nicon-resolve",
    version,
    max_term_width = 100,
    after_help = "\
Examples:
  nicon-resolve a.b.c | nicon-linkmv veth0 eth1
  nicon-resolve 'a.*.lt_?' '**'
  nicon-resolve pod:default:front/web 'node/pod:kube-system:*'
  nsenter -t $(nicon-resolve --pid --wait 10 a.b) -n ip addr
  nicon-resolve --watch '**'
  nicon-resolve --of pid:4242 --of 'net:[4026532565]'

Exit status: 0 all found, 1 no such container or not running, 2 any other failure."
)]
pub(crate) struct Args {
    /// Paths or patterns of the containers to find
    #[arg(value_name = "PATH")]
    pub(crate) paths: Vec<String>,

    /// Print bare PIDs, one a line
    #[arg(long, conflicts_with_all = ["json", "output"])]
    pub(crate) pid: bool,

    #[command(flatten)]
    pub(crate) format: OutputFormat,

    /// Ask only this engine; a path can choose per name: podman:web.docker:db
    #[arg(long, value_name = "ENGINE", value_parser = engine(), default_value = "auto")]
    pub(crate) engine: Engine,

    /// Look for an engine's socket here first, inside containers (for the host's own engine: `DOCKER_HOST`)
    #[arg(long, value_name = "PATH", value_parser = PathBufValueParser::new().try_map(absolute))]
    pub(crate) socket: Vec<PathBuf>,

    /// How long one hop may take
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = positive)]
    pub(crate) timeout: Duration,

    /// Do not wake an engine that systemd starts on demand: read its files instead (as patterns and --watch always do)
    #[arg(long)]
    pub(crate) no_start: bool,

    /// Keep running: print what is there, and then what arrives, changes or goes, until the reader leaves
    #[arg(short, long, conflicts_with = "pid")]
    pub(crate) watch: bool,

    /// Wait up to SECONDS for containers that do not run yet (exact paths, no patterns)
    #[arg(long, value_name = "SECONDS", value_parser = positive, conflicts_with = "watch")]
    pub(crate) wait: Option<Duration>,

    /// Print the container that THING belongs to: `pid:4242`, `cgroup:/PATH`, `net:[4026531840]`; `-` reads them, or records of
    /// processes, from standard input
    #[arg(long, value_name = "THING", conflicts_with_all = ["paths", "watch", "wait"])]
    pub(crate) of: Vec<String>,

    /// Add the containers' labels to records
    #[arg(long, conflicts_with = "watch")]
    pub(crate) labels: bool,

    /// Find only containers that have this label, or have it with this value; if repeated, those that have all
    #[arg(long, value_name = "KEY[=VALUE]", value_parser = label, conflicts_with_all = ["watch", "wait", "of"])]
    pub(crate) label: Vec<Label>,

    /// How to translate PIDs: ask the kernel (Linux 6.11), or scan /proc
    #[arg(long, value_name = "HOW", value_parser = method(), default_value = "auto")]
    pub(crate) translate: Method,

    /// Report each step on standard error
    #[arg(short, long)]
    pub(crate) verbose: bool,
}

impl Args {
    /// The options of the resolver.
    pub(crate) fn options(&self, log: fn(&str, &str)) -> Options {
        Options {
            engine: self.engine.0,
            sockets: self.socket.clone(),
            timeout: self.timeout,
            starts_engines: !self.no_start,
            method: self.translate,
            labels: self.labels || !self.label.is_empty(),
            log: self.verbose.then_some(log),
        }
    }
}

/// A label that containers are to have.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Label {
    pub(crate) key: String,
    /// `None` if any value will do.
    pub(crate) value: Option<String>,
}

fn label(text: &str) -> Result<Label, &'static str> {
    let (key, value) = text.split_once('=').map_or((text, None), |(key, value)| (key, Some(value.to_owned())));
    if key.is_empty() { Err("the key is missing") } else { Ok(Label { key: key.to_owned(), value }) }
}

/// The only kind of engine to ask, if any.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Engine(Option<Kind>);

fn engine() -> impl TypedValueParser<Value = Engine> {
    let kinds = Kind::ALL.map(|kind| PossibleValue::new(kind.name()));
    let auto = PossibleValue::new("auto").help("all that are present");
    let kind = |name: String| Kind::ALL.into_iter().find(|kind| kind.name() == name);
    PossibleValuesParser::new([auto].into_iter().chain(kinds)).map(move |name| Engine(kind(name)))
}

fn method() -> impl TypedValueParser<Value = Method> {
    PossibleValuesParser::new(["auto", "ioctl", "scan"]).map(|name| match &name[..] {
        "ioctl" => Method::Ioctl,
        "scan" => Method::Scan,
        _ => Method::Auto,
    })
}

fn positive(text: &str) -> Result<Duration, String> {
    match seconds(text).map_err(|error| error.to_string())? {
        Duration::ZERO => Err("must be greater than 0".to_owned()),
        time => Ok(time),
    }
}

fn absolute(path: PathBuf) -> Result<PathBuf, &'static str> {
    if path.is_absolute() { Ok(path) } else { Err("must be an absolute path") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_manual_is_that_of_the_command_line() {
        nicon_manual::check(Args::command());
    }

    #[test]
    fn a_time_out_is_a_positive_number() {
        assert_eq!(positive("0.5"), Ok(Duration::from_millis(500)));
        for bad in ["0", "-1", "x"] {
            assert!(positive(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_label_has_a_key() {
        let value = |value: &str| Some(value.to_owned());
        for (text, key, expected) in [("a", "a", None), ("a=", "a", value("")), ("a.b/c=d=e", "a.b/c", value("d=e"))] {
            assert_eq!(label(text), Ok(Label { key: key.to_owned(), value: expected }));
        }
        assert!(label("=x").is_err() && label("").is_err());
    }

    #[test]
    fn a_socket_is_an_absolute_path() {
        assert!(Args::try_parse_from(["nicon-resolve", "--socket=/run/x.sock"]).is_ok());
        let error = Args::try_parse_from(["nicon-resolve", "--socket=run/x.sock"]).unwrap_err();
        assert!(error.to_string().contains("must be an absolute path"), "{error}");
    }
}
