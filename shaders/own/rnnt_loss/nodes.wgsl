// The log-softmax of each node, as far as the recursion and the gradient need it: THREADS lanes share a
// node, NODES nodes a workgroup. What is past the sequences' ends is not read.

var<workgroup> peaks: array<f32, THREADS * NODES>;
// The sum of exponentials below the largest, and how often that is there.
var<workgroup> sums: array<vec2<f32>, THREADS * NODES>;

fn largest(x: vec4<f32>) -> f32 {
    return max(max(x.x, x.y), max(x.z, x.w));
}

@compute @workgroup_size(THREADS * NODES)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) index: u32,
) {
    let lane = index % THREADS;
    let own = (group.x + group.y * window.width) * NODES + index / THREADS;
    let count = window.last - window.first;
    // Lanes without a node look at the last one, and read nothing.
    let node = window.first + min(own, count - 1u);
    let place = place_of(node);
    let sequence = sequence_of(place.x);
    let inside = own < count && place.y < sequence.steps && place.z <= sequence.labels;
    let start = window.shift + (node - window.first) * window.classes;
    let quads = select(0u, (window.classes + 3u) / 4u, inside);
    var peak = -0x1.fffffep+127f;
    for (var quad = lane; quad < quads; quad += THREADS) {
        peak = max(peak, largest(logits_four(start, quad)));
    }
    peaks[index] = peak;
    workgroupBarrier(); // all lanes' peaks have been written before all read them
    for (var i = 0u; i < THREADS; i++) {
        peak = max(peak, peaks[index - lane + i]);
    }
    var sum = vec4<f32>();
    var ties = vec4<f32>();
    for (var quad = lane; quad < quads; quad += THREADS) {
        let x = logits_four(start, quad);
        let e = vec4(
            exponential(x.x - peak), exponential(x.y - peak),
            exponential(x.z - peak), exponential(x.w - peak));
        let is_peak = x == vec4(peak);
        sum += select(e, vec4<f32>(), is_peak);
        ties += select(vec4<f32>(), vec4(1.0), is_peak);
    }
    sums[index] = vec2(dot(sum, vec4(1.0)), dot(ties, vec4(1.0)));
    workgroupBarrier(); // all lanes' sums have been written before the first adds them up
    if (lane > 0u || !inside) {
        return;
    }
    var total = vec2<f32>();
    for (var i = 0u; i < THREADS; i++) {
        total += sums[index + i];
    }
    // Without a largest finite logit there are no probabilities.
    let broken = total.y == 0.0 || !is_finite(peak) || is_nan(total.x);
    let log_sum = select(logarithm_one_plus(total.x + (total.y - 1.0)), not_a_number(), broken);
    let word = window.nodes + NODE_WORDS * node;
    scratch[word] = peak;
    scratch[word + 1u] = log_sum;
    scratch[word + 2u] = (logit_at(start + blank_class()) - peak) - log_sum;
    var by_label = -infinity();
    if (place.z < sequence.labels) {
        let label = targets_index(place.x * (window.columns - 1u) + place.z);
        by_label = not_a_number();
        if (is_label(label)) {
            by_label = (logit_at(start + u32(label)) - peak) - log_sum;
        }
    }
    scratch[word + 3u] = by_label;
}
