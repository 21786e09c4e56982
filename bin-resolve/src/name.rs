//! Paths: how the name of a nested container is written.

use nicon_core::{Error, Result};

/// A container's path: one segment for each engine on the way in, none of them empty.
pub(crate) type Path = Vec<String>;

/// The most segments that a path may have: far more than kernels nest PID namespaces (32), for those that lead in circles.
const MAX_DEPTH: usize = 64;

/// Splits a path at its dots, or at its slashes where it has any; `\` takes the special meaning from what follows it.
///
/// # Errors
/// An empty segment, a `\` at the end, or a segment that no engine accepts as a name: it would end up in a URL.
pub(crate) fn parse(path: &str) -> Result<Path> {
    let separator = if path.contains('/') { '/' } else { '.' };
    let body = path.strip_prefix('/').unwrap_or(path);
    let mut segments = vec![String::new()];
    let mut chars = body.chars();
    while let Some(c) = chars.next() {
        let last = segments.last_mut().expect("there is always a segment");
        match c {
            '\\' => last.push(chars.next().ok_or_else(|| refuse(path, "it ends in a backslash"))?),
            _ if c == separator => segments.push(String::new()),
            _ => last.push(c),
        }
    }
    if segments.len() > MAX_DEPTH {
        return Err(refuse(path, &format!("it has more than {MAX_DEPTH} names")));
    }
    for segment in &segments {
        if segment.is_empty() {
            return Err(refuse(path, "a name in it is empty"));
        }
        if !is_name(segment) {
            return Err(refuse(path, &format!("\"{segment}\" is not a container name ([a-zA-Z0-9][a-zA-Z0-9_.-]*)")));
        }
    }
    Ok(segments)
}

/// A path as it is shown in messages: with dots where that is unambiguous.
pub(crate) fn show(path: &[String]) -> String {
    match path {
        [single] if single.contains('.') => format!("/{single}"),
        _ if path.iter().any(|segment| segment.contains('.')) => path.join("/"),
        _ => path.join("."),
    }
}

/// Docker's own rule for names, which IDs follow as well.
fn is_name(segment: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    segment.starts_with(|c: char| c.is_ascii_alphanumeric()) && segment.chars().all(allowed)
}

fn refuse(path: &str, why: &str) -> Error {
    Error::failed(format!("path \"{path}\": {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

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
        ] {
            assert_eq!(parse(path).unwrap(), segments, "{path}");
            assert_eq!(parse(&show(&parse(path).unwrap())).unwrap(), segments, "{path}");
        }
    }

    #[test]
    fn a_path_has_an_end() {
        assert!(parse(&["a"; MAX_DEPTH].join(".")).is_ok());
        assert!(parse(&["a"; MAX_DEPTH + 1].join(".")).is_err());
    }

    #[test]
    fn what_no_engine_accepts_is_refused() {
        for path in
            ["", "/", ".", "a..b", "a.", ".a", "a//b", "a/../b", "a\\", "a b", "x?y=", "a/%2e", "-a", "_a", "ü", "a\n"]
        {
            let error = parse(path).unwrap_err().to_string();
            assert!(error.starts_with("path "), "{error}");
        }
    }
}
