//! The namespaces that operands and records ask for.

use std::path::{Path, PathBuf};

use nicon_core::link::target;
use nicon_core::machine::Machine;
use nicon_core::path::Start;
use nicon_core::{Context, Error, Namespace, NsType, Record, Result, ns};
use nix::sys::statfs::{FsType, statfs};

/// The magic number of nsfs (`NSFS_MAGIC` of linux/magic.h).
const NSFS_MAGIC: FsType = FsType(0x6e73_6673);

/// The greatest PID (`PID_MAX_LIMIT` of linux/threads.h). Inode numbers of namespaces are greater.
const PID_MAX: u64 = 4 << 20;

/// A namespace, and the question that it came from.
pub(crate) struct Query {
    /// Its inode number, which is unique among namespaces of all types.
    pub(crate) ino: u64,
    /// Its possible types: more than one if only the number is known.
    pub(crate) types: Vec<NsType>,
    /// Its name in messages.
    pub(crate) label: String,
    /// The line that asked for it.
    pub(crate) line: Option<u64>,
    /// The fields that pass through to the answer.
    pub(crate) record: Record,
    /// Prevents the inode number from being reused during the search.
    _held: Option<Namespace>,
}

impl Query {
    /// A namespace that was found, not asked for by name.
    pub(crate) fn found(ns_type: NsType, ino: u64) -> Self {
        Self::new(ino, vec![ns_type], &format!("{ns_type}:[{ino}]"))
    }

    fn new(ino: u64, types: Vec<NsType>, label: &str) -> Self {
        Self { ino, types, label: label.to_owned(), line: None, record: Record::default(), _held: None }
    }

    /// Sets the line of input that asked for it.
    pub(crate) fn asked_by(self, line: Option<u64>) -> Self {
        Self { line, ..self }
    }

    /// Parses an operand: a number, the kernel's notation, a path, or the name of a network namespace.
    ///
    /// # Errors
    /// [`Status::No`](nicon_core::Status::No) if there is no such file, or the number can only be a PID;
    /// [`Status::Failed`](nicon_core::Status::Failed) if it is not a namespace.
    pub(crate) fn parse(text: &str, types: &[NsType]) -> Result<Self> {
        if let Some((ns_type, ino)) = ns::parse_link(text) {
            return Ok(Self::new(ino, vec![allowed(ns_type, types, text)?], text));
        }
        match text.parse() {
            Ok(pid @ ..=PID_MAX) if text.starts_with(|c: char| c.is_ascii_digit()) => Err(Error::no(format!(
                "{pid} is not the number of a namespace (for the namespaces of process {pid}: nicon-nsid {pid})"
            ))),
            Ok(ino) if text.starts_with(|c: char| c.is_ascii_digit()) => Ok(Self::new(ino, types.to_vec(), text)),
            _ => {
                let namespace = open(&file(text)?).map_err(|error| with_way_out(error, text))?;
                let ns_type = allowed(namespace.ns_type()?, types, text)?;
                let ino = namespace.id().ino;
                Ok(Self { _held: Some(namespace), ..Self::new(ino, vec![ns_type], text) })
            }
        }
    }

    /// The namespaces that a record names: the one of `nsino` (our own answer to an earlier question), or those of `ns`.
    ///
    /// # Errors
    /// If it names none of these types, or was made on another machine.
    pub(crate) fn of_record(record: &Record, types: &[NsType], nsdev: u64) -> Result<Vec<Self>> {
        Machine::this()?.check(record)?;
        if record.integer("nsdev")?.is_some_and(|dev: u64| dev != nsdev) {
            return Err(Error::failed("the record's \"nsdev\" is not ours: it comes from another kernel"));
        }
        let any_type = types.len() == NsType::ALL.len();
        let answered = record.integer("nsino")?.zip(record.text("nstype")?);
        let found = if let Some((ino, name)) = answered.filter(|_| any_type) {
            vec![(name.parse()?, ino)]
        } else {
            let named = record.integers("ns")?.into_iter();
            let named: Result<Vec<_>> = named.map(|(name, ino)| Ok((name.parse::<NsType>()?, ino))).collect();
            named?.into_iter().filter(|(ns_type, _)| types.contains(ns_type)).collect()
        };
        if found.is_empty() {
            return Err(Error::failed(if any_type {
                "the record names no namespace (it has neither \"ns\" nor \"nstype\" and \"nsino\")".to_owned()
            } else {
                format!("the record's \"ns\" has no namespace of type {}", alternatives(types))
            }));
        }
        let wanted = found.into_iter();
        Ok(wanted.map(|(ns_type, ino)| Self { record: record.clone(), ..Self::found(ns_type, ino) }).collect())
    }

    /// The error if the search found nothing, with the way out. `with_holders`: it looked for holders as well.
    pub(crate) fn not_found(&self, with_holders: bool) -> Error {
        let label = &self.label;
        Error::no(if with_holders {
            format!("no process and no other holder was found of namespace {label}")
        } else {
            format!("no process was found in namespace {label} (--holders looks for what else keeps it alive)")
        })
    }
}

