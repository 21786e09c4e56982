//! Numbers of networks between machines.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use nicon_core::hash::hash;

use crate::fault::{Fault, Position};

/// The first number that is given to links which do not say it. Those below it are what others begin with: Docker's swarms at 4096, flannel
/// at 1.
pub(super) const BASE: u32 = 0x1_0000;

/// One more than the last number, of 24 bits: RFC 7348.
pub(super) const END: u32 = 0x100_0000;

/// The numbers that a plan has given away.
pub(super) struct Numbers {
    base: u32,
    /// What the plan calls itself: two that have links of the same names get different numbers.
    plan: String,
    taken: HashMap<u32, Taken>,
}

/// By which link a number is taken.
struct Taken {
    by: Position,
    /// Whether that one leads to another machine. Others may have one number, each on a machine of its own.
    is_across: bool,
}

impl Numbers {
    /// No numbers yet.
    pub(super) fn new(base: u32, plan: &str) -> Self {
        Self { base, plan: plan.to_owned(), taken: HashMap::new() }
    }

    /// What the plan calls itself.
    pub(super) fn plan(&self) -> &str {
        &self.plan
    }

    /// Keeps a number that a link asks for.
    ///
    /// # Errors
    /// If another link of the plan has it, and one of both leads to another machine.
    pub(super) fn keep(&mut self, vni: u32, is_across: bool, position: Position) -> Result<(), Fault> {
        match self.taken.insert(vni, Taken { by: position, is_across }) {
            Some(first) if is_across || first.is_across => {
                Err(position.fault(format!("vni {vni} is that of the link on line {}, too", first.by.line)))
            }
            _ => Ok(()),
        }
    }

    /// A number for the link between two ends: the same on every machine, whichever end is told first, and whatever other links there are. Only
    /// if two of a plan would get the same one, the later gets another.
    pub(super) fn give(&mut self, ends: [&str; 2], position: Position) -> u32 {
        let [one, other] = if ends[0] <= ends[1] { ends } else { [ends[1], ends[0]] };
        let mut text = format!("{}\n{one}\n{other}\n", self.plan);
        loop {
            let vni = self.base + u32::try_from(hash(&text) % u64::from(END - self.base)).unwrap_or_default();
            if let Entry::Vacant(free) = self.taken.entry(vni) {
                free.insert(Taken { by: position, is_across: true });
                return vni;
            }
            text.push('+');
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::fault::START;

    #[test]
    fn numbers_stay() {
        let ends: Vec<_> = (0..20_000).map(|at| [format!("a{at}:eth1"), format!("b{at}:eth1")]).collect();
        let give = |numbers: &mut Numbers, ends: &[String; 2]| numbers.give([&ends[0], &ends[1]], START);
        let mut numbers = Numbers::new(BASE, "lab");
        let all: Vec<_> = ends.iter().map(|ends| give(&mut numbers, ends)).collect();
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
        assert!(all.iter().all(|vni| (BASE..END).contains(vni)));
        // Those before are none of its business.
        let (mut numbers, [one, other]) = (Numbers::new(BASE, "lab"), &ends[7]);
        assert_eq!(numbers.give([other, one], START), all[7]);
        assert_ne!(Numbers::new(BASE, "lab2").give([one, other], START), all[7]);
        // Only a number that is taken is passed over.
        assert_ne!(numbers.give([other, one], START), all[7]);
        let mut few = Numbers::new(END - 2, "lab");
        assert_eq!(few.give(["a", "b"], START) ^ few.give(["c", "d"], START), 1);
    }

    #[test]
    fn a_number_is_kept_once() {
        let mut numbers = Numbers::new(BASE, "");
        assert!(numbers.keep(7, false, START).is_ok() && numbers.keep(7, false, START).is_ok());
        assert!(numbers.keep(8, true, START).is_ok());
        for (vni, is_across) in [(7, true), (8, true), (8, false)] {
            let fault = numbers.keep(vni, is_across, START).unwrap_err();
            assert_eq!(fault.message, format!("vni {vni} is that of the link on line 1, too"));
        }
    }
}
