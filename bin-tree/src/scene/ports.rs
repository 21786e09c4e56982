//! Ports of a bridge, bond or VRF: their rows are below that of their master, and a bus joins them.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

use super::row::{BUS, ROW, Row, RowOf};
use super::{Bus, Link};
use crate::layout::Port;

/// The most rows on one another. More of them go on in the next column.
const ROWS: usize = 24;

/// The most masters above a port. The kernel stacks no more links than that (`MAX_NEST_DEV`).
const DEEPEST: usize = 8;

/// Links, each with how many masters are above it: ports come after their master, and otherwise they keep their order. `master` tells that
/// of a link, if it is among them. Of those that are one another's masters, the first has none.
pub(super) fn order(links: &[usize], master: impl Fn(usize) -> Option<usize>) -> Vec<(usize, usize)> {
    let mut ports: HashMap<usize, Vec<usize>> = HashMap::new();
    for (link, master) in links.iter().filter_map(|&link| Some((link, master(link)?))) {
        ports.entry(master).or_default().push(link);
    }
    let mut seen = HashSet::new();
    let mut ordered = Vec::new();
    for &first in links.iter().filter(|&&link| master(link).is_none()).chain(links) {
        let mut waiting = vec![(first, 0)];
        while let Some((link, depth)) = waiting.pop() {
            if seen.insert(link) {
                ordered.push((link, depth));
                let ports = ports.get(&link).filter(|_| depth < DEEPEST).into_iter().flatten();
                waiting.extend(ports.rev().map(|&port| (port, depth + 1)));
            }
        }
    }
    ordered
}

/// Columns of about the same height. A master and its ports are in one, if they are not too many.
pub(super) fn in_columns(rows: &[Row]) -> Vec<Vec<Row>> {
    let each = even(rows.len());
    let mut columns: Vec<Vec<Row>> = Vec::new();
    for piece in rows.chunk_by(|_, next| next.depth > 0).flat_map(pieces) {
        match columns.last_mut().filter(|last| last.len() < each && last.len() + piece.len() <= ROWS) {
            Some(last) => last.extend(piece),
            None => columns.push(piece),
        }
    }
    for column in &mut columns {
        make_room(column);
    }
    columns
}

/// How many of so many rows are in each column if all are about as high.
fn even(rows: usize) -> usize {
    rows.div_ceil(rows.div_ceil(ROWS).max(1))
}

/// A master and its ports, in as many columns as they take. Where they go on, the masters of the next port are named again.
fn pieces(group: &[Row]) -> Vec<Vec<Row>> {
    let mut pieces: Vec<Vec<Row>> = Vec::new();
    let mut above: Vec<(usize, &str)> = Vec::new();
    for rows in group.chunks(even(group.len())) {
        above.truncate(rows[0].depth);
        let more = above.iter().enumerate().map(|(depth, (link, name))| Row::more(*link, name, depth));
        pieces.push(more.chain(rows.iter().cloned()).collect());
        for row in rows {
            above.truncate(row.depth);
            if let RowOf::Link(link) = row.of {
                above.push((link, &row.name));
            }
        }
    }
    pieces
}

/// Makes room for buses at the rows of masters and their ports.
fn make_room(column: &mut [Row]) {
    let depths: Vec<usize> = column.iter().map(|row| row.depth).collect();
    let buses = depths.iter().max().map_or(0, |&deepest| i32::try_from(deepest).unwrap_or(i32::MAX));
    for (at, row) in column.iter_mut().enumerate() {
        let is_master = depths.get(at + 1).is_some_and(|&next| next > row.depth);
        row.buses = if row.depth > 0 || is_master { buses } else { 0 };
    }
}

/// Where the middle of each row of a column is.
pub(super) fn middles(cell: usize, inset: i32) -> impl Iterator<Item = Port> {
    (inset + ROW / 2..).step_by(ROW.unsigned_abs() as usize).map(move |y| Port { cell, y })
}

