//! Entry points of the fuzz targets: plans in either form.

use std::net::Ipv4Addr;

use crate::machines::Here;
use crate::read::{Options, plan};
use crate::targets::Targets;

/// Any text: it is refused with a place, or becomes records that can be written.
pub fn read(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let targets = Targets::default();
    let here = Here { name: "lab1", is_given: false, lookup: &|_| Ok(vec![Ipv4Addr::new(192, 0, 2, 1).into()]) };
    let env = |name: &str| (name == "SET").then(|| "set".into());
    let options = Options { file: None, targets: &targets, each: true, here, env: &env };
    let plan = plan(&text, &options);
    for fault in plan.faults {
        assert!(fault.position.line > 0 && fault.position.column > 0, "{}", fault.message);
    }
    for record in plan.records {
        let _ = record.to_line();
    }
}
