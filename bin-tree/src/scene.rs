//! What an image shows: boxes with rows of text in them, wires between rows, and buses along them.

mod colours;
mod details;
pub(crate) mod making;
mod ports;
mod row;

pub(crate) use row::{INSET, ROW, Row, RowOf, Style};

use crate::layout::{Cell, Port};

/// All that is in an image.
#[derive(Default)]
pub(crate) struct Scene {
    /// The boxes, and the columns of rows in them, as they are to be laid out.
    pub(crate) cells: Vec<Cell>,
    /// The machines, and what is in them, each after what it is in.
    pub(crate) nodes: Vec<Node>,
    pub(crate) links: Vec<Link>,
    pub(crate) wires: Vec<Wire>,
    pub(crate) buses: Vec<Bus>,
}

/// A box.
pub(crate) struct Node {
    pub(crate) cell: usize,
    /// The number of boxes around it.
    pub(crate) depth: usize,
    /// All that is known of it, line by line.
    pub(crate) details: Vec<String>,
    pub(crate) columns: Vec<Column>,
}

/// Rows, one below the other.
pub(crate) struct Column {
    /// That of the box if it has only this column, and no boxes in it.
    pub(crate) cell: usize,
    pub(crate) rows: Vec<Row>,
}

/// A link that has a row.
pub(crate) struct Link {
    pub(crate) node: usize,
    pub(crate) port: Port,
    pub(crate) details: Vec<String>,
    pub(crate) is_down: bool,
    pub(crate) wire: Option<usize>,
}

/// A pair of connected links.
pub(crate) struct Wire {
    pub(crate) links: [usize; 2],
    pub(crate) details: Vec<String>,
    pub(crate) colour: usize,
    /// Whether one of the links is down.
    pub(crate) is_down: bool,
}

/// What joins a bridge, bond or VRF and those of its ports that are in one column: a line beside their rows.
pub(crate) struct Bus {
    pub(crate) master: usize,
    pub(crate) ports: Vec<usize>,
    /// Where it begins: at the master's row, or at that which says that the master's ports go on in this column.
    pub(crate) begin: Port,
    /// How far left of the ports it lies.
    pub(crate) inset: i32,
    pub(crate) details: Vec<String>,
}

impl Scene {
    /// The ends of each wire.
    pub(crate) fn ports(&self) -> Vec<[Port; 2]> {
        self.wires.iter().map(|wire| wire.links.map(|link| self.links[link].port)).collect()
    }
}
