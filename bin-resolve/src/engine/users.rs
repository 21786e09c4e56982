//! The engines of ordinary users, who run them without root's rights. They listen in the user's runtime directory,
//! `XDG_RUNTIME_DIR`, which is `/run/user/UID` (`pam_systemd(8)`), and keep their files below it and in the user's home.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use nicon_core::path::is_user;
use nicon_core::{Error, Result};
use nix::fcntl::{OFlag, open};
use nix::sys::stat::{Mode, fstat};
use nix::unistd::{Uid, geteuid};

use crate::engine::address::{Address, Owner};
use crate::engine::api::sockets;
use crate::engine::bounds::Bounds;
use crate::engine::endpoint::Endpoint;
use crate::engine::passwd::{PASSWD, PasswdEntry, entry_of};
use crate::engine::rootlesskit::Hidden;
use crate::engine::state::store::UserDirs;
use crate::engine::state::table;
use crate::query::{Kind, Qualifier};
use crate::rootfs::directory::{Directory, is_absent};
use crate::rootfs::files::Files;
use crate::rootfs::root::Root;

/// Where users have their runtime directories.
pub(crate) const RUNTIME: &str = "/run/user";

/// The ID that no user has; see `chown(2)`.
const NOBODY: u32 = u32::MAX;

/// The most users in one container. Root of a container may have any number of directories there.
const MOST: usize = 64;

/// Where rootlesskit leaves a PID for a user's containerd.
const CHILD_PID: &str = "containerd-rootless/child_pid";

/// The engines of users, and why there may be more.
#[derive(Clone)]
pub(crate) struct Others {
    pub(crate) endpoints: Vec<Arc<Endpoint>>,
    pub(crate) left_out: Option<Error>,
}

impl Others {
    /// Why there may be engines that were `asked` for besides those `chosen` of these.
    pub(crate) fn left_out_of(&self, asked: &Qualifier, chosen: &[Arc<Endpoint>]) -> Option<Error> {
        // Who is named may be one of those left out; and if nobody is, and none is chosen, users are not meant.
        let is_told = chosen.is_empty() == asked.user.is_some();
        self.left_out.clone().filter(|_| is_told)
    }
}

/// The engines of ours, if we are not the machine's root: they are as near to us as those of the machine.
pub(crate) async fn own(root: &Arc<Root>) -> Result<Vec<Arc<Endpoint>>> {
    let myself = geteuid().as_raw();
    // In a user namespace, root is who made it. The runtime directory tells who that is on the machine.
    let all = root.ask(|directory| users(directory, usize::MAX)).await.map(|(users, _)| users);
    let ours = all.unwrap_or_default().into_iter().find(|(_, seen_as)| *seen_as == myself);
    let uid = ours.map_or(myself, |(user, _)| user.uid);
    if uid == 0 {
        return Ok(Vec::new());
    }
    let variable = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let known = root.ask(|directory| passwd(&Files::new(directory))).await.unwrap_or_default();
    let entry = entry_of(&known, uid);
    let usual = user(uid, entry.as_ref(), variable("HOME"));
    let user = UserDirs {
        runtime: variable("XDG_RUNTIME_DIR").unwrap_or(usual.runtime),
        data: variable("XDG_DATA_HOME").unwrap_or(usual.data),
        config: variable("XDG_CONFIG_HOME").unwrap_or(usual.config),
        ..usual
    };
    Ok(endpoints(&user, root, &Bounds::default()))
}

/// The engines of all users below a root directory who have a runtime directory there; without ourselves, if it is `ours`. In a container,
/// there is an end to their number.
///
/// # Errors
/// If it cannot be read.
pub(crate) async fn others(root: &Arc<Root>, ours: bool) -> Result<Others> {
    if root.cached(Path::new(RUNTIME)).is_some_and(|found| found.is_err()) || ours && are_none_here() {
        return Ok(Others { endpoints: Vec::new(), left_out: None });
    }
    let most = if ours { usize::MAX } else { MOST };
    let (users, left) = root.ask(move |directory| users(directory, most)).await?;
    let left_out = (left > 0).then(|| Error::failed(format!("there are more than {most}: {left} are left out")));
    let is_other = |(_, uid): &(UserDirs, u32)| !ours || Uid::from_raw(*uid) != geteuid();
    let endpoints = |(user, uid): (UserDirs, u32)| {
        // A file system that a user serves may say that anybody has it.
        let uid = if ours && uid != user.uid { NOBODY } else { uid };
        // On our machine, they have nothing to do with each other.
        let root = if ours { &Arc::new(root.of_another(user.uid)) } else { root };
        endpoints(&user, root, &Bounds::of_user(&format!("the engine of user {}", user.name), uid))
    };
    Ok(Others { endpoints: users.into_iter().filter(is_other).flat_map(endpoints).collect(), left_out })
}

