// Multi-label margin: 1 / C times the sum over the targets y of a row (its class indices before the
// first -1, each as often as it is listed) and over the classes i that are no target, of
// max(0, 1 + (x_i - x_y)): large scores keep the digits of their difference. A pass counts how often
// each class is a target, a second one takes each class with all that it is paired with, a third one
// adds up the rows: no class needs to know of another's sum, so nothing is added atomically. Rows of
// many classes are gone through by several dispatches, as an invocation's loops may not be long.

struct Window {
    rows: u32,
    classes: u32,
    width: u32,
    first: u32,  // the part of the list and of the classes that this dispatch goes through
    last: u32,
    marks: u32,  // where in the scratch each row counts its targets
    lists: u32,  // where the states of the rows' lists before this part are
    ends: u32,   // and those after the last part
    terms: u32,  // where each class's part of the loss goes
    slopes: u32, // and its slope, where that takes several dispatches
    losses: u32, // where the losses of the rows go
    divisor: f32,
    scale: f32,  // of the gradient
    weight: f32, // of the losses that are not reduced
}

// Whether a row's list still runs; NaN where it has listed what is no class.
const RUNS: f32 = 1.0;
const ENDED: f32 = 0.0;

fn global_id(group: vec3<u32>, lane: u32) -> u32 {
    return (group.x + group.y * window.width) * 64u + lane;
}
