// Symmetric absolute percentage error: 2 |p - t| / (|p| + |t|), and 0 where both are 0. The mean of
// it is known as SMAPE; it lies between 0 and 2, which some multiply by 100 %.
//
// p, t: any numbers, whose sum is finite.
//
// Makridakis: Accuracy measures: theoretical and practical concerns, 1993; the M3 and M4
// competitions.
//
// Plot: t=1

fn value(p: f32, t: f32) -> f32 {
    let size = abs(p) + abs(t);
    if (size == 0.0) {
        return 0.0;
    }
    return 2.0 * abs(p - t) / size;
}