/// Whether no user of our machine has a runtime directory, as without systemd-logind. To look for it takes no thread: the directory in
/// which it would be is the machine's own, where engines are looked for in place as well.
fn are_none_here() -> bool {
    open(RUNTIME, OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty()).is_err_and(is_absent)
}

/// The user with this ID of a site.
pub(crate) async fn owner(root: &Root, uid: u32) -> Owner {
    let known = root.ask(|directory| passwd(&Files::new(directory))).await.unwrap_or_default();
    Owner { uid, name: name_of(uid, entry_of(&known, uid).as_ref()).into() }
}

/// The users, and who they are as we see it: in a user namespace they have other IDs. Also how many more there seem to be.
fn users(directory: &Directory, most: usize) -> Result<(Vec<(UserDirs, u32)>, usize)> {
    let files = Files::new(directory);
    let uids = files.names(Path::new(RUNTIME))?;
    let uids: Vec<u32> = uids.iter().filter_map(|name| name.parse().ok()).filter(|uid| *uid != 0).collect();
    if uids.is_empty() {
        return Ok((Vec::new(), 0));
    }
    let known = passwd(&files)?;
    let mut users = Vec::new();
    for (number, uid) in uids.iter().copied().enumerate() {
        if users.len() == most {
            return Ok((users, uids.len() - number));
        }
        let entry = entry_of(&known, uid);
        let user = user(uid, entry.as_ref(), None);
        // They come and go.
        let Ok(runtime) = directory.find(&user.runtime) else { continue };
        // A file system of theirs may refuse that to us: then nobody is believed, which is told when their engines are listed.
        let seen_as = fstat(&runtime).map_or(NOBODY, |found| found.st_uid);
        users.push((user, seen_as));
    }
    Ok((users, 0))
}

fn user(uid: u32, entry: Option<&PasswdEntry<'_>>, home: Option<PathBuf>) -> UserDirs {
    let home = home.unwrap_or_else(|| entry.map_or("/", |entry| entry.home).into());
    UserDirs {
        name: name_of(uid, entry),
        uid,
        runtime: Path::new(RUNTIME).join(uid.to_string()),
        data: home.join(".local/share"),
        config: home.join(".config"),
        home,
    }
}

fn endpoints(user: &UserDirs, root: &Arc<Root>, bounds: &Bounds) -> Vec<Arc<Endpoint>> {
    let owner = Owner { uid: user.uid, name: user.name.as_str().into() };
    let endpoint = |kind| {
        let address = Address { kind, owner: Some(owner.clone()), namespace: None };
        let manager = Some(user.runtime.join("systemd/private"));
        let store = table::usual(kind).of_user(user);
        let hidden = store.is_hidden_of_users().then(|| Hidden::behind(user.runtime.join(CHILD_PID)));
        let sockets = sockets::of_user(kind, &user.runtime);
        let endpoint = Endpoint::new(address, root, sockets, Some(store), bounds.clone());
        Arc::new(Endpoint { hidden, manager, ..endpoint })
    };
    Kind::ALL.into_iter().filter(|kind| kind.is_users_too()).map(endpoint).collect()
}

/// What a path calls the user with this ID: not every login name can be a part of one.
fn name_of(uid: u32, entry: Option<&PasswdEntry<'_>>) -> String {
    entry.map(|entry| entry.name).filter(|name| is_user(name)).map_or_else(|| uid.to_string(), str::to_owned)
}

fn passwd(files: &Files) -> Result<String> {
    let text = files.read(Path::new(PASSWD))?.unwrap_or_default();
    Ok(String::from_utf8_lossy(&text).into_owned())
}
