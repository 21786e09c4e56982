//! The way of a wire through the channels: Dijkstra's algorithm.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::channels::Channels;

/// The price of a corner, in pixels.
const CORNER: i32 = 40;

/// A meeting, and the channel in which it is reached.
type State = (usize, usize);

/// The channels on the shortest way between two cells, from and to some height at their right sides.
pub(crate) fn shortest(channels: &Channels, [(from, from_y), (to, to_y)]: [(usize, i32); 2]) -> Vec<usize> {
    if from == to {
        return vec![from];
    }
    let mut search = Search::new(channels);
    for &meeting in &channels.of[from] {
        search.reach((meeting, from), (channels.along(from, meeting) - from_y).abs(), None);
    }
    let mut best: Option<(i32, State)> = None;
    while let Some((cost, state)) = search.next() {
        if best.is_some_and(|(best, _)| best <= cost) {
            break;
        }
        let (meeting, channel) = state;
        if channel == to {
            let whole = cost + (channels.along(to, meeting) - to_y).abs();
            if best.is_none_or(|(best, _)| whole < best) {
                best = Some((whole, state));
            }
        }
        let here = channels.along(channel, meeting);
        for neighbour in channels.neighbours(channel, meeting) {
            search.reach((neighbour, channel), cost + (channels.along(channel, neighbour) - here).abs(), Some(state));
        }
        search.reach((meeting, channels.other(channel, meeting)), cost + CORNER, Some(state));
    }
    // All channels are connected.
    let mut path: Vec<usize> = best.map(|(_, state)| search.back(state)).unwrap_or_default();
    path.dedup();
    path
}

struct Search<'a> {
    channels: &'a Channels,
    /// The cost of each state that was reached, and the one before it. A meeting has two states, the gap's first.
    reached: Vec<Option<(i32, Option<State>)>>,
    waiting: BinaryHeap<Reverse<(i32, State)>>,
}

impl<'a> Search<'a> {
    fn new(channels: &'a Channels) -> Self {
        Self { channels, reached: vec![None; channels.meetings.len() * 2], waiting: BinaryHeap::new() }
    }

    fn place(&self, (meeting, channel): State) -> usize {
        meeting * 2 + usize::from(self.channels.meetings[meeting].gutter == channel)
    }

    fn reach(&mut self, state: State, cost: i32, before: Option<State>) {
        let place = self.place(state);
        if self.reached[place].is_none_or(|(known, _)| cost < known) {
            self.reached[place] = Some((cost, before));
            self.waiting.push(Reverse((cost, state)));
        }
    }

    /// The cheapest state that was not visited yet.
    fn next(&mut self) -> Option<(i32, State)> {
        loop {
            let Reverse((cost, state)) = self.waiting.pop()?;
            if self.reached[self.place(state)].is_some_and(|(known, _)| known == cost) {
                return Some((cost, state));
            }
        }
    }

    /// The channels of the way to a state.
    fn back(&self, state: State) -> Vec<usize> {
        let before = |state: &State| self.reached[self.place(*state)].and_then(|(_, before)| before);
        let mut path: Vec<usize> = std::iter::successors(Some(state), before).map(|(_, channel)| channel).collect();
        path.reverse();
        path
    }
}
