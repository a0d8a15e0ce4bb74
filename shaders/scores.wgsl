// The scores of regions. Each is an overlap in a size that is made up of it and of errors: one less the score is the
// errors' part, in which no difference cancels where the score is near 1.

// Overlap and errors (x and y) with smooths: these are added to the score's numerator and denominator.
fn smoothed(sizes: vec2<f32>, numerator: f32, denominator: f32) -> vec2<f32> {
    return sizes + vec2(numerator, denominator - numerator);
}

// One less the score.
fn part_of_errors(sizes: vec2<f32>) -> f32 {
    let size = sizes.x + sizes.y;
    return select(sizes.y / size, not_a_number(), (size == 0.0) & (sizes.y == 0.0));
}

// Its slopes by both.
fn slopes_of_part(sizes: vec2<f32>) -> vec2<f32> {
    let size = sizes.x + sizes.y;
    let slopes = vec2(-sizes.y, sizes.x) / size / size;
    return select(slopes, vec2(not_a_number()), (size == 0.0) & (sizes.y == 0.0));
}