/// The buses of a column.
pub(super) fn buses(rows: &[Row], cell: usize, inset: i32, links: &[Link]) -> Vec<Bus> {
    let mut all: Vec<Bus> = Vec::new();
    // The bus of each master of the next row.
    let mut above: Vec<usize> = Vec::new();
    for (begin, row) in middles(cell, inset).zip(rows) {
        above.truncate(row.depth);
        if let (RowOf::Link(link), Some(&bus)) = (row.of, above.last()) {
            all[bus].ports.push(link);
            let _ = write!(all[bus].details[0], " {}", row.name);
        }
        if let RowOf::Link(master) | RowOf::More(master) = row.of {
            let level = row.buses - i32::try_from(row.depth).unwrap_or(i32::MAX);
            above.push(all.len());
            let details = vec![format!("ports of {}:", links[master].details[0])];
            all.push(Bus { master, ports: Vec::new(), begin, inset: level * BUS, details });
        }
    }
    all.retain(|bus| !bus.ports.is_empty());
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows of links that are called after their numbers, each with how many masters are above it.
    fn rows(depths: &[usize]) -> Vec<Row> {
        let row = |(link, &depth)| Row { name: format!("l{link}"), of: RowOf::Link(link), depth, ..Row::default() };
        depths.iter().enumerate().map(row).collect()
    }

    fn links(count: usize) -> Vec<Link> {
        let port = Port { cell: 0, y: 0 };
        let link = |at| Link { node: 0, port, details: vec![format!("l{at} in a")], is_down: false, wire: None };
        (0..count).map(link).collect()
    }

    #[test]
    fn ports_come_after_their_master() {
        let ordered = |masters: &[Option<usize>]| {
            let links: Vec<usize> = (0..masters.len()).collect();
            order(&links, |link| masters[link])
        };
        // A bond and a port are ports of the last link; the first one is the bond's.
        let nested = ordered(&[Some(2), None, Some(4), Some(4), None]);
        assert_eq!(nested, [(1, 0), (4, 0), (2, 1), (0, 2), (3, 1)]);
        // What cannot be is drawn as well.
        assert_eq!(ordered(&[Some(1), Some(0), None]), [(2, 0), (0, 0), (1, 1)]);
        assert_eq!(ordered(&[Some(0)]), [(0, 0)]);
        let chain: Vec<Option<usize>> = (0..20).map(|link: usize| link.checked_sub(1)).collect();
        let drawn = ordered(&chain);
        assert_eq!((drawn.len(), drawn.iter().map(|(_, depth)| *depth).max()), (20, Some(DEEPEST)));
    }

    #[test]
    fn a_master_and_its_ports_are_in_one_column_if_that_is_enough() {
        let heights = |depths: &[usize]| -> Vec<usize> { in_columns(&rows(depths)).iter().map(Vec::len).collect() };
        assert_eq!(heights(&[0; 26]), [13, 13]);
        // Six, and a bridge with 18 ports.
        let bridge = [&[0; 7][..], &[1; 18]].concat();
        assert_eq!(heights(&bridge), [6, 19]);
        // One with 40 goes on below its own name.
        let columns = in_columns(&rows(&[&[0][..], &[1; 40]].concat()));
        let shown: Vec<_> = columns.iter().map(|column| (column.len(), &column[0].name[..], column[0].of)).collect();
        assert_eq!(shown, [(21, "l0", RowOf::Link(0)), (21, "\u{2026} l0", RowOf::More(0))]);
        assert!(in_columns(&[]).is_empty());
    }

    #[test]
    fn a_bus_joins_a_master_and_its_ports() {
        // A link; a bridge with a bond, which has two ports, and another port.
        let columns = in_columns(&rows(&[0, 0, 1, 2, 2, 1]));
        assert_eq!(columns[0].iter().map(|row| row.buses).collect::<Vec<_>>(), [0, 2, 2, 2, 2, 2]);
        let drawn = buses(&columns[0], 7, 0, &links(6));
        let told: Vec<_> = drawn.iter().map(|bus| (bus.master, &bus.ports[..], bus.inset / BUS)).collect();
        assert_eq!(told, [(1, &[2, 5][..], 2), (2, &[3, 4], 1)]);
        assert_eq!(drawn[0].details, ["ports of l1 in a: l2 l5"]);
        assert_eq!((drawn[1].begin.cell, drawn[1].begin.y), (7, 2 * ROW + ROW / 2));
        // Each column has its part of a bridge's ports.
        let columns = in_columns(&rows(&[&[0][..], &[1; 60]].concat()));
        let all = columns.iter().flat_map(|column| buses(column, 0, 0, &links(61)));
        let ports: Vec<(usize, usize)> = all.map(|bus| (bus.master, bus.ports.len())).collect();
        assert_eq!(ports, [(0, 20), (0, 21), (0, 19)]);
    }
}
