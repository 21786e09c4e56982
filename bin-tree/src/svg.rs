//! Draws an SVG image: a box for each node, below and to the right of the one that it is in, and wires at the right.
//!
//! No two boxes are side by side, so no line crosses a box.

use std::fmt::Write as _;

use nicon_core::text;
use unicode_width::UnicodeWidthStr;

use crate::block::{Block, Wire};

/// Sizes in pixels. The width of a character is that of common monospace fonts.
const CHARACTER: f64 = 7.3;
const LINE: f64 = 16.0;
const MARGIN: f64 = 10.0;
const INDENT: f64 = 40.0;
const LANE: f64 = 12.0;

const STYLE: &str = "\
text { font: 12px monospace; fill: #1f2328; white-space: pre }
.name { font-weight: bold }
rect { fill: #f6f8fa; stroke: #57606a }
path { fill: none; stroke: #57606a }
.wire { stroke: #0969da; stroke-width: 1.5 }
.paper { fill: #ffffff; stroke: none }
";

/// The position and size of a box.
#[derive(Clone, Copy, Debug)]
struct Frame {
    x: f64,
    y: f64,
    width: f64,
    height: f64,
}

/// Draws the blocks, a line from each to the blocks inside it, and the wires.
pub(crate) fn draw(blocks: &[Block], wires: &[Wire]) -> String {
    let captions: Vec<Vec<String>> = blocks.iter().map(Block::caption).collect();
    let frames = lay_out(blocks, &captions);
    let end = |(block, line): (usize, usize)| {
        let frame = frames[block];
        (frame.x + frame.width, frame.y + MARGIN + LINE * (to_f64(blocks[block].caption_row(line)) + 0.5))
    };
    let ends: Vec<[(f64, f64); 2]> = wires.iter().map(|wire| [end(wire.from), end(wire.to)]).collect();
    let lanes = lanes(&ends);
    let boxes_end = frames.iter().map(|frame| frame.x + frame.width).fold(0.0, f64::max) + MARGIN;
    let width = boxes_end + to_f64(lanes.iter().map(|lane| lane + 1).max().unwrap_or(0)) * LANE;
    let height = frames.last().map_or(0.0, |frame| frame.y + frame.height) + MARGIN;

    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" xml:space=\"preserve\" width=\"{width:.0}\" height=\"{height:.0}\">\n<style>\n{STYLE}</style>\n\
         <rect class=\"paper\" width=\"100%\" height=\"100%\"/>\n"
    );
    for ((block, caption), frame) in blocks.iter().zip(&captions).zip(&frames) {
        if let Some(outer) = block.outer.map(|outer| frames[outer]) {
            let (x, y) = (outer.x + INDENT / 2.0, frame.y + frame.height / 2.0);
            let _ = writeln!(out, "<path d=\"M{x:.1} {:.1}V{y:.1}H{:.1}\"/>", outer.y + outer.height, frame.x);
        }
        draw_box(&mut out, caption, frame);
    }
    for ([(x1, y1), (x2, y2)], lane) in ends.into_iter().zip(lanes) {
        let lane = boxes_end + to_f64(lane) * LANE;
        let _ = writeln!(out, "<path class=\"wire\" d=\"M{x1:.1} {y1:.1}H{lane:.1}V{y2:.1}H{x2:.1}\"/>");
    }
    out + "</svg>\n"
}

fn lay_out(blocks: &[Block], captions: &[Vec<String>]) -> Vec<Frame> {
    let mut y = MARGIN;
    let mut frames = Vec::new();
    for (block, caption) in blocks.iter().zip(captions) {
        let columns = caption.iter().map(|line| line.width()).max().unwrap_or(0);
        let height = to_f64(caption.len()) * LINE + 2.0 * MARGIN;
        let x = MARGIN + to_f64(block.depth) * INDENT;
        frames.push(Frame { x, y, width: to_f64(columns) * CHARACTER + 2.0 * MARGIN, height });
        y += height + MARGIN;
    }
    frames
}

/// The lane of each wire, counted from the boxes: the first that is free along its whole length.
fn lanes(ends: &[[(f64, f64); 2]]) -> Vec<usize> {
    let span = |[(_, a), (_, b)]: [(f64, f64); 2]| (a.min(b), a.max(b));
    let mut order: Vec<usize> = (0..ends.len()).collect();
    order.sort_by(|&a, &b| span(ends[a]).0.total_cmp(&span(ends[b]).0));
    let mut free_from: Vec<f64> = Vec::new();
    let mut lanes = vec![0; ends.len()];
    for wire in order {
        let (top, bottom) = span(ends[wire]);
        let lane = free_from.iter().position(|&free| free < top).unwrap_or_else(|| {
            free_from.push(0.0);
            free_from.len() - 1
        });
        free_from[lane] = bottom;
        lanes[wire] = lane;
    }
    lanes
}

fn draw_box(out: &mut String, caption: &[String], Frame { x, y, width, height }: &Frame) {
    let _ = writeln!(out, "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"4\"/>");
    for (row, line) in caption.iter().enumerate() {
        let class = if row == 0 { " class=\"name\"" } else { "" };
        let (left, baseline) = (x + MARGIN, y + MARGIN + LINE * (to_f64(row) + 0.75));
        let _ = writeln!(out, "<text{class} x=\"{left:.1}\" y=\"{baseline:.1}\">{}</text>", escape(line));
    }
}

#[allow(clippy::cast_precision_loss, reason = "an image has fewer pixels than that")]
fn to_f64(number: usize) -> f64 {
    number as f64
}

/// Escapes the characters that are special in XML, and those that it forbids.
fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for c in text::escape(text).chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\u{fffe}' | '\u{ffff}' => escaped.extend(c.escape_unicode()),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlapping_wires_have_different_lanes() {
        let wire = |from: f64, to: f64| [(0.0, from), (0.0, to)];
        assert_eq!(lanes(&[wire(0.0, 10.0), wire(20.0, 12.0), wire(5.0, 15.0), wire(30.0, 0.0)]), [0, 0, 2, 1]);
        assert!(lanes(&[]).is_empty());
    }

    #[test]
    fn text_is_escaped() {
        assert_eq!(escape("</text>&\"\u{1b}\u{ffff}"), "&lt;/text&gt;&amp;&quot;\\u{1b}\\u{ffff}");
    }
}
