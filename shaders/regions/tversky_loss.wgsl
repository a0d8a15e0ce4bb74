// Tversky: 1 - TI, TI = (tp + s_n) / (tp + alpha fp + beta fn + s_d): the priced errors' part in overlap and errors.

struct Parameters {
    alpha: f32,
    beta: f32,
    smooth_numerator: f32,
    smooth_denominator: f32,
}

fn value(total: Sums, c: Parameters) -> f32 {
    return part_of_errors(own_sizes(total, c));
}

fn factors(total: Sums, c: Parameters) -> Sums {
    return slopes_of_part(own_sizes(total, c));
}
