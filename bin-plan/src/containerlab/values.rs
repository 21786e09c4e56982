//! Single values, as containerlab understands them: a word without quotes is text wherever text is expected.

use std::ops::RangeInclusive;

use super::templates;
use super::variables::substitute;
use crate::fault::Fault;
use crate::yaml::{Node, Scalar};

/// What values are read with.
pub(super) struct Values<'a> {
    pub(super) env: &'a dyn Fn(&str) -> Option<String>,
}

impl Values<'_> {
    /// The text of a value; empty where it is `""`.
    ///
    /// # Errors
    /// If it is no single value, nothing at all, or holds what cannot be known here.
    pub(super) fn text(&self, key: &str, node: &Node) -> Result<String, Fault> {
        let scalar = self.scalar(key, node)?;
        if scalar.is_nothing() {
            return Err(node.position.fault(format!("{key}: expected text, found nothing")));
        }
        if scalar.text.contains(char::is_control) {
            return Err(node.position.fault(format!("{key}: it contains a line break or a control character")));
        }
        Ok(scalar.text)
    }

    /// A whole number of a range.
    ///
    /// # Errors
    /// If it is none.
    pub(super) fn number(&self, key: &str, node: &Node, range: &RangeInclusive<u32>) -> Result<u32, Fault> {
        let number = self.scalar(key, node)?.number(range);
        number.map_err(|why| node.position.fault(format!("{key}: {why}")))
    }

    /// A text, with variables put in.
    ///
    /// # Errors
    /// As [`substitute`]; a template.
    pub(super) fn expand(&self, text: &str) -> Result<String, String> {
        if templates::is_in(text) { Err(templates::WHY.to_owned()) } else { substitute(text, self.env) }
    }

    fn scalar(&self, key: &str, node: &Node) -> Result<Scalar, Fault> {
        let fault = |why: String| node.position.fault(format!("{key}: {why}"));
        // YAML reads what begins with {{ as a map.
        let scalar = node.scalar().map_err(fault)?;
        let text = self.expand(&scalar.text).map_err(fault)?;
        // Variables are put in before quotes are read.
        let quoted = |quote| text.strip_prefix(quote)?.strip_suffix(quote).map(str::to_owned);
        let inner = (scalar.plain && text != scalar.text).then(|| quoted('"').or_else(|| quoted('\''))).flatten();
        let plain = scalar.plain && inner.is_none();
        Ok(Scalar { text: inner.unwrap_or(text), plain })
    }
}
