//! Draws a tree as text, with columns next to it.

use std::iter;
use std::ops::Range;

use nicon_core::filter::colour::Palette;
use nicon_core::filter::guides::guides;
use nicon_core::filter::table::align;
use unicode_width::UnicodeWidthStr;

use crate::block::{Block, Line};
use crate::screen::Screen;

/// The most levels that are drawn. For a deeper node, the outermost levels are replaced by their number.
const LEVELS: usize = 100;

/// The columns of a level.
const STEP: usize = 3;

/// Draws the blocks. `title` is the heading of the last column.
pub(crate) fn draw(blocks: &[Block], title: &str, screen: Screen, palette: Palette) -> String {
    let levels = screen.width.map_or(LEVELS, |width| (width / 4 / STEP).clamp(4, LEVELS));
    let lines: Vec<(usize, &Line)> =
        blocks.iter().flat_map(|block| block.lines.iter().map(|line| (block.depth + line.depth, line))).collect();
    let depths: Vec<usize> = lines.iter().map(|(depth, _)| *depth).collect();
    let mut rows = vec![["NAME", "KIND", "PID", "INNER", title].map(str::to_owned)];
    for (guides, (_, line)) in guides(&depths, levels, screen.unicode).into_iter().zip(&lines) {
        let name = guides + &screen.show(&line.name);
        let others = [&line.kind, &line.pid, &line.inner, &line.rest].map(|text| screen.show(text).into_owned());
        let [kind, pid, inner, rest] = others.map(|text| if text.is_empty() { "-".to_owned() } else { text });
        rows.push([name, kind, pid, inner, rest]);
    }
    let marks = iter::once(None).chain(lines.iter().map(|(_, line)| line.mark));
    let drawn = lay_out(rows, screen).into_iter().zip(marks);
    drawn.map(|((line, word), mark)| palette.paint(&line, mark.map(|mark| (word, mark))) + "\n").collect()
}

/// The lines, and where in each the first word of the last column is.
fn lay_out(mut rows: Vec<[String; 5]>, screen: Screen) -> Vec<(String, Range<usize>)> {
    if let Some(width) = screen.width {
        // The names are shortened first, down to half of the width, then the last column.
        let widest = |column: usize| rows.iter().map(|row| row[column].width()).max().unwrap_or(0);
        let others: usize = [1, 2, 3].map(|column| widest(column) + 2).iter().sum();
        let rest = widest(4);
        let longest = width.saturating_sub(others + 2 + rest).max(width / 2);
        for [name, ..] in &mut rows {
            *name = screen.fit(name, longest).into_owned();
        }
    }
    let width = screen.width.unwrap_or(usize::MAX);
    let word = |line: &str, rest: &str| {
        let begin = line.len().saturating_sub(rest.len());
        begin..begin + rest.find(' ').unwrap_or(rest.len())
    };
    let lines = align(&rows).into_iter().zip(&rows);
    lines.map(|(line, [.., rest])| (screen.fit(&line, width).into_owned(), word(&line, rest.trim_end()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNICODE: Screen = Screen { width: None, unicode: true };

    fn block(depth: usize, name: &str) -> Block {
        let line = Line { name: name.to_owned(), kind: "docker".to_owned(), pid: "7".to_owned(), ..Line::default() };
        Block { node: 0, depth, outer: None, kind: String::new(), lines: vec![line] }
    }

    #[test]
    fn columns_line_up_and_end_at_the_width() {
        let blocks = [block(0, "網"), block(1, "b"), block(1, &"x".repeat(200))];
        let screen = Screen { width: Some(40), ..UNICODE };
        for line in draw(&blocks, "NEW", screen, Palette::default()).lines() {
            assert!(line.width() <= 40, "{line}");
        }
        let wide = draw(&blocks[..2], "NEW", UNICODE, Palette::default());
        assert_eq!(wide, "NAME  KIND    PID  INNER  NEW\n網    docker  7    -      -\n└─ b  docker  7    -      -\n");
    }
}
