//! Where boxes lie, and how wires go between them.
//!
//! A box has shelves of cells, which are boxes or have no cells in them, and all wires go in the channels between cells: to the right of
//! a cell there is a gap, and above and below a shelf a gutter. A wire leaves its cell to the right, and a gutter goes on into the gap
//! that is right of its box. So what comes into a gap from the side always comes from the left, from one cell, and two wires that
//! have lanes of their own in every channel lie nowhere on one another. They only cross.

mod cell;
mod channels;
mod frame;
mod lanes;
mod order;
mod room;
mod routes;
mod shelves;

pub(crate) use cell::{Cell, Kind};
pub(crate) use frame::{Frame, Point, Size};

use cell::Shelves;
use channels::Channels;
use room::Room;

/// Where a wire ends: at the right side of a cell without cells in it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Port {
    pub(crate) cell: usize,
    /// From the cell's upper side.
    pub(crate) y: i32,
}

/// A whole picture.
#[derive(Debug)]
pub(crate) struct Layout {
    /// Of each cell.
    pub(crate) frames: Vec<Frame>,
    /// The corners of each wire, and its ends.
    pub(crate) wires: Vec<Vec<Point>>,
}

/// How often cells are arranged, each time with the room between them that the wires wanted last time.
const ARRANGEMENTS: usize = 4;

/// Of more wires than that, the first arrangement is taken: another would take too long.
const MANY: usize = 1000;

/// How often channels may be widened.
const ROUNDS: usize = 24;

/// Lays out cells, of which the first is the box around all, and each comes after the one that it is in.
pub(crate) fn lay_out(cells: &[Cell], wires: &[[Port; 2]]) -> Layout {
    let mut room = Room::guess(cells);
    let arrangements = if wires.len() <= MANY { ARRANGEMENTS } else { 1 };
    let layouts = (0..arrangements).map(|_| {
        let shelves = shelves::arrange(cells, &room);
        let layout;
        (layout, room) = wire(cells, &shelves, wires);
        layout
    });
    layouts.min_by_key(|layout| shelves::badness(layout.frames[0].size())).expect("there is an arrangement")
}

/// Places cells on their shelves, with as much room between them as the wires need.
fn wire(cells: &[Cell], shelves: &[Shelves], wires: &[[Port; 2]]) -> (Layout, Room) {
    let mut room = Room::least(cells, shelves);
    let mut paths = Vec::new();
    for round in 0.. {
        let frames = room.place(cells, shelves);
        let channels = Channels::new(shelves, &frames, &room);
        let ends: Vec<_> =
            wires.iter().map(|ports| ports.map(|port| (port.cell, frames[port.cell].y + port.y))).collect();
        // Wires keep their ways once there is some room for them: what they need must not move from one channel to another for ever.
        if round < 2 {
            paths = ends.iter().map(|ends| routes::shortest(&channels, *ends)).collect();
        }
        let lanes = lanes::assign(&channels, &paths, &ends);
        if round < ROUNDS && room.widen(&lanes.widths) {
            continue;
        }
        let wires = ends.iter().zip(&paths).zip(&lanes.places);
        let wires = wires.map(|((ends, path), places)| corners(&frames, *ends, path, places)).collect();
        return (Layout { frames, wires }, room);
    }
    unreachable!("the rounds end")
}

