//! Where a Docker daemon keeps its containers, as `dockerd(8)` decides: by its command line, by its configuration file, or by
//! default. A daemon that does not run has only the latter two.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use nicon_core::{Error, Process, Result};
use serde::Deserialize;

use crate::brief::brief;
use crate::engine::state::store::UserDirs;
use crate::rootfs::blocking;
use crate::rootfs::files::Files;
use crate::rootfs::root::Root;

/// The configuration file of root's daemon, and of a user's below the directory for settings.
const CONFIG: &str = "/etc/docker/daemon.json";
const CONFIG_OF_USER: &str = "docker/daemon.json";

/// The fields used of the configuration file.
#[derive(Default, Deserialize)]
struct Config {
    #[serde(rename = "data-root")]
    data_root: Option<PathBuf>,
    /// Its name before Docker 17.05, which was understood up to Docker 22.
    graph: Option<PathBuf>,
}

/// How a daemon was started.
#[derive(Debug, PartialEq)]
pub(super) struct Invocation {
    /// The directory of the data, if the command line names it.
    data: Option<PathBuf>,
    /// The configuration file, which names it otherwise.
    config: PathBuf,
    /// The directory by default, if the environment tells that it is a user's.
    of_user: Option<PathBuf>,
}

/// Where a daemon that runs keeps its containers, below its `root` directory; as `usual`, if nothing says otherwise.
///
/// # Errors
/// If its command line or environment cannot be read, or its configuration is not understood.
pub(crate) async fn dirs_of(daemon: Arc<Process>, root: &Root, usual: Vec<PathBuf>) -> Result<Vec<PathBuf>> {
    // Reading them reads the process's memory, which can block.
    let started = blocking::ask(move || Ok(Invocation::by(&daemon.read("cmdline")?, &daemon.read("environ")?)));
    let Invocation { data, config, of_user } = started.await?;
    if let Some(data) = data {
        return Ok(vec![data.join("containers")]);
    }
    let configured = root.ask(move |directory| read(&Files::new(directory), &config)).await?;
    let dir = configured.or_else(|| Some(of_user?.join("containers")));
    Ok(dir.map_or(usual, |dir| vec![dir]))
}

/// The configuration file of a daemon that does not run: root's, or a user's.
pub(super) fn settings(user: Option<&UserDirs>) -> PathBuf {
    user.map_or_else(|| CONFIG.into(), |user| user.config.join(CONFIG_OF_USER))
}

/// Where its containers are, if a configuration file says so.
///
/// # Errors
/// If the file cannot be read, or is not understood.
pub(super) fn read(files: &Files, config: &Path) -> Result<Option<PathBuf>> {
    let Some(text) = files.read(config)? else { return Ok(None) };
    let data = data_root(&text);
    let data = data.map_err(|why| Error::failed(format!("{} is not understood: {}", config.display(), brief(&why))))?;
    Ok(data.map(|data| data.join("containers")))
}

/// The directory that the text of a configuration file names. As for `dockerd(8)`, an empty file is one without settings, and
/// there may be a byte order mark.
pub(super) fn data_root(text: &[u8]) -> std::result::Result<Option<PathBuf>, String> {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let config = match serde_json::from_slice::<Config>(text) {
        Err(_) if text.trim_ascii().is_empty() => Config::default(),
        parsed => parsed.map_err(|error| error.to_string())?,
    };
    let named = config.data_root.or(config.graph).filter(|path| !path.as_os_str().is_empty());
    // The daemon's working directory is usually that.
    Ok(named.map(|path| Path::new("/").join(path)))
}

impl Invocation {
    pub(super) fn by(cmdline: &str, environ: &str) -> Self {
        let user = directories_of_user(environ);
        let (config, of_user) = user.map_or_else(|| (CONFIG.into(), None), |(config, data)| (config, Some(data)));
        Self {
            data: option(cmdline, &["--data-root", "--graph", "-g"]),
            config: option(cmdline, &["--config-file"]).unwrap_or(config),
            of_user,
        }
    }
}

