// Multi-label margin: 1 / C times the sum over the targets y of a row (its class indices before the
// first -1, each as often as it is listed) and over the classes i that are no target, of
// max(0, 1 - x_y + x_i). A pass counts how often each class is a target, a second one takes each
// class with all that it is paired with, a third one adds up the rows: no class needs to know of
// another's sum, so nothing is added atomically.

struct Window {
    rows: u32,
    classes: u32,
    width: u32,
    marks: u32,  // where in the scratch each row counts its targets
    terms: u32,  // where each class's part of the loss goes
    losses: u32, // where the losses of the rows go
    divisor: f32,
    scale: f32,  // of the gradient
}

fn global_id(group: vec3<u32>, lane: u32) -> u32 {
    return (group.x + group.y * window.width) * 64u + lane;
}
