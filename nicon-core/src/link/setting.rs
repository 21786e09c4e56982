//! Settings of a link under /proc/sys/net.

use std::fmt;
use std::str::FromStr;

use serde_json::Value;

use crate::{Error, Record, Result};

/// Where the settings of links are: each of these has a directory for every link.
const TABLES: [&str; 5] = ["ipv4.conf", "ipv4.neigh", "ipv6.conf", "ipv6.neigh", "mpls.conf"];

/// A setting and its value, as `sysctl(8)` has them, without `net.` and the link's name: `ipv4.conf.rp_filter=0`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    key: String,
    value: String,
}

impl Setting {
    /// Those of a record's field `sysctl`.
    ///
    /// # Errors
    /// The first that cannot be understood.
    pub fn from_record(record: &Record) -> Result<Vec<Self>> {
        let wrong = || Error::invalid("field \"sysctl\": expected an object like {\"ipv4.conf.rp_filter\": 0}");
        match record.get("sysctl") {
            None | Some(Value::Null) => Ok(Vec::new()),
            Some(Value::Object(settings)) => settings
                .iter()
                .map(|(key, value)| match value {
                    Value::String(text) => Self::new(key, text),
                    Value::Number(number) => Self::new(key, &number.to_string()),
                    _ => Err(Error::invalid(format!("field \"sysctl\": {key}: expected a number or a text"))),
                })
                .collect(),
            Some(_) => Err(wrong()),
        }
    }

    fn new(key: &str, value: &str) -> Result<Self> {
        check(key)?;
        let value = value.trim();
        if value.is_empty() || value.contains(char::is_control) {
            return Err(Error::invalid(format!("setting {key}: its value is empty, or has control characters")));
        }
        Ok(Self { key: key.to_owned(), value: value.to_owned() })
    }

    /// Its name below a link: `ipv4.conf.rp_filter`.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Its value, without spaces at either end.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }
}

impl FromStr for Setting {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (key, value) = text.split_once('=').ok_or_else(|| {
            Error::invalid(format!("\"{text}\" is not a setting like ipv4.conf.rp_filter=0: it has no value"))
        })?;
        Self::new(key, value)
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.key, self.value)
    }
}

/// Makes sure that a key names a setting of one link, and nothing beside it.
fn check(key: &str) -> Result<()> {
    let refuse = |why: &str| Err(Error::invalid(format!("\"{key}\" is not a setting of a link: {why}")));
    let parts: Vec<&str> = key.split('.').collect();
    match parts[..] {
        _ if key.contains('/') => refuse("write it with dots, as sysctl does (ipv4.conf.rp_filter)"),
        ["net", ..] => refuse("leave out \"net.\""),
        [_, _, "stable_secret"] => refuse("a secret cannot be read back, so nothing could take it back"),
        [family, table, file] if TABLES.iter().any(|known| known.split_once('.') == Some((family, table))) => {
            let is_word = !file.is_empty() && file.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            if is_word { Ok(()) } else { refuse("a name has letters, digits and _") }
        }
        [_, _, _, _, ..] => refuse("leave out the link's name (ipv4.conf.rp_filter)"),
        _ => refuse(&format!(
            "it is one of {}, such as ipv4.conf.rp_filter",
            TABLES.map(|table| table.to_owned() + ".*").join(", ")
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_of_a_record() {
        let settings = |line: &str| Setting::from_record(&Record::parse(line).unwrap());
        let line = r#"{"sysctl":{"ipv4.conf.rp_filter":0,"ipv6.neigh.gc_stale_time":"60","mpls.conf.input":1}}"#;
        let texts: Vec<_> = settings(line).unwrap().iter().map(ToString::to_string).collect();
        assert_eq!(texts, ["ipv4.conf.rp_filter=0", "ipv6.neigh.gc_stale_time=60", "mpls.conf.input=1"]);
        assert!(settings("{}").unwrap().is_empty());
        for line in [r#"{"sysctl":["a"]}"#, r#"{"sysctl":{"ipv4.conf.rp_filter":true}}"#] {
            assert!(settings(line).is_err(), "{line}");
        }
    }

    #[test]
    fn a_setting_stays_with_its_link() {
        let refusal = |text: &str| text.parse::<Setting>().unwrap_err().to_string();
        for (text, why) in [
            ("ipv4.conf.rp_filter", "no value"),
            ("ipv4.conf.rp_filter= ", "its value is empty"),
            ("net.ipv4.conf.rp_filter=0", "leave out \"net.\""),
            ("ipv4.conf.eth0.rp_filter=0", "leave out the link's name"),
            ("ipv4.conf.../../all/forwarding=1", "write it with dots"),
            ("ipv4.conf...=1", "leave out the link's name"),
            ("ipv4.conf.=1", "a name has letters"),
            ("ipv4.conf.*=1", "a name has letters"),
            ("ipv4.ip_forward=1", "it is one of"),
            ("ipv4.route.flush=1", "it is one of"),
            ("ipv6.conf.stable_secret=::1", "cannot be read back"),
        ] {
            assert!(refusal(text).contains(why), "{text}: {}", refusal(text));
        }
    }
}
