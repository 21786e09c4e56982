//! The mark of a plan: the alternative name by which a later run knows what an earlier one made or moved for the same plan.
//!
//! The root of a link's namespace can put it on other links. So it is believed only of what that root could remove as well.

use nicon_core::link::AltName;
use nicon_core::{Error, Record, Result};
use nicon_rtnl::Link;

/// How it begins.
const PREFIX: &str = "nicon-plan.";

/// The longest name of a plan, in bytes: with that of a link it has to fit into an alternative name.
const LONGEST_PLAN: usize = 40;

/// The plan that a link belongs to, and what the link is called in it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Mark {
    pub(crate) plan: String,
    pub(crate) name: String,
}

impl Mark {
    /// That of the link which a record asks for; `None` if the record belongs to no plan.
    ///
    /// # Errors
    /// If the plan or the link cannot be called so.
    pub(crate) fn of(record: &Record) -> Result<Option<Self>> {
        let Some(plan) = record.text("plan")? else { return Ok(None) };
        check_plan(plan)?;
        let name = record.text("name")?.or(record.text("link")?);
        let name = name.ok_or_else(|| Error::failed("the record has a \"plan\", but no \"name\""))?;
        let mark = Self { plan: plan.to_owned(), name: name.to_owned() };
        // A pattern such as eth%d is no part of an alternative name.
        if mark.altname().parse::<AltName>().is_err() || name.len() > AltName::MAX - PREFIX.len() - LONGEST_PLAN - 1 {
            return Err(Error::failed(format!(
                "\"{name}\" names no single link: a link of a plan has a name of its own"
            )));
        }
        Ok(Some(mark))
    }

    /// That of a link which belongs to a plan.
    pub(crate) fn on(link: &Link, plan: &str) -> Option<Self> {
        link.altnames.iter().filter_map(|altname| Self::read(altname)).find(|mark| mark.plan == plan)
    }

    /// The alternative name.
    pub(crate) fn altname(&self) -> String {
        format!("{PREFIX}{}:{}", self.plan, self.name)
    }

    fn read(altname: &str) -> Option<Self> {
        let (plan, name) = altname.strip_prefix(PREFIX)?.split_once(':')?;
        Some(Self { plan: plan.to_owned(), name: name.to_owned() })
    }
}

/// Makes sure that a plan can be called so.
///
/// # Errors
/// The way out.
pub(crate) fn check_plan(plan: &str) -> Result<()> {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    if plan.is_empty() || plan.len() > LONGEST_PLAN || !plan.chars().all(is_allowed) {
        return Err(Error::failed(format!(
            "field \"plan\": \"{plan}\" is not the name of a plan: up to {LONGEST_PLAN} letters, digits, _, - and . (say \"name:\" in its file)"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_read_back() {
        let record = Record::parse(r#"{"plan":"lab-1.x","name":"eth0.7","link":"v"}"#).unwrap();
        let mark = Mark::of(&record).unwrap().unwrap();
        assert_eq!(mark.altname(), "nicon-plan.lab-1.x:eth0.7");
        let link = Link { altnames: vec!["uplink".into(), mark.altname()], ..Link::default() };
        assert_eq!(Mark::on(&link, "lab-1.x"), Some(mark));
        assert_eq!(Mark::on(&link, "lab-1"), None);
        assert_eq!(Mark::of(&Record::parse(r#"{"name":"x"}"#).unwrap()).unwrap(), None);
        for line in [
            r#"{"plan":"a b","name":"x"}"#,
            r#"{"plan":"a:b","name":"x"}"#,
            r#"{"plan":"a"}"#,
            r#"{"plan":"a","name":"eth%d"}"#,
        ] {
            assert!(Mark::of(&Record::parse(line).unwrap()).is_err(), "{line}");
        }
    }
}
