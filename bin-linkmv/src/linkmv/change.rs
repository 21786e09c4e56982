//! Does what a record asks for, and writes it down in the record.

use nicon_core::{Record, Result};
use nicon_rtnl::record::{LinkFacts, NIC};

use crate::link::ending::Remainder;
use crate::linkmv::asked::Asked;
use crate::linkmv::endpoints::Endpoints;
use crate::moving::carry_out;
use crate::moving::job::{Job, Moved, Options, Outcome};
use crate::record::deed::Deed;
use crate::record::program::LINKMV;
use crate::record::steps::STEPS;

/// Moves the link that is `asked` for, and adds the facts and the deed to the record. Returns whether anything was changed, and what
/// still belongs to the move. After an error the record is unchanged.
pub(crate) fn change(
    record: &mut Record,
    asked: &Asked,
    options: &Options<'_>,
    endpoints: &Endpoints<'_>,
) -> Result<(bool, Remainder)> {
    // What cannot be read could not be undone, either.
    Deed::all(record)?;
    options.readiness.check_up(&asked.spec, "a link")?;
    let (from, to) = endpoints.of(record)?;
    let id = Deed::new_id()?;
    let plan = asked.plan.as_deref();
    match carry_out(&Job { selector: &asked.link, spec: &asked.spec, from: &from, to: &to, plan }, options)? {
        Outcome::Moved(mut moved) => {
            let remainder = std::mem::take(&mut moved.remainder);
            let netns = to.ns.id().ino;
            asked.remove_from(record);
            // What a dry run said would be done.
            record.remove_all(&[STEPS, "lost"]);
            record.set(NIC, LinkFacts::new(&moved.link, netns));
            deed_of(&id, &moved, netns).add_to(record);
            Ok((moved.changed, remainder))
        }
        Outcome::Planned { link, name, steps, lost } => {
            record.set("link", link);
            record.set("name", name);
            record.set(STEPS, steps);
            record.set("lost", lost);
            Ok((false, Remainder::default()))
        }
    }
}

fn deed_of(id: &str, moved: &Moved, netns: u64) -> Deed {
    let Moved { origin, link, changed, undo, lost, .. } = moved;
    Deed {
        link: Some(origin.clone()),
        changed: *changed,
        lost: Some(serde_json::to_value(lost).expect("plain data")),
        ..Deed::of(LINKMV, id, link, netns, undo)
    }
}
