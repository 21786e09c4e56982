//! Which cells of a box lie side by side.
//!
//! A box can have many shapes, from high and narrow to low and wide, and which is best is known only when the box around it is filled. So
//! shapes are found from the innermost boxes outwards, and chosen from the outermost inwards.

use super::cell::{Cell, Shelves};
use super::frame::Size;
use super::room::Room;

/// The shape that the whole shall have: that of common screens.
const ASPECT: Size = Size { width: 16, height: 10 };

/// The widths that are tried for a box, as parts of what a box of that shape would have, in percent.
const WIDTHS: [i32; 14] = [40, 50, 60, 70, 80, 90, 100, 110, 125, 140, 160, 180, 210, 250];

/// The most cells on a shelf, which bounds the time.
const ON_SHELF: usize = 40;

/// Chooses the shelves of each box. Cells keep their order.
pub(crate) fn arrange(cells: &[Cell], room: &Room) -> Vec<Shelves> {
    let mut within = vec![Vec::new(); cells.len()];
    for (index, cell) in cells.iter().enumerate() {
        if let Some(outer) = cell.outer {
            within[outer].push(index);
        }
    }
    let mut arranger = Arranger { cells, room, shapes: cells.iter().map(|_| Vec::new()).collect() };
    for index in (0..cells.len()).rev() {
        arranger.shapes[index] = match &within[index][..] {
            [] => vec![Shape { size: cells[index].size, shelves: Vec::new() }],
            within => arranger.shapes(index, within),
        };
    }
    let mut chosen: Vec<usize> = vec![0; cells.len()];
    chosen[0] = (0..arranger.shapes[0].len()).min_by_key(|&shape| badness(arranger.shapes[0][shape].size)).unwrap_or(0);
    let mut shelves = Vec::new();
    for index in 0..cells.len() {
        let shape = &arranger.shapes[index][chosen[index]];
        for shelf in &shape.shelves {
            for &cell in &shelf.cells {
                chosen[cell] = arranger.narrowest(cell, shelf.height).expect("it was found before");
            }
        }
        shelves.push(shape.shelves.iter().map(|shelf| shelf.cells.clone()).collect());
    }
    shelves
}

/// The size of the smallest screen on which it can be seen whole, then its area.
pub(crate) fn badness(Size { width, height }: Size) -> (i64, i64) {
    let (width, height) = (i64::from(width), i64::from(height));
    ((width * i64::from(ASPECT.height)).max(height * i64::from(ASPECT.width)), width * height)
}

/// A way to fill a box.
struct Shape {
    size: Size,
    shelves: Vec<Shelf>,
}

struct Shelf {
    cells: Vec<usize>,
    height: i32,
}

struct Arranger<'a> {
    cells: &'a [Cell],
    room: &'a Room,
    /// Of each cell, from the widest to the narrowest.
    shapes: Vec<Vec<Shape>>,
}

impl Arranger<'_> {
    /// The shapes that a box can have.
    fn shapes(&self, outer: usize, within: &[usize]) -> Vec<Shape> {
        let least = within.iter().map(|&cell| self.width(cell, i32::MAX)).max().unwrap_or(0);
        let area = |cell: usize| {
            let Size { width, height } = self.shapes[cell][self.shapes[cell].len() / 2].size;
            i64::from(width + self.room.gap(cell)) * i64::from(height + self.room.gutter(outer))
        };
        let area = within.iter().map(|&cell| area(cell)).sum::<i64>();
        let width = (area * i64::from(ASPECT.width) / i64::from(ASPECT.height)).isqrt();
        let width = i32::try_from(width).unwrap_or(i32::MAX / 1000);
        let mut heights: Vec<i32> =
            within.iter().flat_map(|&cell| &self.shapes[cell]).map(|shape| shape.size.height).collect();
        heights.sort_unstable();
        heights.dedup();
        let widths = WIDTHS.iter().map(|percent| (width / 100 * percent).max(least));
        let mut shapes: Vec<Shape> = widths.map(|width| self.fill(outer, within, width, &heights)).collect();
        shapes.sort_by_key(|shape| (shape.size.height, shape.size.width));
        // One that is both higher and wider than another is of no use.
        let mut narrowest = i32::MAX;
        shapes.retain(|shape| {
            let is_narrower = shape.size.width < narrowest;
            narrowest = narrowest.min(shape.size.width);
            is_narrower
        });
        shapes
    }

    /// Fills shelves of a width so that they are the least high, the first ones as full as can be.
    fn fill(&self, outer: usize, within: &[usize], width: i32, heights: &[i32]) -> Shape {
        let gutter = self.room.gutter(outer);
        // Of the cells from each on: their height, and the first shelf's height and end.
        let mut best = vec![(i32::MAX, 0, 0); within.len()];
        best.push((gutter, 0, 0));
        for first in (0..within.len()).rev() {
            for end in first + 1..=within.len().min(first + ON_SHELF) {
                let row = &within[first..end];
                // The higher a shelf, the less wide its cells.
                let fits = |height: i32| {
                    row.iter().map(|&cell| self.width(cell, height)).fold(0, i32::saturating_add) <= width
                };
                let Some(&height) = heights.get(heights.partition_point(|&height| !fits(height))) else { break };
                let whole = height + gutter + best[end].0;
                if whole <= best[first].0 {
                    best[first] = (whole, height, end);
                }
            }
        }
        let mut shelves = Vec::new();
        let mut first = 0;
        while first < within.len() {
            let (_, height, end) = best[first];
            shelves.push(Shelf { cells: within[first..end].to_vec(), height });
            first = end;
        }
        let width = |shelf: &Shelf| shelf.cells.iter().map(|&cell| self.width(cell, shelf.height)).sum::<i32>();
        let width = Room::left(&self.cells[outer]) + shelves.iter().map(width).max().unwrap_or(0);
        Shape { size: Size { width, height: best[0].0 }, shelves }
    }

    /// The narrowest shape of a cell that is not higher than this.
    fn narrowest(&self, cell: usize, height: i32) -> Option<usize> {
        self.shapes[cell].iter().rposition(|shape| shape.size.height <= height)
    }

    /// The width that a cell takes on a shelf of this height.
    fn width(&self, cell: usize, height: i32) -> i32 {
        let shape = self.narrowest(cell, height);
        shape.map_or(i32::MAX, |shape| self.shapes[cell][shape].size.width + self.room.gap(cell))
    }
}
