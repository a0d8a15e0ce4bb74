// The losses of tokens, their sum and their gradients: a workgroup takes a block.

struct Window {
    elements: u32,     // in this window
    first: u32,        // the window's first token
    destination: u32,  // where in the scratch its block sums go
    width: u32,        // workgroups in a row of the dispatch
    tokens: u32,       // of each sequence
    counts: u32,       // where in the scratch what the tokens of a sequence have in common is
    ratios: u32,
    factors: u32,
    divisor: f32,
    scale: f32,        // of the gradients
    weight: f32,       // of the losses and of the value
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
    let scale = gradient_scale();
    var sum = 0.0;
    for (var i = start + lane; i < min(start + BLOCK, window.elements); i += LANES) {
        sum += evaluate(i, (window.first + i) / window.tokens, scale);
    }
    if (SUMS) {
        let total = workgroup_sum(lane, sum);
        if (lane == 0u) {
            store_total(block, total);
        }
    }
}
