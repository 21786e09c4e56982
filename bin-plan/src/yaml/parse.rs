//! From a text to its document.
//!
//! Tags are refused: a plan means what it says. Aliases stand for what they name, but a short text cannot expand to a long one.

use std::collections::HashMap;
use std::rc::Rc;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span, StrInput};

use super::node::{Content, KeyValue, Node};
use super::scalar::Scalar;
use crate::fault::{Fault, Position};

/// The deepest nesting that is read. The files of labs need about ten levels, for what is said of a node's health.
const DEPTH: usize = 32;

/// The most keys of a map: the nodes of a large lab, many times over.
const KEYS: usize = 65536;

/// The most values that all aliases of a text together may stand for.
const EXPANDED: usize = 200_000;

/// The key whose value is a map, or a list of maps, that gives what its own map lacks (yaml.org/type/merge.html).
const MERGE: &str = "<<";

/// Parses a text of a single document; `None` if there is none, only comments.
///
/// # Errors
/// The first fault: text that is not YAML, or YAML that a plan may not use.
pub(crate) fn parse(text: &str) -> Result<Option<Node>, Fault> {
    let mut reader = Reader { parser: Parser::new_from_str(text), anchors: HashMap::new(), values: 0, expanded: 0 };
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

struct Reader<'a> {
    parser: Parser<'a, StrInput<'a>>,
    /// What each anchor names, and how many values that is.
    anchors: HashMap<usize, (Node, usize)>,
    /// How many values were read, counting those that aliases stand for.
    values: usize,
    /// How many of them aliases stood for.
    expanded: usize,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<Option<(Event<'a>, Position)>, Fault> {
        self.parser.next().transpose().map(|next| next.map(|(event, span)| (event, span.into()))).map_err(Fault::from)
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
        if tag {
            return Err(position.fault("a plan cannot have tags (!)"));
        }
        let Some(depth) = depth.checked_sub(1) else { return Err(position.fault("nested too deep for a plan")) };
        let before = self.values;
        self.values += 1;
        let content = match event {
            Event::Alias(anchor) => return self.alias(anchor, position),
            Event::Scalar(text, style, ..) => {
                Content::Scalar(Rc::new(Scalar { text: text.into_owned(), plain: style == ScalarStyle::Plain }))
            }
            Event::SequenceStart(..) => Content::List(Rc::new(self.list(depth)?)),
            _ => Content::Map(Rc::new(self.map(depth)?)),
        };
        let node = Node { position, content };
        if anchor != 0 {
            self.anchors.insert(anchor, (node.clone(), self.values - before));
        }
        Ok(node)
    }

    fn alias(&mut self, anchor: usize, position: Position) -> Result<Node, Fault> {
        let Some((node, values)) = self.anchors.get(&anchor) else {
            return Err(position.fault("the alias (*) is inside of what it stands for"));
        };
        self.values += values;
        self.expanded += values;
        if self.expanded > EXPANDED {
            return Err(position.fault(format!("the aliases (*) stand for more than {EXPANDED} values")));
        }
        Ok(Node { position, content: node.content.clone() })
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
        let (mut entries, mut merged) = (Vec::new(), Vec::new());
        let mut lines: HashMap<String, u32> = HashMap::new();
        loop {
            let (event, position) = match self.must_next()? {
                (Event::MappingEnd, _) => break,
                next => next,
            };
            if entries.len() == KEYS {
                return Err(position.fault(format!("more than {KEYS} keys in one map")));
            }
            let Content::Scalar(key) = self.node(event, position, depth)?.content else {
                return Err(position.fault("a key must be a word, not a list or a map"));
            };
            if let Some(first) = lines.insert(key.text.clone(), position.line) {
                return Err(position.fault(format!("duplicate key {} (first on line {first})", key.text)));
            }
            let (event, at) = self.must_next()?;
            let mut value = self.node(event, at, depth)?;
            // A missing value has no position of its own.
            if matches!(&value.content, Content::Scalar(scalar) if scalar.plain && scalar.text.is_empty()) {
                value.position = position;
            }
            if key.plain && key.text == MERGE {
                merged = to_merge(&value)?;
            } else {
                entries.push(KeyValue { position, key: key.text.clone(), value });
            }
        }
        for entry in merged.iter().flat_map(|map| map.iter()) {
            if lines.insert(entry.key.clone(), entry.position.line).is_none() {
                entries.push(entry.clone());
            }
        }
        Ok(entries)
    }
}

/// The maps that a map is merged with. Of two that have a key, the first counts.
fn to_merge(node: &Node) -> Result<Vec<Rc<Vec<KeyValue>>>, Fault> {
    let nodes = match &node.content {
        Content::List(nodes) => nodes,
        _ => std::slice::from_ref(node),
    };
    let map = |node: &Node| match &node.content {
        Content::Map(map) => Ok(map.clone()),
        other => {
            Err(node.position.fault(format!("{MERGE}: expected a map or a list of maps, found {}", other.display())))
        }
    };
    nodes.iter().map(map).collect()
}

