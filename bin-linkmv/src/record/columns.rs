//! The columns of tables of records that tell of links.

use nicon_core::filter::table::Column;
use nicon_rtnl::record::{IFINDEX, MAC, NAME, TARGET};

use super::{deed, steps};

/// Whether the last deed changed anything.
pub(crate) const CHANGED: Column = Column { title: "CHANGED", cell: deed::changed };

/// What would be done.
pub(crate) const STEPS: Column = Column { title: "STEPS", cell: steps::cell };

/// Those of links that are where they are to be.
pub(crate) const THERE: &[Column] = &[TARGET, NAME, IFINDEX, MAC, CHANGED];

/// Those of links that would be made.
pub(crate) const PLANNED: &[Column] = &[TARGET, STEPS];
