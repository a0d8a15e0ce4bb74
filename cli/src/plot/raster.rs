//! Pixels for plotters to draw on, without a font of the system's.

use super::font;
use plotters::prelude::DrawingBackend;
use plotters_backend::text_anchor::{HPos, VPos};
use plotters_backend::{
    BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingErrorKind, FontTransform,
};
use std::convert::Infallible;
use tiny_skia::{FillRule, Paint, Path, PathBuilder, Pixmap, Rect, Stroke, Transform};

type Done = Result<(), DrawingErrorKind<Infallible>>;

/// A picture of some size whose pixels are finer, or coarser, by a factor.
pub(super) struct Raster<'a> {
    pub(super) pixels: &'a mut Pixmap,
    pub(super) size: (u32, u32),
    pub(super) scale: f32,
}

impl Raster<'_> {
    fn transform(&self) -> Transform {
        Transform::from_scale(self.scale, self.scale)
    }

    fn fill(&mut self, path: Option<Path>, color: BackendColor, transform: Transform) {
        if let Some(path) = path {
            let rule = FillRule::Winding;
            self.pixels.fill_path(&path, &paint(color), rule, transform, None);
        }
    }

    fn stroke(&mut self, path: Option<Path>, style: &impl BackendStyle) {
        if let Some(path) = path {
            let stroke = Stroke { width: whole(style.stroke_width()), ..Stroke::default() };
            let transform = self.transform();
            self.pixels.stroke_path(&path, &paint(style.color()), &stroke, transform, None);
        }
    }

    fn outline(&mut self, path: Option<Path>, style: &impl BackendStyle, fill: bool) {
        if fill {
            self.fill(path, style.color(), self.transform());
        } else {
            self.stroke(path, style);
        }
    }
}

impl DrawingBackend for Raster<'_> {
    type ErrorType = Infallible;

    fn get_size(&self) -> (u32, u32) {
        self.size
    }

    fn ensure_prepared(&mut self) -> Done {
        Ok(())
    }

    fn present(&mut self) -> Done {
        Ok(())
    }

    fn draw_pixel(&mut self, (x, y): BackendCoord, color: BackendColor) -> Done {
        self.draw_rect((x, y), (x + 1, y + 1), &color, true)
    }

    fn draw_line<S: BackendStyle>(
        &mut self,
        from: BackendCoord,
        to: BackendCoord,
        style: &S,
    ) -> Done {
        self.draw_path([from, to], style)
    }

    fn draw_rect<S: BackendStyle>(
        &mut self,
        (left, top): BackendCoord,
        (right, bottom): BackendCoord,
        style: &S,
        fill: bool,
    ) -> Done {
        let corners = Rect::from_ltrb(place(left), place(top), place(right), place(bottom));
        self.outline(corners.map(PathBuilder::from_rect), style, fill);
        Ok(())
    }

    fn draw_path<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        path: I,
        style: &S,
    ) -> Done {
        self.stroke(joined(path).finish(), style);
        Ok(())
    }

    fn draw_circle<S: BackendStyle>(
        &mut self,
        (x, y): BackendCoord,
        radius: u32,
        style: &S,
        fill: bool,
    ) -> Done {
        let circle = PathBuilder::from_circle(place(x), place(y), whole(radius));
        self.outline(circle, style, fill);
        Ok(())
    }

    fn fill_polygon<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        corners: I,
        style: &S,
    ) -> Done {
        self.fill(joined(corners).finish(), style.color(), self.transform());
        Ok(())
    }

    /// Where plotters has SVG put it.
    fn draw_text<S: BackendTextStyle>(
        &mut self,
        text: &str,
        style: &S,
        (x, y): BackendCoord,
    ) -> Done {
        #[expect(clippy::cast_possible_truncation, reason = "a size of a font is no large number")]
        let size = (style.size() / super::picture::FONT) as f32;
        let letters =
            font::set(text, size).map_err(|error| DrawingErrorKind::FontError(Box::new(error)))?;
        let right = match style.anchor().h_pos {
            HPos::Left => 0.0,
            HPos::Center => -letters.width / 2.0,
            HPos::Right => -letters.width,
        };
        let down = match style.anchor().v_pos {
            VPos::Top => 0.76 * size,
            VPos::Center => letters.middle / 2.0,
            VPos::Bottom => -letters.middle / 2.0,
        };
        let degrees = match style.transform() {
            FontTransform::None => 0.0,
            FontTransform::Rotate90 => 90.0,
            FontTransform::Rotate180 => 180.0,
            FontTransform::Rotate270 => 270.0,
        };
        let transform = Transform::from_translate(right, down)
            .post_concat(Transform::from_rotate(degrees))
            .post_translate(place(x), place(y))
            .post_concat(self.transform());
        self.fill(letters.path, style.color(), transform);
        Ok(())
    }
}

fn joined(points: impl IntoIterator<Item = BackendCoord>) -> PathBuilder {
    let mut path = PathBuilder::new();
    for (x, y) in points {
        // What follows nothing starts the path.
        if path.is_empty() {
            path.move_to(place(x), place(y));
        } else {
            path.line_to(place(x), place(y));
        }
    }
    path
}

fn paint(color: BackendColor) -> Paint<'static> {
    let mut paint = Paint { anti_alias: true, ..Paint::default() };
    let (red, green, blue) = color.rgb;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an opacity is 0 to 1, and a cast of other numbers stops at 0 and 255"
    )]
    let alpha = (color.alpha * 255.0).round() as u8;
    paint.set_color_rgba8(red, green, blue, alpha);
    paint
}

#[expect(clippy::cast_precision_loss, reason = "no picture has 2^24 places in a row")]
fn place(place: i32) -> f32 {
    place as f32
}

#[expect(clippy::cast_precision_loss, reason = "no picture has 2^24 places in a row")]
fn whole(number: u32) -> f32 {
    number as f32
}
