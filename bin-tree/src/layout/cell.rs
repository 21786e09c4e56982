//! What is laid out.

use super::frame::Size;

/// A box, or what lies in one.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cell {
    /// The box that it is in. Only the first cell has none.
    pub(crate) outer: Option<usize>,
    /// Its size, unless it is a box with cells in it, which is as large as they want.
    pub(crate) size: Size,
    pub(crate) kind: Kind,
}

/// What a cell is among the cells of its box.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) enum Kind {
    /// A text of the box itself.
    #[default]
    Text,
    Container,
    /// A container with others in it.
    Nest,
    /// All containers of a box, without those that are nests. It has no border.
    Group,
}

/// The cells of a box, shelf by shelf.
pub(crate) type Shelves = Vec<Vec<usize>>;
