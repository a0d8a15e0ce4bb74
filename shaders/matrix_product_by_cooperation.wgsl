// The matrix of sums over k of left(m, k) right(k, n), of numbers that float16 holds, by the matrices of SIDE by SIDE
// that the lanes of a subgroup multiply together: float32 sums, in the driver's order. A workgroup has a square of four
// by four of them, of which a subgroup has a quarter at a time.
//
// left_quad(m, k) and right_quad(k, n) are as in matrix_product.wgsl; both tensors are dense along k. `Left`, `Right`
// and `Sums` are the matrices.

const LANES = 128u;
const EDGE = 4u * SIDE;
const HALF = 2u * SIDE;

// SIDE steps of k for each row, and for each column.
var<workgroup> lefts: array<f16, EDGE * SIDE>;
var<workgroup> rights: array<f16, EDGE * SIDE>;
// The upper half of the square, then the lower one.
var<workgroup> halves: array<f32, HALF * EDGE>;

fn load(lane: u32, m: u32, n: u32, k: u32) {
    const QUADS = SIDE / 4u;
    for (var i = lane; i < EDGE * QUADS; i += LANES) {
        let line = i / QUADS;
        let step = 4u * (i % QUADS);
        let left = vec4<f16>(left_quad(m + line, k + step));
        let right = vec4<f16>(right_quad(k + step, n + line));
        for (var j = 0u; j < 4u; j++) {
            lefts[line * SIDE + step + j] = left[j];
            rights[line * SIDE + step + j] = right[j];
        }
    }
}

@compute @workgroup_size(LANES)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
    @builtin(subgroup_id) subgroup: u32,
    @builtin(num_subgroups) subgroups: u32,
) {
    let id = group.x + group.y * window.width;
    let across = (breadth() + EDGE - 1u) / EDGE;
    let m = EDGE * (id / across);
    let n = EDGE * (id % across);
    // Where subgroups are large, there are fewer than quarters.
    for (var first = 0u; first < 4u; first += subgroups) {
        // Those past the last quarter compute it too: all lanes meet at the barriers.
        let quarter = min(first + subgroup, 3u);
        let up = quarter / 2u;
        let row = HALF * up * SIDE;
        let column = HALF * (quarter % 2u) * SIDE;
        let next_row = row + SIDE * SIDE;
        let next_column = column + SIDE * SIDE;
        var of_00 = Sums();
        var of_01 = Sums();
        var of_10 = Sums();
        var of_11 = Sums();
        for (var k = 0u; k < depth(); k += SIDE) {
            load(lane, m, n, k);
            workgroupBarrier(); // all lanes have written before all read
            let left = coopLoadT<Left>(&lefts[row], SIDE);
            let next_left = coopLoadT<Left>(&lefts[next_row], SIDE);
            let right = coopLoad<Right>(&rights[column], SIDE);
            let next_right = coopLoad<Right>(&rights[next_column], SIDE);
            of_00 = coopMultiplyAdd(left, right, of_00);
            of_01 = coopMultiplyAdd(left, next_right, of_01);
            of_10 = coopMultiplyAdd(next_left, right, of_10);
            of_11 = coopMultiplyAdd(next_left, next_right, of_11);
            workgroupBarrier(); // all have read before the next steps are written
        }
        for (var half = 0u; half < 2u; half++) {
            if (up == half && first + subgroup < 4u) {
                let place = HALF * (quarter % 2u);
                let beside = place + SIDE;
                let below = place + SIDE * EDGE;
                let across_below = below + SIDE;
                coopStoreT(of_00, &halves[place], EDGE);
                coopStoreT(of_01, &halves[beside], EDGE);
                coopStoreT(of_10, &halves[below], EDGE);
                coopStoreT(of_11, &halves[across_below], EDGE);
            }
            workgroupBarrier(); // the half is written before all lanes read it
            for (var i = lane; i < HALF * EDGE; i += LANES) {
                let at = vec2(half * HALF + i / EDGE, i % EDGE);
                let own = 2u * half + at.y / HALF;
                let is_there = (m + at.x < height()) & (n + at.y < breadth());
                if ((own >= first) & (own < first + subgroups) & is_there) {
                    store(m + at.x, n + at.y, halves[i]);
                }
            }
            workgroupBarrier(); // it is read before the next one is written
        }
    }
}
