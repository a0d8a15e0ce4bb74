//! Letters as outlines, of a font that the program has with it: a system may have none.

use tiny_skia::{Path, PathBuilder};
use ttf_parser::{Face, FaceParsingError, OutlineBuilder};

/// A line of text, whose baseline starts at the origin.
#[derive(Debug)]
pub(super) struct Letters {
    /// `None` where there is nothing but spaces.
    pub(super) path: Option<Path>,
    pub(super) width: f32,
    /// The height of an x.
    pub(super) middle: f32,
}

/// Sets a line in Noto Sans.
pub(super) fn set(text: &str, size: f32) -> Result<Letters, FaceParsingError> {
    let face = Face::parse(notosans::REGULAR_TTF, 0)?;
    let scale = size / f32::from(face.units_per_em());
    let mut pen = Pen { path: PathBuilder::new(), x: 0.0, scale };
    for letter in text.chars() {
        let glyph = face.glyph_index(letter).unwrap_or_default();
        // A space has no outline.
        face.outline_glyph(glyph, &mut pen);
        pen.x += f32::from(face.glyph_hor_advance(glyph).unwrap_or(0)) * scale;
    }
    let middle = f32::from(face.x_height().unwrap_or(0)) * scale;
    Ok(Letters { path: pen.path.finish(), width: pen.x, middle })
}

/// Draws a glyph behind those before it. A font counts upwards, a picture downwards.
struct Pen {
    path: PathBuilder,
    x: f32,
    scale: f32,
}

impl Pen {
    fn at(&self, x: f32, y: f32) -> (f32, f32) {
        (self.x + x * self.scale, -y * self.scale)
    }
}

impl OutlineBuilder for Pen {
    fn move_to(&mut self, x: f32, y: f32) {
        let (x, y) = self.at(x, y);
        self.path.move_to(x, y);
    }

    fn line_to(&mut self, x: f32, y: f32) {
        let (x, y) = self.at(x, y);
        self.path.line_to(x, y);
    }

    fn quad_to(&mut self, x1: f32, y1: f32, x: f32, y: f32) {
        let ((x1, y1), (x, y)) = (self.at(x1, y1), self.at(x, y));
        self.path.quad_to(x1, y1, x, y);
    }

    fn curve_to(&mut self, x1: f32, y1: f32, x2: f32, y2: f32, x: f32, y: f32) {
        let ((x1, y1), (x2, y2), (x, y)) = (self.at(x1, y1), self.at(x2, y2), self.at(x, y));
        self.path.cubic_to(x1, y1, x2, y2, x, y);
    }

    fn close(&mut self) {
        self.path.close();
    }
}
