// Generalized intersection over union of two boxes: 1 - inner / union + (hull - union) / hull, where the hull
// is the smallest box that holds both.
//
// p, t: boxes, vectors of their lowest corner and behind it the highest one, along a last dimension of 4.
// epsilon keeps the quotients of empty boxes finite, 1e-7 in torchvision.
//
// Rezatofighi, Tsoi, Gwak, Sadeghian, Reid, Savarese: Generalized intersection over union, CVPR 2019.
//
// Plot: p=0,0,2,2 t=1,1,3,3 epsilon=1e-7

struct Parameters {
    epsilon: f32,
}

fn area(size: vec2<f32>) -> f32 {
    return size.x * size.y;
}

fn value(p: vec4<f32>, t: vec4<f32>, c: Parameters) -> f32 {
    let inner = area(max(min(p.zw, t.zw) - max(p.xy, t.xy), vec2(0.0)));
    let together = area(p.zw - p.xy) + area(t.zw - t.xy) - inner;
    let hull = area(max(p.zw, t.zw) - min(p.xy, t.xy));
    return 1.0 - inner / (together + c.epsilon) + (hull - together) / (hull + c.epsilon);
}
