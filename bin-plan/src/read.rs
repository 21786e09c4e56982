//! From a text to the plan that it says, in either form.

use std::path::Path;

use crate::containerlab;
use crate::fault::START;
use crate::name;
use crate::own;
use crate::plan::Plan;
use crate::targets::Targets;
use crate::yaml;

/// What a plan is read with.
pub(crate) struct Options<'a> {
    /// Its file; `None` if that has no name.
    pub(crate) file: Option<&'a Path>,
    pub(crate) targets: &'a Targets,
    /// Whether its records are acted on one by one.
    pub(crate) each: bool,
    /// The variables of the environment.
    pub(crate) env: &'a dyn Fn(&str) -> Option<String>,
}

/// What a text says. The faults are in its order.
pub(crate) fn plan(text: &str, options: &Options) -> Plan {
    let mut plan = match yaml::parse(text) {
        Ok(Some(document)) if containerlab::is_topology(&document) => {
            containerlab::read(&document, text, options.targets, options.env)
        }
        Ok(document) => own::read(document.as_ref(), options.targets),
        Err(fault) => return Plan::with_faults(vec![containerlab::template(text).unwrap_or(fault)]),
    };
    let (plan_name, position) = plan.name.take().unwrap_or_else(|| (name::of_file(options.file), START));
    match name::check(&plan_name) {
        Ok(()) => {
            plan.finish(&plan_name, options.each);
            plan.name = Some((plan_name, position));
        }
        Err(why) => {
            plan.faults.push(position.fault(format!("name: {why}")));
            plan.records.clear();
            plan.finish("", options.each);
        }
    }
    plan
}
