//! Takes away all that was made under a plan's name, and brings home what was moved.

use nicon_core::filter::column::Column;
use nicon_core::filter::output::report;
use nicon_core::filter::stream::Answers;
use nicon_core::{Error, Result, Status};
use nicon_rtnl::record::TARGET;

use crate::record::columns::{DONE, IFINDEX, NAME};
use crate::record::program::WIRE;
use crate::wire::context::Context;
use crate::wire::input::Input;
use crate::wire::removal::Removal;
use crate::wire::wanted::Wanted;

const COLUMNS: &[Column] = &[TARGET, Column::new("PLAN", |record| record.cell("plan")), NAME, IFINDEX, DONE];

/// Destroys what plans have, whether their containers run or not.
///
/// # Errors
/// What ends the whole run.
pub(crate) fn destroy(input: &Input, context: &Context<'_>) -> Result<Status> {
    let plans = input.plan_names()?;
    let mut answers = Answers::new(WIRE, context.args.format.view(COLUMNS))?;
    for (line, _, fault) in input.unread() {
        answers.give(Some(*line), Err(fault.clone()))?;
    }
    let _held = context.hold(&plans)?;
    let (removal, wanted) = (Removal::new(context), Wanted::labels_of(input));
    let surplus = removal.find(&plans, &wanted)?;
    // Nobody asks for what is there under a name that was only mistyped.
    for plan in plans.iter().filter(|plan| surplus.has_nothing_of(plan)) {
        report(WIRE, &Error::no(format!("nothing is wired under the name {plan} here")));
    }
    removal.remove(surplus, &wanted, &mut |answer| answers.give(None, answer))?;
    answers.finish()
}