/// The ends and corners of a wire. Its path begins and ends in a gap, and gaps and gutters take turns.
fn corners(frames: &[Frame], ends: [(usize, i32); 2], path: &[usize], places: &[i32]) -> Vec<Point> {
    let [first, last] = ends.map(|(cell, y)| Point { x: frames[cell].right(), y });
    let mut corners = vec![first];
    for (step, &place) in places.iter().enumerate().take(path.len()) {
        let before = corners[corners.len() - 1];
        corners.push(if step % 2 == 0 { Point { x: place, ..before } } else { Point { y: place, ..before } });
    }
    corners.push(Point { y: last.y, ..corners[corners.len() - 1] });
    corners.push(last);
    corners
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A host with as many containers as that, nested up to four deep, each wired to the one around it and to the last one.
    fn nest(count: usize) -> (Vec<Cell>, Vec<[Port; 2]>) {
        let mut cells = vec![Cell::default()];
        let mut wires: Vec<[Port; 2]> = Vec::new();
        // What is around: the box, its text, and how many more containers it takes.
        let mut around = vec![(0, text(&mut cells, 0, 300), count)];
        let mut last = around[0].1;
        for number in 0..count {
            while around.last().is_some_and(|(_, _, left)| *left == 0) {
                around.pop();
            }
            let depth = around.len();
            let (outer, outer_text, left) = around.last_mut().expect("the host takes all");
            *left -= 1;
            let (outer, outer_text) = (*outer, *outer_text);
            let cell = cells.len();
            let mut port = cell;
            if number % 5 == 0 && depth < 4 {
                cells.push(Cell { outer: Some(outer), kind: Kind::Nest, ..Cell::default() });
                port = text(&mut cells, cell, 150);
                let inside = (number * 7 % 11 + 2).min(around[depth - 1].2);
                around[depth - 1].2 -= inside;
                around.push((cell, port, inside));
            } else {
                let width = 120 + i32::try_from(number * 37 % 100).unwrap();
                cells.push(Cell { outer: Some(outer), kind: Kind::Container, size: Size { width, height: 80 } });
            }
            let y = i32::try_from(number % 10).unwrap();
            wires.push([Port { cell: outer_text, y: 10 + y }, Port { cell: port, y: 40 }]);
            wires.push([Port { cell: last, y: 60 }, Port { cell: port, y: 50 }]);
            last = port;
        }
        (cells, wires)
    }

    fn text(cells: &mut Vec<Cell>, outer: usize, height: i32) -> usize {
        cells.push(Cell { outer: Some(outer), kind: Kind::Text, size: Size { width: 150, height } });
        cells.len() - 1
    }

    #[test]
    fn cells_lie_in_their_boxes_and_not_on_one_another() {
        for count in [1, 12, 60, 300] {
            let (cells, wires) = nest(count);
            let Layout { frames, .. } = lay_out(&cells, &wires);
            for (index, cell) in cells.iter().enumerate().skip(1) {
                let (inner, outer) = (frames[index], frames[cell.outer.unwrap()]);
                let is_inside = outer.x < inner.x && inner.right() < outer.right();
                assert!(is_inside && outer.y < inner.y && inner.bottom() < outer.bottom(), "{inner:?} in {outer:?}");
                for other in (1..index).filter(|&other| cells[other].outer == cell.outer) {
                    let other = frames[other];
                    let beside = other.right() < inner.x || inner.right() < other.x;
                    assert!(beside || other.bottom() < inner.y || inner.bottom() < other.y, "{inner:?} on {other:?}");
                }
            }
        }
    }

    #[test]
    fn the_whole_has_the_shape_of_a_screen() {
        for (count, most) in [(12, 1500), (60, 3500), (300, 6200)] {
            let (cells, wires) = nest(count);
            let Frame { width, height, .. } = lay_out(&cells, &wires).frames[0];
            assert!(width <= most && height <= most, "{count}: {width} x {height}");
            assert!(width < height * 3 && height < width * 2, "{count}: {width} x {height}");
        }
    }

    #[test]
    fn wires_end_at_their_ports_and_cross_no_text() {
        let (cells, wires) = nest(60);
        let layout = lay_out(&cells, &wires);
        for (ports, corners) in wires.iter().zip(&layout.wires) {
            let at = |port: Port| Point { x: layout.frames[port.cell].right(), y: layout.frames[port.cell].y + port.y };
            assert_eq!([corners[0], corners[corners.len() - 1]], ports.map(at));
            for (one, other) in corners.iter().zip(&corners[1..]) {
                assert!(one.x == other.x || one.y == other.y, "{corners:?}");
                let (left, right) = (one.x.min(other.x), one.x.max(other.x));
                let (top, bottom) = (one.y.min(other.y), one.y.max(other.y));
                for (frame, _) in layout.frames.iter().zip(&cells).filter(|(_, cell)| cell.size.width > 0) {
                    let is_beside =
                        right <= frame.x || frame.right() <= left || bottom <= frame.y || frame.bottom() <= top;
                    assert!(is_beside, "{corners:?} on {frame:?}");
                }
            }
        }
    }

    #[test]
    fn wires_do_not_lie_on_one_another() {
        for count in [12, 60, 300] {
            let (cells, wires) = nest(count);
            // Each part of a wire: on which line it lies, and from where to where.
            let mut parts: Vec<(bool, i32, i32, i32, usize)> = Vec::new();
            for (wire, corners) in lay_out(&cells, &wires).wires.iter().enumerate() {
                for (one, other) in corners.iter().zip(&corners[1..]).filter(|(one, other)| one != other) {
                    parts.push(if one.x == other.x {
                        (true, one.x, one.y.min(other.y), one.y.max(other.y), wire)
                    } else {
                        (false, one.y, one.x.min(other.x), one.x.max(other.x), wire)
                    });
                }
            }
            parts.sort_unstable();
            for pair in parts.windows(2) {
                let ((vertical, line, _, end, wire), (other_vertical, other_line, begin, _, other)) =
                    (pair[0], pair[1]);
                let is_beside = (vertical, line) != (other_vertical, other_line) || end < begin;
                // Two wires of the test may have one port.
                let shares = wires[wire].iter().any(|a| wires[other].iter().any(|b| (a.cell, a.y) == (b.cell, b.y)));
                assert!(is_beside || wire == other || shares, "{count}: {pair:?}");
            }
        }
    }

    #[test]
    fn a_pair_may_be_in_one_box() {
        let (cells, _) = nest(1);
        let Layout { frames, wires } = lay_out(&cells, &[[Port { cell: 1, y: 5 }, Port { cell: 1, y: 25 }]]);
        let xs: Vec<i32> = wires[0].iter().map(|point| point.x).collect();
        assert!(xs[0] == frames[1].right() && xs[1] > xs[0] && xs[1] < frames[0].right(), "{wires:?}");
    }

    #[test]
    fn a_deep_nest_is_laid_out() {
        let mut cells = vec![Cell::default()];
        for depth in 0..256 {
            text(&mut cells, depth * 2, 40);
            cells.push(Cell { outer: Some(depth * 2), kind: Kind::Nest, ..Cell::default() });
        }
        text(&mut cells, 512, 40);
        let ends = [Port { cell: 1, y: 20 }, Port { cell: 513, y: 20 }];
        assert_eq!(lay_out(&cells, &[ends]).wires.len(), 1);
    }
}
