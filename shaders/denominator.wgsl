// Takes what the mean divides by from totals that the caller gives: the divisor, the number of kept
// rows and the mean itself go where the plan's own would be.

@compute @workgroup_size(1)
fn main() {
    scratch[1] = denominator[0];
    scratch[2] = denominator[1];
    scratch[3] = denominator[2];
}
