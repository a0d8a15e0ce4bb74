// The matrix of sums over k of left(m, k) right(k, n): a workgroup has a square of SIDE by SIDE
// blocks of 64 x 64 of them, and an invocation 4 x 4 of each, for which it reads eight vec4 from
// workgroup memory for 64 products, or 16 for 256. The sums run over k in its order, so that they
// depend neither on the device nor on SIDE.
//
// left_quad(m, k) and right_quad(k, n) give four elements along the axis along which the tensor is
// dense, from a multiple of 4 on, and 0 past the end of k.

// For each block, four steps of k in quads.
var<workgroup> lefts: array<vec4<f32>, SIDE * 256u>;
var<workgroup> rights: array<vec4<f32>, SIDE * 256u>;

// Each lane's quads of 64 rows by 16 steps: along k, four lanes to a row; else 16 lanes to a step.
fn load(lane: u32, m: u32, n: u32, k: u32) {
    let along = vec2(lane / 4u, lane % 4u);
    let across = vec2(4u * (lane % 16u), lane / 16u);
    for (var b = 0u; b < SIDE; b++) {
        let row = m + 64u * b;
        let column = n + 64u * b;
        if (LEFT_ALONG_DEPTH) {
            lefts[256u * b + 64u * along.y + along.x] = left_quad(row + along.x, k + 4u * along.y);
        } else {
            lefts[256u * b + lane] = left_quad(row + across.x, k + across.y);
        }
        if (RIGHT_ALONG_DEPTH) {
            rights[256u * b + 64u * along.y + along.x] =
                right_quad(k + 4u * along.y, column + along.x);
        } else {
            rights[256u * b + lane] = right_quad(k + across.y, column + across.x);
        }
    }
}

// A column for each of four m, over four k.
fn left_block(b: u32, q: u32, y: u32) -> mat4x4<f32> {
    if (LEFT_ALONG_DEPTH) {
        let i = 256u * b + 64u * q + 4u * y;
        return mat4x4(lefts[i], lefts[i + 1u], lefts[i + 2u], lefts[i + 3u]);
    }
    let i = 256u * b + 64u * q + y;
    return transpose(mat4x4(lefts[i], lefts[i + 16u], lefts[i + 32u], lefts[i + 48u]));
}

// A column for each of four k, over four n. Along k, an invocation's n lie 16 apart, so that
// neighbours read neighbouring words.
fn right_block(b: u32, q: u32, x: u32) -> mat4x4<f32> {
    let i = 256u * b + 64u * q + x;
    let block = mat4x4(rights[i], rights[i + 16u], rights[i + 32u], rights[i + 48u]);
    if (RIGHT_ALONG_DEPTH) {
        return transpose(block);
    }
    return block;
}

fn store_block(m: u32, n: u32, sums: mat4x4<f32>) {
    store_four(m, n, sums[0]);
    store_four(m + 1u, n, sums[1]);
    store_four(m + 2u, n, sums[2]);
    store_four(m + 3u, n, sums[3]);
}

fn store_four(m: u32, n: u32, sums: vec4<f32>) {
    if (m >= height()) {
        return;
    }
    let step = select(1u, 16u, RIGHT_ALONG_DEPTH);
    for (var j = 0u; j < 4u; j++) {
        if (n + j * step < breadth()) {
            store(m, n + j * step, sums[j]);
        }
    }
}

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let id = group.x + group.y * window.width;
    let edge = 64u * SIDE;
    let across = (breadth() + edge - 1u) / edge;
    let m = edge * (id / across);
    let n = edge * (id % across);
    let y = lane / 16u;
    let x = lane % 16u;
    // By block of rows and block of columns.
    var sums_00 = mat4x4<f32>();
    var sums_01 = mat4x4<f32>();
    var sums_10 = mat4x4<f32>();
    var sums_11 = mat4x4<f32>();
    for (var k = 0u; k < depth(); k += 16u) {
        load(lane, m, n, k);
        workgroupBarrier(); // all lanes have written before all read
        for (var q = 0u; q < 4u; q++) {
            let left = left_block(0u, q, y);
            let right = right_block(0u, q, x);
            sums_00 += right * left;
            if (SIDE == 2u) {
                let next_left = left_block(1u, q, y);
                let next_right = right_block(1u, q, x);
                sums_01 += next_right * left;
                sums_10 += right * next_left;
                sums_11 += next_right * next_left;
            }
        }
        workgroupBarrier(); // all have read before the next steps are written
    }
    let row = m + 4u * y;
    let column = n + select(4u, 1u, RIGHT_ALONG_DEPTH) * x;
    store_block(row, column, sums_00);
    if (SIDE == 2u) {
        store_block(row, column + 64u, sums_01);
        store_block(row + 64u, column, sums_10);
        store_block(row + 64u, column + 64u, sums_11);
    }
}
