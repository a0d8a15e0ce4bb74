// What a label of a sequence may be.

fn is_label(label: i32) -> bool {
    return label >= 0 && u32(label) < window.classes && u32(label) != blank_class();
}
