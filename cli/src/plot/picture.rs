//! Pictures as SVG or PNG, and their style.

use super::font;
use super::raster::Raster;
use crate::error::{Error, Result};
use crate::files::extension;
use plotters::coord::Shift;
use plotters::prelude::*;
use tiny_skia::Pixmap;

/// What drawing comes to. Nothing can fail where memory is drawn to, but the crate cannot know.
pub(crate) type Drawn<T> = Result<T, Box<dyn std::error::Error>>;

/// The colours of text and grid.
pub(crate) const TEXT: RGBColor = RGBColor(0x1f, 0x23, 0x28);
pub(crate) const GRID: RGBColor = RGBColor(0xd9, 0xdc, 0xe0);
/// That of axes and frames, between both.
pub(super) const AXIS: RGBColor = RGBColor(0x8a, 0x90, 0x98);
/// The colours of series in their order: those of Okabe and Ito, which color-blind people tell
/// apart, but for the yellow one, which is too light on white.
pub(super) const SERIES: [RGBColor; 7] = [
    RGBColor(0x00, 0x72, 0xb2),
    RGBColor(0xd5, 0x5e, 0x00),
    RGBColor(0x00, 0x9e, 0x73),
    RGBColor(0xcc, 0x79, 0xa7),
    RGBColor(0x00, 0x00, 0x00),
    RGBColor(0xe6, 0x9f, 0x00),
    RGBColor(0x56, 0xb4, 0xe9),
];

/// Plotters places in whole numbers: ten of them are a pixel, so that curves are smooth.
pub(super) const UNIT: i32 = 10;
/// What plotters calls a font's size over what everybody else does.
pub(super) const FONT: f64 = 1.24;
/// The pixels of a PNG file for one of a picture: screens have finer ones than the CSS's.
const FINE: u32 = 2;

/// What a picture's name ends in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Svg,
    Png,
}

impl Format {
    /// That of a file's name.
    pub(crate) fn of(argument: &str, path: &str) -> Result<Self> {
        match &*extension(path) {
            "svg" => Ok(Self::Svg),
            "png" => Ok(Self::Png),
            other => {
                let problem = format!("the name ends in {other:?}, expected .svg or .png");
                Err(Error::file(argument, path, problem))
            }
        }
    }

    /// Without the dot.
    pub(crate) fn ending(self) -> &'static str {
        match self {
            Self::Svg => "svg",
            Self::Png => "png",
        }
    }

    /// The file that shows a picture.
    pub(super) fn paint(self, picture: &impl Picture) -> Drawn<Vec<u8>> {
        match self {
            Self::Svg => svg(picture).map(String::into_bytes),
            Self::Png => png(picture),
        }
    }
}

/// What can be drawn.
pub(super) trait Picture {
    /// The width and the height in pixels.
    fn size(&self) -> Drawn<(u32, u32)>;

    fn draw<DB>(&self, root: &DrawingArea<DB, Shift>) -> Drawn<()>
    where
        DB: DrawingBackend<ErrorType: 'static>;
}

fn svg(picture: &impl Picture) -> Drawn<String> {
    let (width, height) = picture.size()?;
    let units = (width * UNIT.unsigned_abs(), height * UNIT.unsigned_abs());
    let mut svg = String::new();
    paint(picture, SVGBackend::with_string(&mut svg, units))?;
    // The picture is as large as its pixels, its coordinates stay the fine ones.
    let fine = format!("width=\"{}\" height=\"{}\"", units.0, units.1);
    Ok(svg.replacen(&fine, &format!("width=\"{width}\" height=\"{height}\""), 1))
}

fn png(picture: &impl Picture) -> Drawn<Vec<u8>> {
    let (width, height) = picture.size()?;
    let mut pixels = Pixmap::new(width * FINE, height * FINE).ok_or("the picture is empty")?;
    pixels.fill(tiny_skia::Color::WHITE);
    let size = (width * UNIT.unsigned_abs(), height * UNIT.unsigned_abs());
    paint(picture, Raster { pixels: &mut pixels, size, scale: scale() })?;
    Ok(pixels.encode_png()?)
}

#[expect(clippy::cast_precision_loss, reason = "both are small")]
fn scale() -> f32 {
    FINE as f32 / UNIT as f32
}

fn paint(picture: &impl Picture, backend: impl DrawingBackend<ErrorType: 'static>) -> Drawn<()> {
    let root = backend.into_drawing_area();
    root.fill(&WHITE)?;
    picture.draw(&root)?;
    Ok(root.present()?)
}

/// Letters of a size in pixels.
pub(super) fn letters(size: i32) -> TextStyle<'static> {
    ("sans-serif", f64::from(size * UNIT) * FONT).into_font().color(&TEXT)
}

/// The width of a text in pixels; another font's may be a little more.
pub(super) fn text_width(text: &str, size: u8) -> Drawn<i32> {
    let width = font::set(text, f32::from(size))?.width.ceil();
    #[expect(clippy::cast_possible_truncation, reason = "a cast of a float stops at the largest")]
    Ok(width as i32)
}

/// A line of some pixels' width.
pub(super) fn stroke(color: RGBColor, width: f64) -> ShapeStyle {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a cast of a float stops at 0 and the largest"
    )]
    let units = (width * f64::from(UNIT)).round() as u32;
    color.stroke_width(units)
}
