//! Draws a graph in Graphviz's language; see `dot(1)`.

use std::fmt::Write as _;

use nicon_core::text;

use crate::block::{Block, Wire};

/// Draws the blocks as boxes, with an edge from each to the blocks inside it, and dashed edges for wires.
pub(crate) fn draw(blocks: &[Block], wires: &[Wire]) -> String {
    let mut out = String::from(
        "digraph nest {\n  rankdir=LR;\n  node [shape=box, fontname=monospace];\n  edge [fontname=monospace, fontsize=10];\n",
    );
    for (index, block) in blocks.iter().enumerate() {
        // \l ends a left-justified line.
        let label: String = block.caption().iter().map(|line| escape(line) + "\\l").collect();
        let _ = writeln!(out, "  n{index} [label=\"{label}\"];");
        if let Some(outer) = block.outer {
            let _ = writeln!(out, "  n{outer} -> n{index} [label=\"{}\"];", escape(&block.kind));
        }
    }
    for Wire { from, to } in wires {
        let name = |(block, line): (usize, usize)| escape(&blocks[block].lines[line].name);
        let ends = format!("taillabel=\"{}\", headlabel=\"{}\"", name(*from), name(*to));
        let _ =
            writeln!(out, "  n{} -> n{} [dir=none, style=dashed, color=blue, constraint=false, {ends}];", from.0, to.0);
    }
    out + "}\n"
}

fn escape(text: &str) -> String {
    text::escape(text).replace('\\', "\\\\").replace('"', "\\\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_do_not_end_a_label() {
        assert_eq!(escape("a\"];\\N\n"), r#"a\"];\\N\\n"#);
    }
}
