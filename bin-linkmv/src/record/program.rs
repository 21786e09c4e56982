//! The names of the programs, as messages begin with them, and as a deed says who did it.

/// Moves links.
pub(crate) const LINKMV: &str = "nicon-linkmv";

/// Makes single links.
pub(crate) const LINKADD: &str = "nicon-linkadd";

/// Makes pairs.
pub(crate) const VETH: &str = "nicon-veth";

/// Wires a whole plan.
pub(crate) const WIRE: &str = "nicon-wire";
