// Two softmax distributions over the classes of a row, with a temperature: p of the first input and q of the
// second one, each relative to its own peak.

fn below_peaks(item: Item, peak: vec2<f32>, temperature: f32) -> vec2<f32> {
    return (peak - vec2(item.first, item.second)) / temperature;
}

fn are_at_peaks(item: Item, peak: vec2<f32>) -> vec2<bool> {
    return vec2(item.first, item.second) == peak;
}

// The exponentials of both.
fn pair_of_exponentials(item: Item, peak: vec2<f32>, temperature: f32) -> vec4<f32> {
    let below = below_peaks(item, peak, temperature);
    let at = are_at_peaks(item, peak);
    return vec4(exponentials(below.x, at.x), exponentials(below.y, at.y));
}

fn moved_pair(s: vec4<f32>, way: vec2<f32>) -> vec4<f32> {
    return vec4(moved_exponentials(s.xy, way.x), moved_exponentials(s.zw, way.y));
}

struct Pair {
    p: Probability,
    q: Probability,
    difference: f32, // p - q
    log_ratio: f32,  // log q - log p
}

// A class's probabilities, where all exponentials come to s. Their logarithms are compared by the logits, not as
// quotients of rounded probabilities; of a class that neither has they do not differ.
fn pair_at(item: Item, peak: vec2<f32>, s: vec4<f32>, temperature: f32) -> Pair {
    let below = below_peaks(item, peak, temperature);
    let at = are_at_peaks(item, peak);
    let p = softmax_of(below.x, at.x, s.xy);
    let q = softmax_of(below.y, at.y, s.zw);
    let difference = select(p.p - q.p, q.miss - p.miss, p.p > 0.5);
    let nearer = select(below.x - below.y, 0.0, below.x == below.y);
    let log_ratio = nearer + log_ratio_of_exponentials(s.xy, s.zw);
    return Pair(p, q, difference, log_ratio);
}
