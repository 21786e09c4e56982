//! The YAML that plans need: a single document of maps, lists and scalars, each with its position.
//!
//! Anchors, aliases and tags are refused: a plan means what it says, and a short text cannot expand to a long one.

use std::fmt;

use nicon_core::Error;
use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span, StrInput};

use crate::scalar::Scalar;

/// The deepest nesting that is read. A plan needs five levels: a map, a list, a map, a list, a scalar.
const DEPTH: usize = 8;

/// The most keys of a map: far more than a plan can use.
const KEYS: usize = 64;

/// A position in the text. Lines and columns count from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

/// An error at a position.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) position: Position,
    pub(crate) message: String,
}

/// A value and its position.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) position: Position,
    pub(crate) content: Content,
}

/// A value.
#[derive(Debug)]
pub(crate) enum Content {
    Scalar(Scalar),
    List(Vec<Node>),
    Map(Vec<KeyValue>),
}

impl Content {
    /// The value in a message.
    pub(crate) fn display(&self) -> String {
        match self {
            Self::Scalar(scalar) => scalar.display(),
            Self::List(_) => "a list".to_owned(),
            Self::Map(_) => "a map".to_owned(),
        }
    }
}

/// An entry of a map.
#[derive(Debug)]
pub(crate) struct KeyValue {
    pub(crate) position: Position,
    pub(crate) key: String,
    pub(crate) value: Node,
}

/// Parses a text of a single document; `None` if there is none, only comments.
///
/// # Errors
/// The first fault: text that is not YAML, or YAML that a plan may not use.
pub(crate) fn parse(text: &str) -> Result<Option<Node>, Fault> {
    let mut reader = Reader(Parser::new_from_str(text));
    let mut document = None;
    while let Some((event, position)) = reader.next()? {
        match event {
            Event::DocumentStart(_) if document.is_some() => {
                return Err(position.fault("a second YAML document: a plan is a single document"));
            }
            Event::DocumentStart(_) | Event::DocumentEnd | Event::StreamStart | Event::StreamEnd | Event::Nothing => {}
            event => document = Some(reader.node(event, position, DEPTH)?),
        }
    }
    Ok(document)
}

struct Reader<'a>(Parser<'a, StrInput<'a>>);

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<Option<(Event<'a>, Position)>, Fault> {
        self.0.next().transpose().map(|next| next.map(|(event, span)| (event, span.into()))).map_err(Fault::from)
    }

    /// The next event, inside a document.
    fn must_next(&mut self) -> Result<(Event<'a>, Position), Fault> {
        self.next().map(|next| next.expect("the parser ends what it began"))
    }

    fn node(&mut self, event: Event<'a>, position: Position, depth: usize) -> Result<Node, Fault> {
        let (anchor, tag) = match &event {
            Event::Scalar(_, _, anchor, tag) | Event::SequenceStart(anchor, tag) | Event::MappingStart(anchor, tag) => {
                (*anchor, tag.is_some())
            }
            _ => (0, false),
        };
        if anchor != 0 || matches!(event, Event::Alias(_)) {
            return Err(position.fault("a plan cannot have anchors (&) or aliases (*): repeat the value"));
        }
        if tag {
            return Err(position.fault("a plan cannot have tags (!)"));
        }
        let Some(depth) = depth.checked_sub(1) else { return Err(position.fault("nested too deep for a plan")) };
        let content = match event {
            Event::Scalar(text, style, ..) => {
                Content::Scalar(Scalar { text: text.into_owned(), plain: style == ScalarStyle::Plain })
            }
            Event::SequenceStart(..) => Content::List(self.list(depth)?),
            _ => Content::Map(self.map(depth)?),
        };
        Ok(Node { position, content })
    }

    fn list(&mut self, depth: usize) -> Result<Vec<Node>, Fault> {
        let mut items = Vec::new();
        loop {
            match self.must_next()? {
                (Event::SequenceEnd, _) => return Ok(items),
                (event, position) => items.push(self.node(event, position, depth)?),
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<Vec<KeyValue>, Fault> {
        let mut entries: Vec<KeyValue> = Vec::new();
        loop {
            let (event, position) = match self.must_next()? {
                (Event::MappingEnd, _) => return Ok(entries),
                next => next,
            };
            if entries.len() == KEYS {
                return Err(position.fault(format!("more than {KEYS} keys in one map")));
            }
            let Content::Scalar(Scalar { text: key, .. }) = self.node(event, position, depth)?.content else {
                return Err(position.fault("a key must be a word, not a list or a map"));
            };
            if let Some(first) = entries.iter().find(|entry| entry.key == key) {
                return Err(position.fault(format!("duplicate key {key} (first on line {})", first.position.line)));
            }
            let (event, at) = self.must_next()?;
            let mut value = self.node(event, at, depth)?;
            // A missing value has no position of its own.
            if matches!(&value.content, Content::Scalar(scalar) if scalar.plain && scalar.text.is_empty()) {
                value.position = position;
            }
            entries.push(KeyValue { position, key, value });
        }
    }
}

impl Position {
    /// A fault at this position.
    pub(crate) fn fault(self, message: impl Into<String>) -> Fault {
        Fault { position: self, message: message.into() }
    }
}

impl From<Span> for Position {
    fn from(span: Span) -> Self {
        Self { line: span.start.line(), column: span.start.col() + 1 }
    }
}

impl From<ScanError> for Fault {
    fn from(error: ScanError) -> Self {
        let position = Position { line: error.marker().line(), column: error.marker().col() + 1 };
        let cause = match error.info() {
            tab if tab.starts_with("tabs disallowed") => "tabs are not allowed for indentation",
            other => other,
        };
        position.fault(format!("not YAML: {cause}"))
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

impl Fault {
    /// The fault as an error in the file `name`, formatted as by compilers: `links.yaml:4:15: ...`.
    pub(crate) fn prefix(self, name: &str) -> Error {
        Error::failed(format!("{name}:{}: {}", self.position, self.message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> String {
        let fault = parse(text).unwrap_err();
        format!("{}: {}", fault.position, fault.message)
    }

    #[test]
    fn faults_have_places() {
        assert!(fault("a: 1\n---\nb: 1\n").starts_with("2:1: a second YAML document"));
        assert!(fault("a: &x 1\n").starts_with("1:4: a plan cannot have anchors"));
        assert!(fault("a: *x\n").starts_with("1:"));
        assert!(fault("a: !!str 1\n").contains("cannot have tags"));
        assert!(fault("a: 1\nb: 2\n'a': 3\n").starts_with("3:1: duplicate key a (first on line 1)"));
        assert!(fault("? [a]\n: 1\n").contains("a key must be a word"));
        assert!(fault("a: [1\n").contains("not YAML"));
        assert_eq!(fault("a:\n\t- b\n"), "2:2: not YAML: tabs are not allowed for indentation");
        for deep in ["[", "- ", "{a: "] {
            assert!(fault(&deep.repeat(20)).contains("nested too deep"), "{deep}");
            parse(&deep.repeat(100_000)).unwrap_err();
        }
    }

    #[test]
    fn a_map_has_at_most_64_keys() {
        let map: Vec<String> = (0..100_000).map(|number| format!("k{number}: 1\n")).collect();
        assert_eq!(fault(&map.concat()), "65:1: more than 64 keys in one map");
    }

    #[test]
    fn a_text_of_comments_has_no_document() {
        for empty in ["", "\n\n", "# nothing\n", "---\n", "\u{feff}"] {
            let node = parse(empty).unwrap();
            assert!(node.is_none_or(|node| matches!(node.content, Content::Scalar(scalar) if scalar.text.is_empty())));
        }
    }
}
