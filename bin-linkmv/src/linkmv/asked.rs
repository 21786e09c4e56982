//! The link that is to be moved, and what it is to be like, as the command line and a record ask for it.

use nicon_core::link::{LinkSpec, Selector};
use nicon_core::{Error, Record, Result};

use crate::link::mark::Mark;
use crate::linkmv::args::Args;
use crate::wishes;
use crate::wishes::given::set_list;

/// The fields of a record that ask for a move, beside those that say what the link is to be like.
const FIELDS: [&str; 3] = ["link", "from", "keep"];

/// A link that is to be moved.
pub(crate) struct Asked {
    pub(crate) link: Selector,
    pub(crate) spec: LinkSpec,
    /// The plan that is remembered with it, if any.
    pub(crate) plan: Option<String>,
    /// Whether the record asks for it, and not the command line: then the wishes are removed when they are carried out.
    is_of_record: bool,
}

impl Asked {
    /// Combines the options with the wishes of a record; an option wins. A link that is named on the command line is not the one
    /// that the record's wishes are about.
    ///
    /// # Errors
    /// The first wish that cannot be understood; if they do not go together.
    pub(crate) fn of(record: &Record, args: &Args) -> Result<Self> {
        let mut wishes = if args.link.is_some() { Record::default() } else { record.clone() };
        args.attributes.put_into(&mut wishes);
        set_list(&mut wishes, "keep", &args.keep);
        match &args.link {
            Some(link) => Self::new(
                link.clone(),
                LinkSpec { name: args.newname.clone(), ..LinkSpec::from_record(&wishes)? },
                false,
            ),
            None => Self::by_record(&wishes),
        }
    }

    /// What a record alone asks for.
    ///
    /// # Errors
    /// As [`Asked::of`].
    pub(crate) fn by_record(record: &Record) -> Result<Self> {
        let link = record.text("link")?;
        let link = link.ok_or_else(|| Error::failed("no link named: give LINK, or \"link\" in the record"))?;
        Self::new(link.parse()?, LinkSpec::from_record(record)?, true)
    }

    /// The same for a plan, whose mark the link gets.
    ///
    /// # Errors
    /// If it can have no such alternative name.
    pub(crate) fn for_plan(mut self, mark: Option<Mark>) -> Result<Self> {
        if let Some(mark) = mark {
            self.spec.altnames.push(mark.altname().parse()?);
            self.plan = Some(mark.plan);
        }
        Ok(self)
    }

    fn new(link: Selector, spec: LinkSpec, is_of_record: bool) -> Result<Self> {
        spec.check()?;
        Ok(Self { link, spec, plan: None, is_of_record })
    }

    /// Removes what was carried out from the record's wishes.
    pub(crate) fn remove_from(&self, record: &mut Record) {
        if self.is_of_record {
            record.remove_all(&FIELDS);
            record.remove_all(&wishes::FIELDS);
        }
    }
}
