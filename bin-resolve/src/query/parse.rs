//! Parses paths: the names of nested containers, or patterns for them.

use std::fmt;
use std::str::FromStr;

use glob::Pattern as Glob;
use nicon_core::path::{Letter, NOT_FIRST, Start, is_name, is_name_char, not_a_name, refuse, split};
use nicon_core::{Error, Result};

use crate::query::Subject;
use crate::query::path::Path;
use crate::query::pattern::{Pattern, Segment};

/// What to look for: a path, or a pattern for paths.
///
/// Its grammar is that of the program's command line: see `nicon-resolve --help`.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    /// As it was asked.
    pub(crate) text: String,
    pub(crate) target: Target,
}

/// What a query names.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Target {
    One(Path),
    Many(Pattern),
}

impl Query {
    /// Whether any number of containers may match.
    #[must_use]
    pub fn is_pattern(&self) -> bool {
        matches!(self.target, Target::Many(_))
    }
}

impl fmt::Display for Query {
    /// As it was asked.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Query {
    type Err = Error;

    /// Parses a path or a pattern.
    ///
    /// # Errors
    /// If a name is empty, or one that no engine accepts: it would end up in a URL.
    fn from_str(text: &str) -> Result<Self> {
        Ok(Self { text: text.to_owned(), target: parse(text)? })
    }
}

/// Parses a path or a pattern.
///
/// # Errors
/// As [`Query::from_str`].
pub(crate) fn parse(path: &str) -> Result<Target> {
    if Start::parse(path)?.is_some() {
        return Err(refuse(path, "it is no container"));
    }
    let segments = split(path)?;
    let segments = segments.iter().map(|segment| read(segment).map_err(|why| refuse(path, &why)));
    let segments = segments.collect::<Result<Vec<Segment>>>()?;
    let is_start = |segment: &Segment| match segment {
        Segment::Name(name) => Subject::parse(name).is_ok_and(|subject| subject.is_start()),
        _ => false,
    };
    if segments.iter().skip(1).any(is_start) {
        return Err(refuse(path, NOT_FIRST));
    }
    let names = segments.iter().map(|segment| match segment {
        Segment::Name(name) => Some(name.clone()),
        _ => None,
    });
    match names.collect() {
        Some(path) => Ok(Target::One(path)),
        None => Ok(Target::Many(Pattern::new(segments))),
    }
}

fn read(segment: &[Letter]) -> std::result::Result<Segment, String> {
    let text = |letters: &[Letter]| letters.iter().map(|(c, _)| c).collect::<String>();
    let whole = text(segment);
    let is_wild = |letter: &Letter| matches!(letter, ('*' | '?' | '[', false));
    if whole == "**" && segment.iter().all(is_wild) {
        return Ok(Segment::Depths);
    }
    let (of, name) = match Subject::parse(&whole)? {
        Subject::Container { of, name } => (of, name),
        Subject::Id { .. } | Subject::Process(_) | Subject::Unit(_) => return Ok(Segment::Name(whole)),
    };
    let name = &segment[segment.len() - name.chars().count()..];
    if !name.iter().any(is_wild) {
        return if is_name(&text(name)) { Ok(Segment::Name(whole)) } else { Err(not_a_name(&text(name))) };
    }
    // A character that no name has would never match. What remains needs no escaping in a glob.
    let means_something = |&(c, escaped): &Letter| is_name_char(c) || !escaped && "*?[!]".contains(c);
    if let Some((c, _)) = name.iter().find(|letter| !means_something(letter)) {
        return Err(format!("\"{whole}\": no container name has a \"{c}\""));
    }
    let glob = Glob::new(&text(name))
        .map_err(|_| format!("\"{whole}\" is not a pattern (use *, ?, [a-z], [!a-z], or ** as a whole segment)"));
    glob.map(|glob| Segment::Glob(of, glob))
}

#[cfg(test)]
mod tests {
    use nicon_core::path::MAX_DEPTH;

    use super::*;
    use nicon_core::path::show;

    fn names(path: &str) -> Path {
        match parse(path).unwrap() {
            Target::One(path) => path,
            Target::Many(pattern) => panic!("{pattern:?}"),
        }
    }

