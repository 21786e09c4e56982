//! What the tests share: the fleet, and what runs playbooks on it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use libtest_mimic::{Failed, Trial};
use nicon_lab::fleet::lab::links_on;
use nicon_lab::fleet::{Fleet, NAMES};
use nicon_lab::trials::{self, Missing};
use nicon_lab::{Ran, machine, output_within};

/// How long a playbook may take.
const PLAYBOOK: Duration = Duration::from_mins(3);

/// The fleet, or why there is none.
#[derive(Clone)]
pub(crate) struct Shared(Arc<Result<Fleet, Missing>>);

impl Shared {
    /// Raises the machines, unless the tests are only listed.
    pub(crate) fn prepare(is_list: bool) -> Self {
        let fleet = match machine::root_for("fleet") {
            _ if is_list => Err(Missing::Failed("not prepared".into())),
            Err(missing) => Err(Missing::Here(missing)),
            Ok(_) if !ansible("ansible-playbook").exists() => {
                Err(Missing::Here("there is no Ansible (tests/fleet/install-ansible)".into()))
            }
            Ok(root) => Fleet::raise(root).map_err(Missing::Failed),
        };
        Self(Arc::new(fleet))
    }

    /// A test of the fleet.
    pub(crate) fn trial<F>(&self, name: &str, test: F) -> Trial
    where
        F: FnOnce(&Fleet) -> Result<(), Failed> + Send + 'static,
    {
        trials::trial_of(&self.0, name, test)
    }
}

/// A program of Ansible's.
pub(crate) fn ansible(program: &str) -> PathBuf {
    repository().join("target/fleet/venv/bin").join(program)
}

/// Where the role and its playbooks are.
pub(crate) fn playbooks() -> PathBuf {
    repository().join("deploy/ansible")
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Runs a playbook with a plan, as somebody who has nothing but the repository's.
pub(crate) fn play(fleet: &Fleet, playbook: &str, plan: &Path, words: &[&str]) -> Result<Played, String> {
    let mut command = Command::new(ansible("ansible-playbook"));
    command.arg("-i").arg(fleet.directory().join("inventory")).arg(playbooks().join(playbook));
    command.arg("-e").arg(format!("nicon_plan={}", plan.display())).args(words);
    command.env_clear().env("HOME", fleet.directory()).env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.env("LC_ALL", "C.UTF-8").env("ANSIBLE_NOCOLOR", "1").env("ANSIBLE_PYTHON_INTERPRETER", "/usr/bin/python3");
    output_within(&mut command, PLAYBOOK).map(Played)
}

/// Takes all away that a plan has made, and makes sure of it.
pub(crate) fn destroy(fleet: &Fleet, plan: &Path, words: &[&str]) -> Result<Played, Failed> {
    let gone = play(fleet, "destroy.yml", plan, words)?;
    assert!(gone.is_success(), "{}", gone.text());
    for (machine, name) in NAMES.iter().enumerate() {
        assert!(links_on(fleet, machine)?.is_empty(), "{name}");
    }
    Ok(gone)
}

/// What a playbook said.
pub(crate) struct Played(Ran);

impl Played {
    /// Its output.
    pub(crate) fn text(&self) -> String {
        format!("{}{}", self.0.stdout, self.0.stderr)
    }

    pub(crate) fn is_success(&self) -> bool {
        self.0.code() == Some(0)
    }

    /// A count of the recap: `changed` of `lab1`.
    #[track_caller]
    pub(crate) fn count(&self, host: &str, what: &str) -> u32 {
        let (_, recap) = self.0.stdout.split_once("PLAY RECAP").unwrap_or_else(|| panic!("{}", self.text()));
        let line = recap.lines().find(|line| line.split_whitespace().next() == Some(host));
        let counts = line.unwrap_or_else(|| panic!("nothing of {host}: {}", self.text())).split_whitespace();
        let is_it = |count: &str| count.strip_prefix(what)?.strip_prefix('=')?.parse().ok();
        counts.into_iter().find_map(is_it).unwrap_or_else(|| panic!("no {what}: {}", self.text()))
    }

    /// The same count of all machines.
    #[track_caller]
    pub(crate) fn counts(&self, what: &str) -> [u32; 3] {
        NAMES.map(|host| self.count(host, what))
    }
}
