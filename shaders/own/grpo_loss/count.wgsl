// The number of all tokens that count, at least 1, as what the mean divides by.

struct Window {
    sequences: u32,
    counts: u32,  // where in the scratch their numbers are
}

const LANES: u32 = 64u;

var<workgroup> all: atomic<u32>;

@compute @workgroup_size(LANES)
fn main(@builtin(local_invocation_index) lane: u32) {
    if (lane == 0u) {
        atomicStore(&all, 0u);
    }
    workgroupBarrier(); // it is 0 before a lane adds to it
    var count = 0u;
    for (var i = lane; i < window.sequences; i += LANES) {
        count += bitcast<u32>(scratch[window.counts + i]);
    }
    atomicAdd(&all, count);
    workgroupBarrier(); // all have added before it is read
    if (lane == 0u) {
        scratch[1] = f32(max(atomicLoad(&all), 1u));
    }
}
