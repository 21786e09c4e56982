//! Draws a graph in Graphviz's language; see `dot(1)`.

use std::fmt::Write as _;

use nicon_core::text;

use crate::block::{Block, Place, Wire, Wiring};
use crate::svg;

/// What leads from a container to those in it has an arrow. That no other edge has one stands here, before all else that is said of
/// edges: Graphviz 2.43 mixes up what is said later of those that end at rows.
const HEAD: &str = "digraph nest {
  rankdir=LR;
  graph [fontname=monospace];
  node [shape=plain, fontname=monospace];
  edge [arrowhead=none, fontname=monospace, fontsize=10];
";

/// Wires, and what leads from ports to their masters, have no say in where boxes are.
const WIRE: &str = "style=dashed, color=blue, constraint=false";
const PORT: &str = "style=dotted, color=gray40, constraint=false";

/// Draws the blocks as boxes, with an edge from each to the blocks inside it, and between their rows dashed edges for wires, and dotted
/// ones from ports to their masters. What is on a machine is together in a box.
pub(crate) fn draw(blocks: &[Block], wiring: &Wiring) -> String {
    let mut out = HEAD.to_owned();
    for (index, block) in blocks.iter().enumerate() {
        let node = format!("    n{index} [label=<{}>];\n", table(block));
        let Some(outer) = block.outer else {
            out += if index > 0 { "  }\n" } else { "" };
            let _ = writeln!(out, "  subgraph cluster_{index} {{\n    label=\"{}\";", label(&block.title()));
            // Its links and processes are in a box of their own.
            out += if block.lines.len() > 1 { &node } else { "" };
            continue;
        };
        out += &node;
        if blocks[outer].outer.is_some() {
            let kind = escape(&block.kind);
            let _ = writeln!(out, "    n{outer} -> n{index} [arrowhead=normal, label=\"{kind}\"];");
        }
    }
    out += if blocks.is_empty() { "" } else { "  }\n" };
    for (style, edges) in [(WIRE, &wiring.wires), (PORT, &wiring.ports)] {
        for Wire { from, to } in edges {
            // One that stays in a box goes out of it at one side.
            let side = if from.0 == to.0 { ":e" } else { "" };
            let row = |(block, line): Place| format!("n{block}:l{line}{side}");
            let _ = writeln!(out, "  {} -> {} [{style}];", row(*from), row(*to));
        }
    }
    out + "}\n"
}

/// A box with a row for each line of a block: first what the node is, without names for edges to end at.
fn table(block: &Block) -> String {
    let heading = block.heading().into_iter().map(|text| (String::new(), text));
    let rows = block.rows().into_iter().enumerate().map(|(at, text)| (format!(" port=\"l{}\"", at + 1), text));
    let cell = |(port, text): (String, String)| {
        // Spaces as they are, and one more: a viewer's letters may be wider than Graphviz takes them for.
        let text = svg::escape(&(text + " ")).replace(' ', "&#160;");
        format!("<tr><td align=\"left\"{port}>{text}</td></tr>")
    };
    let cells: String = heading.chain(rows).map(cell).collect();
    format!("<table border=\"1\" cellborder=\"0\" cellspacing=\"0\" cellpadding=\"1\">{cells}</table>")
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
