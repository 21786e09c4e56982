//! The words of a command line: what they are, and what they leave out or get wrong.

pub(crate) mod dockers;
pub(crate) mod inside;
pub(crate) mod operand;
pub(crate) mod table;
