//! Makes a scene of a nest.

use std::collections::{HashMap, HashSet};

use super::colours::Colours;
use super::row::{self, INSET, Row, RowOf};
use super::{Column, Link, Node, Scene, Wire, details, ports};
use crate::block::{Block, Place, Wire as Pair, Wiring};
use crate::compare::Comparison;
use crate::layout::{Cell, Kind, Port, Size};
use crate::nest::Nest;
use nicon_core::natural;

/// Makes the scene of a nest, its blocks and how their links are connected.
pub(crate) fn make(nest: &Nest, comparisons: &[Comparison], blocks: &[Block], wiring: &Wiring) -> Scene {
    let shown = shown_links(nest, blocks);
    let is_shown = |pair: &&Pair| shown.contains(&pair.from) && shown.contains(&pair.to);
    let pairs: Vec<_> = wiring.wires.iter().filter(is_shown).collect();
    let wired = pairs.iter().flat_map(|pair| [pair.from, pair.to]).collect();
    // A bus does not leave a box.
    let ports = wiring.ports.iter().filter(is_shown).filter(|pair| pair.from.0 == pair.to.0);
    let masters = ports.map(|port| (port.from, port.to.1)).collect();
    let (links, scene) = (HashMap::new(), Scene::default());
    let mut maker = Maker { nest, comparisons, blocks, shown, wired, masters, links, scene };
    maker.nodes();
    let mut colours = Colours::default();
    for pair in pairs {
        maker.wire(pair, &mut colours);
    }
    maker.scene
}

/// What shares a network namespace has the same links: they are shown in the first block that has them.
fn shown_links(nest: &Nest, blocks: &[Block]) -> HashSet<Place> {
    let mut seen = HashSet::new();
    let mut shown = HashSet::new();
    for (index, block) in blocks.iter().enumerate() {
        for (at, line) in block.lines.iter().enumerate() {
            if line.link.is_some_and(|link| seen.insert(nest.nodes[block.node].links[link].id)) {
                shown.insert((index, at));
            }
        }
    }
    shown
}

struct Maker<'a> {
    nest: &'a Nest,
    comparisons: &'a [Comparison],
    blocks: &'a [Block],
    shown: HashSet<Place>,
    wired: HashSet<Place>,
    /// The line of the master in the port's own block.
    masters: HashMap<Place, usize>,
    links: HashMap<Place, usize>,
    scene: Scene,
}

