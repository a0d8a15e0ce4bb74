//! How much of curves is shown.

/// The share of the height that is left free above and below.
const ROOM: f64 = 0.05;

/// The lowest and the highest number of a picture of some curves.
pub fn heights(curves: impl IntoIterator<Item = Vec<f64>>) -> (f64, f64) {
    let spans = curves.into_iter().filter_map(span);
    let both = spans.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)));
    let (low, high) = both.unwrap_or((0.0, 1.0));
    let size = low.abs().max(high.abs());
    // What varies by the rounding of float32 alone is a level line.
    if high - low <= size * 1e-5 {
        let half = if size > 0.0 { size / 2.0 } else { 1.0 };
        return (low - half, high + half);
    }
    let room = (high - low) * ROOM;
    (low - room, high + room)
}

/// The least and the largest of the numbers to show; `None` where none is finite. Where a few
/// numbers near a pole are far from all others, they are left out.
fn span(mut numbers: Vec<f64>) -> Option<(f64, f64)> {
    numbers.retain(|y| y.is_finite());
    numbers.sort_by(f64::total_cmp);
    let (low, high) = (*numbers.first()?, *numbers.last()?);
    let between = |percent: usize| {
        let cut = numbers.len() * percent / 100;
        (numbers[cut], numbers[numbers.len() - 1 - cut])
    };
    let (left, right) = between(2);
    if high - low <= 4.0 * (right - left) {
        return Some((low, high));
    }
    let (left, right) = between(10);
    let room = right - left;
    // Most numbers are one and the same: the others are what there is to see.
    if room <= 0.0 {
        return Some((low, high));
    }
    Some((low.max(left - room), high.min(right + room)))
}
