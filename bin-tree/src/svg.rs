//! Draws an SVG image: a box for each container with those in it inside, and wires between their links.
//!
//! It refers to nothing outside, and all that containers told is text in it, never an attribute.

use std::fmt::Write as _;

use nicon_core::text;

use crate::layout::{self, Frame, Layout, Point};
use crate::scene::{Bus, INSET, Node, ROW, Row, RowOf, Scene, Style, Wire};

/// The look, which follows the reader's choice of light or dark.
pub(crate) const STYLE: &str = include_str!("svg.css");

/// The room around the outermost box.
const MARGIN: i32 = 10;

/// The room between a link's name and the middle of its port.
const PORT: i32 = 8;

/// The radius of a wire's corners.
const RADIUS: i32 = 4;

/// A whole image.
pub(crate) fn draw(scene: &Scene) -> String {
    image(scene, &format!("<style>\n{STYLE}</style>\n"))
}

/// An image with this at its beginning.
pub(crate) fn image(scene: &Scene, head: &str) -> String {
    let Layout { frames, wires } = layout::lay_out(&scene.cells, &scene.ports());
    let (width, height) = (frames[0].width + 2 * MARGIN, frames[0].height + 2 * MARGIN);
    let left = -MARGIN;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"{left} {left} {width} {height}\">\n\
         {head}<rect class=\"paper\" x=\"{left}\" y=\"{left}\" width=\"{width}\" height=\"{height}\"/>\n"
    );
    for (number, node) in scene.nodes.iter().enumerate() {
        out += &draw_box(number, node, frames[node.cell]);
    }
    for (number, (wire, corners)) in scene.wires.iter().zip(&wires).enumerate() {
        out += &draw_wire(number, wire, corners);
    }
    for (number, bus) in scene.buses.iter().enumerate() {
        out += &draw_bus(scene, number, bus, &frames);
    }
    for (number, node) in scene.nodes.iter().enumerate() {
        draw_rows(&mut out, scene, number, node, &frames);
    }
    out + "</svg>\n"
}

fn draw_box(number: usize, node: &Node, Frame { x, y, width, height }: Frame) -> String {
    let class = if node.columns[0].cell == node.cell { "leaf".to_owned() } else { format!("d{}", node.depth % 2) };
    let title = title(&node.details);
    format!(
        "<g class=\"node\" id=\"n{number}\">{title}\
         <rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"4\"/></g>\n"
    )
}

/// The rows of a node: its heading, and its links.
fn draw_rows(out: &mut String, scene: &Scene, number: usize, node: &Node, frames: &[Frame]) {
    let mut heading = String::new();
    for column in &node.columns {
        let inset = if column.cell == node.cell { INSET } else { 0 };
        let frame = frames[column.cell];
        for (y, row) in (frame.y + inset..).step_by(ROW.unsigned_abs() as usize).zip(&column.rows) {
            let baseline = y + ROW * 3 / 4;
            let class = match row.style {
                Style::Name => "name",
                Style::Facts => "facts",
                Style::Notice => "notice",
            };
            let (x, text) = (frame.x + inset, escape(&row.text));
            let mut text = format!("<text class=\"{class}\" x=\"{x}\" y=\"{baseline}\">{text}</text>");
            if !row.name.is_empty() {
                text += &draw_name(row, frame.right(), baseline);
            }
            match row.of {
                RowOf::Link(link) => *out += &draw_link(scene, link, &text, frame.right(), baseline),
                RowOf::Node | RowOf::More(_) => heading += &text,
            }
        }
    }
    let _ = writeln!(out, "<g class=\"heading\" data-node=\"n{number}\">{heading}</g>");
}

/// The name of a link at the right of its row.
fn draw_name(row: &Row, right: i32, baseline: i32) -> String {
    let (end, name) = (right - PORT - row.right(), escape(&row.name));
    format!("<text class=\"end\" x=\"{end}\" y=\"{baseline}\">{name}</text>")
}

/// A link's row, with its port at the right.
fn draw_link(scene: &Scene, number: usize, text: &str, right: i32, baseline: i32) -> String {
    let link = &scene.links[number];
    let colour = link.wire.map(|wire| format!(" class=\"w{}\"", scene.wires[wire].colour)).unwrap_or_default();
    let (node, title, middle) = (link.node, title(&link.details), baseline - ROW / 4);
    format!(
        "<g class=\"link\" id=\"l{number}\" data-node=\"n{node}\">{title}{text}\
         <circle{colour} cx=\"{right}\" cy=\"{middle}\" r=\"3\"/></g>\n"
    )
}

/// A line beside the rows of a master and its ports, from which one goes to each of them.
fn draw_bus(scene: &Scene, number: usize, bus: &Bus, frames: &[Frame]) -> String {
    let frame = frames[bus.begin.cell];
    let (right, line) = (frame.right(), frame.right() - bus.inset);
    let height = |y: i32| frame.y + y;
    // In a column into which it goes on there is no port of the master.
    let begin = if scene.links[bus.master].port == bus.begin { right } else { line };
    let mut path = format!("M{begin} {}H{line}", height(bus.begin.y));
    for y in bus.ports.iter().map(|&port| height(scene.links[port].port.y)) {
        let _ = write!(path, "V{y}H{right}M{line} {y}");
    }
    let ends: Vec<String> = [bus.master].iter().chain(&bus.ports).map(|link| format!("l{link}")).collect();
    let (ends, title) = (ends.join(" "), title(&bus.details));
    format!("<path class=\"bus\" id=\"b{number}\" data-ends=\"{ends}\" d=\"{path}\">{title}</path>\n")
}

fn draw_wire(number: usize, wire: &Wire, corners: &[Point]) -> String {
    let ([from, to], colour) = (wire.links, wire.colour);
    let down = if wire.is_down { " down" } else { "" };
    let (path, title) = (path(corners), title(&wire.details));
    format!(
        "<path class=\"wire w{colour}{down}\" id=\"w{number}\" data-ends=\"l{from} l{to}\" d=\"{path}\">{title}</path>\n"
    )
}

/// A line with round corners.
fn path(corners: &[Point]) -> String {
    let mut corners = corners.to_vec();
    corners.dedup();
    let mut path = format!("M{} {}", corners[0].x, corners[0].y);
    for three in corners.windows(3) {
        let [before, corner, after] = [three[0], three[1], three[2]];
        let (from, to) = (towards(corner, before), towards(corner, after));
        let _ = write!(path, "L{} {}Q{} {} {} {}", from.x, from.y, corner.x, corner.y, to.x, to.y);
    }
    let last = corners[corners.len() - 1];
    let _ = write!(path, "L{} {}", last.x, last.y);
    path
}

/// The point at which a corner begins, seen from one next to it.
fn towards(corner: Point, next: Point) -> Point {
    let step = |from: i32, to: i32| from + ((to - from) / 2).clamp(-RADIUS, RADIUS);
    Point { x: step(corner.x, next.x), y: step(corner.y, next.y) }
}

/// What is shown if one points at something, and read by screen readers.
fn title(lines: &[String]) -> String {
    let lines: Vec<String> = lines.iter().map(|line| escape(line)).collect();
    format!("<title>{}</title>", lines.join("\n"))
}

/// Escapes the characters that are special in XML, and those that it forbids.
pub(crate) fn escape(text: &str) -> String {
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
    fn text_is_escaped() {
        assert_eq!(escape("</text>&\"\u{1b}\u{ffff}"), "&lt;/text&gt;&amp;&quot;\\u{1b}\\u{ffff}");
    }
}
