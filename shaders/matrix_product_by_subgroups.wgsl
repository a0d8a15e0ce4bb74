// The matrix of sums over k of left(m, k) right(k, n), with the bits of matrix_product.wgsl, where a lane's read costs
// more than passing a number on, as on a CPU: a subgroup of LANES computes HEIGHT by 64 of them without workgroup
// memory. Each lane reads its own four rows of the left and its own columns of the right, and gets the other lanes'
// rows from them.
//
// left_quad(m, k) and right_quad(k, n) are as there. `Sums`, `add(sums, left, right)` and `quarters(sums)` are written
// out for LANES.

const HEIGHT = 4u * LANES;
const BREADTH = 64u;
// The columns of a lane, four in each.
const COLUMNS = 16u / LANES;

alias Left = mat4x4<f32>;
alias Right = array<mat4x4<f32>, COLUMNS>;
// The sums of some rows, of each lane that read them; by columns, and by which of a lane's rows they are.
alias Quarters = array<array<array<vec4<f32>, LANES>, COLUMNS>, 4>;

// A column for each of a lane's four m, over four k.
fn left_of(m: u32, k: u32, lane: u32) -> Left {
    if (LEFT_ALONG_DEPTH) {
        let row = m + lane;
        return Left(
            left_quad(row, k),
            left_quad(row + LANES, k),
            left_quad(row + 2u * LANES, k),
            left_quad(row + 3u * LANES, k),
        );
    }
    let row = m + 4u * lane;
    return transpose(Left(
        left_quad(row, k),
        left_quad(row, k + 1u),
        left_quad(row, k + 2u),
        left_quad(row, k + 3u),
    ));
}

// A column for each of four k, over four of a lane's n.
fn right_of(k: u32, n: u32, lane: u32) -> mat4x4<f32> {
    if (RIGHT_ALONG_DEPTH) {
        let column = n + lane;
        return transpose(mat4x4(
            right_quad(k, column),
            right_quad(k, column + LANES),
            right_quad(k, column + 2u * LANES),
            right_quad(k, column + 3u * LANES),
        ));
    }
    let column = n + 4u * lane;
    return mat4x4(
        right_quad(k, column),
        right_quad(k + 1u, column),
        right_quad(k + 2u, column),
        right_quad(k + 3u, column),
    );
}

// In the order of matrix_product.wgsl.
fn with_column(sums: vec4<f32>, right: mat4x4<f32>, left: vec4<f32>) -> vec4<f32> {
    return sums + right * left;
}

fn store_four(m: u32, n: u32, sums: vec4<f32>) {
    let step = select(1u, LANES, RIGHT_ALONG_DEPTH);
    for (var j = 0u; j < 4u; j++) {
        if (n + j * step < breadth()) {
            store(m, n + j * step, sums[j]);
        }
    }
}

@compute @workgroup_size(LANES)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let id = group.x + group.y * window.width;
    let across = (breadth() + BREADTH - 1u) / BREADTH;
    let m = HEIGHT * (id / across);
    let n = BREADTH * (id % across);
    var sums = Sums();
    for (var k = 0u; k < depth(); k += 4u) {
        var right: Right;
        for (var c = 0u; c < COLUMNS; c++) {
            right[c] = right_of(k, n + 4u * LANES * c, lane);
        }
        add(&sums, left_of(m, k, lane), right);
    }
    // A quarter of the rows at each outer index, by column.
    var kept = quarters(sums);
    let column = n + select(4u, 1u, RIGHT_ALONG_DEPTH) * lane;
    for (var i = 0u; i < HEIGHT; i++) {
        let quarter = i / LANES;
        let place = i % LANES;
        let row = m + select(4u * place + quarter, i, LEFT_ALONG_DEPTH);
        if (row < height()) {
            for (var c = 0u; c < COLUMNS; c++) {
                let first = select(kept[1u][c][place], kept[0u][c][place], quarter == 0u);
                let last = select(kept[3u][c][place], kept[2u][c][place], quarter == 2u);
                store_four(row, column + 4u * LANES * c, select(last, first, quarter < 2u));
            }
        }
    }
}
