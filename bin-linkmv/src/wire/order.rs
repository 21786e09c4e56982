//! The order of acts: what others need is done before them.

use std::collections::HashMap;

use crate::wire::unit::{Place, Unit, made};

/// Puts units into the order in which they can be carried out: each comes behind those that make what it needs. Units that need
/// nothing of each other are in the order of their turns, and then of their lines. Those that need each other in a circle are
/// left as they come: the first of them fails, and says what is missing.
pub(crate) fn in_order(mut units: Vec<Unit>) -> Vec<Unit> {
    units.sort_by_key(Unit::turn);
    let mut makers = HashMap::<Place, usize>::new();
    for (at, unit) in units.iter().enumerate() {
        for (_, record) in &unit.records {
            makers.extend(made(record).map(|place| (place, at)));
        }
    }
    let mut order = Order { makers, units: units.into_iter().map(Some).collect(), sorted: Vec::new() };
    (0..order.units.len()).for_each(|at| order.take(at));
    order.sorted
}

/// Units that are being sorted.
struct Order {
    /// Which unit makes a link.
    makers: HashMap<Place, usize>,
    /// Those that were not taken yet.
    units: Vec<Option<Unit>>,
    sorted: Vec<Unit>,
}

impl Order {
    /// Takes a unit, and before it those that it needs. A plan may be a chain of any length, so this is no recursion.
    fn take(&mut self, at: usize) {
        let mut open: Vec<(Unit, Vec<usize>)> = self.opened(at).into_iter().collect();
        while let Some((_, needs)) = open.last_mut() {
            match needs.pop() {
                Some(need) => open.extend(self.opened(need)),
                None => self.sorted.extend(open.pop().map(|(unit, _)| unit)),
            }
        }
    }

    /// A unit, and those that it needs, the first one last; `None` if it was taken before.
    fn opened(&mut self, at: usize) -> Option<(Unit, Vec<usize>)> {
        let unit = self.units[at].take()?;
        let mut needs: Vec<usize> = unit.needs().filter_map(|need| self.makers.get(&need).copied()).collect();
        needs.reverse();
        Some((unit, needs))
    }
}