/// The value of the last option on a command line that has one of these names.
fn option(cmdline: &str, names: &[&str]) -> Option<PathBuf> {
    let arguments: Vec<&str> = cmdline.split('\0').collect();
    let value = |number: usize, name: &&str| match arguments[number].strip_prefix(name)? {
        "" => arguments.get(number + 1).copied(),
        rest => rest.strip_prefix('='),
    };
    let mut last_first = (0..arguments.len()).rev();
    last_first.find_map(|number| names.iter().find_map(|name| value(number, name))).map(PathBuf::from)
}

/// The configuration file and the directory of the data of a rootless daemon: in its user's home, since those elsewhere are
/// root's. As dockerd has it, `ROOTLESSKIT_STATE_DIR` tells that it is rootless.
fn directories_of_user(environ: &str) -> Option<(PathBuf, PathBuf)> {
    let variable = |name: &str| {
        let mut variables = environ.split('\0').filter_map(|variable| variable.split_once('='));
        variables.find(|(known, value)| *known == name && !value.is_empty()).map(|(_, value)| value)
    };
    variable("ROOTLESSKIT_STATE_DIR")?;
    let home = Path::new(variable("HOME").unwrap_or("/"));
    let directory = |name, usual| variable(name).map_or_else(|| home.join(usual), PathBuf::from).join("docker");
    Some((directory("XDG_CONFIG_HOME", ".config").join("daemon.json"), directory("XDG_DATA_HOME", ".local/share")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_a_daemon_was_started() {
        let rootless = "PATH=/bin\0ROOTLESSKIT_STATE_DIR=/run/user/1000/dockerd-rootless\0HOME=/home/alice\0";
        let elsewhere = format!("{rootless}XDG_DATA_HOME=/data/alice\0XDG_CONFIG_HOME=/config/alice\0");
        let (own_config, own_data) = ("/home/alice/.config/docker/daemon.json", "/home/alice/.local/share/docker");
        let (its_config, its_data) = ("/config/alice/docker/daemon.json", "/data/alice/docker");
        for (cmdline, environ, data, config, of_user) in [
            ("dockerd\0", "HOME=/root\0", None, CONFIG, None),
            ("dockerd\0", "HOME=/root\0ROOTLESSKIT_STATE_DIR=\0", None, CONFIG, None),
            ("dockerd\0", rootless, None, own_config, Some(own_data)),
            ("dockerd\0", &elsewhere, None, its_config, Some(its_data)),
            ("dockerd\0--data-root\0/d\0", &elsewhere, Some("/d"), its_config, Some(its_data)),
            ("dockerd\0--data-root=/d\0", "", Some("/d"), CONFIG, None),
            ("dockerd\0-g\0/c\0--graph=/d\0", "", Some("/d"), CONFIG, None),
            ("dockerd\0--config-file\0/c\0", rootless, None, "/c", Some(own_data)),
            ("dockerd\0--config-file=/c\0--data-rooted=/x\0", "", None, "/c", None),
        ] {
            let (data, of_user) = (data.map(PathBuf::from), of_user.map(PathBuf::from));
            let expected = Invocation { data, config: config.into(), of_user };
            assert_eq!(Invocation::by(cmdline, environ), expected, "{cmdline} {environ}");
        }
    }

    #[test]
    fn what_a_configuration_names() {
        for (text, expected) in [
            ("", None),
            (" \n", None),
            ("{}", None),
            ("\u{feff}{\"data-root\":\"/d\"}", Some("/d")),
            (r#"{"hosts":["unix:///s"],"graph":"/g"}"#, Some("/g")),
            (r#"{"data-root":"","graph":null}"#, None),
            (r#"{"data-root":"d/e"}"#, Some("/d/e")),
        ] {
            assert_eq!(data_root(text.as_bytes()), Ok(expected.map(PathBuf::from)), "{text}");
        }
        for text in ["{", "[]", r#"{"data-root":1}"#] {
            assert!(data_root(text.as_bytes()).is_err(), "{text}");
        }
    }
}
