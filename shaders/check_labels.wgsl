// The status counts bad labels; the first is kept as its complement, so that a cleared status means
// that there is none.
fn check_label(place: u32, label: i32) -> bool {
    let good = is_label(label);
    if (!good) {
        atomicAdd(&status[0], 1u);
        atomicMax(&status[1], ~place);
    }
    return good;
}
