//! What a link is to be like, as the command line and a record ask for it.

use nicon_core::link::{LinkSpec, NewName};
use nicon_core::{Record, Result};

use crate::linkmv::args::Args;
use crate::wishes;
use crate::wishes::given::set_list;

/// The fields of a record that ask for a move, beside those that say what the link is to be like.
const FIELDS: [&str; 3] = ["link", "from", "keep"];

/// Combines the options with the wishes of a record; an option wins.
///
/// # Errors
/// The first wish that cannot be understood; if they do not go together.
pub(crate) fn read(record: &Record, name: Option<NewName>, args: &Args) -> Result<LinkSpec> {
    let mut asked = record.clone();
    asked.remove("name");
    args.attributes.put_into(&mut asked);
    set_list(&mut asked, "keep", &args.keep);
    let spec = LinkSpec { name, ..LinkSpec::from_record(&asked)? };
    spec.check()?;
    Ok(spec)
}

/// Removes the wishes that were carried out.
pub(crate) fn remove(record: &mut Record) {
    record.remove_all(&FIELDS);
    record.remove_all(&wishes::FIELDS);
}
