// What is known of a row's sections, each of which a workgroup has gathered: all join it in the order of the sections.

fn first_quad(section: u32) -> u32 {
    return section * QUADS;
}

fn end_quad(section: u32) -> u32 {
    return min((section + 1u) * QUADS, (window.classes + 3u) / 4u);
}

fn section_place(r: u32, section: u32) -> u32 {
    return window.sections + (r * SECTIONS + section) * KNOWN;
}

fn keep_section_peaks(r: u32, section: u32, row: Row, peak: Peaks) {
    let place = section_place(r, section);
    keep_picked(place, row);
    keep_peaks(place, peak);
}

fn keep_section_sums(r: u32, section: u32, total: Sums) {
    keep_sums(section_place(r, section), total);
}

fn keep_second_sums(r: u32, section: u32, total: Sums) {
    keep_second(section_place(r, section), total);
}

// The row with what its gradients may have been written over.
fn joined_row(r: u32, row: Row) -> Row {
    if (KNOWS_PEAKS) {
        return with_picked(section_place(r, 0u), row);
    }
    return row;
}

fn joined_peak(r: u32) -> Peaks {
    var peak = Peaks(LOWEST);
    for (var section = 0u; section < SECTIONS; section++) {
        peak = max(peak, peaks_at(section_place(r, section)));
    }
    return peak;
}

fn joined_total(r: u32, peak: Peaks) -> Sums {
    var total = Sums();
    for (var section = 0u; section < SECTIONS; section++) {
        let place = section_place(r, section);
        total += moved(sums_at(place), peaks_at(place), peak);
    }
    return total;
}

fn joined_second_sums(r: u32) -> Sums {
    var total = Sums();
    for (var section = 0u; section < SECTIONS; section++) {
        total += second_at(section_place(r, section));
    }
    return total;
}
