//! Reads an engine's list of containers for their IDs and names alone.

use std::fmt;

use nicon_core::Result;
use nicon_core::path::is_name;
use serde::de::{Deserialize, Deserializer, IgnoredAny, SeqAccess, Visitor};

use crate::engine::api::inspect::not_understood;
use crate::engine::container::Summary;

/// The most containers that one engine may list. A list could hold millions, each of which would take memory.
const MAX_CONTAINERS: usize = 32_768;

/// The most that one of them may take in the list, in bytes, labels and all: more than is read of it where it is asked for, since
/// it must not hide the others.
const MAX_ITEM: usize = 8 << 20;

/// The most bytes of their IDs and names.
const MAX_NAMES: usize = 8 << 20;

/// Reads an engine's answer to `GET /containers/json`, part by part. The text of one container is kept until all of it is there.
#[derive(Default)]
pub(crate) struct Reader {
    list: Vec<Summary>,
    /// How many bytes its IDs and names have.
    names: usize,
    place: Place,
    item: Vec<u8>,
    /// How many objects and lists are open in the item.
    depth: usize,
    text: Text,
}

/// Where in the list the next byte stands.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Before,
    Begun,
    Item,
    AfterItem,
    AfterComma,
    After,
}

/// Whether it is in a string of the item.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Text {
    #[default]
    Outside,
    Inside,
    Escaped,
}

impl Reader {
    /// Takes another part.
    ///
    /// # Errors
    /// If it is none of such a list, or that is too long.
    pub(crate) fn read(&mut self, mut part: &[u8]) -> Result<()> {
        while let Some((&byte, rest)) = part.split_first() {
            if self.place == Place::Item {
                part = self.read_item(part)?;
            } else {
                self.take_between(byte)?;
                part = rest;
            }
        }
        Ok(())
    }

    /// What has been listed.
    ///
    /// # Errors
    /// If the list has not ended.
    pub(crate) fn end(self) -> Result<Vec<Summary>> {
        match self.place {
            Place::After => Ok(self.list),
            _ => Err(not_understood("it ends before the list of containers does")),
        }
    }

    fn take_between(&mut self, byte: u8) -> Result<()> {
        self.place = match (self.place, byte) {
            (place, b' ' | b'\t' | b'\r' | b'\n') => place,
            (Place::Before, b'[') => Place::Begun,
            (Place::Begun | Place::AfterComma, b'{') => {
                self.item.clear();
                self.item.push(byte);
                self.depth = 1;
                Place::Item
            }
            (Place::AfterItem, b',') => Place::AfterComma,
            (Place::Begun | Place::AfterItem, b']') => Place::After,
            _ => return Err(not_understood("it is no list of containers")),
        };
        Ok(())
    }

    /// Takes as much of an item as is alike, and the byte behind that. Returns the rest.
    fn read_item<'a>(&mut self, part: &'a [u8]) -> Result<&'a [u8]> {
        let alike = match self.text {
            Text::Outside => part.iter().position(|byte| b"\"{}[]".contains(byte)),
            Text::Inside => memchr::memchr2(b'"', b'\\', part),
            Text::Escaped => Some(0),
        };
        let (taken, rest) = part.split_at(alike.map_or(part.len(), |length| length + 1));
        if self.item.len() + taken.len() > MAX_ITEM {
            return Err(not_understood(&format!("a container in it takes more than {} MiB", MAX_ITEM >> 20)));
        }
        self.item.extend_from_slice(taken);
        if let Some(&byte) = taken.last().filter(|_| alike.is_some()) {
            self.take_mark(byte)?;
        }
        Ok(rest)
    }

    fn take_mark(&mut self, byte: u8) -> Result<()> {
        match (self.text, byte) {
            (Text::Escaped, _) | (Text::Outside, b'"') => self.text = Text::Inside,
            (Text::Inside, b'"') => self.text = Text::Outside,
            (Text::Inside, _) => self.text = Text::Escaped,
            (Text::Outside, b'{' | b'[') => self.depth += 1,
            (Text::Outside, _) => self.depth -= 1,
        }
        if self.depth == 0 {
            let listed = summary(&self.item)?;
            self.names += listed.id.len() + listed.name.len();
            self.list.push(listed);
            self.place = Place::AfterItem;
            if self.list.len() > MAX_CONTAINERS {
                return Err(not_understood(&format!("it lists more than {MAX_CONTAINERS} containers")));
            }
            if self.names > MAX_NAMES {
                return Err(not_understood(&format!("its names take more than {} MiB", MAX_NAMES >> 20)));
            }
        }
        Ok(())
    }
}

