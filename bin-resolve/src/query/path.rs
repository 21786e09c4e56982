//! Paths, and how their segments are spelt.

use nicon_core::container::begins_id;

use crate::query::{Qualifier, Subject};

/// A container's path: one segment for each engine on the way in, none of them empty.
pub(crate) type Path = Vec<String>;

/// The segment of a container: its name after prefixes, or its ID where that would be read as something else.
pub(crate) fn spell(way: &Qualifier, name: &str, id: &str) -> String {
    let spelt = format!("{way}{name}");
    match Subject::parse(&spelt) {
        Ok(Subject::Container { of, name: read }) if of == *way && read == name => spelt,
        _ => by_id(way, id),
    }
}

/// The segment of a container by its ID after prefixes; with some engines that is a name.
pub(crate) fn by_id(way: &Qualifier, id: &str) -> String {
    let prefix = if begins_id(id) { "id:" } else { "" };
    format!("{way}{prefix}{id}")
}
