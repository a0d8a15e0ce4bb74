// A lane's part of a row, read again for each step.

struct Part {
    r: u32,
    first: u32, // its first quad; the next one is TEAM further on
    end: u32,   // of its team's quads
}

fn part_at(r: u32, first: u32, end: u32) -> Part {
    return Part(r, first, end);
}

fn part_peaks(part: Part, row: Row) -> Peaks {
    var peak = Peaks(LOWEST);
    for (var quad = part.first; quad < part.end; quad += TEAM) {
        peak = max(peak, quad_peaks(items_of(load(part.r, quad), row, quad)));
    }
    return peak;
}

fn part_sums(part: Part, row: Row, peak: Peaks) -> Sums {
    var total = Sums();
    for (var quad = part.first; quad < part.end; quad += TEAM) {
        total += quad_sums(items_of(load(part.r, quad), row, quad), row, peak, 4u * quad);
    }
    return total;
}

fn part_second_sums(part: Part, row: Row, peak: Peaks, total: Sums) -> Sums {
    var second = Sums();
    for (var quad = part.first; quad < part.end; quad += TEAM) {
        let items = items_of(load(part.r, quad), row, quad);
        second += quad_second_sums(items, row, peak, total, 4u * quad);
    }
    return second;
}

fn store_part_gradients(part: Part, row: Row, peak: Peaks, total: Sums, scale: f32) {
    for (var quad = part.first; quad < part.end; quad += TEAM) {
        let items = items_of(load(part.r, quad), row, quad);
        store_gradients(part.r, row, items, peak, total, quad, scale);
    }
}
