// Proximal policy optimization with clipped ratios: with the ratio r = exp(p - before),
// -min(r advantage, clamp(r, 1 - width, 1 + width) advantage).
//
// p, before: log-probabilities of an action now and when it was taken. advantage: any number. width: 0.2 in
// the paper.
//
// Schulman, Wolski, Dhariwal, Radford, Klimov: Proximal policy optimization algorithms, 2017.
//
// Plot: before=0 advantage=1 width=0.2 from=-1 to=1

struct Parameters {
    width: f32,
}

fn value(p: f32, before: f32, advantage: f32, c: Parameters) -> f32 {
    let ratio = exp(p - before);
    let clipped = clamp(ratio, 1.0 - c.width, 1.0 + c.width);
    return -min(ratio * advantage, clipped * advantage);
}
