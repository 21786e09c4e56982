//! A record: one JSON object of the pipe protocol. Fields that a program does not know pass through it unchanged.

use std::str::FromStr;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::{Error, Result, text};

/// One JSON object. Fields keep their order and numbers their digits. A field of a record may hold another.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Record(Map<String, Value>);

impl Record {
    /// Parses one line.
    ///
    /// # Errors
    /// [`Status::Failed`](crate::Status::Failed) where the line is not JSON, is nested deeper than 127 levels, or is
    /// not an object.
    pub fn parse(line: &str) -> Result<Self> {
        match serde_json::from_str(line) {
            Ok(Value::Object(fields)) => Ok(Self(fields)),
            Err(error) if line.trim_start().starts_with('{') => {
                let said = error.to_string();
                // The caller adds the number of the line.
                let cause = said.split(" at line ").next().unwrap_or_default();
                Err(Error::invalid(format!("not a record (a JSON object): {cause} at column {}", error.column())))
            }
            _ => {
                let line = shorten(line.trim(), 40);
                Err(Error::invalid(format!("\"{line}\" is not a record (a JSON object)")))
            }
        }
    }

    /// A text field, or `None` where it is absent or null.
    ///
    /// # Errors
    /// [`Status::Failed`](crate::Status::Failed) where the field is not a string.
    pub fn text(&self, field: &str) -> Result<Option<&str>> {
        match self.0.get(field) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(wrong_type(field, "a string", other)),
        }
    }

    /// An integer field, or `None` where it is absent or null.
    ///
    /// # Errors
    /// [`Status::Failed`](crate::Status::Failed) where the field is not an integer that `T` can hold.
    pub fn integer<T: TryFrom<i128>>(&self, field: &str) -> Result<Option<T>> {
        match self.0.get(field) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => integer(value).map(Some).ok_or_else(|| wrong_type(field, "an integer in range", value)),
        }
    }

    /// A field that is true or false, or `None` where it is absent or null.
    ///
    /// # Errors
    /// [`Status::Failed`](crate::Status::Failed) where it is neither.
    pub fn boolean(&self, field: &str) -> Result<Option<bool>> {
        match self.0.get(field) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Bool(value)) => Ok(Some(*value)),
            Some(_) => Err(Error::invalid(format!("field \"{field}\": expected true or false"))),
        }
    }

    /// The items of a field that is a list of texts, or one text alone; none where it is absent or null. An error shows the
    /// `example`.
    ///
    /// # Errors
    /// [`Status::Failed`](crate::Status::Failed) where it is anything else; what `T` says of an item that it cannot be.
    pub fn list<T: FromStr<Err = Error>>(&self, field: &str, example: &str) -> Result<Vec<T>> {
        let wrong = || Error::invalid(format!("field \"{field}\": expected a list like [\"{example}\"]"));
        match self.0.get(field) {
            None | Some(Value::Null) => Ok(Vec::new()),
            Some(Value::String(item)) => Ok(vec![item.parse()?]),
            Some(Value::Array(items)) => items.iter().map(|item| item.as_str().ok_or_else(wrong)?.parse()).collect(),
            Some(_) => Err(wrong()),
        }
    }

    /// A field of integers by name, such as `ns`; empty where it is absent.
    ///
    /// # Errors
    /// [`Status::Failed`](crate::Status::Failed) where the field is not an object of integers.
    pub fn integers(&self, field: &str) -> Result<Vec<(&str, u64)>> {
        match self.0.get(field) {
            None | Some(Value::Null) => Ok(Vec::new()),
            Some(Value::Object(entries)) => entries
                .iter()
                .map(|(name, value)| {
                    let number =
                        integer(value).ok_or_else(|| wrong_type(&format!("{field}.{name}"), "an integer", value))?;
                    Ok((name.as_str(), number))
                })
                .collect(),
            Some(other) => Err(wrong_type(field, "an object of integers", other)),
        }
    }

    /// The names of its fields.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// A field as it stands.
    #[must_use]
    pub fn get(&self, field: &str) -> Option<&Value> {
        self.0.get(field)
    }

    /// A field as a cell of a table shows it; see [`cell`].
    #[must_use]
    pub fn cell(&self, field: &str) -> String {
        cell(self.0.get(field))
    }

    /// Sets a field; one that exists keeps its place.
    ///
    /// # Panics
    /// Where `value` cannot be JSON at all (a map whose keys are not strings): an error of the program.
    pub fn set(&mut self, field: &str, value: impl Serialize) {
        let value = serde_json::to_value(value).expect("a field's value is plain data");
        self.0.insert(field.to_owned(), value);
    }

    /// Sets all fields of another record.
    pub fn extend(&mut self, fields: &Self) {
        self.0.extend(fields.0.iter().map(|(field, value)| (field.clone(), value.clone())));
    }

    /// Removes a field.
    pub fn remove(&mut self, field: &str) {
        self.0.shift_remove(field);
    }

    /// Removes several fields.
    pub fn remove_all(&mut self, fields: &[&str]) {
        self.0.retain(|field, _| !fields.contains(&field.as_str()));
    }

    /// The record as one line of JSON, without its newline. What JSON itself leaves alone and could steer a terminal or mislead its
    /// reader (DEL, C1, marks of the direction of writing) is escaped too, so that a record is safe to look at.
    ///
    /// # Panics
    /// Never: a record holds nothing that is not JSON.
    #[must_use]
    pub fn to_line(&self) -> String {
        let mut line = Vec::new();
        append_line(&mut line, self);
        line.pop();
        String::from_utf8(line).expect("JSON is UTF-8")
    }
}

