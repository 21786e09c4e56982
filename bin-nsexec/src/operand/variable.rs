//! A variable of the environment, as `--set` names it.

use std::env;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use nicon_core::Error;

/// The operand of `--set`: `NAME=VALUE`, or the NAME of one of the caller's.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Variable {
    /// The name and a `=`.
    start: Vec<u8>,
    value: Option<Vec<u8>>,
}

impl Variable {
    /// This name with this value.
    pub(crate) fn new(name: &str, value: &str) -> Self {
        Self { start: format!("{name}=").into_bytes(), value: Some(value.into()) }
    }

    /// # Errors
    /// If there is no name.
    pub(crate) fn parse(text: OsString) -> Result<Self, Error> {
        let text = text.into_vec();
        let (name, value) = match text.iter().position(|byte| *byte == b'=') {
            Some(end) => (&text[..end], Some(text[end + 1..].to_vec())),
            None => (&text[..], None),
        };
        if name.is_empty() {
            return Err(Error::failed("expected NAME or NAME=VALUE"));
        }
        Ok(Self { start: [name, b"="].concat(), value })
    }

    /// Sets it in an environment, in place of any other of that name. What the caller does not have is not set there.
    pub(crate) fn put(&self, environment: &mut Vec<OsString>) {
        environment.retain(|string| !string.as_bytes().starts_with(&self.start));
        let name = OsStr::from_bytes(&self.start[..self.start.len() - 1]);
        let value = self.value.clone().or_else(|| env::var_os(name).map(OsString::into_vec));
        environment.extend(value.map(|value| OsString::from_vec([self.start.as_slice(), &value].concat())));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_one_counts() {
        let mut environment = vec!["A=1".into(), "AB=2".into(), "A=3".into(), "HOME=/nowhere".into()];
        for text in ["A=x=y", "B=", "NO_SUCH_VARIABLE_OF_OURS"] {
            Variable::parse(text.into()).unwrap().put(&mut environment);
        }
        assert_eq!(environment, ["AB=2", "HOME=/nowhere", "A=x=y", "B="]);
        Variable::parse("PATH".into()).unwrap().put(&mut environment);
        assert_eq!(
            environment.last().unwrap().as_bytes(),
            [b"PATH=", env::var_os("PATH").unwrap().as_bytes()].concat()
        );
        assert!(Variable::parse("=x".into()).is_err() && Variable::parse(OsString::new()).is_err());
    }
}