/// The file of a namespace that is given by its path, by its name in `ip netns`, or as in the `target` of a record.
fn file(text: &str) -> Result<PathBuf> {
    if matches!(text, "" | "." | "..") {
        return Err(Error::failed(format!("\"{text}\" is not a namespace")));
    }
    let is_target = text.starts_with("netns:") || text.starts_with("file:");
    Ok(match is_target.then(|| Start::parse(text)).transpose()?.flatten() {
        Some(Start::Netns(name)) => target::path(name),
        Some(Start::File(file)) => file.to_owned(),
        _ => target::path(text),
    })
}

/// Says what else might have been meant by a name that is not there.
fn with_way_out(error: Error, text: &str) -> Error {
    if text.contains('/') {
        return error;
    }
    error.suffix(" (a bare word is a name of `ip netns`; otherwise give an inode number, TYPE:[INODE], or a path)")
}

fn alternatives(types: &[NsType]) -> String {
    types.iter().map(|ns_type| ns_type.name()).collect::<Vec<_>>().join(" or ")
}

fn allowed(ns_type: NsType, types: &[NsType], text: &str) -> Result<NsType> {
    if types.contains(&ns_type) {
        return Ok(ns_type);
    }
    Err(Error::failed(format!("{text} is of type {ns_type}, but --type asks for {}", alternatives(types))))
}

/// Opens a namespace by its path. The file system is checked first: opening a FIFO would wait for a writer.
pub(crate) fn open(path: &Path) -> Result<Namespace> {
    let filesystem = statfs(path).context(|| format!("open {}", path.display())).map_err(|error| {
        if matches!(error.errno(), Some(nix::libc::ENOENT | nix::libc::ESRCH)) { error.as_no() } else { error }
    })?;
    if filesystem.filesystem_type() != NSFS_MAGIC {
        return Err(Error::failed(format!("{} is not a namespace", path.display())));
    }
    Namespace::open(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use nicon_core::Status;

    #[test]
    fn numbers_links_and_paths_are_parsed() {
        let number = Query::parse("4026532565", &NsType::ALL).unwrap();
        assert_eq!((number.ino, number.types.len()), (4_026_532_565, 8));
        let link = Query::parse("pid:[4026532565]", &NsType::ALL).unwrap();
        assert_eq!((link.ino, link.types), (4_026_532_565, vec![NsType::Pid]));
        let path = Query::parse("/proc/self/ns/uts", &NsType::ALL).unwrap();
        assert_eq!(path.types, [NsType::Uts]);
        for bad in
            ["", "..", "no-such", "+1", "-1", "1.5", "pid:[", "/", "/etc/passwd", "/proc/self/ns", "netns:", "file:x"]
        {
            assert!(Query::parse(bad, &NsType::ALL).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_missing_path_is_status_no() {
        let status = |path, types: &[NsType]| Query::parse(path, types).err().map(|error| error.status());
        for absent in ["/run/netns/no-such-name", "no-such-name", "netns:no-such-name", "file:/no-such-name"] {
            assert_eq!(status(absent, &NsType::ALL), Some(Status::No), "{absent}");
        }
        assert_eq!(status("/proc/self/ns/uts", &[NsType::Net]), Some(Status::Failed));
    }

    #[test]
    fn a_number_that_can_only_be_a_pid_is_refused() {
        let error = Query::parse("4194304", &NsType::ALL).err().unwrap();
        assert!(error.status() == Status::No && error.to_string().contains("nicon-nsid 4194304"), "{error}");
        assert!(Query::parse("4194305", &NsType::ALL).is_ok());
    }

    #[test]
    fn a_record_names_its_namespaces() {
        let inos = |line, types: &[NsType]| {
            let wanted = Query::of_record(&Record::parse(line).unwrap(), types, 4);
            wanted.map(|wanted| wanted.iter().map(|wanted| wanted.ino).collect::<Vec<_>>()).map_err(|e| e.to_string())
        };
        let line = r#"{"ns":{"net":7,"pid":8},"nsdev":4,"nstype":"net","nsino":7}"#;
        assert_eq!(inos(line, &NsType::ALL), Ok(vec![7]));
        assert_eq!(inos(line, &[NsType::Pid]), Ok(vec![8]));
        assert_eq!(inos(r#"{"ns":{"net":7,"pid":8}}"#, &NsType::ALL), Ok(vec![7, 8]));
        assert!(inos(r#"{"ns":{"net":7},"nsdev":5}"#, &NsType::ALL).unwrap_err().contains("nsdev"));
        assert!(inos(r#"{"ns":{"net":7}}"#, &[NsType::Pid]).unwrap_err().contains("pid"));
        assert!(inos(r#"{"pid":7}"#, &NsType::ALL).unwrap_err().contains("names no namespace"));
    }
}
