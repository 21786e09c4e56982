//! The lane of each wire in each channel that it goes through.

use super::channels::Channels;
use super::order::{End, Part, order};

/// The room between lanes, and between a lane and a cell.
#[derive(Clone, Copy)]
struct Spacing {
    /// Between the lanes of a gutter.
    rows: i32,
    /// Between the lanes of a gap. Those of one shelf are in the middle between those of the next one, so that wires from above and from
    /// below do not lie on one another in the gutter between them.
    columns: i32,
    margin: i32,
}

const WIDE: Spacing = Spacing { rows: 5, columns: 6, margin: 6 };
const NARROW: Spacing = Spacing { rows: 3, columns: 4, margin: 4 };

/// The most wires that are drawn with wide spaces.
const FEW: usize = 150;

/// The room between two wires on one lane, on either side.
const CLEAR: i32 = 3;

pub(crate) struct Lanes {
    /// Of each wire, for each channel of its path: the x of its lane in a gap, or the y in a gutter.
    pub(crate) places: Vec<Vec<i32>>,
    /// How wide each channel must be for its lanes.
    pub(crate) widths: Vec<i32>,
}

/// Gives each wire a lane in each channel of its path.
pub(crate) fn assign(channels: &Channels, paths: &[Vec<usize>], ends: &[[(usize, i32); 2]]) -> Lanes {
    let spacing = if paths.len() <= FEW { WIDE } else { NARROW };
    let mut users = vec![Vec::new(); channels.sides.len()];
    for (wire, path) in paths.iter().enumerate() {
        for (step, &channel) in path.iter().enumerate() {
            users[channel].push((wire, step));
        }
    }
    let middles = |path: &Vec<usize>| path.iter().map(|&channel| channels.middle(channel)).collect();
    let mut places: Vec<Vec<i32>> = paths.iter().map(middles).collect();
    let mut widths = vec![0; users.len()];
    // The best order in a channel depends on where wires come from in others: the second time, that is known.
    for _ in 0..2 {
        for (channel, users) in users.iter().enumerate() {
            let part = |&(wire, step): &(usize, usize)| part(channels, &paths[wire], ends[wire], &places[wire], step);
            let parts: Vec<Part> = users.iter().map(part).collect();
            let lanes = order(&parts);
            let count = lanes.iter().map(|lane| lane + 1).max().unwrap_or(0);
            widths[channel] = spacing.width(channels, channel, count);
            for (&(wire, step), lane) in users.iter().zip(lanes) {
                places[wire][step] = spacing.place(channels, channel, lane, count);
            }
        }
    }
    Lanes { places, widths }
}

/// A step of a wire. Lanes of gaps are assigned before those of gutters: of a gap it is known where it meets a gutter, but not at which
/// lane of that.
fn part(channels: &Channels, path: &[usize], ends: [(usize, i32); 2], places: &[i32], step: usize) -> Part {
    let here = places[step];
    let end = |next: Option<usize>, after: Option<usize>, port: i32| match next {
        // A port is left of the gap.
        None => End { range: (port, port), at: port, turn: -1 },
        Some(next) => {
            let (at, to) = (places[next], after.map_or(port, |after| places[after]));
            let range = if channels.is_gap(path[next]) { (at - CLEAR, at + CLEAR) } else { channels.sides[path[next]] };
            End { range, at, turn: (to - here).signum() }
        }
    };
    let later = |step: usize| Some(step).filter(|&step| step < path.len());
    Part::new(
        end(step.checked_sub(1), step.checked_sub(2), ends[0].1),
        end(later(step + 1), later(step + 2), ends[1].1),
    )
}

impl Spacing {
    /// The width of a channel with so many lanes.
    fn width(self, channels: &Channels, channel: usize, count: i32) -> i32 {
        match channels.is_gap(channel) {
            _ if count == 0 => 0,
            true => 2 * self.margin + count * self.columns,
            false => 2 * self.margin + (count - 1) * self.rows,
        }
    }

    fn place(self, channels: &Channels, channel: usize, lane: i32, count: i32) -> i32 {
        if !channels.is_gap(channel) {
            return channels.middle(channel) - (count - 1) * self.rows / 2 + lane * self.rows;
        }
        let offset = if channels.shelf(channel).is_multiple_of(2) { 0 } else { self.columns / 2 };
        let first = channels.sides[channel].0 + self.margin - offset;
        // The next multiple, which the standard library has for unsigned integers only.
        (first + self.columns - 1).div_euclid(self.columns) * self.columns + offset + lane * self.columns
    }
}