fn summary(item: &[u8]) -> Result<Summary> {
    let item: Item = serde_json::from_slice(item).map_err(|error| not_understood(&error.to_string()))?;
    let Item { id, names: Name(name) } = item;
    let name = name.or_else(|| is_name(&id).then(|| id.clone()));
    let name = name.ok_or_else(|| not_understood("a container without a name"))?;
    Ok(Summary { id, name, ..Summary::default() })
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

    /// Reads an answer that comes in parts of this many bytes.
    fn parse(answer: &str, parts: usize) -> Result<Vec<Summary>> {
        let mut reader = Reader::default();
        answer.as_bytes().chunks(parts).try_for_each(|part| reader.read(part))?;
        reader.end()
    }

    fn names(answer: &str) -> Vec<String> {
        let whole = parse(answer, answer.len().max(1)).unwrap();
        assert_eq!(whole, parse(answer, 1).unwrap(), "{answer}");
        whole.into_iter().map(|listed| listed.name).collect()
    }

    #[test]
    fn a_container_has_a_name_that_can_be_asked_for() {
        let list = r#"[{"Id":"1a","Names":["/web/db","/db","/x"],"Ports":[{}]},{"Id":"2b","Names":null},{"Id":"3c"}]"#;
        assert_eq!(names(list), ["db", "2b", "3c"]);
        assert_eq!(names(" [ ] "), [""; 0]);
        let quoted = r#"[{"Id":"1a","x":"\"}]","Names":["/a"]} , {"Id":"2b","y":[{"z":"\\"}]}]"#;
        assert_eq!(names(quoted), ["a", "2b"]);
        assert_eq!(names(r#"[{"Id":"1a","Names":["/\u001b[2J","/../x"]}]"#), ["1a"]);
    }

    #[test]
    fn anything_but_a_list_of_containers_is_refused() {
        let a = r#"{"Id":"a"}"#;
        let no_lists = ["[", &format!("[{a}"), &format!("[{a},]"), &format!("[{a}{a}]"), &format!("[{a}]]"), "[,]"];
        let no_containers = ["[{}]", "[1]", r#"[{"Id":1}]"#, r#"[{"Id":"/"}]"#, r#"[{"Id":"a","Names":"x"}]"#, "[{]}]"];
        for answer in ["", "{}", "null"].into_iter().chain(no_lists).chain(no_containers) {
            assert!(parse(answer, 7).unwrap_err().to_string().contains("not understood"), "{answer}");
        }
        let list = |length| format!("[{}]", vec![r#"{"Id":"a"}"#; length].join(","));
        assert_eq!(names(&list(MAX_CONTAINERS)).len(), MAX_CONTAINERS);
        assert!(parse(&list(MAX_CONTAINERS + 1), 999).unwrap_err().to_string().contains("more than 32768"));
        let long = format!(r#"{{"Id":"{}"}}"#, "a".repeat(MAX_NAMES / 32));
        let of_long = |length| format!("[{}]", vec![&long[..]; length].join(","));
        assert_eq!(names(&of_long(16)).len(), 16);
        assert!(parse(&of_long(17), 999).unwrap_err().to_string().contains("than 8 MiB"));
        let large = format!(r#"[{{"Id":"a","x":"{}"}}]"#, "x".repeat(MAX_ITEM));
        assert!(parse(&large, 4096).unwrap_err().to_string().contains("a container in it takes more than 8 MiB"));
    }
}
