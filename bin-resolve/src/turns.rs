//! Whose turn it is: questions wait here until one of a few slots is free, and nobody takes them all.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

/// Questions of many parties, of which only some are under way at once.
///
/// The parties take turns. A party gets another slot only while more slots are free than it has: so one that is slow has
/// half of them at the most, two have a third each, and there is one left for whoever comes next.
pub(crate) struct Turns<P, Q> {
    slots: usize,
    waiting: HashMap<P, VecDeque<Q>>,
    /// Parties with questions that wait, the one that has waited longest first.
    order: VecDeque<P>,
    under_way: HashMap<P, usize>,
}

impl<P: Clone + Eq + Hash, Q> Turns<P, Q> {
    /// Nobody waits yet.
    pub(crate) fn new(slots: usize) -> Self {
        Self { slots, waiting: HashMap::new(), order: VecDeque::new(), under_way: HashMap::new() }
    }

    /// Lets a question wait for its party's turn.
    pub(crate) fn wait(&mut self, party: P, question: Q) {
        let waiting = self.waiting.entry(party.clone()).or_default();
        if waiting.is_empty() {
            self.order.push_back(party);
        }
        waiting.push_back(question);
    }

    /// The next question, and its party, which has a slot from now on; nothing while nobody may take one.
    pub(crate) fn next(&mut self) -> Option<(P, Q)> {
        let free = self.slots - self.under_way.values().sum::<usize>();
        let may = |party: &P| self.under_way.get(party).copied().unwrap_or_default() < free;
        let party = self.order.remove(self.order.iter().position(may)?)?;
        let waiting = self.waiting.get_mut(&party)?;
        let question = waiting.pop_front()?;
        if waiting.is_empty() {
            self.waiting.remove(&party);
        } else {
            self.order.push_back(party.clone());
        }
        *self.under_way.entry(party.clone()).or_default() += 1;
        Some((party, question))
    }

    /// Takes back the slot of a question that was answered.
    pub(crate) fn done(&mut self, party: &P) {
        match self.under_way.get_mut(party) {
            Some(1) | None => drop(self.under_way.remove(party)),
            Some(slots) => *slots -= 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes all the turns that can be taken.
    fn take(turns: &mut Turns<&'static str, usize>) -> Vec<&'static str> {
        std::iter::from_fn(|| turns.next()).map(|(party, _)| party).collect()
    }

    fn ask(turns: &mut Turns<&'static str, usize>, party: &'static str, questions: usize) {
        (0..questions).for_each(|question| turns.wait(party, question));
    }

    #[test]
    fn nobody_takes_all_slots() {
        let mut turns = Turns::new(8);
        ask(&mut turns, "slow", 100);
        assert_eq!(take(&mut turns), ["slow"; 4]);
        ask(&mut turns, "slow too", 100);
        assert_eq!(take(&mut turns), ["slow too"; 2]);
        ask(&mut turns, "quick", 3);
        assert_eq!(take(&mut turns), ["quick"]);
        turns.done(&"quick");
        assert_eq!(take(&mut turns), ["quick"], "it goes on");
    }

    #[test]
    fn parties_take_turns_and_each_keeps_its_order() {
        let mut turns = Turns::new(100);
        ask(&mut turns, "a", 3);
        ask(&mut turns, "b", 1);
        ask(&mut turns, "c", 2);
        let taken: Vec<_> = std::iter::from_fn(|| turns.next()).collect();
        assert_eq!(taken, [("a", 0), ("b", 0), ("c", 0), ("a", 1), ("c", 1), ("a", 2)]);
        assert!(turns.next().is_none());
    }

    #[test]
    fn a_slot_that_is_given_back_is_free() {
        let mut turns = Turns::new(2);
        ask(&mut turns, "a", 10);
        for _ in 0..10 {
            assert_eq!(take(&mut turns), ["a"]);
            turns.done(&"a");
        }
        assert!(turns.next().is_none() && turns.under_way.is_empty() && turns.waiting.is_empty());
    }
}
