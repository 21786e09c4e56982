//! A namespace that is asked for, by operand or by record.

use std::path::Path;

use nicon_core::{Doing, Error, Namespace, NsType, Record, Result, ns};
use nix::errno::Errno;
use nix::sys::statfs::statfs;

/// The magic number of nsfs (`NSFS_MAGIC` of linux/magic.h).
const NSFS_MAGIC: i64 = 0x6e73_6673;

/// One namespace, and the question that it came from.
pub(crate) struct Wanted {
    /// Its inode number: no two namespaces share one, whatever their types.
    pub(crate) ino: u64,
    /// The types that it may be of; more than one where only a number is known.
    pub(crate) types: Vec<NsType>,
    /// What messages call it.
    pub(crate) label: String,
    /// The line that asked for it.
    pub(crate) line: Option<u64>,
    /// The fields that pass through to the answer.
    pub(crate) record: Record,
    /// Keeps the inode number from being given to another namespace while we look.
    _held: Option<Namespace>,
}

impl Wanted {
    /// A namespace that nobody named.
    pub(crate) fn met(ns_type: NsType, ino: u64) -> Self {
        Self::new(ino, vec![ns_type], &format!("{ns_type}:[{ino}]"))
    }

    fn new(ino: u64, types: Vec<NsType>, label: &str) -> Self {
        Self { ino, types, label: label.to_owned(), line: None, record: Record::default(), _held: None }
    }

    /// The same, asked for by a line of input.
    pub(crate) fn asked_by(self, line: Option<u64>) -> Self {
        Self { line, ..self }
    }

    /// An operand: a number, the kernel's spelling, or a path.
    ///
    /// # Errors
    /// [`Status::No`](nicon_core::Status::No) where the path leads nowhere.
    pub(crate) fn parse(text: &str, types: &[NsType]) -> Result<Self> {
        if text.contains('/') {
            let namespace = open(Path::new(text))?;
            let ns_type = allowed(namespace.ns_type()?, types, text)?;
            let ino = namespace.id().ino;
            return Ok(Self { _held: Some(namespace), ..Self::new(ino, vec![ns_type], text) });
        }
        if let Some((ns_type, ino)) = ns::parse_link(text) {
            return Ok(Self::new(ino, vec![allowed(ns_type, types, text)?], text));
        }
        match text.parse() {
            Ok(ino) if text.starts_with(|c: char| c.is_ascii_digit()) => Ok(Self::new(ino, types.to_vec(), text)),
            _ => Err(Error::failed(format!(
                "\"{text}\" is no namespace: give an inode number, TYPE:[INODE], or a path with a \"/\""
            ))),
        }
    }

    /// The namespaces that a record names: the one of an answer of ours, or those of its `ns`.
    ///
    /// # Errors
    /// Where it names none of the types that are asked for, or was made on another machine.
    pub(crate) fn of_record(record: &Record, types: &[NsType], nsdev: u64) -> Result<Vec<Self>> {
        if record.integer("nsdev")?.is_some_and(|dev: u64| dev != nsdev) {
            return Err(Error::failed("the record's \"nsdev\" is not ours: it comes from another kernel"));
        }
        let told = record.integer("nsino")?.zip(record.text("nstype")?);
        let found = if let Some((ino, name)) = told.filter(|_| types.len() == NsType::ALL.len()) {
            vec![(name.parse()?, ino)]
        } else {
            let named = record.integers("ns")?.into_iter();
            let named: Result<Vec<_>> = named.map(|(name, ino)| Ok((name.parse::<NsType>()?, ino))).collect();
            named?.into_iter().filter(|(ns_type, _)| types.contains(ns_type)).collect()
        };
        if found.is_empty() {
            let types: Vec<_> = types.iter().map(|ns_type| ns_type.name()).collect();
            return Err(Error::failed(format!("the record has no \"ns\" of type {}", types.join(" or "))));
        }
        let wanted = found.into_iter().map(|(ns_type, ino)| Self { record: record.clone(), ..Self::met(ns_type, ino) });
        Ok(wanted.collect())
    }
}

fn allowed(ns_type: NsType, types: &[NsType], text: &str) -> Result<NsType> {
    if types.contains(&ns_type) {
        return Ok(ns_type);
    }
    Err(Error::failed(format!("{text} is of type {ns_type}, which --type leaves out")))
}

/// Opens a namespace by its path, after a look at the file system: to open a FIFO would wait for its writer.
fn open(path: &Path) -> Result<Namespace> {
    let filesystem = statfs(path).doing(|| format!("find {}", path.display())).map_err(|error| {
        if matches!(error.errno(), Some(Errno::ENOENT | Errno::ESRCH)) { error.as_no() } else { error }
    })?;
    if filesystem.filesystem_type().0 != NSFS_MAGIC {
        return Err(Error::failed(format!("{} is not a namespace", path.display())));
    }
    Namespace::open(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use nicon_core::Status;

    #[test]
    fn the_spellings_of_a_namespace() {
        let number = Wanted::parse("4026532565", &NsType::ALL).unwrap();
        assert_eq!((number.ino, number.types.len()), (4_026_532_565, 8));
        let link = Wanted::parse("pid:[4026532565]", &NsType::ALL).unwrap();
        assert_eq!((link.ino, link.types), (4_026_532_565, vec![NsType::Pid]));
        let path = Wanted::parse("/proc/self/ns/uts", &NsType::ALL).unwrap();
        assert_eq!(path.types, [NsType::Uts]);
        for bad in ["", "x", "+1", "-1", "1.5", "pid:[", "net", "/", "/etc/passwd", "/proc/self/ns"] {
            assert!(Wanted::parse(bad, &NsType::ALL).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_path_that_leads_nowhere_is_a_clear_no() {
        let status = |path, types: &[NsType]| Wanted::parse(path, types).err().map(|error| error.status());
        assert_eq!(status("/run/netns/no-such-name", &NsType::ALL), Some(Status::No));
        assert_eq!(status("/proc/self/ns/uts", &[NsType::Net]), Some(Status::Failed));
    }

    #[test]
    fn a_record_names_its_namespaces() {
        let inos = |line, types: &[NsType]| {
            let wanted = Wanted::of_record(&Record::parse(line).unwrap(), types, 4);
            wanted.map(|wanted| wanted.iter().map(|wanted| wanted.ino).collect::<Vec<_>>()).map_err(|e| e.to_string())
        };
        let line = r#"{"ns":{"net":7,"pid":8},"nsdev":4,"nstype":"net","nsino":7}"#;
        assert_eq!(inos(line, &NsType::ALL), Ok(vec![7]));
        assert_eq!(inos(line, &[NsType::Pid]), Ok(vec![8]));
        assert_eq!(inos(r#"{"ns":{"net":7,"pid":8}}"#, &NsType::ALL), Ok(vec![7, 8]));
        assert!(inos(r#"{"ns":{"net":7},"nsdev":5}"#, &NsType::ALL).unwrap_err().contains("nsdev"));
        assert!(inos(r#"{"ns":{"net":7}}"#, &[NsType::Pid]).unwrap_err().contains("pid"));
    }
}
