//! What a plan has and does not ask for: without --prune it is left as it is, which is no difference, but said by --check. A run that
//! changes something does not look for it: that is a look into all network namespaces.

use nicon_core::filter::output::report;
use nicon_core::text::first;
use nicon_core::{Error, Record, Result};
use nicon_rtnl::record::label;

use crate::record::columns::NAME;
use crate::record::program::WIRE;
use crate::wire::context::Context;
use crate::wire::surplus;
use crate::wire::unit::Unit;
use crate::wire::wanted::Wanted;

/// How many links are named.
const SHOWN: usize = 4;

/// Says of each of the plans, of which all is known, how many links it has that none of its units asks for, unless they were to be
/// removed. No status depends on it: a run that cannot find it out has done all that was asked of it.
pub(crate) fn tell(plans: &[String], units: &[Unit], context: &Context<'_>) {
    if context.args.prune || plans.is_empty() {
        return;
    }
    match find(plans, units, context) {
        Ok(all) => plans.iter().filter_map(|plan| in_words(plan, &all)).for_each(|told| report(WIRE, &told)),
        Err(error) => report(WIRE, &error.prefix("look for links that are not asked for any more")),
    }
}

fn find(plans: &[String], units: &[Unit], context: &Context<'_>) -> Result<Vec<Record>> {
    let names: Vec<&str> = plans.iter().map(String::as_str).collect();
    // What cannot be understood was told.
    let Ok(wanted) = Wanted::of_present(units, context.namespaces) else { return Ok(Vec::new()) };
    let mut surplus = surplus::find(&names, &wanted, context)?;
    // Who could not make a link because of these has said so, with the same way out.
    surplus.made.retain(|marked| !wanted.has_in_the_way(marked));
    Ok(surplus.records(&wanted))
}

/// `plan lab has 2 links that it does not ask for any more (c1:eth2, host:p-c1): --prune takes them away`; `None` if it has none.
fn in_words(plan: &str, all: &[Record]) -> Option<Error> {
    let of_plan = all.iter().filter(|record| record.cell("plan") == plan);
    let names: Vec<String> = of_plan.map(|record| format!("{}:{}", label(record), (NAME.cell)(record))).collect();
    let (count, them) = match names.len() {
        0 => return None,
        1 => ("1 link".to_owned(), "it"),
        many => (format!("{many} links"), "them"),
    };
    let names = first(SHOWN, &names);
    Some(Error::failed(format!(
        "plan {plan} has {count} that it does not ask for any more ({names}): --prune takes {them} away"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_links_are_named() {
        let links = |count: usize| -> Vec<Record> {
            let line = |at| format!(r#"{{"target":"c{at}","plan":"lab","nic":{{"name":"eth1"}}}}"#);
            (1..=count).map(|at| Record::parse(&line(at)).unwrap()).collect()
        };
        let told = |count| in_words("lab", &links(count)).map(|told| told.to_string());
        assert_eq!((told(0), in_words("other", &links(2)).is_none()), (None, true));
        for (count, expected) in [
            (1, "plan lab has 1 link that it does not ask for any more (c1:eth1): --prune takes it away"),
            (
                6,
                "plan lab has 6 links that it does not ask for any more (c1:eth1, c2:eth1, c3:eth1, c4:eth1, and 2 more): --prune takes them away",
            ),
        ] {
            assert_eq!(told(count).as_deref(), Some(expected));
        }
    }
}