impl Maker<'_> {
    fn nodes(&mut self) {
        let within = self.within();
        let outermost = if let [machine] = within[0][..] { Some(machine) } else { None };
        // The block, the cell that it is in, and the number of boxes around it.
        let mut waiting = vec![(outermost, None, 0)];
        while let Some((block, outer, depth)) = waiting.pop() {
            let inside = &within[block.map_or(0, |block| block + 1)];
            let is_nest = |block: usize| !within[block + 1].is_empty();
            let cell = self.scene.cells.len();
            self.node(block, outer, depth, inside.is_empty());
            let mut group = None;
            if inside.iter().filter(|&&block| !is_nest(block)).count() > 1 {
                group = Some(self.scene.cells.len());
                self.scene.cells.push(Cell { outer: Some(cell), kind: Kind::Group, size: Size::default() });
            }
            let outer = |block: usize| group.filter(|_| !is_nest(block)).unwrap_or(cell);
            waiting.extend(inside.iter().rev().map(|&block| (Some(block), Some(outer(block)), depth + 1)));
        }
    }

    /// The machines, and then the blocks in each block, by name: first those that have none in them, and so are small.
    fn within(&self) -> Vec<Vec<usize>> {
        let mut within = vec![Vec::new(); self.blocks.len() + 1];
        for (index, block) in self.blocks.iter().enumerate() {
            within[block.outer.map_or(0, |outer| outer + 1)].push(index);
        }
        let is_nest: Vec<bool> = within[1..].iter().map(|inside| !inside.is_empty()).collect();
        let name = |block: usize| &self.nest.nodes[self.blocks[block].node].name;
        for inside in &mut within[1..] {
            inside.sort_by(|&a, &b| is_nest[a].cmp(&is_nest[b]).then_with(|| natural::compare(name(a), name(b))));
        }
        within
    }

    /// Adds the box of a block, or that around all.
    fn node(&mut self, block: Option<usize>, outer: Option<usize>, depth: usize, is_empty: bool) {
        let cell = self.scene.cells.len();
        let rows = self.rows(block);
        let kind = if is_empty { Kind::Container } else { Kind::Nest };
        let columns = ports::in_columns(&rows);
        let is_single = is_empty && columns.len() == 1;
        self.scene.cells.push(Cell {
            outer,
            kind,
            size: if is_single { row::size(&columns[0], INSET) } else { Size::default() },
        });
        let mut node = Node { cell, depth, details: self.details(block), columns: Vec::new() };
        for rows in columns {
            let mut inset = INSET;
            if !is_single {
                inset = 0;
                let cell = Cell { outer: Some(cell), kind: Kind::Text, size: row::size(&rows, inset) };
                self.scene.cells.push(cell);
            }
            let cell = self.scene.cells.len() - 1;
            for (port, row) in ports::middles(cell, inset).zip(&rows) {
                if let RowOf::Link(link) = row.of {
                    self.scene.links[link].port = port;
                }
            }
            self.scene.buses.extend(ports::buses(&rows, cell, inset, &self.scene.links));
            node.columns.push(Column { cell, rows });
        }
        self.scene.nodes.push(node);
    }

    /// The rows of a block, whose links are added.
    fn rows(&mut self, block: Option<usize>) -> Vec<Row> {
        let Some(index) = block else { return row::outermost(self.nest.machines.len()) };
        let block = &self.blocks[index];
        let node = &self.nest.nodes[block.node];
        let mut rows = row::heading(self.nest, &self.comparisons[block.node], block);
        let lines = || block.lines.iter().enumerate().skip(1);
        let shown: Vec<usize> = lines().map(|(at, _)| at).filter(|&at| self.shown.contains(&(index, at))).collect();
        for (at, depth) in ports::order(&shown, |at| self.masters.get(&(index, at)).copied()) {
            let place = (index, at);
            let Some(link) = block.lines[at].link.map(|link| &node.links[link]) else { continue };
            let number = self.scene.links.len();
            let row = row::link(link, self.wired.contains(&place), depth);
            rows.push(Row { of: RowOf::Link(number), ..row });
            self.links.insert(place, number);
            self.scene.links.push(Link {
                node: self.scene.nodes.len(),
                port: Port { cell: 0, y: 0 },
                details: details::link(link, &self.nest.place_of(block.node)),
                is_down: link.is_down(),
                wire: None,
            });
        }
        rows.extend(lines().filter(|(_, line)| line.link.is_none()).map(|(_, line)| row::process(line)));
        rows
    }

    fn details(&self, block: Option<usize>) -> Vec<String> {
        match block.map(|block| self.blocks[block].node) {
            Some(node) => details::node(self.nest, &self.comparisons[node], node),
            None => row::outermost(self.nest.machines.len()).into_iter().map(|row| row.text).collect(),
        }
    }

    fn wire(&mut self, pair: &Pair, colours: &mut Colours) {
        let links = [self.links[&pair.from], self.links[&pair.to]];
        let number = self.scene.wires.len();
        let [from, to] = links.map(|link| self.scene.links[link].details[0].clone());
        let is_down = links.iter().any(|&link| self.scene.links[link].is_down);
        let details = vec![format!("{from} \u{2194} {to}")];
        for link in links {
            self.scene.links[link].wire = Some(number);
        }
        let colour = colours.next(links.map(|link| self.scene.links[link].node));
        self.scene.wires.push(Wire { links, details, colour, is_down });
    }
}
