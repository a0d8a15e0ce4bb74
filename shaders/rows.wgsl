// Rows family: THREADS lanes reduce a row, ROWS rows share a workgroup. There are three steps: the
// row's maxima, its sums and its gradients. A lane keeps its part of the row meanwhile or, if that is
// too long, reads it again for each; where a loss says how sums move to a higher peak (ONLINE), the
// maxima and sums of a long row come from one reading. Where the maxima only keep the sums from
// overflow and loss (UNITS), rows whose sums are in range without need none. Some losses have second sums
// (TWICE), which need the first ones and are added to them, and may
// need sums up to each item, in order (rows_running.wgsl). What several workgroups share, of a row, is gathered in
// dispatches of their own before (GATHERS_PEAKS, GATHERS_SUMS, GATHERS_SECOND_SUMS), and joined here (KNOWS_PEAKS,
// KNOWS_SUMS).

struct Items {
    a: Item,
    b: Item,
    c: Item,
    d: Item,
}

fn state_of(index: i32) -> u32 {
    if (IGNORES && index == window.ignored) {
        return IGNORED;
    }
    return select(KEPT, BAD, (index < 0) | (u32(index) >= window.classes));
}

// A lane past the last class repeats that class, which leaves maxima as they are; its sums do not
// count.
fn counted(sums: Sums, class_: u32) -> Sums {
    if (WHOLE || class_ < window.classes) {
        return sums;
    }
    return Sums();
}

fn quad_sums(items: Items, row: Row, peak: Peaks, class_: u32) -> Sums {
    return (counted(sums_of(items.a, row, peak), class_)
        + counted(sums_of(items.b, row, peak), class_ + 1u))
        + (counted(sums_of(items.c, row, peak), class_ + 2u)
        + counted(sums_of(items.d, row, peak), class_ + 3u));
}

fn quad_second_sums(items: Items, row: Row, peak: Peaks, total: Sums, class_: u32) -> Sums {
    return (counted(second_sums_of(items.a, row, peak, total), class_)
        + counted(second_sums_of(items.b, row, peak, total), class_ + 1u))
        + (counted(second_sums_of(items.c, row, peak, total), class_ + 2u)
        + counted(second_sums_of(items.d, row, peak, total), class_ + 3u));
}

fn quad_peaks(items: Items, row: Row) -> Peaks {
    let low = max(peaks_in(items.a, row), peaks_in(items.b, row));
    return max(low, max(peaks_in(items.c, row), peaks_in(items.d, row)));
}

// What one reading of a lane's part comes to.
struct Gathered {
    peak: Peaks,
    total: Sums, // relative to that peak
}

var<workgroup> mark: atomic<u32>;
var<workgroup> marked: bool;

fn clear_mark(lane: u32) {
    if (lane == 0u) {
        atomicStore(&mark, 0u);
    }
}

// Whether it holds for a row of the workgroup, after sums over lanes since the mark was cleared.
fn any_row(lane: u32, holds: bool) -> bool {
    if (!SUMS_MEET) {
        workgroupBarrier();
    }
    if (holds) {
        atomicStore(&mark, 1u);
    }
    workgroupBarrier();
    if (lane == 0u) {
        marked = atomicLoad(&mark) == 1u;
    }
    return workgroupUniformLoad(&marked);
}

@compute @workgroup_size(THREADS * ROWS)
fn main(place: Place) {
    let group = place.group;
    let lane = lane_of(place);
    let slot = lane / THREADS;
    let thread = lane % THREADS;
    // Of long rows each workgroup has one of SECTIONS.
    let number = group.x + group.y * window.width;
    let own_section = number % SECTIONS;
    let own = number / SECTIONS * ROWS + slot;
    // Lanes without a row repeat the last one, so that all reach the barriers.
    let r = min(own, window.rows - 1u);
    let row = joined_row(r, row_at(r));
    let first = first_quad(own_section);
    let last = end_quad(own_section);
    let quads = last - first;
    // Up to 8 lanes read side by side, and each such team its own stretch of the row: what a team
    // reads next lies next to what it has read.
    let stretch = (quads + 8u * TEAMS - 1u) / (8u * TEAMS) * 8u;
    let start = first + thread / TEAM * stretch;
    let end = min(start + stretch, last);
    mark_listed(r, slot, thread);
    let part = part_at(r, start + thread % TEAM, end);

    var peak = Peaks(LOWEST);
    var total = Sums();
    if (KNOWS_PEAKS) {
        peak = joined_peak(r);
    }
    if (KNOWS_SUMS) {
        total = joined_total(r, peak);
    } else if (ONLINE) {
        let mine = part_gathered(part, row);
        let highest = row_maxima(slot, thread, mine.peak);
        total = row_sums(slot, thread, moved(mine.total, mine.peak, highest));
        peak = highest;
    } else if (UNITS) {
        peak = Peaks(1.0);
        clear_mark(lane);
        total = row_sums(slot, thread, part_sums(part, row, peak));
        let outside = !sums_in_range(row, total);
        if (any_row(lane, outside)) {
            let highest = row_maxima(slot, thread, part_peaks(part, row));
            let scaled = row_sums(slot, thread, part_sums(part, row, highest));
            if (outside) {
                peak = highest;
                total = scaled;
            }
        }
    } else {
        if (HAS_PEAKS && !KNOWS_PEAKS) {
            peak = row_maxima(slot, thread, part_peaks(part, row));
        }
        if (HAS_SUMS && !GATHERS_PEAKS) {
            total = row_sums(slot, thread, part_sums(part, row, peak));
        }
    }
    if (GATHERS_PEAKS || GATHERS_SUMS) {
        if (thread == 0u && own < window.rows) {
            if (!KNOWS_PEAKS) {
                keep_section_peaks(r, own_section, row, peak);
            }
            if (GATHERS_SUMS) {
                keep_section_sums(r, own_section, total);
            }
        }
        return;
    }
    if (TWICE && KNOWS_SUMS && !GATHERS_SECOND_SUMS) {
        total += joined_second_sums(r);
    } else if (TWICE) {
        workgroupBarrier(); // all lanes have read what the first sums were joined in
        let mine = own_second_sums(part, own_section, slot, thread, row, peak, total);
        let second = row_sums(slot, thread, mine);
        if (GATHERS_SECOND_SUMS) {
            if (thread == 0u && own < window.rows) {
                keep_second_sums(r, own_section, second);
            }
            return;
        }
        total += second;
    }
    total = finished_in(row, peak, total);
    if (IN_PLACE) {
        // All lanes have read the row, above all row.picked, before one writes gradients over it.
        storageBarrier();
    }
    store_running_gradients(r, slot, thread, row, peak, total, own < window.rows);
    if (own < window.rows) {
        if (VALUES && thread == 0u && own_section == 0u) {
            store_loss(r, row_value(row, peak, total));
        }
        if (CLASS_GRADIENTS) {
            store_part_gradients(part, row, peak, total, row_scale(r, row.state));
        }
        if (ROW_GRADIENTS && thread == 0u && own_section == 0u) {
            store_row_gradients(r, row, peak, total, row_scale(r, row.state));
        }
    }
}

fn row_value(row: Row, peak: Peaks, total: Sums) -> f32 {
    if (row.state == KEPT) {
        return loss_of(row, peak, total);
    }
    return select(not_a_number(), 0.0, row.state == IGNORED);
}
