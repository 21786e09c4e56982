//! Fair scheduling: questions wait for one of a few slots, and no party can take them all.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

/// A queue of questions of many parties, with a limit on how many run at once.
///
/// The parties take queue. A party gets another slot only while more slots are free than it has. So one slow party has
/// at most half of them, two have a third each in the long run, and a slot is left for the next one.
pub(crate) struct FairQueue<P, Q> {
    slots: usize,
    waiting: HashMap<P, VecDeque<Q>>,
    /// Parties with waiting questions, the one that has waited longest first.
    order: VecDeque<P>,
    running: HashMap<P, usize>,
}

impl<P: Clone + Eq + Hash, Q> FairQueue<P, Q> {
    /// An empty queue with this many slots.
    pub(crate) fn new(slots: usize) -> Self {
        Self { slots, waiting: HashMap::new(), order: VecDeque::new(), running: HashMap::new() }
    }

    /// Queues a question.
    pub(crate) fn wait(&mut self, party: P, question: Q) {
        let waiting = self.waiting.entry(party.clone()).or_default();
        if waiting.is_empty() {
            self.order.push_back(party);
        }
        waiting.push_back(question);
    }

    /// The next question, and its party, which takes a slot; `None` while no party may take one.
    pub(crate) fn next(&mut self) -> Option<(P, Q)> {
        let free = self.slots - self.running.values().sum::<usize>();
        let may = |party: &P| self.running.get(party).copied().unwrap_or_default() < free;
        let party = self.order.remove(self.order.iter().position(may)?)?;
        let waiting = self.waiting.get_mut(&party)?;
        let question = waiting.pop_front()?;
        if waiting.is_empty() {
            self.waiting.remove(&party);
        } else {
            self.order.push_back(party.clone());
        }
        *self.running.entry(party.clone()).or_default() += 1;
        Some((party, question))
    }

    /// Frees the slot of a question that was answered.
    pub(crate) fn done(&mut self, party: &P) {
        match self.running.get_mut(party) {
            Some(1) | None => drop(self.running.remove(party)),
            Some(slots) => *slots -= 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes all slots that can be taken.
    fn take(queue: &mut FairQueue<&'static str, usize>) -> Vec<&'static str> {
        std::iter::from_fn(|| queue.next()).map(|(party, _)| party).collect()
    }

    fn ask(queue: &mut FairQueue<&'static str, usize>, party: &'static str, questions: usize) {
        (0..questions).for_each(|question| queue.wait(party, question));
    }

    #[test]
    fn no_party_takes_all_slots() {
        let mut queue = FairQueue::new(8);
        ask(&mut queue, "slow", 100);
        assert_eq!(take(&mut queue), ["slow"; 4]);
        ask(&mut queue, "slow too", 100);
        assert_eq!(take(&mut queue), ["slow too"; 2]);
        ask(&mut queue, "quick", 3);
        assert_eq!(take(&mut queue), ["quick"]);
        queue.done(&"quick");
        assert_eq!(take(&mut queue), ["quick"], "it goes on");
    }

    #[test]
    fn parties_take_turns_and_each_keeps_its_order() {
        let mut queue = FairQueue::new(100);
        ask(&mut queue, "a", 3);
        ask(&mut queue, "b", 1);
        ask(&mut queue, "c", 2);
        let taken: Vec<_> = std::iter::from_fn(|| queue.next()).collect();
        assert_eq!(taken, [("a", 0), ("b", 0), ("c", 0), ("a", 1), ("c", 1), ("a", 2)]);
        assert!(queue.next().is_none());
    }

    #[test]
    fn a_slot_that_is_given_back_is_free() {
        let mut queue = FairQueue::new(2);
        ask(&mut queue, "a", 10);
        for _ in 0..10 {
            assert_eq!(take(&mut queue), ["a"]);
            queue.done(&"a");
        }
        assert!(queue.next().is_none() && queue.running.is_empty() && queue.waiting.is_empty());
    }
}
