// Regions family, third step: a lane for each term, which is of one region or of all classes of an item. The sums of
// its regions make way for the factors of their voxels' slopes.

struct Window {
    terms: u32,
    each: u32,    // the regions of a term
    classes: u32, // that count
    place: u32,   // where in the scratch the sums are
    losses: u32,  // and the terms go
    width: u32,
    divisor: f32,
    scale: f32,   // of the gradients
    weight: f32,  // of the losses that are not reduced
}

fn region_at(region: u32) -> Sums {
    return numbers_at(window.place + region * SUMS);
}

// A class without an importance of its own takes the largest.
fn share_of(own: Sums, largest: f32) -> f32 {
    if (!JOINS) {
        return 1.0;
    }
    let share = importance_of(own);
    return select(share, largest, share == 0.0);
}

@compute @workgroup_size(LANES)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let term = (group.x + group.y * window.width) * LANES + lane;
    if (term >= window.terms) {
        return;
    }
    let first = term * window.each;
    var largest = 0.0;
    if (JOINS) {
        for (var i = 0u; i < window.each; i++) {
            largest = max(largest, importance_of(region_at(first + i)));
        }
    }
    var total = Sums();
    for (var i = 0u; i < window.each; i++) {
        let own = region_at(first + i);
        total += share_of(own, largest) * own;
    }
    let weight = class_weight(term % window.classes);
    store_loss(term, weight * value_of(total));
    if (GRADIENTS) {
        let by = factors_of(total) * (weight * term_scale(term));
        for (var i = 0u; i < window.each; i++) {
            let share = share_of(region_at(first + i), largest);
            put_numbers(window.place + (first + i) * SUMS, share * by);
        }
    }
}
