// Adds up the rows of a matrix, up to 64 of them in an invocation.

struct Window {
    outputs: u32,      // sums to write: columns, for each 64 rows
    columns: u32,
    rows: u32,
    source: u32,
    destination: u32,
    width: u32,
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
    let first = (id / window.columns) * 64u;
    let column = id % window.columns;
    var sum = 0.0;
    for (var row = first; row < min(first + 64u, window.rows); row++) {
        sum += scratch[window.source + row * window.columns + column];
    }
    store(id, sum);
}
