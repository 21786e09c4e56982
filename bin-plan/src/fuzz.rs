//! Entry points of the fuzz targets: plans in either form.

use crate::read::{Options, plan};
use crate::targets::Targets;

/// Any text: it is refused with a place, or becomes records that can be written.
pub fn read(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let targets = Targets::default();
    let options =
        Options { file: None, targets: &targets, each: true, env: &|name| (name == "SET").then(|| "set".into()) };
    let plan = plan(&text, &options);
    for fault in plan.faults {
        assert!(fault.position.line > 0 && fault.position.column > 0, "{}", fault.message);
    }
    for record in plan.records {
        let _ = record.to_line();
    }
}
