//! The containers of systemd's: those that are registered with systemd-machined, which keeps a file for each (`machine_save` of
//! machine.c), and those of systemd-nspawn that are not.

use std::path::Path;

use nicon_core::{Error, NsType, Process, Result};

use crate::engine::container::{Container, not_running};
use crate::engine::state::first_process::{Monitored, first_below};
use crate::engine::state::index::{Index, IndexEntry};
use crate::engine::state::store::{Layout, Store};
use crate::query::Kind;
use crate::rootfs::files::Files;

/// The program of those that are not registered, which stays beside its container.
pub(super) const NSPAWN: &str = "systemd-nspawn";

const REGISTERED: &str = "/run/systemd/machines";

/// The options of nspawn's that name a machine, and its directory or image; see `systemd-nspawn(1)`.
const MACHINE: [&str; 2] = ["-M", "--machine"];
const PLACES: [&str; 4] = ["-D", "--directory", "-i", "--image"];

/// Short options that have a value, and long ones that have none, or only after `=`.
const SHORT_WITH_VALUE: &str = "DuLMSZipE";
const LONG_WITHOUT: [&str; 18] = [
    "--help",
    "--version",
    "--no-pager",
    "--private-network",
    "--network-veth",
    "--read-only",
    "--boot",
    "--as-pid2",
    "--ephemeral",
    "--quiet",
    "--keep-unit",
    "--share-system",
    "--private-users",
    "--private-users-chown",
    "--volatile",
    "--pipe",
    "--cleanup",
    "--no-ask-password",
];

pub(super) static LAYOUT: Layout = Layout {
    changing: |store| store.dirs().into_iter().map(|dir| (dir, 0)).collect(),
    ..Layout::plain(Kind::Machine, &[REGISTERED], index, load)
};

/// Those that nspawn runs and has not registered.
static UNREGISTERED: Layout = Layout::monitored(Kind::Machine, |files, container| {
    let leader = read(files, &Path::new(REGISTERED).join(&container.name))?.and_then(|told| told.leader);
    Ok(leader == Some(container.pid))
});

/// What is told of a machine.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Registration {
    leader: Option<i32>,
    /// The user who registered it (systemd 258). Whose process the leader is, is for that user to say, as far as systemd looks.
    uid: Option<u32>,
    /// The unit that it is in.
    unit: String,
    class: String,
}

