//! The colour of each wire, by its number.

use std::collections::HashMap;

/// The number of colours. Each has a class in `svg.css`.
const COLOURS: usize = 10;

/// Gives colours to wires so that those that end at one box differ, as far as there are enough.
#[derive(Default)]
pub(super) struct Colours {
    /// How often each is used, at a box and everywhere.
    at: HashMap<(usize, usize), usize>,
    all: [usize; COLOURS],
}

impl Colours {
    /// The colour of the next wire, which ends at these boxes.
    pub(super) fn next(&mut self, boxes: [usize; 2]) -> usize {
        let at =
            |colour: usize| boxes.iter().map(|&one| self.at.get(&(one, colour)).copied().unwrap_or(0)).sum::<usize>();
        let colour = (0..COLOURS).min_by_key(|&colour| (at(colour), self.all[colour])).expect("there are colours");
        for one in boxes {
            *self.at.entry((one, colour)).or_default() += 1;
        }
        self.all[colour] += 1;
        colour
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wires_of_a_box_differ() {
        let mut colours = Colours::default();
        let mut of_one: Vec<usize> = (1..=COLOURS).map(|other| colours.next([0, other])).collect();
        of_one.sort_unstable();
        assert_eq!(of_one, (0..COLOURS).collect::<Vec<_>>());
        assert_ne!(colours.next([1, 2]), colours.next([1, 3]));
    }

    #[test]
    fn each_has_a_class() {
        let style = include_str!("../svg.css");
        for colour in 0..COLOURS {
            // In the light and in the dark.
            assert_eq!(style.matches(&format!(".w{colour} {{")).count(), 2);
        }
    }
}
