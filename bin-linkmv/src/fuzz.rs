//! Entry points of the fuzz targets: what a record or a journal says that a link was like.

use serde_json::Value;

use crate::link::port;
use crate::link::undo::Undo;

/// The field `undo` of a deed, or a journal: it is refused, or all that is in it can be read.
pub fn undo(bytes: &[u8]) {
    let Ok(value) = serde_json::from_slice::<Value>(bytes) else { return };
    if let Ok(undo) = Undo::from_value(&value) {
        let _ = undo.carried(9);
        let _ = undo.state.map(|state| state.attached.lost(9));
    }
    let text = |field: &str| value.get(field).and_then(Value::as_str);
    let _ = text("port").map(|port| port::read(port, 9));
}
