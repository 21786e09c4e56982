//! What the command line of conmon tells, which Podman and CRI-O start beside each container: the container's ID, and how the
//! engine is to be called when the container ends. See `conmon(8)`.

use std::path::{Path, PathBuf};

use crate::engine::state::podman::Storage;

/// The options of which the value is used, in all spellings.
const ID: [&str; 2] = ["-c", "--cid"];
const RUNTIME: [&str; 2] = ["-r", "--runtime"];
const OF_RUNTIME: [&str; 1] = ["--runtime-arg"];
const OF_ENGINE: [&str; 1] = ["--exit-command-arg"];

/// All of these. Other options have no value, or one that looks like no option.
const WITH_VALUE: [&str; 6] = [ID[0], ID[1], RUNTIME[0], RUNTIME[1], OF_RUNTIME[0], OF_ENGINE[0]];

/// Below the directory for what is of no use after a restart: `--tmpdir` of root's Podman, and of a user's.
const TMPDIRS: [&str; 2] = ["libpod/tmp", "libpod"];

/// The names of the runtimes whose state is understood.
const KNOWN: [&str; 2] = ["crun", "runc"];

/// What is told of a container.
#[derive(Debug, PartialEq)]
pub(crate) struct Conmon {
    pub(crate) id: String,
    /// Where Podman keeps what, if it is Podman that is to be called.
    pub(crate) storage: Option<Storage>,
    /// The file name of the runtime's program.
    pub(crate) runtime: String,
    /// Where it keeps its state, if it was told that.
    pub(crate) state: Option<PathBuf>,
}

impl Conmon {
    /// Parses the text of `/proc/PID/cmdline`; `None` if no container is named.
    pub(crate) fn parse(cmdline: &str) -> Option<Self> {
        let words: Vec<&str> = cmdline.split('\0').skip(1).collect();
        let (engine, runtime_words) = (values(&words, &OF_ENGINE), values(&words, &OF_RUNTIME));
        let id = (*values(&words, &ID).last()?).to_owned();
        let runtime = values(&words, &RUNTIME).last().copied().and_then(|path| Path::new(path).file_name()?.to_str());
        let runtime = runtime.unwrap_or_default().to_owned();
        let path =
            |words: &[&str], name| values(words, &[name]).last().map(PathBuf::from).filter(|path| path.is_absolute());
        let state = path(&runtime_words, "--root");
        let storage = || {
            let tmpdir = path(&engine, "--tmpdir")?;
            let run = TMPDIRS
                .iter()
                .find_map(|below| tmpdir.to_str()?.strip_suffix(below))
                .map_or("/run".into(), PathBuf::from);
            let (graphroot, runroot) = (path(&engine, "--root")?, path(&engine, "--runroot")?);
            Some(Storage { graphroot, runroot, run, state: state.clone() })
        };
        Some(Self { id, storage: storage(), runtime, state })
    }

    /// Whether the runtime's state is where it usually is, and understood.
    pub(crate) fn is_plain(&self) -> bool {
        KNOWN.contains(&&self.runtime[..]) && self.state.is_none()
    }
}

/// The values of an option on a command line: in the same word, after `=`, or in the next one.
fn values<'a>(words: &[&'a str], names: &[&str]) -> Vec<&'a str> {
    let mut words = words.iter();
    let mut values = Vec::new();
    while let Some(word) = words.next() {
        let (name, value) = word.split_once('=').map_or((*word, None), |(name, value)| (name, Some(value)));
        let takes_value = WITH_VALUE.contains(&name) || names.contains(&name);
        // What follows such an option is no option, whatever it looks like.
        let value = value.or_else(|| takes_value.then(|| words.next().copied()).flatten());
        values.extend(value.filter(|_| names.contains(&name)));
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &str) -> Option<Conmon> {
        Conmon::parse(&words.replace(' ', "\0"))
    }

    #[test]
    fn what_podman_passes_on() {
        let told = parse(
            "/usr/bin/conmon --api-version 1 -c ab12 -u ab12 -r /usr/bin/crun -b /g/x -n web -s --runtime-arg --log-format=json \
             --runtime-arg --root=/s --exit-command /usr/bin/podman --exit-command-arg --root --exit-command-arg /g \
             --exit-command-arg --runroot --exit-command-arg /r --exit-command-arg --tmpdir --exit-command-arg \
             /tmp/run-7/libpod/tmp --exit-command-arg --runtime --exit-command-arg runc --exit-command-arg -c",
        );
        let told = told.unwrap();
        assert_eq!((&told.id[..], &told.runtime[..], told.is_plain()), ("ab12", "crun", false));
        let storage = Storage {
            graphroot: "/g".into(),
            runroot: "/r".into(),
            run: "/tmp/run-7/".into(),
            state: Some("/s".into()),
        };
        assert_eq!(told.storage, Some(storage));
    }

    #[test]
    fn what_others_pass_on() {
        let told = parse("conmon -b /b -c ab12 --exit-dir /e -r /usr/bin/runc --runtime-arg=--root=/run/runc").unwrap();
        assert_eq!((&told.id[..], &told.runtime[..], told.storage), ("ab12", "runc", None));
        for none in ["", "conmon", "conmon --version", "conmon -c", "conmon --exit-command-arg -c"] {
            assert_eq!(parse(none), None, "{none}");
        }
        let relative =
            "conmon -c a --exit-command-arg --root=g --exit-command-arg --runroot=/r --exit-command-arg --tmpdir=/t";
        assert_eq!(parse(relative).unwrap().storage, None);
    }
}
