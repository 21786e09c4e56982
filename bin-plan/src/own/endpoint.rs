//! The end of a link: `setup.olt_1:eth1`.

/// A path and, behind the last `:`, the name of the link there. Those before it are the path's.
///
/// # Errors
/// If it has not both.
pub(crate) fn split(text: &str) -> Result<(&str, &str), String> {
    match text.rsplit_once(':') {
        Some((path, name)) if !path.is_empty() && !name.is_empty() => Ok((path, name)),
        _ => Err(format!("\"{text}\" is not a container's path, a colon, and the name of a link, such as a.b:eth1")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_colon_splits() {
        for (text, ends) in [
            ("setup.olt_1.lt_1:eth1", ("setup.olt_1.lt_1", "eth1")),
            ("host:up0", ("host", "up0")),
            ("netns:blue:eth0", ("netns:blue", "eth0")),
            ("a/my.b:eth0", ("a/my.b", "eth0")),
            ("podman:web:eth0", ("podman:web", "eth0")),
        ] {
            assert_eq!(split(text), Ok(ends));
        }
        for text in ["", "a.b", ":eth0", "a:"] {
            assert!(split(text).is_err(), "{text}");
        }
    }
}
