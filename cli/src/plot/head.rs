//! What stands above the panels of a picture: its title, notes and legend.

use super::picture::{Drawn, UNIT, letters, text_width};
use plotters::coord::Shift;
use plotters::prelude::*;

/// The width of every picture, and the room left of the panels and right of them, in pixels.
pub(super) const WIDTH: i32 = 760;
pub(super) const LEFT: i32 = 76;
pub(super) const RIGHT: i32 = 28;

const TOP: i32 = 14;
const TITLE: (u8, i32) = (18, 30);
const NOTE: (u8, i32) = (13, 20);
const KEY: (u8, i32) = (14, 24);
/// The line before a key's name with what separates them, and the room after the name. What shows
/// the picture may have a wider font.
const SAMPLE: i32 = 32;
const APART: i32 = 28;

/// Titles and keys.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) title: String,
    pub(super) notes: Vec<String>,
    pub(super) keys: Vec<Key>,
}

/// A line of a legend.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) name: String,
    pub(super) style: ShapeStyle,
}

/// A line of text, or what a key stands for, with its left upper corner.
enum Piece {
    Text(String, u8, (i32, i32)),
    Sample(ShapeStyle, (i32, i32)),
}

impl Head {
    /// The height in pixels.
    pub(super) fn height(&self) -> Drawn<i32> {
        Ok(self.pieces()?.1)
    }

    pub(super) fn draw<DB>(&self, root: &DrawingArea<DB, Shift>) -> Drawn<()>
    where
        DB: DrawingBackend<ErrorType: 'static>,
    {
        for piece in self.pieces()?.0 {
            match piece {
                Piece::Text(text, size, (x, y)) => {
                    let style = letters(size.into());
                    root.draw(&Text::new(text, (x * UNIT, y * UNIT), style))?;
                }
                Piece::Sample(style, (x, y)) => {
                    let ends = [(x * UNIT, y * UNIT), ((x + SAMPLE - 8) * UNIT, y * UNIT)];
                    root.draw(&PathElement::new(ends, style))?;
                }
            }
        }
        Ok(())
    }

    /// All pieces, and how high they are together.
    fn pieces(&self) -> Drawn<(Vec<Piece>, i32)> {
        let mut pieces = Vec::new();
        let mut y = TOP;
        let titles = std::iter::once((&self.title, TITLE));
        for (text, (size, height)) in titles.chain(self.notes.iter().map(|note| (note, NOTE))) {
            for line in lines(text, size)? {
                pieces.push(Piece::Text(line, size, (LEFT, y)));
                y += height;
            }
        }
        let (size, height) = KEY;
        let mut x = LEFT;
        for key in &self.keys {
            let name = shortened(&key.name, size, WIDTH - LEFT - RIGHT - SAMPLE)?;
            let width = SAMPLE + text_width(&name, size)?;
            if x > LEFT && x + width > WIDTH - RIGHT {
                (x, y) = (LEFT, y + height);
            }
            // The line lies at half the height of an x above the letters' foot.
            pieces.push(Piece::Sample(key.style, (x, y + i32::from(size) / 2)));
            pieces.push(Piece::Text(name, size, (x + SAMPLE, y)));
            x += width + APART;
        }
        Ok((pieces, y + height))
    }
}

/// Words in lines that fit.
fn lines(text: &str, size: u8) -> Drawn<Vec<String>> {
    let room = WIDTH - LEFT - RIGHT;
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        let longer = lines.last().map(|line| format!("{line} {word}"));
        match (longer, lines.last_mut()) {
            (Some(longer), Some(line)) if text_width(&longer, size)? <= room => *line = longer,
            _ => lines.push(shortened(word, size, room)?),
        }
    }
    Ok(lines)
}

/// The text, or its beginning with an ellipsis.
fn shortened(text: &str, size: u8, room: i32) -> Drawn<String> {
    let mut text = text.to_string();
    let mut short = text.clone();
    while text_width(&short, size)? > room && text.pop().is_some() {
        short = format!("{text}\u{2026}");
    }
    Ok(short)
}
