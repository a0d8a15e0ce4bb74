// Rows family: sums up to each item. A row's lanes take four classes each, a tile of them at a time, in order. What
// comes before a tile is kept, so that gradients can go through the tiles backwards, each with what comes after it: no
// sum is found by taking others off.

var<workgroup> running_of_lanes: array<Running, THREADS * ROWS>;
var<workgroup> running_of_lines: array<Running, LINES * ROWS>;
var<workgroup> running_before: array<Running, TILES * ROWS>;

// What the lanes before one come to, or those after it, and what all do.
struct Scanned {
    others: Running,
    all: Running,
}

// The lanes are in LINES lines of neighbours: one lane of each adds up a line, and all lanes the lines. Between two
// scans lanes read only their own places of running_of_lanes.
fn scanned(slot: u32, thread: u32, mine: Running, backwards: bool) -> Scanned {
    if (THREADS == 1u) {
        return Scanned(Running(), mine);
    }
    let own = slot * THREADS + thread;
    let length = THREADS / LINES;
    running_of_lanes[own] = mine;
    workgroupBarrier(); // all lanes have read the lines of the last scan too
    if (thread < LINES) {
        var sum = Running();
        for (var i = 0u; i < length; i++) {
            let place = select(i, length - 1u - i, backwards);
            let lane = slot * THREADS + thread * length + place;
            let next = sum + running_of_lanes[lane];
            running_of_lanes[lane] = sum;
            sum = next;
        }
        running_of_lines[slot * LINES + thread] = sum;
    }
    workgroupBarrier();
    var others = Running();
    var all = Running();
    for (var i = 0u; i < LINES; i++) {
        let line = select(i, LINES - 1u - i, backwards);
        if (line == thread / length) {
            others = all;
        }
        all += running_of_lines[slot * LINES + line];
    }
    return Scanned(others + running_of_lanes[own], all);
}

// Of each of four items, in their order.
struct Four {
    a: Running,
    b: Running,
    c: Running,
    d: Running,
}

fn sums_in_order(terms: Four) -> Four {
    let b = terms.a + terms.b;
    let c = b + terms.c;
    return Four(terms.a, b, c, c + terms.d);
}

fn sums_from_end(terms: Four) -> Four {
    let c = terms.c + terms.d;
    let b = terms.b + c;
    return Four(terms.a + b, b, c, terms.d);
}

fn moved_by(sums: Four, offset: Running) -> Four {
    return Four(offset + sums.a, offset + sums.b, offset + sums.c, offset + sums.d);
}

// What is past the last class does not count.
fn there(terms: Running, class_: u32) -> Running {
    if (class_ < window.classes) {
        return terms;
    }
    return Running();
}

fn terms_of(items: Items, row: Row, peak: Peaks, total: Sums, class_: u32) -> Four {
    return Four(
        there(running_sums_of(items.a, row, peak, total), class_),
        there(running_sums_of(items.b, row, peak, total), class_ + 1u),
        there(running_sums_of(items.c, row, peak, total), class_ + 2u),
        there(running_sums_of(items.d, row, peak, total), class_ + 3u),
    );
}

fn later_of(item: Item, row: Row, peak: Peaks, total: Sums, sums: Running, class_: u32) -> Running {
    running_here = sums;
    return there(later_sums_of(item, row, peak, total), class_);
}

fn second_of(item: Item, row: Row, peak: Peaks, total: Sums, sums: Running, class_: u32) -> Sums {
    running_here = sums;
    let terms = second_sums_of(item, row, peak, total);
    if (class_ < window.classes) {
        return terms;
    }
    return Sums();
}

fn items_in(r: u32, row: Row, quad: u32, is_there: bool) -> Items {
    if (is_there) {
        return items_of(load(r, quad), row, quad);
    }
    return Items();
}

fn tiles() -> u32 {
    return (window.classes + 4u * THREADS - 1u) / (4u * THREADS);
}

fn running_second_sums(r: u32, slot: u32, thread: u32, row: Row, peak: Peaks, total: Sums) -> Sums {
    var second = Sums();
    var before = Running();
    for (var tile = 0u; tile < tiles(); tile++) {
        if (thread == 0u) {
            running_before[slot * TILES + tile] = before;
        }
        let quad = tile * THREADS + thread;
        let items = items_in(r, row, quad, 4u * quad < window.classes);
        let own = sums_in_order(terms_of(items, row, peak, total, 4u * quad));
        let lanes = scanned(slot, thread, own.d, false);
        let sums = moved_by(own, before + lanes.others);
        before += lanes.all;
        second += (second_of(items.a, row, peak, total, sums.a, 4u * quad)
            + second_of(items.b, row, peak, total, sums.b, 4u * quad + 1u))
            + (second_of(items.c, row, peak, total, sums.c, 4u * quad + 2u)
            + second_of(items.d, row, peak, total, sums.d, 4u * quad + 3u));
    }
    return second;
}

// What gradients know of each of four items.
var<private> sums_at: Four;
var<private> later_at: Four;

fn look_at(k: u32) {
    switch (k) {
        case 0u: { running_here = sums_at.a; later_here = later_at.a; }
        case 1u: { running_here = sums_at.b; later_here = later_at.b; }
        case 2u: { running_here = sums_at.c; later_here = later_at.c; }
        default: { running_here = sums_at.d; later_here = later_at.d; }
    }
}

fn store_running_gradients(
    r: u32, slot: u32, thread: u32, row: Row, peak: Peaks, total: Sums, is_own: bool
) {
    if (!RUNNING_GRADIENTS) {
        return;
    }
    let scale = row_scale(r, row.state);
    var after = Running();
    for (var left = tiles(); left > 0u; left--) {
        let tile = left - 1u;
        let quad = tile * THREADS + thread;
        // Where another lane writes gradients over a row, none reads it.
        let is_there = is_own && 4u * quad < window.classes;
        let items = items_in(r, row, quad, is_there);
        let own = sums_in_order(terms_of(items, row, peak, total, 4u * quad));
        let lanes = scanned(slot, thread, own.d, false);
        sums_at = moved_by(own, running_before[slot * TILES + tile] + lanes.others);
        let slopes = sums_from_end(Four(
            later_of(items.a, row, peak, total, sums_at.a, 4u * quad),
            later_of(items.b, row, peak, total, sums_at.b, 4u * quad + 1u),
            later_of(items.c, row, peak, total, sums_at.c, 4u * quad + 2u),
            later_of(items.d, row, peak, total, sums_at.d, 4u * quad + 3u),
        ));
        let later = scanned(slot, thread, slopes.a, true);
        later_at = moved_by(slopes, after + later.others);
        after += later.all;
        if (is_there) {
            store_gradients(r, row, items, peak, total, quad, scale);
        }
    }
}
