//! The marks of a plan, by which a later run knows what an earlier one made, moved or changed for the same plan: an alternative
//! name, and, until a new link has that and all else, a group.
//!
//! The root of a link's namespace can put them on other links. So they are believed only of what that root could remove as well.

use nicon_core::hash::hash;
use nicon_core::link::AltName;
use nicon_core::{Error, Record, Result};
use nicon_rtnl::Link;

/// The longest name of a plan, in bytes: with that of a link it has to fit into an alternative name.
const LONGEST_PLAN: usize = 40;

/// The groups of links that are being made: these, and a number that is made of the plan's name.
const BEING_MADE: u32 = 0x6e00_0000;

/// What all of these have in common.
const GROUPS: u32 = 0xff00_0000;

/// How a link belongs to its plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Tie {
    /// It was made, and goes with the plan.
    Made,
    /// It was moved or changed: how it was before is kept.
    Kept,
}

const TIES: [(&str, Tie); 2] = [("nicon-made.", Tie::Made), ("nicon-kept.", Tie::Kept)];

/// The plan that a link belongs to, and what the link is called in it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Mark {
    pub(crate) tie: Tie,
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
        let link = record.text("link")?;
        let name = record.text("name")?.or(link);
        let name = name.ok_or_else(|| Error::failed("the record has a \"plan\", but no \"name\""))?;
        let tie = if link.is_some() { Tie::Kept } else { Tie::Made };
        let mark = Self { tie, plan: plan.to_owned(), name: name.to_owned() };
        // A pattern such as eth%d is no part of an alternative name.
        if mark.altname().parse::<AltName>().is_err() {
            return Err(Error::failed(format!(
                "\"{name}\" names no single link: a link of a plan has a name of its own"
            )));
        }
        Ok(Some(mark))
    }

    /// That of a link which belongs to a plan.
    pub(crate) fn on(link: &Link, plan: &str) -> Option<Self> {
        let being_made = || (link.group == group(plan)).then(|| Self::new(Tie::Made, plan, &link.name));
        Self::all(link).find(|mark| mark.plan == plan).or_else(being_made)
    }

    /// All that a link carries, of whatever plans.
    pub(crate) fn all(link: &Link) -> impl Iterator<Item = Self> {
        link.altnames.iter().filter_map(|altname| Self::read(altname)).filter(|mark| check_plan(&mark.plan).is_ok())
    }

    /// Whether a link is being made for some plan, of which no more than its group tells yet.
    pub(crate) fn is_being_made(link: &Link) -> bool {
        link.group & GROUPS == BEING_MADE
    }

    /// Whether an alternative name is a mark of a plan.
    pub(crate) fn is_of(altname: &str, plan: &str) -> bool {
        Self::read(altname).is_some_and(|mark| mark.plan == plan)
    }

    /// The alternative name.
    pub(crate) fn altname(&self) -> String {
        let (prefix, _) = TIES.iter().find(|(_, tie)| *tie == self.tie).expect("all are listed");
        format!("{prefix}{}:{}", self.plan, self.name)
    }

    /// The group of a link that is being made.
    pub(crate) fn group(&self) -> u32 {
        group(&self.plan)
    }

    fn new(tie: Tie, plan: &str, name: &str) -> Self {
        Self { tie, plan: plan.to_owned(), name: name.to_owned() }
    }

    fn read(altname: &str) -> Option<Self> {
        let (rest, tie) = TIES.iter().find_map(|(prefix, tie)| Some((altname.strip_prefix(prefix)?, tie)))?;
        let (plan, name) = rest.split_once(':')?;
        Some(Self::new(*tie, plan, name))
    }
}

/// The group of links that are being made for a plan.
fn group(plan: &str) -> u32 {
    let [.., a, b, c] = hash(plan).to_be_bytes();
    BEING_MADE | u32::from_be_bytes([0, a, b, c])
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
        let mark = |line: &str| Mark::of(&Record::parse(line).unwrap());
        let kept = mark(r#"{"plan":"lab-1.x","name":"eth0.7","link":"v"}"#).unwrap().unwrap();
        assert_eq!(kept.altname(), "nicon-kept.lab-1.x:eth0.7");
        let made = mark(r#"{"plan":"lab-1.x","name":"eth0.7","kind":"dummy"}"#).unwrap().unwrap();
        assert_eq!(made.altname(), "nicon-made.lab-1.x:eth0.7");
        let link = Link { altnames: vec!["uplink".into(), kept.altname()], ..Link::default() };
        assert_eq!(Mark::on(&link, "lab-1.x"), Some(kept));
        assert_eq!(Mark::on(&link, "lab-1"), None);
        assert_eq!(mark(r#"{"name":"x"}"#).unwrap(), None);
        for line in [
            r#"{"plan":"a b","name":"x"}"#,
            r#"{"plan":"a:b","name":"x"}"#,
            r#"{"plan":"a"}"#,
            r#"{"plan":"a","name":"eth%d"}"#,
        ] {
            assert!(mark(line).is_err(), "{line}");
        }
        // With the longest names it is an alternative name still.
        let longest = format!(r#"{{"plan":"{}","name":"fifteen-bytes-x"}}"#, "p".repeat(LONGEST_PLAN));
        assert!(mark(&longest).is_ok());
    }

    #[test]
    fn a_link_that_is_being_made_has_no_other_mark_yet() {
        let made = Mark::new(Tie::Made, "lab", "eth1");
        let link = Link { name: "eth1".into(), group: made.group(), ..Link::default() };
        assert_eq!((Mark::on(&link, "lab"), Mark::on(&link, "lab2")), (Some(made), None));
    }
}
