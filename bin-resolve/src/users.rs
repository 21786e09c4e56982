//! The engines of ordinary users, who run them without root's rights. They listen in the user's runtime directory,
//! `XDG_RUNTIME_DIR`, which is `/run/user/UID` (`pam_systemd(8)`), and keep their files below it and in the user's home.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use nicon_core::{Doing, Result};
use nix::sys::stat::fstat;
use nix::unistd::{Uid, geteuid};

use crate::address::{Address, Owner};
use crate::disk::Store;
use crate::endpoint::Endpoint;
use crate::files::Files;
use crate::kind::Kind;
use crate::root::{Directory, Root};
use crate::rootlesskit::Hidden;
use crate::trust::Bounds;

/// Where users have their runtime directories.
const RUNTIME: &str = "/run/user";

/// Where rootlesskit leaves a PID for a user's containerd.
const CHILD_PID: &str = "containerd-rootless/child_pid";

/// Where their names and homes are.
const PASSWD: &str = "/etc/passwd";

/// A user who may have engines.
#[derive(Debug)]
struct User {
    owner: Owner,
    /// Whose the runtime directory is, as we see it. In a user namespace the user has another ID there.
    uid: u32,
    runtime: PathBuf,
    /// Where programs keep their data.
    data: Option<PathBuf>,
}

/// What we are, if that is not root: our own engines are as near to us as those of the machine.
pub(crate) async fn own(root: &Arc<Root>) -> Result<Vec<Arc<Endpoint>>> {
    let euid = geteuid();
    if euid.is_root() {
        return Ok(Vec::new());
    }
    let variable = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let uid = euid.as_raw();
    let known = root.ask(move |directory| passwd(&Files::new(directory))).await.unwrap_or_default();
    let entry = known.lines().find_map(|line| parse(line).filter(|entry| entry.uid == uid));
    let data = || Some(variable("HOME").or_else(|| Some(entry.as_ref()?.home.into()))?.join(".local/share"));
    let user = User {
        owner: owner(uid, entry.as_ref()),
        uid,
        runtime: variable("XDG_RUNTIME_DIR").unwrap_or_else(|| Path::new(RUNTIME).join(uid.to_string())),
        data: variable("XDG_DATA_HOME").or_else(data),
    };
    Ok(user.endpoints(root, &Bounds::default()))
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
    let is_other = |user: &User| !ours || Uid::from_raw(user.uid) != geteuid();
    let endpoints = |user: User| {
        let bounds = Bounds::of_user(&format!("{}, whose files these are,", user.owner.name), user.uid);
        user.endpoints(root, &bounds)
    };
    Ok(users.into_iter().filter(is_other).flat_map(endpoints).collect())
}

fn users(directory: &Directory) -> Result<Vec<User>> {
    let files = Files::new(directory);
    let uids = files.names(Path::new(RUNTIME))?;
    let uids: Vec<u32> = uids.iter().filter_map(|name| name.parse().ok()).filter(|uid| *uid != 0).collect();
    if uids.is_empty() {
        return Ok(Vec::new());
    }
    let known = passwd(&files)?;
    let mut users = Vec::new();
    for uid in uids {
        let runtime = Path::new(RUNTIME).join(uid.to_string());
        let reading = || format!("open {}", runtime.display());
        let Ok(found) = directory.find(&runtime) else { continue };
        let seen_as = fstat(&found).doing(reading)?.st_uid;
        let entry = known.lines().find_map(|line| parse(line).filter(|entry| entry.uid == uid));
        let data = entry.as_ref().map(|entry| Path::new(entry.home).join(".local/share"));
        users.push(User { owner: owner(uid, entry.as_ref()), uid: seen_as, runtime, data });
    }
    Ok(users)
}

impl User {
    fn endpoints(&self, root: &Arc<Root>, bounds: &Bounds) -> Vec<Arc<Endpoint>> {
        let endpoint = |kind| {
            let sockets = match kind {
                Kind::Docker => vec![self.runtime.join("docker.sock")],
                Kind::Podman => vec![self.runtime.join("podman/podman.sock")],
                Kind::Crun | Kind::Runc | Kind::Containerd => Vec::new(),
            };
            let store = Store::of_user(kind, &self.runtime, self.data.as_deref());
            let address = Address { kind, owner: Some(self.owner.clone()) };
            let manager = Some(self.runtime.join("systemd/private"));
            let hidden = (kind == Kind::Containerd).then(|| Hidden::behind(self.runtime.join(CHILD_PID)));
            let endpoint = Endpoint::new(address, root, sockets, Some(store), bounds.clone());
            Arc::new(Endpoint { hidden, manager, ..endpoint })
        };
        Kind::ALL.map(endpoint).into()
    }
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

fn owner(uid: u32, entry: Option<&Entry<'_>>) -> Owner {
    let name = entry.map_or_else(|| uid.to_string(), |entry| entry.name.to_owned());
    Owner { uid, name: name.into() }
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