impl Registration {
    pub(super) fn parse(text: &str) -> Self {
        let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        let leader = field("LEADER").and_then(|pid| pid.parse().ok()).filter(|pid| *pid > 0);
        // It was called SCOPE before, whatever it was.
        let unit = field("UNIT").or_else(|| field("SCOPE")).unwrap_or_default();
        // A dash in a unit's name is escaped, and the backslash of that once more.
        let unit = unit.replace(r"\\", r"\");
        let uid = field("UID").and_then(|uid| uid.parse().ok());
        Self { leader, uid, unit, class: field("CLASS").unwrap_or_default().to_owned() }
    }
}

fn read(files: &Files, path: &Path) -> Result<Option<Registration>> {
    let text = files.read(path)?;
    Ok(text.map(|text| Registration::parse(&String::from_utf8_lossy(&text))))
}

/// Links that lead from units to machines are beside these, and files that are being written.
fn index(files: &Files, store: &Store, index: &mut Index) {
    for dir in &store.dirs {
        let names =
            index.names(files, dir).into_iter().filter(|name| !name.contains([':', '#']) && !name.starts_with('.'));
        let entries = names.map(|name| IndexEntry {
            id: name.clone(),
            about: format!(" in {}", dir.display()),
            path: dir.join(&name),
            name,
            ..IndexEntry::default()
        });
        entries.for_each(|entry| index.add(entry));
    }
}

fn load(files: &Files, _: &Store, entry: &mut IndexEntry) -> Result<Container> {
    let gone = || Error::no(format!("machine \"{}\" is gone", entry.name));
    let Registration { leader, uid, unit, class } = read(files, &entry.path)?.ok_or_else(gone)?;
    if class == "vm" {
        return Err(Error::no(format!("machine \"{}\" is a virtual one, and no container", entry.name)));
    }
    let inner_pid = leader.ok_or_else(|| not_running(&entry.name))?;
    let (id, name) = (entry.id.clone(), entry.name.clone());
    Ok(Container { id, name, inner_pid, unit: Some(unit), registrant: uid, ..Container::default() })
}

/// The container of a systemd-nspawn; `None` if it is one of which nothing runs yet.
///
/// # Errors
/// If that is unknown.
pub(super) fn follow(monitor: &Process) -> Result<Option<Store>> {
    let name = name_by(&monitor.read("cmdline")?);
    let own = monitor.namespace_id(NsType::Pid)?;
    let Some(first) = first_below(monitor, |child| Ok(child.namespace_id(NsType::Pid)? != own))? else {
        return Ok(None);
    };
    let name =
        name.ok_or_else(|| Error::failed("its machine has no name that is known (run it with --machine=NAME)"))?;
    Ok(Some(Store::usual(&UNREGISTERED).at(vec!["/".into()]).with(Monitored { name, ..first })))
}

/// What nspawn calls its machine: as it is told, or else by the name of its directory or image.
fn name_by(cmdline: &str) -> Option<String> {
    let mut words = cmdline.split('\0').skip(1);
    let (mut told, mut place) = (None, None);
    while let Some(word) = words.next() {
        if word == "--" || !word.starts_with('-') {
            break;
        }
        let (option, value) = match (word.starts_with("--"), word.split_once('=')) {
            (false, _) => short(word, &mut words),
            (true, Some((option, value))) => (option, Some(value)),
            (true, None) if LONG_WITHOUT.contains(&word) => (word, None),
            (true, None) => (word, words.next()),
        };
        if MACHINE.contains(&option) {
            told = value;
        } else if PLACES.contains(&option) {
            place = value;
        }
    }
    let of_place = || {
        let name = Path::new(place?).file_name()?.to_str()?;
        Some(name.strip_suffix(".raw").unwrap_or(name))
    };
    told.or_else(of_place).filter(|name| !name.is_empty()).map(str::to_owned)
}

/// The option in a word such as `-qM` or `-Mbox` that has a value, and that.
fn short<'a>(word: &'a str, words: &mut impl Iterator<Item = &'a str>) -> (&'static str, Option<&'a str>) {
    let with_value = word.char_indices().skip(1).find(|(_, letter)| SHORT_WITH_VALUE.contains(*letter));
    let Some((at, letter)) = with_value else { return ("", None) };
    let rest = &word[at + 1..];
    let value = if rest.is_empty() { words.next() } else { Some(rest) };
    let option = ["-M", "-D", "-i"].into_iter().find(|option| option.ends_with(letter));
    (option.unwrap_or_default(), value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registration_is_parsed() {
        let told = "# This is private data. Do not parse.\nNAME=deb\nSCOPE=machine-deb.scope\nSERVICE=x\nLEADER=1288\nCLASS=container\n";
        let expected = |unit: &str, class: &str| Registration {
            leader: Some(1288),
            uid: None,
            unit: unit.into(),
            class: class.into(),
        };
        assert_eq!(Registration::parse(told), expected("machine-deb.scope", "container"));
        assert_eq!(Registration::parse("UNIT=a.service\nLEADER=1288\nCLASS=vm\nLEADER=7"), expected("a.service", "vm"));
        assert_eq!(Registration::parse(r"SCOPE=machine-a\\x2db.scope").unit, r"machine-a\x2db.scope");
        assert_eq!(Registration::parse("NAME=x\nUID=1000\nGUID=7").uid, Some(1000));
        for none in ["", "UID=", "UID=-1", "LEADER=", "LEADER=-1", "LEADER=0", "XLEADER=1", "LEADER"] {
            assert_eq!(Registration::parse(none), Registration::default(), "{none}");
        }
    }

    #[test]
    fn how_nspawn_names_a_machine() {
        for (words, name) in [
            ("-M box -D /srv/x", Some("box")),
            ("--quiet --machine=box /bin/sh -M other", Some("box")),
            ("-qbM box", Some("box")),
            ("-Mbox --directory /srv/x", Some("box")),
            ("--bind /a --private-network --machine box", Some("box")),
            ("-bD /srv/x", Some("x")),
            ("--image=/srv/y.raw", Some("y")),
            ("--setenv -Mx=1 -D /srv/x -- -M z", Some("x")),
            ("-M box --machine=late", Some("late")),
            ("/bin/sh -M box", None),
            ("", None),
        ] {
            let cmdline = format!("systemd-nspawn\0{}", words.replace(' ', "\0"));
            assert_eq!(name_by(&cmdline).as_deref(), name, "{words}");
        }
    }
}
