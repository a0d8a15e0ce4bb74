// The matrix of sums over k of left(m, k) right(k, n): a workgroup has a square of SIDE by SIDE
// blocks of 64 x 64 of them, and an invocation 4 x 4 of each, for which it reads eight vec4 from
// workgroup memory for 64 products, or 16 for 256. The sums run over k in its order, so that they
// depend neither on the device nor on SIDE.
//
// left_quad(m, k) and right_quad(k, n) give four elements along the axis along which the tensor is
// dense, from a multiple of 4 on, and 0 past the end of k.

// For each block, four steps of k in quads, whose last indices are known where they are read: compilers of WGSL keep
// others in range, which costs as much as a third of the products. Rows by four steps of k are in fours; else 16
// quads of rows, or of columns, are side by side.
const LEFT_FOURS = select(4u, 16u, LEFT_ALONG_DEPTH);
const LEFT_IN_FOUR = select(16u, 4u, LEFT_ALONG_DEPTH);
var<workgroup> lefts: array<array<array<array<vec4<f32>, LEFT_IN_FOUR>, LEFT_FOURS>, 4>, SIDE>;
var<workgroup> rights: array<array<array<array<vec4<f32>, 16>, 4>, 4>, SIDE>;

// Each lane's quads of 64 rows by 16 steps: along k, four lanes to a row; else 16 lanes to a step.
fn load(lane: u32, m: u32, n: u32, k: u32) {
    let along = vec2(lane / 4u, lane % 4u);
    let across = vec2(4u * (lane % 16u), lane / 16u);
    for (var b = 0u; b < SIDE; b++) {
        let row = m + 64u * b;
        let column = n + 64u * b;
        if (LEFT_ALONG_DEPTH) {
            lefts[b][along.y][along.x / 4u][along.x % 4u] =
                left_quad(row + along.x, k + 4u * along.y);
        } else {
            lefts[b][lane / 64u][lane / 16u % 4u][lane % 16u] =
                left_quad(row + across.x, k + across.y);
        }
        if (RIGHT_ALONG_DEPTH) {
            rights[b][along.y][along.x / 16u][along.x % 16u] =
                right_quad(k + 4u * along.y, column + along.x);
        } else {
            rights[b][lane / 64u][lane / 16u % 4u][lane % 16u] =
                right_quad(k + across.y, column + across.x);
        }
    }
}

// A column for each of four m, over four k.
fn left_block(b: u32, q: u32, y: u32) -> mat4x4<f32> {
    if (LEFT_ALONG_DEPTH) {
        return mat4x4(lefts[b][q][y][0], lefts[b][q][y][1], lefts[b][q][y][2], lefts[b][q][y][3]);
    }
    return transpose(
        mat4x4(lefts[b][q][0][y], lefts[b][q][1][y], lefts[b][q][2][y], lefts[b][q][3][y]));
}

// A column for each of four k, over four n. Along k, an invocation's n lie 16 apart, so that
// neighbours read neighbouring words.
fn right_block(b: u32, q: u32, x: u32) -> mat4x4<f32> {
    let block =
        mat4x4(rights[b][q][0][x], rights[b][q][1][x], rights[b][q][2][x], rights[b][q][3][x]);
    if (RIGHT_ALONG_DEPTH) {
        return transpose(block);
    }
    return block;
}

// By block of rows and block of columns.
struct Products {
    of_00: mat4x4<f32>,
    of_01: mat4x4<f32>,
    of_10: mat4x4<f32>,
    of_11: mat4x4<f32>,
}

// Four products are added up before they are added to the sum: of thousands, one by one, more digits would be lost.
fn with_column(sums: vec4<f32>, right: mat4x4<f32>, left: vec4<f32>) -> vec4<f32> {
    return sums + right * left;
}

fn with_products(sums: mat4x4<f32>, right: mat4x4<f32>, left: mat4x4<f32>) -> mat4x4<f32> {
    return mat4x4(
        with_column(sums[0], right, left[0]),
        with_column(sums[1], right, left[1]),
        with_column(sums[2], right, left[2]),
        with_column(sums[3], right, left[3]));
}

// With those of four more steps.
fn with_steps(sums: Products, q: u32, y: u32, x: u32) -> Products {
    var all = sums;
    let left = left_block(0u, q, y);
    let right = right_block(0u, q, x);
    all.of_00 = with_products(all.of_00, right, left);
    if (SIDE == 2u) {
        let next_left = left_block(1u, q, y);
        let next_right = right_block(1u, q, x);
        all.of_01 = with_products(all.of_01, next_right, left);
        all.of_10 = with_products(all.of_10, right, next_left);
        all.of_11 = with_products(all.of_11, next_right, next_left);
    }
    return all;
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
    var sums = Products();
    for (var k = 0u; k < depth(); k += 16u) {
        load(lane, m, n, k);
        workgroupBarrier(); // all lanes have written before all read
        for (var q = 0u; q < 4u; q++) {
            sums = with_steps(sums, q, y, x);
        }
        workgroupBarrier(); // all have read before the next steps are written
    }
    let row = m + 4u * y;
    let column = n + select(4u, 1u, RIGHT_ALONG_DEPTH) * x;
    store_block(row, column, sums.of_00);
    if (SIDE == 2u) {
        store_block(row, column + 64u, sums.of_01);
        store_block(row + 64u, column, sums.of_10);
        store_block(row + 64u, column + 64u, sums.of_11);
    }
}
