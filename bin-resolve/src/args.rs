//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use nicon_core::pidns;

use crate::kind::Kind;

/// Find the real process of a container, however deep it is nested.
///
/// PATH names a container inside a container: `a.b.c`, or `a/my.dotted/c` where names contain dots (with a `/` in it, only
/// `/` separates), or `a.my\.dotted.c`. A segment is a container's exact name, or a unique prefix of its ID.
///
/// A pattern names all running containers whose names fit: `*`, `?`, `[a-z]` and `[!a-z]` within a segment, and `**` for any
/// number of segments; `**` alone is every container on this machine.
///
/// Without PATH, reads one path a line, or records with a "target", from standard input.
#[derive(Debug, Parser)]
#[command(
    name = "nicon-resolve",
    version,
    max_term_width = 100,
    after_help = "\
Examples:
  nicon-resolve a.b.c | nicon-linkmv veth0 eth1
  nicon-resolve 'a.*.lt_?' '**'
  nsenter -t $(nicon-resolve --pid a.b) -n ip addr

Exit status: 0 all found, 1 a clear no (no such container, not running), 2 could not tell."
)]
pub struct Args {
    /// Containers to find, by path or pattern
    #[arg(value_name = "PATH")]
    pub(crate) paths: Vec<String>,

    /// Print bare PIDs, one a line
    #[arg(long, conflicts_with = "json")]
    pub(crate) pid: bool,

    /// Print records even at a terminal
    #[arg(short = 'J', long)]
    pub(crate) json: bool,

    /// Which engines are asked; a path may choose as well: podman:web.docker:db
    #[arg(long, value_name = "ENGINE", value_enum, default_value_t = Engine::Auto)]
    pub(crate) engine: Engine,

    /// Another place to look for an engine's socket inside containers, before the usual ones
    #[arg(long, value_name = "PATH")]
    pub(crate) socket: Vec<PathBuf>,

    /// How long one hop may take
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = seconds)]
    pub(crate) timeout: Duration,

    /// How PIDs are translated: by the kernel (Linux 6.11), or by a scan of /proc
    #[arg(long, value_name = "HOW", value_enum, default_value_t = Translate::Auto)]
    pub(crate) translate: Translate,

    /// Tell each step on standard error
    #[arg(short, long)]
    pub(crate) verbose: bool,
}

/// The choice of [`Kind`].
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Engine {
    /// Each that is there
    Auto,
    Docker,
    Podman,
    Containerd,
    Runc,
}

impl Engine {
    pub(crate) fn kind(self) -> Option<Kind> {
        match self {
            Self::Auto => None,
            Self::Docker => Some(Kind::Docker),
            Self::Podman => Some(Kind::Podman),
            Self::Containerd => Some(Kind::Containerd),
            Self::Runc => Some(Kind::Runc),
        }
    }
}

/// The choice of [`pidns::Method`].
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Translate {
    Auto,
    Ioctl,
    Scan,
}

impl Translate {
    pub(crate) fn method(self) -> pidns::Method {
        match self {
            Self::Auto => pidns::Method::Auto,
            Self::Ioctl => pidns::Method::Ioctl,
            Self::Scan => pidns::Method::Scan,
        }
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    match Duration::try_from_secs_f64(seconds) {
        Ok(duration) if !duration.is_zero() => Ok(duration),
        _ => Err("must be greater than 0".to_owned()),
    }
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
        assert_eq!(seconds("0.5"), Ok(Duration::from_millis(500)));
        for bad in ["0", "-1", "nan", "inf", "x", "1e300"] {
            assert!(seconds(bad).is_err(), "{bad}");
        }
    }
}
