// The voxels of an item, four at a time: what their classes' numbers become, and their targets.

// The largest logit of each voxel, and the sum of the others' exponentials relative to it.
struct Others {
    highest: vec4<f32>,
    rest: vec4<f32>,
}

// Probabilities, and what is missing to 1.
struct Parts {
    p: vec4<f32>,
    rest: vec4<f32>,
    is_peak: vec4<bool>, // whether the logit is the largest
}

// The class index of each voxel, where there are such, and which voxels count.
struct Labels {
    index: vec4<i32>,
    kept: vec4<bool>,
    bad: vec4<bool>,
}

fn exponentials_below(x: vec4<f32>) -> vec4<f32> {
    return vec4(
        exponential_below(x.x), exponential_below(x.y), exponential_below(x.z), exponential_below(x.w));
}

// Where no class exists, or one is infinite, there are no probabilities.
fn numbers_of(highest: vec4<f32>) -> vec4<f32> {
    let there = vec4(
        is_finite(highest.x), is_finite(highest.y), is_finite(highest.z), is_finite(highest.w));
    return select(vec4(not_a_number()), highest, there);
}

// The sum of the exponentials relative to the largest logit, whose own is 1, and the same without those that are 1.
var<private> sum_of_all: vec4<f32>;
var<private> sum_of_others: vec4<f32>;

fn add_exponentials(e: vec4<f32>) {
    sum_of_all += e;
    sum_of_others += fract(e);
}

fn others_of(item: u32, voxel: u32) -> Others {
    if (!SOFTMAX) {
        return Others();
    }
    sum_of_all = vec4<f32>();
    sum_of_others = vec4<f32>();
    let highest = add_all_exponentials(item, voxel);
    // Below 2 one exponential is 1, and the sum of the others has the digits that a difference would lose.
    return Others(highest, select(sum_of_all - 1.0, sum_of_others, sum_of_all < vec4(2.0)));
}

fn softmax_parts(e: vec4<f32>, others: Others) -> Parts {
    let sum = 1.0 + others.rest;
    let p = e / sum;
    let is_peak = e == vec4(1.0);
    return Parts(p, select(1.0 - p, others.rest / sum, is_peak), is_peak);
}

fn sigmoids(x: vec4<f32>) -> Parts {
    let e = exponentials_below(abs(x));
    let high = 1.0 / (1.0 + e);
    let low = e / (1.0 + e);
    let below = x < vec4<f32>();
    return Parts(select(high, low, below), select(low, high, below), vec4<bool>());
}

// The probabilities of a class.
fn parts_of(x: vec4<f32>, others: Others) -> Parts {
    if (SOFTMAX) {
        return softmax_parts(exponentials_below(others.highest - x), others);
    }
    if (SIGMOID) {
        return sigmoids(x);
    }
    return Parts(x, 1.0 - x, vec4<bool>());
}

fn labels_of(item: u32, voxel: u32) -> Labels {
    let places = vec4(voxel, voxel + 1u, voxel + 2u, voxel + 3u);
    let inside = places < vec4(window.voxels);
    if (!INDEX) {
        return Labels(vec4<i32>(), inside, vec4<bool>());
    }
    let first = item * window.voxels;
    let at = vec4(first) + min(places, vec4(window.voxels - 1u));
    let index = vec4(target_index(at.x), target_index(at.y), target_index(at.z), target_index(at.w));
    let kept = inside & (index != vec4(window.ignored));
    let is_class = (index >= vec4<i32>()) & (index < vec4(i32(window.classes)));
    return Labels(index, kept, kept & !is_class);
}

// The target of a class; a bad index makes all of them NaN.
fn targets_of(labels: Labels, item: u32, class_: u32, voxel: u32) -> vec4<f32> {
    if (INDEX) {
        let own = select(vec4<f32>(), vec4(1.0), labels.index == vec4(i32(class_)));
        return select(own, vec4(not_a_number()), labels.bad);
    }
    return target_four(item, class_, voxel);
}

fn voxel_of(parts: Parts, y: vec4<f32>, i: u32) -> Voxel {
    return Voxel(parts.p[i], parts.rest[i], y[i], 1.0 - y[i]);
}
