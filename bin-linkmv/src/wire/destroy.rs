//! Takes away all that was made under a plan's name, and brings home what was moved.

use nicon_core::filter::interrupt::Interrupt;
use nicon_core::filter::stream::{Answers, View};
use nicon_core::filter::table::Column;
use nicon_core::{Result, Status};
use nicon_rtnl::record::TARGET;

use crate::link::namespaces::Namespaces;
use crate::record::program::WIRE;
use crate::undoing::input::of_each;
use crate::wire::args::Args;
use crate::wire::input::Input;
use crate::wire::removal::Removal;
use crate::wire::wanted::Wanted;

const COLUMNS: &[Column] = &[
    TARGET,
    Column { title: "PLAN", cell: |record| record.cell("plan") },
    Column { title: "NAME", cell: |record| of_each(record, "name") },
    Column { title: "IFINDEX", cell: |record| of_each(record, "ifindex") },
];

/// Destroys what plans have, whether their containers run or not.
///
/// # Errors
/// What ends the whole run.
pub(crate) fn destroy(input: &Input, args: &Args, namespaces: &Namespaces, interrupt: &Interrupt) -> Result<Status> {
    let plans = input.plan_names()?;
    let mut answers = Answers::new(WIRE, View::choose(args.json, COLUMNS))?;
    let removal = Removal::new(args.force, namespaces, interrupt)?;
    let nothing = Wanted::labels_of(input);
    removal.remove(&plans, &nothing, &mut answers)?;
    answers.finish()
}