impl From<Span> for Position {
    fn from(span: Span) -> Self {
        position(span.start.line(), span.start.col())
    }
}

/// A position by its line and the characters before it.
fn position(line: usize, before: usize) -> Position {
    let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    Position { line: number(line), column: number(before + 1) }
}

impl From<ScanError> for Fault {
    fn from(error: ScanError) -> Self {
        let cause = match error.info() {
            tab if tab.starts_with("tabs disallowed") => "tabs are not allowed for indentation",
            other => other,
        };
        position(error.marker().line(), error.marker().col()).fault(format!("not YAML: {cause}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> String {
        let fault = parse(text).unwrap_err();
        format!("{}: {}", fault.position, fault.message)
    }

    /// A document on one line: `a: 3:4 1` is the value 1 of the key `a`, on line 3 in column 4.
    fn shown(node: &Node) -> String {
        let content = match &node.content {
            Content::Scalar(scalar) => scalar.text.clone(),
            Content::List(items) => format!("[{}]", items.iter().map(shown).collect::<Vec<_>>().join(", ")),
            Content::Map(entries) => {
                let entry = |entry: &KeyValue| format!("{}: {}", entry.key, shown(&entry.value));
                format!("{{{}}}", entries.iter().map(entry).collect::<Vec<_>>().join(", "))
            }
        };
        format!("{} {content}", node.position)
    }

    #[test]
    fn faults_have_places() {
        assert!(fault("a: 1\n---\nb: 1\n").starts_with("2:1: a second YAML document"));
        assert!(fault("a: *x\n").starts_with("1:4: not YAML"));
        assert!(fault("a: !!str 1\n").contains("cannot have tags"));
        assert!(fault("a: 1\nb: 2\n'a': 3\n").starts_with("3:1: duplicate key a (first on line 1)"));
        assert!(fault("? [a]\n: 1\n").contains("a key must be a word"));
        assert!(fault("a: [1\n").contains("not YAML"));
        assert_eq!(fault("a:\n\t- b\n"), "2:2: not YAML: tabs are not allowed for indentation");
        for deep in ["[", "- ", "{a: "] {
            assert!(fault(&deep.repeat(40)).contains("nested too deep"), "{deep}");
            parse(&deep.repeat(100_000)).unwrap_err();
        }
    }

    #[test]
    fn an_alias_stands_for_what_its_anchor_names() {
        let text = "a: &x {b: &y 1}\nc: *x\nd: [*y]\n*y : e\n";
        let read = parse(text).unwrap().unwrap();
        assert_eq!(shown(&read), "1:1 {a: 1:4 {b: 1:11 1}, c: 2:4 {b: 1:11 1}, d: 3:4 [3:5 1], 1: 4:6 e}");
        assert_eq!(fault("a: &x [*x]\n"), "1:8: the alias (*) is inside of what it stands for");
    }

    #[test]
    fn a_merged_map_gives_what_is_not_there() {
        let text = "a: &a {x: 1, y: 2}\nb: &b {y: 3, z: 4}\nc: {x: 5, <<: [*a, *b]}\nd:\n  <<: *a\n  y: 6\n";
        let read = parse(text).unwrap().unwrap();
        assert_eq!(shown(read.get("c").unwrap()), "3:4 {x: 3:8 5, y: 1:17 2, z: 2:17 4}");
        assert_eq!(shown(read.get("d").unwrap()), "5:3 {y: 6:6 6, x: 1:11 1}");
        // In quotes it is a key like any other.
        assert!(parse("'<<': 1\n").unwrap().unwrap().get("<<").is_some());
        assert_eq!(fault("<<: 1\n"), "1:5: <<: expected a map or a list of maps, found 1");
        assert!(fault("a: {<<: {x: 1}, <<: {y: 1}}\n").contains("duplicate key <<"));
    }

    #[test]
    fn a_short_text_does_not_expand_to_a_long_one() {
        let line = |n: usize| format!("a{n}: &a{n} [{}]\n", vec![format!("*a{}", n - 1); 10].join(", "));
        let lines: Vec<_> = (1..40).map(line).collect();
        let laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned() + &lines.concat();
        assert!(fault(&laughs).ends_with(": the aliases (*) stand for more than 200000 values"));
        assert!(fault(&laughs).starts_with("6:"));
    }

    #[test]
    fn a_map_has_a_bounded_number_of_keys() {
        let map: Vec<String> = (0..100_000).map(|number| format!("k{number}: 1\n")).collect();
        assert_eq!(fault(&map.concat()), "65537:1: more than 65536 keys in one map");
        assert!(parse(&map[..65536].concat()).is_ok());
    }

    #[test]
    fn a_text_of_comments_has_no_document() {
        for empty in ["", "\n\n", "# nothing\n", "---\n", "\u{feff}"] {
            let node = parse(empty).unwrap();
            assert!(node.is_none_or(|node| node.is_nothing()));
        }
    }
}
