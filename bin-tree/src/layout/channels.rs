//! The channels between cells, and where they meet.
//!
//! The gap right of a cell has the cell's number. Behind the gaps come the gutters, box by box.

use super::cell::Shelves;
use super::frame::Frame;
use super::room::Room;

pub(crate) struct Channels {
    /// Between which coordinates each lies: of a gap its left and right side, of a gutter its upper and lower one.
    pub(crate) sides: Vec<(i32, i32)>,
    /// Where a gap and a gutter meet.
    pub(crate) meetings: Vec<Meeting>,
    /// The meetings of each, from left to right or downwards.
    pub(crate) of: Vec<Vec<usize>>,
    /// The place of each meeting among those of its gap, and of its gutter.
    places: Vec<[usize; 2]>,
    /// The shelf of each cell in its box.
    shelf: Vec<usize>,
}

/// Where a gap and a gutter meet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Meeting {
    pub(crate) gap: usize,
    pub(crate) gutter: usize,
}

impl Channels {
    pub(crate) fn new(shelves: &[Shelves], frames: &[Frame], room: &Room) -> Self {
        let mut channels = Self {
            // The last gap of a shelf may have more room than it needs.
            sides: frames
                .iter()
                .enumerate()
                .map(|(cell, frame)| (frame.right(), frame.right() + room.gap(cell)))
                .collect(),
            meetings: Vec::new(),
            of: Vec::new(),
            places: Vec::new(),
            shelf: vec![0; frames.len()],
        };
        for (outer, of_box) in shelves.iter().enumerate().filter(|(_, of_box)| !of_box.is_empty()) {
            channels.add(outer, of_box, frames);
        }
        channels.of = vec![Vec::new(); channels.sides.len()];
        for (index, meeting) in channels.meetings.iter().enumerate() {
            channels.of[meeting.gap].push(index);
            channels.of[meeting.gutter].push(index);
        }
        for channel in 0..channels.of.len() {
            let mut meetings = std::mem::take(&mut channels.of[channel]);
            meetings.sort_by_key(|&meeting| channels.along(channel, meeting));
            channels.of[channel] = meetings;
        }
        channels.places = vec![[0; 2]; channels.meetings.len()];
        for (channel, meetings) in channels.of.iter().enumerate() {
            for (place, &meeting) in meetings.iter().enumerate() {
                channels.places[meeting][usize::from(channels.meetings[meeting].gutter == channel)] = place;
            }
        }
        channels
    }

    /// Adds the channels of a box.
    fn add(&mut self, outer: usize, of_box: &[Vec<usize>], frames: &[Frame]) {
        let mut upper = frames[outer].y;
        for place in 0..=of_box.len() {
            let below = of_box.get(place).map_or(&[][..], Vec::as_slice);
            let gutter = self.sides.len();
            let lower = below.first().map_or(frames[outer].bottom(), |&cell| frames[cell].y);
            self.sides.push((upper, lower));
            upper = below.iter().map(|&cell| frames[cell].bottom()).max().unwrap_or(lower);
            for &cell in below {
                self.shelf[cell] = place;
            }
            let above = place.checked_sub(1).map_or(&[][..], |above| &of_box[above]);
            // The outermost box has no gap beside it.
            let beside = (outer > 0).then_some(outer);
            self.meetings.extend(above.iter().chain(below).copied().chain(beside).map(|gap| Meeting { gap, gutter }));
        }
    }

    pub(crate) fn is_gap(&self, channel: usize) -> bool {
        channel < self.shelf.len()
    }

    pub(crate) fn middle(&self, channel: usize) -> i32 {
        i32::midpoint(self.sides[channel].0, self.sides[channel].1)
    }

    /// The shelf that a gap is on.
    pub(crate) fn shelf(&self, gap: usize) -> usize {
        self.shelf[gap]
    }

    /// The meetings of a channel before and after one of them.
    pub(crate) fn neighbours(&self, channel: usize, meeting: usize) -> impl Iterator<Item = usize> {
        let meetings = &self.of[channel];
        let place = self.places[meeting][usize::from(self.meetings[meeting].gutter == channel)];
        let before = place.checked_sub(1).map(|before| meetings[before]);
        before.into_iter().chain(meetings.get(place + 1).copied())
    }

    /// Where a channel has one of its meetings.
    pub(crate) fn along(&self, channel: usize, meeting: usize) -> i32 {
        self.middle(self.other(channel, meeting))
    }

    /// The channel that one meets there.
    pub(crate) fn other(&self, channel: usize, meeting: usize) -> usize {
        let Meeting { gap, gutter } = self.meetings[meeting];
        if channel == gap { gutter } else { gap }
    }
}
