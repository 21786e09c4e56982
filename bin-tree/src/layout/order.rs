//! The order of wires in a channel, with as few crossings as is easily had.

/// The part of a wire that is in a channel.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part {
    ends: [End; 2],
    /// Where it may be at most.
    range: (i32, i32),
}

/// Where a wire comes into a channel or leaves it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct End {
    /// Where along the channel that may be.
    pub(crate) range: (i32, i32),
    /// Where it was last.
    pub(crate) at: i32,
    /// The side to which the wire goes there: -1 where the first lanes are, or 1.
    pub(crate) turn: i32,
}

impl Part {
    pub(crate) fn new(one: End, other: End) -> Self {
        let range = (one.range.0.min(other.range.0), one.range.1.max(other.range.1));
        Self { ends: [one, other], range }
    }

    fn meets(&self, other: &Self) -> bool {
        self.range.0 <= other.range.1 && other.range.0 <= self.range.1
    }

    /// Whether the wire is certainly there.
    fn passes(&self, at: i32) -> bool {
        let [a, b] = self.ends.map(|end| end.at);
        a.min(b) < at && at < a.max(b)
    }
}

/// How often two wires cross if the first has the lane before the other one's.
fn crossings(first: &Part, second: &Part) -> usize {
    let crossed = |part: &Part, turn: i32, other: &Part| {
        part.ends.iter().filter(|end| end.turn == turn && other.passes(end.at)).count()
    };
    crossed(first, 1, second) + crossed(second, -1, first)
}

/// How often neighbours change places at most, which bounds the time.
const PASSES: usize = 40;

/// The lane of each part. Parts that may meet have different ones.
pub(crate) fn order(parts: &[Part]) -> Vec<i32> {
    let mut order: Vec<usize> = (0..parts.len()).collect();
    order.sort_by_key(|&part| parts[part].range);
    // Neighbours change places for as long as that makes crossings fewer.
    for _ in 0..PASSES {
        let mut changed = false;
        for at in 1..order.len() {
            let (first, second) = (&parts[order[at - 1]], &parts[order[at]]);
            if crossings(second, first) < crossings(first, second) {
                order.swap(at - 1, at);
                changed = true;
            }
        }
        if !changed {
            break;
        }
    }
    let mut lanes = vec![0; parts.len()];
    for (at, &part) in order.iter().enumerate() {
        let before = order[..at].iter().filter(|&&before| parts[before].meets(&parts[part]));
        lanes[part] = before.map(|&before| lanes[before] + 1).max().unwrap_or(0);
    }
    lanes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A wire that comes from the left at `from`, and leaves on some side at `to`.
    fn part(from: i32, to: i32, turn: i32) -> Part {
        let end = |at: i32, turn: i32| End { range: (at, at), at, turn };
        Part::new(end(from, -1), end(to, turn))
    }

    #[test]
    fn those_that_meet_have_lanes_of_their_own() {
        assert_eq!(order(&[part(0, 10, -1), part(11, 20, -1), part(30, 21, -1)]), [0, 0, 0]);
        let lanes = order(&[part(0, 10, -1), part(10, 20, -1)]);
        assert_ne!(lanes[0], lanes[1]);
        assert!(order(&[]).is_empty());
    }

    #[test]
    fn wires_side_by_side_do_not_cross() {
        // All go down to the right: the upper ones are farther right.
        let down = [part(0, 100, 1), part(10, 101, 1), part(20, 102, 1)];
        assert_eq!(order(&down), [2, 1, 0]);
        // One inside the other.
        assert_eq!(order(&[part(0, 30, -1), part(10, 20, -1)]), [1, 0]);
    }
}
