//! Ordinary users of the machine, who linger, and their rootless engines.

use std::sync::{Mutex, MutexGuard, Once, PoisonError};

use libtest_mimic::{Failed, Trial};

use crate::suite::Suite;
use nicon_lab::machine::Machine;

/// Runs a command as a user: `as USER [NAME=VALUE]... COMMAND`, with what a session would set.
const AS: &str = r#"#!/bin/sh
user=$1
uid=$(id -u "$user")
shift
exec setpriv --reuid="$user" --regid="$user" --init-groups --reset-env env PATH="$PATH" \
    XDG_RUNTIME_DIR="/run/user/$uid" DBUS_SESSION_BUS_ADDRESS="unix:path=/run/user/$uid/bus" "$@"
"#;

/// The user's systemd is up when this ends. `useradd` hands out ranges of subordinate IDs, too; not to two at once.
const ADD: &str =
    "flock /run/useradd useradd --uid $2 --create-home $1 && loginctl enable-linger $1 && systemctl start user@$2";

/// As the unit that Docker's set-up tool writes; the tool itself wants iptables to be loaded.
const DOCKER: &str = "as $1 systemd-run --user --quiet --unit=docker --property=Type=notify --property=NotifyAccess=all \
    --property=Delegate=yes --setenv=PATH=/usr/sbin:/usr/bin --setenv=DOCKERD_ROOTLESS_ROOTLESSKIT_FLAGS=$2 \
    /usr/share/docker.io/contrib/dockerd-rootless.sh $3 && as $1 $4 docker import /var/tmp/image.tar image";

/// A user.
pub(crate) struct User {
    pub(crate) name: &'static str,
    pub(crate) uid: &'static str,
    /// `DOCKER_HOST=..`, which chooses their own Docker.
    pub(crate) docker: &'static str,
}

/// The one whose engines serve most tests.
pub(crate) const ALICE: User =
    User { name: "alice", uid: "1000", docker: "DOCKER_HOST=unix:///run/user/1000/docker.sock" };

/// Others, each with an engine for one test.
pub(crate) const BOB: User = User { name: "bob", uid: "1001", docker: "DOCKER_HOST=unix:///run/user/1001/docker.sock" };
pub(crate) const CAROL: User =
    User { name: "carol", uid: "1002", docker: "DOCKER_HOST=unix:///run/user/1002/docker.sock" };

/// Those whose engines nobody tells of.
pub(crate) const DAVE: User =
    User { name: "dave", uid: "1003", docker: "DOCKER_HOST=unix:///run/user/1003/docker.sock" };
pub(crate) const ERIN: User =
    User { name: "erin", uid: "1004", docker: "DOCKER_HOST=unix:///run/user/1004/docker.sock" };

pub(crate) const FRANK: User =
    User { name: "frank", uid: "1006", docker: "DOCKER_HOST=unix:///run/user/1006/docker.sock" };
pub(crate) const GRACE: User =
    User { name: "grace", uid: "1007", docker: "DOCKER_HOST=unix:///run/user/1007/docker.sock" };

/// One who does not linger.
pub(crate) const HEIDI: User =
    User { name: "heidi", uid: "1008", docker: "DOCKER_HOST=unix:///run/user/1008/docker.sock" };

/// One who would have root's containers for hers.
pub(crate) const MALLORY: User =
    User { name: "mallory", uid: "1005", docker: "DOCKER_HOST=unix:///run/user/1005/docker.sock" };

/// Held by a test while it finds an engine that no one told of, or has one fail: all who look for a name see that.
pub(crate) fn undisturbed() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A test that is [`undisturbed`] from its beginning to its end.
pub(crate) fn undisturbed_trial<F>(suite: &Suite, name: &str, test: F) -> Trial
where
    F: FnOnce(&Machine) -> Result<(), Failed> + Send + 'static,
{
    suite.trial(name, move |machine| {
        let _guard = undisturbed();
        test(machine)
    })
}

impl User {
    /// Makes the user, whose systemd runs from now on.
    pub(crate) fn add(&self, machine: &Machine) -> Result<(), Failed> {
        static ONCE: Once = Once::new();
        ONCE.call_once(|| {
            machine.script("printf %s \"$1\" >/usr/local/bin/as && chmod 755 /usr/local/bin/as", &[AS]).unwrap();
        });
        machine.script(ADD, &[self.name, self.uid])?;
        Ok(())
    }

    /// Starts the user's Docker, with options for `rootlesskit` and for the daemon.
    pub(crate) fn start_docker(&self, machine: &Machine, rootlesskit: &str, daemon: &str) -> Result<(), Failed> {
        machine.script(DOCKER, &[self.name, rootlesskit, daemon, self.docker])?;
        Ok(())
    }

    /// Has the user's systemd listen for Podman.
    pub(crate) fn start_podman(&self, machine: &Machine) -> Result<(), Failed> {
        machine.script(
            "as $1 systemctl --user start podman.socket && as $1 podman import /var/tmp/image.tar image",
            &[self.name],
        )?;
        Ok(())
    }

    /// The words with which a command of theirs begins that uses their Docker.
    pub(crate) fn with_docker(&self) -> [&'static str; 3] {
        ["as", self.name, self.docker]
    }
}
