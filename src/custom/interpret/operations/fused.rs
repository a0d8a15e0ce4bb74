//! Two operations of the narrow machine in one loop, each rounded as it is alone: what lies between them
//! does not go through memory.

use super::super::instruction::{Narrow, Operation};
use super::math::ABS;
use super::operators::{ADD, AT_MOST, GREATER, LESS, MULTIPLY, SELECT, SUBTRACT};

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

fn is(run: Narrow, operation: Operation) -> bool {
    std::ptr::fn_addr_eq(run, operation.narrow)
}

/// The operation that an operation comes to with one that has made an operand, of which `made` tells,
/// and its operands.
pub(in super::super) fn fused(
    run: Narrow,
    from: [usize; 4],
    made: impl Fn(usize) -> Option<(Narrow, [usize; 4])>,
) -> Option<(Operation, Vec<usize>)> {
    let [first, second, third, _] = from;
    let of = |value: usize, operation: Operation| {
        made(value).filter(|(own, _)| is(*own, operation)).map(|(_, [a, b, ..])| [a, b])
    };
    if is(run, ABS) {
        return of(first, SUBTRACT).map(|own| (DISTANCE, own.to_vec()));
    }
    if is(run, MULTIPLY) {
        if let Some(own) = of(first, SUBTRACT).filter(|_| first == second) {
            return Some((SQUARED_DIFFERENCE, own.to_vec()));
        }
        for (inner, other) in [(first, second), (second, first)] {
            for (operation, both) in
                [(MULTIPLY, PRODUCT_TIMES), (SUBTRACT, DIFFERENCE_TIMES), (ADD, SUM_TIMES)]
            {
                if let Some([a, b]) = of(inner, operation) {
                    return Some((both, vec![a, b, other]));
                }
            }
        }
    }
    if is(run, ADD) {
        return match (of(first, MULTIPLY), of(second, MULTIPLY)) {
            (Some([a, b]), Some([c, d])) => Some((PRODUCTS, vec![a, b, c, d])),
            (Some([a, b]), None) => Some((PRODUCT_PLUS, vec![a, b, second])),
            (None, Some([a, b])) => Some((PRODUCT_PLUS, vec![a, b, first])),
            (None, None) => None,
        };
    }
    if is(run, SUBTRACT) {
        let minus = of(first, MULTIPLY).map(|[a, b]| (PRODUCT_MINUS, vec![a, b, second]));
        return minus
            .or_else(|| of(second, MULTIPLY).map(|[a, b]| (MINUS_PRODUCT, vec![a, b, first])));
    }
    if is(run, SELECT) {
        let tests = [(LESS, IF_LESS), (AT_MOST, IF_AT_MOST), (GREATER, IF_GREATER)];
        return tests.into_iter().find_map(|(test, both)| {
            of(first, test).map(|[a, b]| (both, vec![a, b, second, third]))
        });
    }
    None
}