/// Appends an answer to `lines`, as one line of JSON; see [`Record::to_line`].
///
/// # Panics
/// Where `answer` cannot be JSON at all (a map whose keys are not strings): an error of the program.
pub(crate) fn append_line(lines: &mut Vec<u8>, answer: &impl Serialize) {
    let begin = lines.len();
    serde_json::to_writer(&mut *lines, answer).expect("an answer is plain data");
    let line = &lines[begin..];
    // Of ASCII only DEL is left: JSON has escaped all other control characters.
    if !line.is_ascii() || line.contains(&0x7f) {
        let line = String::from_utf8(lines.split_off(begin)).expect("JSON is UTF-8");
        for c in line.chars() {
            let escaped = if text::is_unsafe(c) { format!("\\u{:04x}", u32::from(c)) } else { c.to_string() };
            lines.extend(escaped.as_bytes());
        }
    }
    lines.push(b'\n');
}

/// A value as a cell of a table shows it: text bare, all else as JSON, and `-` where there is nothing.
#[must_use]
pub fn cell(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

fn integer<T: TryFrom<i128>>(value: &Value) -> Option<T> {
    value.as_number()?.as_i128().and_then(|number| T::try_from(number).ok())
}

fn wrong_type(field: &str, wanted: &str, found: &Value) -> Error {
    let found = shorten(&found.to_string(), 40);
    Error::invalid(format!("field \"{field}\": expected {wanted}, found {found}"))
}

fn shorten(text: &str, longest: usize) -> String {
    match text.char_indices().nth(longest) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_fields_keep_order_and_digits() {
        let line = r#"{"z":1,"a":123456789012345678901234567890,"f":1.50,"e":1e400,"u":"ü","n":null,"o":{"b":[1,{}]}}"#;
        assert_eq!(Record::parse(line).unwrap().to_line(), line.replace("1e400", "1e+400"));
    }

    #[test]
    fn setting_a_field_keeps_its_place() {
        let mut record = Record::parse(r#"{"pid":1,"x":2}"#).unwrap();
        record.set("pid", 7);
        record.set("new", [1, 2]);
        record.set("inner", Record::parse(r#"{"b":1.50}"#).unwrap());
        assert_eq!(record.to_line(), r#"{"pid":7,"x":2,"new":[1,2],"inner":{"b":1.50}}"#);
    }

    #[test]
    fn a_cell_is_never_empty() {
        let record = Record::parse(r#"{"text":"a b","null":null,"list":[1,2]}"#).unwrap();
        let cells = ["text", "null", "absent", "list"].map(|field| record.cell(field));
        assert_eq!(cells, ["a b", "-", "-", "[1,2]"]);
    }

    #[test]
    fn control_characters_of_a_string_never_come_out_raw() {
        let line = "{\"name\":\"\u{9b}31m\u{7f}\u{202e}\"}";
        assert_eq!(Record::parse(line).unwrap().to_line(), r#"{"name":"\u009b31m\u007f\u202e"}"#);
    }

    #[test]
    fn what_is_not_an_object_is_refused() {
        for line in ["", "42", "[]", "{", "{} {}", "nul", &("{\"a\":".repeat(200) + "1" + &"}".repeat(200))] {
            assert!(Record::parse(line).is_err(), "{line}");
        }
    }

    #[test]
    fn a_field_of_the_wrong_type_is_named() {
        let record = Record::parse(r#"{"pid":"42","big":99999999999,"ns":{"net":-1}}"#).unwrap();
        assert!(record.integer::<i32>("pid").unwrap_err().to_string().contains("\"pid\""));
        assert!(record.integer::<i32>("big").is_err());
        assert!(record.integers("ns").unwrap_err().to_string().contains("ns.net"));
        assert_eq!(record.integer::<i32>("absent").unwrap(), None);
    }
}
