// Before the rows themselves, where lists say something of some of their classes: puts each list in the order of its
// classes, as pairs of class and number. The status counts places that hold no class or one that the row has had
// before; the first is kept as its complement, so that a cleared status means that there is none. THREADS lanes
// share a list.

var<workgroup> bad: atomic<u32>;

@compute @workgroup_size(THREADS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let own = group.x + group.y * window.width;
    // A workgroup without a row repeats the last one, so that all reach the barriers.
    let r = min(own, window.rows - 1u);
    if (lane == 0u) {
        atomicStore(&bad, 0u);
    }
    workgroupBarrier(); // it is cleared before a lane finds something
    let looks = own < window.rows && !is_left_out(r);
    for (var i = lane; i < LISTED && looks; i += THREADS) {
        let class_ = classes_index(r * LISTED + i);
        var before = 0u;
        var is_good = class_ >= 0 && u32(class_) < window.classes;
        for (var j = 0u; j < LISTED; j++) {
            let other = classes_index(r * LISTED + j);
            let is_earlier = other == class_ && j < i;
            is_good = is_good && !is_earlier;
            before += select(0u, 1u, other < class_ || is_earlier);
        }
        let place = window.lists + 2u * ((window.first + r) * LISTED + before);
        scratch[place] = f32(class_);
        scratch[place + 1u] = numbers_at(r * LISTED + i);
        if (!is_good) {
            atomicAdd(&status[0], 1u);
            atomicMax(&status[1], ~((window.first + r) * LISTED + i));
            atomicStore(&bad, 1u);
        }
    }
    workgroupBarrier(); // all lanes have looked before the first reads
    if (lane == 0u && own < window.rows) {
        scratch[BAD_LISTS + window.first + r] = f32(atomicLoad(&bad));
    }
}
