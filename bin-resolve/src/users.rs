//! The engines of ordinary users, who run them without root's rights. They listen in the user's runtime directory,
//! `XDG_RUNTIME_DIR`, which is `/run/user/UID` (`pam_systemd(8)`), and keep their files below it and in the user's home.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use nicon_core::path::is_user;
use nicon_core::{Context, Result};
use nix::sys::stat::fstat;
use nix::unistd::{Uid, geteuid};

use crate::address::{Address, Owner};
use crate::disk::{Store, User};
use crate::endpoint::Endpoint;
use crate::files::Files;
use crate::kind::Kind;
use crate::root::{Directory, Root};
use crate::rootlesskit::Hidden;
use crate::trust::Bounds;

/// Where users have their runtime directories.
pub(crate) const RUNTIME: &str = "/run/user";

/// Where rootlesskit leaves a PID for a user's containerd.
const CHILD_PID: &str = "containerd-rootless/child_pid";

/// Where their names and homes are.
const PASSWD: &str = "/etc/passwd";

/// The engines of ours, if we are not the machine's root: they are as near to us as those of the machine.
pub(crate) async fn own(root: &Arc<Root>) -> Result<Vec<Arc<Endpoint>>> {
    let myself = geteuid().as_raw();
    // In a user namespace, root is who made it. The runtime directory tells who that is on the machine.
    let ours = root.ask(users).await.unwrap_or_default().into_iter().find(|(_, seen_as)| *seen_as == myself);
    let uid = ours.map_or(myself, |(user, _)| user.uid);
    if uid == 0 {
        return Ok(Vec::new());
    }
    let variable = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let known = root.ask(|directory| passwd(&Files::new(directory))).await.unwrap_or_default();
    let entry = entry_of(&known, uid);
    let usual = user(uid, entry.as_ref(), variable("HOME"));
    let user = User {
        runtime: variable("XDG_RUNTIME_DIR").unwrap_or(usual.runtime),
        data: variable("XDG_DATA_HOME").unwrap_or(usual.data),
        config: variable("XDG_CONFIG_HOME").unwrap_or(usual.config),
        ..usual
    };
    Ok(endpoints(&user, root, &Bounds::default()))
}

/// The engines of all users below a root directory who have a runtime directory there; without ourselves, if it is `ours`.
///
/// # Errors
/// If it cannot be read.
pub(crate) async fn others(root: &Arc<Root>, ours: bool) -> Result<Vec<Arc<Endpoint>>> {
    if root.cached(Path::new(RUNTIME)).is_some_and(|found| found.is_err()) {
        return Ok(Vec::new());
    }
    let users = root.ask(users).await?;
    let is_other = |(_, uid): &(User, u32)| !ours || Uid::from_raw(*uid) != geteuid();
    let endpoints = |(user, uid): (User, u32)| {
        endpoints(&user, root, &Bounds::of_user(&format!("the engine of user {}", user.name), uid))
    };
    Ok(users.into_iter().filter(is_other).flat_map(endpoints).collect())
}

/// The user with this ID of a place.
pub(crate) async fn owner(root: &Root, uid: u32) -> Owner {
    let known = root.ask(|directory| passwd(&Files::new(directory))).await.unwrap_or_default();
    Owner { uid, name: name_of(uid, entry_of(&known, uid).as_ref()).into() }
}

/// The users, and who they are as we see it: in a user namespace they have other IDs.
fn users(directory: &Directory) -> Result<Vec<(User, u32)>> {
    let files = Files::new(directory);
    let uids = files.names(Path::new(RUNTIME))?;
    let uids: Vec<u32> = uids.iter().filter_map(|name| name.parse().ok()).filter(|uid| *uid != 0).collect();
    if uids.is_empty() {
        return Ok(Vec::new());
    }
    let known = passwd(&files)?;
    let mut users = Vec::new();
    for uid in uids {
        let entry = entry_of(&known, uid);
        let user = user(uid, entry.as_ref(), None);
        // They come and go.
        let Ok(runtime) = directory.find(&user.runtime) else { continue };
        let seen_as = fstat(&runtime).context(|| format!("inspect {}", user.runtime.display()))?.st_uid;
        users.push((user, seen_as));
    }
    Ok(users)
}

fn user(uid: u32, entry: Option<&Entry<'_>>, home: Option<PathBuf>) -> User {
    let home = home.unwrap_or_else(|| entry.map_or("/", |entry| entry.home).into());
    User {
        name: name_of(uid, entry),
        uid,
        runtime: Path::new(RUNTIME).join(uid.to_string()),
        data: home.join(".local/share"),
        config: home.join(".config"),
        home,
    }
}

fn endpoints(user: &User, root: &Arc<Root>, bounds: &Bounds) -> Vec<Arc<Endpoint>> {
    let owner = Owner { uid: user.uid, name: user.name.as_str().into() };
    let endpoint = |kind| {
        let sockets = match kind {
            Kind::Docker => vec![user.runtime.join("docker.sock")],
            Kind::Podman => vec![user.runtime.join("podman/podman.sock")],
            Kind::Crun | Kind::Runc | Kind::Containerd => Vec::new(),
        };
        let address = Address { kind, owner: Some(owner.clone()), namespace: None };
        let manager = Some(user.runtime.join("systemd/private"));
        let hidden = (kind == Kind::Containerd).then(|| Hidden::behind(user.runtime.join(CHILD_PID)));
        let endpoint = Endpoint::new(address, root, sockets, Some(Store::of_user(kind, user)), bounds.clone());
        Arc::new(Endpoint { hidden, manager, ..endpoint })
    };
    Kind::ALL.map(endpoint).into()
}

/// The fields used of a line of `passwd(5)`.
struct Entry<'a> {
    name: &'a str,
    uid: u32,
    home: &'a str,
}

fn parse(line: &str) -> Option<Entry<'_>> {
    let mut fields = line.split(':');
    let (name, uid, home) = (fields.next()?, fields.nth(1)?, fields.nth(2)?);
    Some(Entry { name, uid: uid.parse().ok()?, home })
}

fn entry_of(passwd: &str, uid: u32) -> Option<Entry<'_>> {
    passwd.lines().find_map(|line| parse(line).filter(|entry| entry.uid == uid))
}

/// What a path calls the user with this ID: not every login name can be a part of one.
fn name_of(uid: u32, entry: Option<&Entry<'_>>) -> String {
    entry.map(|entry| entry.name).filter(|name| is_user(name)).map_or_else(|| uid.to_string(), str::to_owned)
}

fn passwd(files: &Files) -> Result<String> {
    let text = files.read(Path::new(PASSWD))?.unwrap_or_default();
    Ok(String::from_utf8_lossy(&text).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_passwd() {
        let entry = parse("alice:x:1000:1000:Alice,,,:/home/alice:/bin/bash").unwrap();
        assert_eq!((entry.name, entry.uid, entry.home), ("alice", 1000, "/home/alice"));
        for other in ["", "+::::::", "alice:x:-1:0::/:", "alice"] {
            assert!(parse(other).is_none(), "{other}");
        }
    }
}
