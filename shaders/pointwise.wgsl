// Pointwise family: one workgroup takes one block. Losses, their sum and all dense gradients come from
// one pass over the data. TEAM lanes read side by side, and each team its own STRETCH of the block: what
// it reads next lies next to what it has read, 128 bytes at a time. On lavapipe (AMD EPYC, 2 cores) the
// mean squared error of 2^24 elements took 55 ms where lanes took every 64th quad, and 19 ms so; a GPU,
// which fetches 128 bytes at once, reads no more either way.

const TEAM: u32 = 8u;
const STRETCH: u32 = BLOCK / 4u / (LANES / TEAM); // in quads

struct Window {
    elements: u32,     // in this window
    first: u32,        // the window's first element
    destination: u32,  // where in the scratch its block sums go
    width: u32,        // workgroups in a row of the dispatch
    divisor: f32,
    scale: f32,        // of the gradients
    rank: u32,
    weight: f32,       // of the losses and of the value
    zero: u32,
    padding_0: u32,
    padding_1: u32,
    padding_2: u32,
    axes: array<Axis, 8>,
}

// Losses as they would be stored: a driver that multiplied and added in one step, without rounding
// between, would come to other sums than those of stored losses. It cannot know that the number is 0.
fn as_stored(losses: vec4<f32>) -> vec4<f32> {
    return bitcast<vec4<f32>>(bitcast<vec4<u32>>(losses) ^ vec4(window.zero));
}

@compute @workgroup_size(LANES)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let block = group.x + group.y * window.width;
    let start = block * BLOCK;
    if (start >= window.elements) {
        return;
    }
    let quads = (min(window.elements - start, BLOCK) + 3u) / 4u;
    let scale = gradient_scale();
    var sum = vec4<f32>();
    let first = lane / TEAM * STRETCH;
    let end = min(first + STRETCH, quads);
    for (var quad = first + lane % TEAM; quad < end; quad += TEAM) {
        sum += as_stored(evaluate(start / 4u + quad, scale));
    }
    if (SUMS) {
        let total = workgroup_sum(lane, sum_of_quad(sum));
        if (lane == 0u) {
            store_total(block, total);
        }
    }
}
