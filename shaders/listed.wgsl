// What a list says of some classes of a row. It lies in the scratch in the order of its classes, as pairs of class and
// number. A filter in the workgroup's memory tells of most quads that none of their classes is listed; of the others
// it may be, and they are looked for.

struct Listed {
    there: vec4<f32>,   // 1 at classes that are listed
    numbers: vec4<f32>,
}

var<workgroup> filter_words: array<atomic<u32>, FILTER * ROWS>;
var<private> own_filter: u32;

// The place of one of a row's pairs.
fn pair_place(r: u32, i: u32) -> u32 {
    return window.lists + 2u * ((window.first + r) * LISTED + i);
}

// The class of a pair; of a row that is ignored or bad it may be any.
fn listed_class(r: u32, i: u32) -> u32 {
    return min(u32(scratch[pair_place(r, i)]), window.classes - 1u);
}

fn mark_listed(r: u32, slot: u32, thread: u32) {
    own_filter = slot * FILTER;
    for (var i = thread; i < FILTER; i += THREADS) {
        atomicStore(&filter_words[own_filter + i], 0u);
    }
    workgroupBarrier(); // all is cleared before a lane marks something
    for (var i = thread; i < LISTED; i += THREADS) {
        let class_ = listed_class(r, i);
        atomicOr(&filter_words[own_filter + class_ / 32u % FILTER], 1u << (class_ % 32u));
    }
    workgroupBarrier(); // all is marked before a lane looks
}

fn listed_in(r: u32, quad: u32) -> Listed {
    var listed = Listed(vec4<f32>(), vec4<f32>());
    let word = atomicLoad(&filter_words[own_filter + quad / 8u % FILTER]);
    if (((word >> (4u * (quad % 8u))) & 15u) == 0u) {
        return listed;
    }
    // The first pair whose class is not below the quad's.
    var low = 0u;
    var high = LISTED;
    while (low < high) {
        let middle = (low + high) / 2u;
        let is_below = listed_class(r, middle) < 4u * quad;
        low = select(low, middle + 1u, is_below);
        high = select(middle, high, is_below);
    }
    for (var i = low; i < min(low + 4u, LISTED); i++) {
        let k = listed_class(r, i) - 4u * quad;
        if (k < 4u) {
            listed.there[k] = 1.0;
            listed.numbers[k] = scratch[pair_place(r, i) + 1u];
        }
    }
    return listed;
}

// Of the classes that are listed alone: of each list, a section of the row takes its share.
fn own_second_sums(
    part: Part, section: u32, slot: u32, thread: u32, row: Row, peak: Peaks, total: Sums
) -> Sums {
    var second = Sums();
    for (var i = section * THREADS + thread; i < LISTED; i += THREADS * SECTIONS) {
        let first = first_at(row_start(part.r) + listed_class(part.r, i) * window.inner);
        let number = scratch[pair_place(part.r, i) + 1u];
        second += second_sums_of(Item(first, number, 0.0, 1.0, 1.0), row, peak, total);
    }
    return second;
}
