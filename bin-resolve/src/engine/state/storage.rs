//! Where Podman is told to keep its storage: `containers-storage.conf(5)`.

use std::path::{Path, PathBuf};

use nicon_core::{Error, Result};
use serde::Deserialize;

use crate::brief::brief;
use crate::engine::state::store::UserDirs;
use crate::rootfs::files::Files;

/// The settings of the machine; the first file that is there counts.
const SYSTEM: [&str; 2] = ["/etc/containers/storage.conf", "/usr/share/containers/storage.conf"];

/// A user's own, below the directory for settings.
const OF_USER: &str = "containers/storage.conf";

/// What settings say; `None` for what is usual.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Set {
    pub(super) graphroot: Option<PathBuf>,
    pub(super) runroot: Option<PathBuf>,
}

#[derive(Default, Deserialize)]
struct Conf {
    #[serde(default)]
    storage: StorageSettings,
}

#[derive(Default, Deserialize)]
struct StorageSettings {
    graphroot: Option<String>,
    runroot: Option<String>,
    rootless_storage_path: Option<String>,
}

/// The files with the settings that count for root, or for a user.
pub(super) fn files(user: Option<&UserDirs>) -> Vec<PathBuf> {
    let own = user.map(|user| user.config.join(OF_USER));
    SYSTEM.iter().map(PathBuf::from).chain(own).collect()
}

/// Reads them.
///
/// # Errors
/// If a file cannot be read, or is not understood.
pub(super) fn read(files: &Files, user: Option<&UserDirs>) -> Result<Set> {
    let mut system = None;
    for path in SYSTEM {
        system = settings(files, Path::new(path))?;
        if system.is_some() {
            break;
        }
    }
    let own = user.map(|user| settings(files, &user.config.join(OF_USER))).transpose()?.flatten();
    Ok(set(system.unwrap_or_default(), own.unwrap_or_default(), user))
}

fn set(system: StorageSettings, own: StorageSettings, user: Option<&UserDirs>) -> Set {
    // An empty text counts as none.
    let path = |text: Option<String>| text.filter(|text| !text.is_empty()).map(PathBuf::from);
    let Some(UserDirs { name, uid, home, .. }) = user else {
        return Set { graphroot: path(system.graphroot), runroot: path(system.runroot) };
    };
    let of_all = system.rootless_storage_path.map(|text| {
        let text = text.replace("$HOME", &home.to_string_lossy());
        text.replace("$UID", &uid.to_string()).replace("$USER", name)
    });
    Set { graphroot: path(own.graphroot).or(path(of_all)), runroot: path(own.runroot) }
}

fn settings(files: &Files, path: &Path) -> Result<Option<StorageSettings>> {
    let Some(bytes) = files.read(path)? else { return Ok(None) };
    let conf: Conf = toml::from_slice(&bytes)
        .map_err(|error| Error::failed(format!("{} is not understood: {}", path.display(), brief(error.message()))))?;
    Ok(Some(conf.storage))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roots_settings_are_not_a_users() {
        let parse = |text: &str| toml::from_str::<Conf>(text).unwrap().storage;
        let system = || {
            parse(
                "[storage]\ndriver = \"overlay\"\nrunroot = \"/r\"\ngraphroot = \"/g\"\n\
                 rootless_storage_path = \"$HOME/$UID/$USER\"\n[storage.options]\nsize = \"\"\n",
            )
        };
        let some = |path: &str| Some(PathBuf::from(path));
        let alice = UserDirs {
            name: "alice".into(),
            uid: 7,
            runtime: "/run/user/7".into(),
            home: "/h/alice".into(),
            data: "/h/alice/.local/share".into(),
            config: "/h/alice/.config".into(),
        };
        assert_eq!(set(system(), parse(""), None), Set { graphroot: some("/g"), runroot: some("/r") });
        let alices = Set { graphroot: some("/h/alice/7/alice"), runroot: None };
        assert_eq!(set(system(), parse(""), Some(&alice)), alices);
        let own = parse("[storage]\ngraphroot = \"/mine\"\nrunroot = \"\"\n");
        assert_eq!(set(system(), own, Some(&alice)), Set { graphroot: some("/mine"), runroot: None });
        assert_eq!(set(parse(""), parse(""), Some(&alice)), Set::default());
    }
}
