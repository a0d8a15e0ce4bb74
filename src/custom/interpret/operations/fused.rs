//! Two operations of the narrow machine in one loop, each rounded as it is alone: what lies between them
//! does not go through memory.

use super::super::instruction::{Kind, Operation};

const DISTANCE: Operation = lanes!(|a: f, b: f| -> f { (a - b).abs() });
const SQUARED_DIFFERENCE: Operation = lanes!(|a: f, b: f| -> f { (a - b) * (a - b) });
const SUM_TIMES: Operation = lanes!(|a: f, b: f, c: f| -> f { (a + b) * c });
const DIFFERENCE_TIMES: Operation = lanes!(|a: f, b: f, c: f| -> f { (a - b) * c });
const PRODUCT_TIMES: Operation = lanes!(|a: f, b: f, c: f| -> f { (a * b) * c });
const PRODUCT_PLUS: Operation = lanes!(|a: f, b: f, c: f| -> f { a * b + c });
const PRODUCT_MINUS: Operation = lanes!(|a: f, b: f, c: f| -> f { a * b - c });
const MINUS_PRODUCT: Operation = lanes!(|a: f, b: f, c: f| -> f { c - a * b });
const PRODUCTS: Operation = lanes!(|a: f, b: f, c: f, d: f| -> f { a * b + c * d });
const IF_LESS: Operation = lanes!(|a: f, b: f, yes: u, no: u| -> u {
    let mask = if a < b { u32::MAX } else { 0 };
    (yes & mask) | (no & !mask)
});
const IF_AT_MOST: Operation = lanes!(|a: f, b: f, yes: u, no: u| -> u {
    let mask = if a <= b { u32::MAX } else { 0 };
    (yes & mask) | (no & !mask)
});
const IF_GREATER: Operation = lanes!(|a: f, b: f, yes: u, no: u| -> u {
    let mask = if a > b { u32::MAX } else { 0 };
    (yes & mask) | (no & !mask)
});

/// The operation that one of a kind comes to with one that has made an operand, of which `made` tells, and
/// its operands.
pub(in super::super) fn fused(
    kind: Kind,
    from: [usize; 4],
    made: impl Fn(usize) -> Option<(Kind, [usize; 4])>,
) -> Option<(Operation, Vec<usize>)> {
    let [first, second, third, _] = from;
    let of = |value: usize, kind: Kind| {
        made(value).filter(|(own, _)| *own == kind).map(|(_, [a, b, ..])| [a, b])
    };
    match kind {
        Kind::Absolute => of(first, Kind::Subtract).map(|own| (DISTANCE, own.to_vec())),
        Kind::Multiply => {
            if let Some(own) = of(first, Kind::Subtract).filter(|_| first == second) {
                return Some((SQUARED_DIFFERENCE, own.to_vec()));
            }
            let pairs = [
                (Kind::Multiply, PRODUCT_TIMES),
                (Kind::Subtract, DIFFERENCE_TIMES),
                (Kind::Add, SUM_TIMES),
            ];
            [(first, second), (second, first)].into_iter().find_map(|(inner, other)| {
                pairs.into_iter().find_map(|(kind, both)| {
                    of(inner, kind).map(|[a, b]| (both, vec![a, b, other]))
                })
            })
        }
        Kind::Add => match (of(first, Kind::Multiply), of(second, Kind::Multiply)) {
            (Some([a, b]), Some([c, d])) => Some((PRODUCTS, vec![a, b, c, d])),
            (Some([a, b]), None) => Some((PRODUCT_PLUS, vec![a, b, second])),
            (None, Some([a, b])) => Some((PRODUCT_PLUS, vec![a, b, first])),
            (None, None) => None,
        },
        Kind::Subtract => match (of(first, Kind::Multiply), of(second, Kind::Multiply)) {
            (Some([a, b]), _) => Some((PRODUCT_MINUS, vec![a, b, second])),
            (None, Some([a, b])) => Some((MINUS_PRODUCT, vec![a, b, first])),
            (None, None) => None,
        },
        Kind::Select => {
            let tests =
                [(Kind::Less, IF_LESS), (Kind::AtMost, IF_AT_MOST), (Kind::Greater, IF_GREATER)];
            tests.into_iter().find_map(|(test, both)| {
                of(first, test).map(|[a, b]| (both, vec![a, b, second, third]))
            })
        }
        _ => None,
    }
}
