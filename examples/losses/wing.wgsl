// Wing loss: with d = |p - t|, width log(1 + d / curvature) where d < width, else d less the
// constant that joins the two. Small errors of a landmark's place keep a gradient.
//
// p, t: any numbers. width > 0: where the logarithm ends, 10 in the paper. curvature > 0: 2 there.
//
// Feng, Kittler, Awais, Huber, Wu: Wing loss for robust facial landmark localisation with
// convolutional neural networks, CVPR 2018 (w and epsilon).
//
// Plot: width=10 curvature=2 from=-20 to=20

struct Parameters {
    width: f32,
    curvature: f32,
}

fn wing_of(d: f32, c: Parameters) -> f32 {
    return c.width * logarithm_one_plus(d / c.curvature);
}

fn value(p: f32, t: f32, c: Parameters) -> f32 {
    let d = abs(p - t);
    if (d < c.width) {
        return wing_of(d, c);
    }
    return d - (c.width - wing_of(c.width, c));
}
