//! Draws a graph in Graphviz's language; see `dot(1)`.

use std::fmt::Write as _;

use nicon_core::text;

use crate::block::{Block, Wire};

/// Draws the blocks as boxes, with an edge from each to the blocks inside it, and dashed edges for wires. What is on a machine is
/// together in a box.
pub(crate) fn draw(blocks: &[Block], wires: &[Wire]) -> String {
    let mut out = String::from(
        "digraph nest {\n  rankdir=LR;\n  graph [fontname=monospace];\n  node [shape=box, fontname=monospace];\n  edge [fontname=monospace, fontsize=10];\n",
    );
    for (index, block) in blocks.iter().enumerate() {
        let node = format!("    n{index} [label=\"{}\"];\n", label(&block.caption()));
        let Some(outer) = block.outer else {
            out += if index > 0 { "  }\n" } else { "" };
            let _ = writeln!(out, "  subgraph cluster_{index} {{\n    label=\"{}\";", label(&block.title()));
            // Its links and processes are in a box of their own.
            out += if block.lines.len() > 1 { &node } else { "" };
            continue;
        };
        out += &node;
        if blocks[outer].outer.is_some() {
            let _ = writeln!(out, "    n{outer} -> n{index} [label=\"{}\"];", escape(&block.kind));
        }
    }
    out += if blocks.is_empty() { "" } else { "  }\n" };
    for Wire { from, to } in wires {
        let name = |(block, line): (usize, usize)| escape(&blocks[block].lines[line].name);
        let ends = format!("taillabel=\"{}\", headlabel=\"{}\"", name(*from), name(*to));
        let _ =
            writeln!(out, "  n{} -> n{} [dir=none, style=dashed, color=blue, constraint=false, {ends}];", from.0, to.0);
    }
    out + "}\n"
}

/// Lines one below the other.
fn label(lines: &[String]) -> String {
    // \l ends a left-justified line.
    lines.iter().map(|line| escape(line) + "\\l").collect()
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
