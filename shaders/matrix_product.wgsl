// The matrix of sums over k of left(m, k) right(k, n): 64 x 64 of them in a workgroup, 4 x 4 in an
// invocation, which reads eight vec4 from workgroup memory for 64 products. The sums run over k in
// its order, so that they do not depend on the device.
//
// left_quad(m, k) and right_quad(k, n) give four elements along the axis along which the tensor is
// dense, from a multiple of 4 on, and 0 past the end of k.

// Four steps of k in quads.
var<workgroup> lefts: array<vec4<f32>, 256>;
var<workgroup> rights: array<vec4<f32>, 256>;

// Each lane's quad of 64 rows by 16 steps: along k, four lanes to a row; else 16 lanes to a step.
fn load(lane: u32, m: u32, n: u32, k: u32) {
    let along = vec2(lane / 4u, lane % 4u);
    let across = vec2(4u * (lane % 16u), lane / 16u);
    if (LEFT_ALONG_DEPTH) {
        lefts[64u * along.y + along.x] = left_quad(m + along.x, k + 4u * along.y);
    } else {
        lefts[lane] = left_quad(m + across.x, k + across.y);
    }
    if (RIGHT_ALONG_DEPTH) {
        rights[64u * along.y + along.x] = right_quad(k + 4u * along.y, n + along.x);
    } else {
        rights[lane] = right_quad(k + across.y, n + across.x);
    }
}

// A column for each of four m, over four k.
fn left_block(q: u32, y: u32) -> mat4x4<f32> {
    if (LEFT_ALONG_DEPTH) {
        let i = 64u * q + 4u * y;
        return mat4x4(lefts[i], lefts[i + 1u], lefts[i + 2u], lefts[i + 3u]);
    }
    let i = 64u * q + y;
    return transpose(mat4x4(lefts[i], lefts[i + 16u], lefts[i + 32u], lefts[i + 48u]));
}

// A column for each of four k, over four n. Along k, an invocation's n lie 16 apart, so that
// neighbours read neighbouring words.
fn right_block(q: u32, x: u32) -> mat4x4<f32> {
    let i = 64u * q + x;
    let block = mat4x4(rights[i], rights[i + 16u], rights[i + 32u], rights[i + 48u]);
    if (RIGHT_ALONG_DEPTH) {
        return transpose(block);
    }
    return block;
}

fn keep_four(m: u32, n: u32, sums: vec4<f32>) {
    if (m >= height()) {
        return;
    }
    let step = select(1u, 16u, RIGHT_ALONG_DEPTH);
    for (var j = 0u; j < 4u; j++) {
        if (n + j * step < breadth()) {
            keep(m, n + j * step, sums[j]);
        }
    }
}

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let id = group.x + group.y * window.width;
    let across = (breadth() + 63u) / 64u;
    let m = 64u * (id / across);
    let n = 64u * (id % across);
    let y = lane / 16u;
    let x = lane % 16u;
    var sums = mat4x4<f32>();
    for (var k = 0u; k < depth(); k += 16u) {
        load(lane, m, n, k);
        workgroupBarrier(); // all lanes have written before all read
        sums += right_block(0u, x) * left_block(0u, y);
        sums += right_block(1u, x) * left_block(1u, y);
        sums += right_block(2u, x) * left_block(2u, y);
        sums += right_block(3u, x) * left_block(3u, y);
        workgroupBarrier(); // all have read before the next steps are written
    }
    let first = n + select(4u, 1u, RIGHT_ALONG_DEPTH) * x;
    keep_four(m + 4u * y, first, sums[0]);
    keep_four(m + 4u * y + 1u, first, sums[1]);
    keep_four(m + 4u * y + 2u, first, sums[2]);
    keep_four(m + 4u * y + 3u, first, sums[3]);
}
