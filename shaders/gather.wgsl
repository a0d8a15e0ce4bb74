// The gradient of a broadcast input: each number of its elements ("segments", SEGMENT_WIDTH of an element) sums
// the terms of all the places that it was broadcast to, up to SERIAL in an invocation; sum_columns.wgsl adds
// up the rest.

struct Steps {
    size: u32,
    stride: u32,
    padding_0: u32,
    padding_1: u32,
}

struct Window {
    outputs: u32,      // sums to write: segments, for each SERIAL places
    segments: u32,
    places: u32,       // of each segment
    destination: u32,
    width: u32,
    divisor: f32,
    scale: f32,        // of the gradients
    rank: u32,
    own_rank: u32,
    summed_rank: u32,
    first: u32,        // the window's first element, where an input is read by strides
    columns: u32,      // segments of all windows
    all_places: f32,   // of each segment in all windows
    padding_0: u32,
    padding_1: u32,
    padding_2: u32,
    axes: array<Axis, 8>,
    own: array<Steps, 8>,
    summed: array<Steps, 8>,
}

fn own_offset(segment: u32) -> u32 {
    var rest = segment;
    var offset = 0u;
    for (var i = 0u; i < window.own_rank; i++) {
        offset += (rest % window.own[i].size) * window.own[i].stride;
        rest /= window.own[i].size;
    }
    return offset;
}

fn summed_offset(place: u32) -> u32 {
    var rest = place;
    var offset = 0u;
    for (var i = 0u; i < window.summed_rank; i++) {
        offset += (rest % window.summed[i].size) * window.summed[i].stride;
        rest /= window.summed[i].size;
    }
    return offset;
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let id = (group.x + group.y * window.width) * 64u + lane;
    if (id >= window.outputs) {
        return;
    }
    let first = (id / window.segments) * SERIAL;
    let segment = id % window.segments;
    let own = own_offset(segment / SEGMENT_WIDTH);
    let scale = gradient_scale();
    var sum = 0.0;
    for (var place = first; place < min(first + SERIAL, window.places); place++) {
        sum += term_at(own + summed_offset(place), segment % SEGMENT_WIDTH, scale);
    }
    store((id / window.segments) * window.columns + segment, sum);
}
