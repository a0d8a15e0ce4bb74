// The gradient, a row for each node: THREADS lanes share a node, NODES nodes a workgroup.

fn number_of(x: Scaled) -> f32 {
    return power_of_two(clamp(x.e, -127.0, 127.0)) * (1.0 + x.d);
}

// p - q: of numbers in the same power of two, as where both are near 1, by their distances from it.
fn difference(p: Scaled, q: Scaled) -> f32 {
    if (p.e == q.e && !is_impossible(p)) {
        return power_of_two(clamp(p.e, -127.0, 127.0)) * (p.d - q.d);
    }
    return number_of(p) - number_of(q);
}

// n (p - q) with q = p after / beta, the share of the paths that go on with an arc of probability p.
fn slope_of_arc(n: f32, log_p: f32, after: Scaled, beta: Scaled) -> f32 {
    let p = normalised(scaled_exponential(log_p));
    var q = normalised(product_of(product_of(p, after), inverse_of(beta)));
    if (is_impossible(p) || is_impossible(after)) {
        q = impossible();
    }
    return n * difference(p, q);
}

@compute @workgroup_size(THREADS * NODES)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) index: u32,
) {
    let lane = index % THREADS;
    let own = (group.x + group.y * window.width) * NODES + index / THREADS;
    let count = window.last - window.first;
    if (own >= count) {
        return;
    }
    let node = window.first + own;
    let place = place_of(node);
    let record = window.records + place.x * RECORD_WORDS;
    let steps = u32(scratch[record]);
    let labels = u32(scratch[record + 1u]);
    let likelihood = load(record + 2u);
    let inside = place.y < steps && place.z <= labels;
    let hopeless = is_nan(likelihood.d) || is_impossible(likelihood);
    let quads = (window.classes + 3u) / 4u;
    let start = window.shift + own * window.classes;
    let out = window.gradient_shift + own * window.classes;
    let scale = row_scale(place.x);

    var n = 0.0;
    var by_blank = 0.0;
    var by_label = 0.0;
    var label = window.classes;
    var peak = 0.0;
    var log_sum = 0.0;
    let real = inside && !hopeless;
    if (real) {
        let word = window.nodes + NODE_WORDS * node;
        peak = scratch[word];
        log_sum = scratch[word + 1u];
        let alpha = load(window.alphas + 2u * node);
        let beta = load(window.betas + 2u * node);
        let passes = !is_impossible(alpha) && !is_impossible(beta);
        if (passes) {
            n = number_of(normalised(product_of(product_of(alpha, beta), inverse_of(likelihood))));
            var after = impossible();
            if (place.y + 1u < steps) {
                after = load(window.betas + 2u * (node + window.columns));
            } else if (place.z == labels) {
                after = Scaled(0.0, 0.0);
            }
            by_blank = slope_of_arc(n, scratch[word + 2u], after, beta);
            if (place.z < labels) {
                label = u32(targets_index(place.x * (window.columns - 1u) + place.z));
                after = load(window.betas + 2u * (node + 1u));
                by_label = slope_of_arc(n, scratch[word + 3u], after, beta);
            }
        }
    }
    let blank = blank_class();
    // What stands where there is nothing to compute.
    let filler = select(0.0, not_a_number(), inside);
    for (var quad = lane; quad < quads; quad += THREADS) {
        var slopes = vec4(filler);
        if (real) {
            let x = logits_four(start, quad);
            let classes = vec4(0u, 1u, 2u, 3u) + 4u * quad;
            let costs = (peak - x) + log_sum;
            slopes = n * vec4(
                exponential_below(costs.x), exponential_below(costs.y),
                exponential_below(costs.z), exponential_below(costs.w));
            slopes = select(slopes, vec4(by_blank), classes == vec4(blank));
            slopes = select(slopes, vec4(by_label), classes == vec4(label));
            if (options().clamp > 0.0) {
                let most = options().clamp;
                slopes = vec4(
                    clamped(slopes.x, -most, most), clamped(slopes.y, -most, most),
                    clamped(slopes.z, -most, most), clamped(slopes.w, -most, most));
            }
            slopes *= scale;
        }
        store_four(out, quad, slopes);
    }
}
