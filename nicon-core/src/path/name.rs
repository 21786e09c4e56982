//! What a container may be called.

/// Whether runc would accept it as a container's ID, which is its name. Its rule is the widest: Docker's, Podman's and nerdctl's names
/// begin with a letter or digit and have no `+`, and containerd's identifiers have single marks within. (crun takes anything
/// but a slash.) What is a name is safe as a part of a URL, and of a file's path.
#[must_use]
pub fn is_name(name: &str) -> bool {
    !matches!(name, "" | "." | "..") && name.chars().all(is_name_char)
}

/// Whether a container's name can contain this character.
#[must_use]
pub fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-' | '+')
}
