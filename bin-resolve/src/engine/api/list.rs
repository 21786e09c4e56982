//! Parses an engine's list of containers for their IDs and names alone.

use std::fmt;

use nicon_core::Result;
use nicon_core::path::is_name;
use serde::de::{Deserialize, Deserializer, Error as _, IgnoredAny, SeqAccess, Visitor};

use crate::engine::api::inspect::not_understood;
use crate::engine::container::Summary;

/// The most containers that one engine may list. An answer of 8 MiB could hold a million, each of which would take
/// memory.
const MAX_CONTAINERS: usize = 10_000;

/// Reads an engine's answer to `GET /containers/json`.
///
/// # Errors
/// If it is not such a list, or is too long.
pub(crate) fn parse(answer: &[u8]) -> Result<Vec<Summary>> {
    let list: List = serde_json::from_slice(answer).map_err(|error| not_understood(&error.to_string()))?;
    Ok(list.0)
}

struct List(Vec<Summary>);

impl<'de> Deserialize<'de> for List {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_seq(Items).map(List)
    }
}

/// Counts while it parses, so that a list that is too long takes no memory first.
struct Items;

impl<'de> Visitor<'de> for Items {
    type Value = Vec<Summary>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a list of containers")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> std::result::Result<Vec<Summary>, A::Error> {
        let mut list = Vec::new();
        while let Some(Item { id, names: Name(name) }) = items.next_element()? {
            if list.len() == MAX_CONTAINERS {
                return Err(A::Error::custom(format!("it lists more than {MAX_CONTAINERS} containers")));
            }
            let name = name.or_else(|| is_name(&id).then(|| id.clone()));
            let name = name.ok_or_else(|| A::Error::custom("a container without a name"))?;
            list.push(Summary { id, name, ..Summary::default() });
        }
        Ok(list)
    }
}

#[derive(serde::Deserialize)]
struct Item {
    #[serde(rename = "Id")]
    id: String,
    #[serde(rename = "Names", default)]
    names: Name,
}

/// The first of `Names` that is the container's own: `/web/db` is a link, under which `web` knows it as `db`.
#[derive(Default)]
struct Name(Option<String>);

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_option(FirstName).map(Name)
    }
}

struct FirstName;

impl<'de> Visitor<'de> for FirstName {
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a list of names")
    }

    fn visit_none<E>(self) -> std::result::Result<Option<String>, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> std::result::Result<Option<String>, D::Error> {
        deserializer.deserialize_seq(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut names: A) -> std::result::Result<Option<String>, A::Error> {
        while let Some(name) = names.next_element::<String>()? {
            let bare = name.strip_prefix('/').unwrap_or(&name);
            if is_name(bare) {
                let own = bare.to_owned();
                while names.next_element::<IgnoredAny>()?.is_some() {}
                return Ok(Some(own));
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(answer: &str) -> Vec<String> {
        parse(answer.as_bytes()).unwrap().into_iter().map(|listed| listed.name).collect()
    }

    #[test]
    fn a_container_has_a_name_that_can_be_asked_for() {
        let list = r#"[{"Id":"1a","Names":["/web/db","/db","/x"],"Ports":[{}]},{"Id":"2b","Names":null},{"Id":"3c"}]"#;
        assert_eq!(names(list), ["db", "2b", "3c"]);
        assert_eq!(names("[]"), [""; 0]);
        assert_eq!(names(r#"[{"Id":"1a","Names":["/\u001b[2J","/../x"]}]"#), ["1a"]);
    }

    #[test]
    fn anything_but_a_list_of_containers_is_refused() {
        for answer in ["", "{}", "[{}]", "[1]", r#"[{"Id":1}]"#, r#"[{"Id":"/"}]"#, r#"[{"Id":"a","Names":"x"}]"#] {
            assert!(parse(answer.as_bytes()).unwrap_err().to_string().contains("not understood"), "{answer}");
        }
        let list = |length| format!("[{}]", vec![r#"{"Id":"a"}"#; length].join(","));
        assert_eq!(names(&list(MAX_CONTAINERS)).len(), MAX_CONTAINERS);
        assert!(parse(list(MAX_CONTAINERS + 1).as_bytes()).unwrap_err().to_string().contains("more than 10000"));
    }
}
