//! A look at what is made and not usable yet: it holds up nothing else of its plan.

use nicon_core::Result;

use super::plan::KeptPlan;
use super::told::Output;
use crate::wire::context::Context;

/// Looks once at what is made and was not usable yet. What is late is told, and tried again.
///
/// # Errors
/// If the reader of standard output has left.
pub(crate) fn look(plan: &mut KeptPlan, context: &Context<'_>, output: &mut Output) -> Result<()> {
    for kept in plan.awaited() {
        let usable = kept.awaited.as_mut().map_or(Ok(true), |awaited| awaited.is_usable(context));
        match usable {
            Ok(false) => {}
            Ok(true) => {
                (kept.awaited, kept.has_failed) = (None, false);
                kept.told.mend(|| kept.unit.words());
            }
            Err(error) => {
                kept.has_failed = true;
                if !kept.has_ended(context.namespaces) {
                    kept.told.tell(error.prefix(kept.unit.words()), output)?;
                }
            }
        }
    }
    Ok(())
}