    #[test]
    fn separators() {
        for (path, segments) in [
            ("a", &["a"][..]),
            ("a.b.c", &["a", "b", "c"]),
            ("a/my.dotted/c", &["a", "my.dotted", "c"]),
            ("/my.dotted", &["my.dotted"]),
            ("/a/b", &["a", "b"]),
            (r"a.my\.dotted.c", &["a", "my.dotted", "c"]),
            ("olt_1.lt-1", &["olt_1", "lt-1"]),
            ("podman:a.docker:b", &["podman:a", "docker:b"]),
            ("pid:42.runc:a", &["pid:42", "runc:a"]),
            ("id:c6d.a.id:0", &["id:c6d", "a", "id:0"]),
            ("docker:id:c6d.ann@id:0", &["docker:id:c6d", "ann@id:0"]),
            ("/containerd:k8s.io:id:c6d", &["containerd:k8s.io:id:c6d"]),
            ("_a.-b.c+d", &["_a", "-b", "c+d"]),
            ("/.a/+", &[".a", "+"]),
            ("alice@podman:web.bob@db", &["alice@podman:web", "bob@db"]),
            ("incus:prod:web.lxc:box.machine:db", &["incus:prod:web", "lxc:box", "machine:db"]),
            ("/unit:getty@tty1.service/a.b", &["unit:getty@tty1.service", "a.b"]),
            ("containerd:teama:job.x", &["containerd:teama:job", "x"]),
            ("pod:front.web", &["pod:front", "web"]),
            ("node/pod:kube-system:dns.7f/coredns", &["node", "pod:kube-system:dns.7f", "coredns"]),
            (r"pod:kube-system:dns\.7f.coredns", &["pod:kube-system:dns.7f", "coredns"]),
        ] {
            assert_eq!(names(path), segments, "{path}");
            assert_eq!(names(&show(&names(path))), segments, "{path}");
        }
    }

    #[test]
    fn a_path_has_an_end() {
        assert!(parse(&["a"; MAX_DEPTH].join(".")).is_ok());
        assert!(parse(&["a"; MAX_DEPTH + 1].join(".")).is_err());
        assert!(parse(&["*"; MAX_DEPTH + 1].join(".")).is_err());
    }

    #[test]
    fn what_no_engine_accepts_is_refused() {
        for path in
            ["", "/", ".", "a..b", "a.", ".a", "a//b", "a/../b", "a\\", "a b", "x?y=", "a/%2e", "/..", "ü", "a\n"]
                .into_iter()
                .chain([
                    "x:a",
                    "x:*",
                    "id:",
                    "id:web",
                    "id:c*",
                    "docker:id:web",
                    "ann@id:",
                    "docker:",
                    "docker:a b",
                    "docker:a:b",
                    "@a",
                    "*@a",
                    "a.pid:42",
                    "pid:x",
                    "*.pid:42",
                    "*/unit:ssh",
                    "unit:s*",
                ])
        {
            let error = parse(path).unwrap_err().to_string();
            assert!(error.starts_with("path "), "{error}");
        }
    }

    #[test]
    fn wildcards() {
        for (path, prefix) in [
            ("a.*", &["a"][..]),
            ("a.b.**.c", &["a", "b"]),
            ("?", &[]),
            ("/x.y/lt_[1-3]/z", &["x.y"]),
            ("pod:a:*", &[]),
        ] {
            let Target::Many(pattern) = parse(path).unwrap() else { panic!("{path}") };
            assert_eq!(pattern.prefix, prefix, "{path}");
        }
    }

    #[test]
    fn wildcards_that_can_fit_nothing_are_refused() {
        for (path, why) in [
            ("a.b**", "is not a pattern"),
            ("***", "is not a pattern"),
            ("[a", "is not a pattern"),
            (r"a\*", "is not a container name"),
            (r"\*\*", "is not a container name"),
            (r"*\*", "has a \"*\""),
            (r"*\[a]", "has a \"[\""),
            ("*ü", "has a \"ü\""),
            ("{a,b}*", "has a \"{\""),
            ("[^a]", "has a \"^\""),
        ] {
            let error = parse(path).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
    }
}
