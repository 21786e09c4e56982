//! The machines on which records were made.

use std::cmp::Ordering;

use nicon_core::machine::Machine as This;
use nicon_core::{Record, Result, natural};

/// A machine, since it was started. Numbers of processes, namespaces and links mean something on one of them only.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Machine {
    pub(crate) name: Option<String>,
    /// The kernel's ID of this boot.
    pub(crate) boot: Option<String>,
    /// Whether we run there.
    pub(crate) is_here: bool,
}

impl Machine {
    /// That of a record. One that says nothing of it is ours.
    ///
    /// # Errors
    /// If a field has the wrong type.
    pub(crate) fn of(record: &Record) -> Result<Self> {
        let this = This::this()?;
        let (name, boot) = (record.text("machine")?, record.text("boot")?);
        let is_here = this.check(record).is_ok();
        let of_this = |what: Option<&'static str>| what.filter(|_| is_here);
        let name = name.or(of_this(this.name())).map(str::to_owned);
        Ok(Self { name, boot: boot.or(of_this(this.boot())).map(str::to_owned), is_here })
    }

    /// Its name, or else what is known of it.
    pub(crate) fn title(&self) -> String {
        let boot = || self.boot.as_ref().map_or_else(|| "a machine".to_owned(), |boot| format!("boot {boot}"));
        self.name.clone().unwrap_or_else(boot)
    }

    /// What tells it from `all` that are drawn, and from the one that we run on.
    pub(crate) fn notices(&self, all: &[Self]) -> Vec<String> {
        let is_namesake = |other: &Self| other != self && self.name.is_some() && other.name == self.name;
        let is_ours = This::this().is_ok_and(|this| this.name().is_some() && this.name() == self.name.as_deref());
        let mut notices = Vec::new();
        if self.is_here {
            notices.extend((all.len() > 1).then(|| "this machine".to_owned()));
        } else if is_ours {
            notices.push("this machine before it was started, or another of this name".to_owned());
        }
        if let Some(boot) = self.boot.as_ref().filter(|_| all.iter().any(is_namesake) || is_ours && !self.is_here) {
            notices.push(format!("boot {boot}"));
        }
        notices
    }

    /// The order in which machines are drawn.
    pub(crate) fn compare(&self, other: &Self) -> Ordering {
        natural::compare(&self.title(), &other.title()).then_with(|| self.boot.cmp(&other.boot))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(line: &str) -> Machine {
        Machine::of(&Record::parse(line).unwrap()).unwrap()
    }

    #[test]
    fn a_record_that_does_not_say_is_ours() {
        let this = This::this().unwrap();
        let ours = machine(r#"{"pid":1}"#);
        assert!(ours.is_here && (ours.name.as_deref(), ours.boot.as_deref()) == (this.name(), this.boot()));
        let boot = this.boot().unwrap();
        assert_eq!(machine(&format!(r#"{{"boot":"{boot}"}}"#)), ours);
        assert!(!machine(r#"{"boot":"b"}"#).is_here);
        assert!(Machine::of(&Record::parse(r#"{"boot":7}"#).unwrap()).is_err());
    }

    #[test]
    fn two_of_one_name_are_told_apart() {
        let all = ["b1", "b2"].map(|boot| machine(&format!(r#"{{"machine":"lab 9","boot":"{boot}"}}"#)));
        assert_eq!(all[1].notices(&all), ["boot b2"]);
        assert!(all[1].notices(&all[1..]).is_empty());
        assert!(all[0].compare(&all[1]).is_lt());
        assert!(machine(r#"{"machine":"lab 10","boot":"b"}"#).compare(&all[1]).is_gt());
    }
}
