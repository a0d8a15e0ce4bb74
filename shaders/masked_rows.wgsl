// Before the rows themselves, where a mask says which of their classes are there: keeps for each row whether
// any is. THREADS lanes share a row, ROWS rows a workgroup.

var<workgroup> found: array<atomic<u32>, ROWS>;

@compute @workgroup_size(THREADS * ROWS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let slot = lane / THREADS;
    let thread = lane % THREADS;
    let own = (group.x + group.y * window.width) * ROWS + slot;
    // Lanes without a row repeat the last one, so that all reach the barriers.
    let r = min(own, window.rows - 1u);
    if (thread == 0u) {
        atomicStore(&found[slot], 0u);
    }
    workgroupBarrier(); // all are cleared before a lane finds something
    let quads = (window.classes + 3u) / 4u;
    var any_is_there = false;
    for (var quad = thread; quad < quads; quad += THREADS) {
        any_is_there |= any(flags_of(r, quad) != vec4<f32>());
    }
    if (any_is_there) {
        atomicStore(&found[slot], 1u);
    }
    workgroupBarrier(); // all lanes have looked before the first of each row reads
    if (thread == 0u && own < window.rows) {
        scratch[KEPT_ROWS + window.first + r] = f32(atomicLoad(&found[slot]));
    }
}
