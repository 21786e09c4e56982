//! The room between cells, and what it makes of their places.

use super::cell::{Cell, Kind, Shelves};
use super::frame::Frame;

/// The least room between cells, without wires.
const LEAST: i32 = 8;

/// How wide the channels are.
#[derive(Clone)]
pub(crate) struct Room {
    /// Right of each cell.
    gaps: Vec<i32>,
    /// Of each box, above each shelf, and below the last one.
    gutters: Vec<Vec<i32>>,
}

impl Room {
    /// The least that there must be.
    pub(crate) fn least(cells: &[Cell], shelves: &[Shelves]) -> Self {
        let mut gutters: Vec<_> = shelves.iter().map(|of_box| vec![LEAST; of_box.len() + 1]).collect();
        for (gutters, _) in gutters.iter_mut().zip(cells).filter(|(_, cell)| cell.kind == Kind::Group) {
            (gutters[0], *gutters.last_mut().expect("there are two")) = (0, 0);
        }
        Self { gaps: vec![LEAST; shelves.len()], gutters }
    }

    /// What there may be, as long as it is not known which wires go there.
    pub(crate) fn guess(cells: &[Cell]) -> Self {
        Self { gaps: vec![2 * LEAST; cells.len()], gutters: vec![vec![2 * LEAST]; cells.len()] }
    }

    /// The room between the left side of a box and what is in it.
    pub(crate) fn left(outer: &Cell) -> i32 {
        if outer.kind == Kind::Group { 0 } else { LEAST }
    }

    /// The width of the gap right of a cell.
    pub(crate) fn gap(&self, cell: usize) -> i32 {
        self.gaps[cell]
    }

    /// The width that gutters of a box have on average.
    pub(crate) fn gutter(&self, outer: usize) -> i32 {
        let gutters = &self.gutters[outer];
        gutters.iter().sum::<i32>() / i32::try_from(gutters.len()).unwrap_or(i32::MAX)
    }

    /// Gives each channel the width that it needs. Whether one was widened.
    pub(crate) fn widen(&mut self, widths: &[i32]) -> bool {
        let mut widened = false;
        // Channels are in this order.
        let channels =
            self.gaps.iter_mut().chain(self.gutters.iter_mut().filter(|gutters| gutters.len() > 1).flatten());
        for (has, &width) in channels.zip(widths) {
            widened |= *has < width;
            *has = width.max(*has);
        }
        widened
    }

    /// The place of each cell.
    pub(crate) fn place(&self, cells: &[Cell], shelves: &[Shelves]) -> Vec<Frame> {
        let frame = |cell: &Cell| Frame { width: cell.size.width, height: cell.size.height, ..Frame::default() };
        let mut frames: Vec<Frame> = cells.iter().map(frame).collect();
        for (index, of_box) in shelves.iter().enumerate().rev().filter(|(_, of_box)| !of_box.is_empty()) {
            let width =
                |shelf: &Vec<usize>| shelf.iter().map(|&cell| frames[cell].width + self.gaps[cell]).sum::<i32>();
            let width = Self::left(&cells[index]) + of_box.iter().map(width).max().unwrap_or(0);
            let heights = of_box.iter().map(|shelf| height(shelf, &frames)).sum::<i32>();
            let height = heights + self.gutters[index].iter().sum::<i32>();
            frames[index] = Frame { width, height, ..Frame::default() };
        }
        for (index, of_box) in shelves.iter().enumerate() {
            let mut y = frames[index].y;
            for (shelf, gutter) in of_box.iter().zip(&self.gutters[index]) {
                y += gutter;
                let mut x = frames[index].x + Self::left(&cells[index]);
                for &cell in shelf {
                    (frames[cell].x, frames[cell].y) = (x, y);
                    x = frames[cell].right() + self.gaps[cell];
                }
                y += height(shelf, &frames);
            }
        }
        frames
    }
}

fn height(shelf: &[usize], frames: &[Frame]) -> i32 {
    shelf.iter().map(|&cell| frames[cell].height).max().unwrap_or(0)
}
