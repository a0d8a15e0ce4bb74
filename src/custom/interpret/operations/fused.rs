//! Two operations of the narrow machine in one loop, each rounded as it is alone: what lies between them
//! does not go through memory.

use super::super::instruction::{Kind, Operation, Words};
use super::real::Real;
use pulp::{Simd, WithSimd};

/// The third operand where the first two compare so, else the fourth.
macro_rules! one_of_two {
    ($compare:ident, |$a:ident, $b:ident| $holds:expr) => {{
        struct Loop<'a> {
            to: &'a mut Words,
            from: [&'a Words; 4],
        }
        impl WithSimd for Loop<'_> {
            type Output = ();

            // By vectors: of a condition LLVM makes one load from either place, lane by lane.
            #[inline(always)]
            fn with_simd<S: Simd>(self, simd: S) {
                let [a, b, yes, no] = self.from.map(|own| vectors::<S>(own));
                let (to, _) = S::as_mut_simd_f32s(bytemuck::cast_slice_mut(self.to));
                for ((((to, a), b), yes), no) in to.iter_mut().zip(a).zip(b).zip(yes).zip(no) {
                    *to = simd.select_f32s(simd.$compare(*a, *b), *yes, *no);
                }
            }
        }
        Operation {
            narrow: |instructions, to, from| instructions.run(Loop { to, from }),
            ..lanes!(|$a: w, $b: w, yes: w, no: w| -> w { if $holds { yes } else { no } })
        }
    }};
}

#[inline(always)]
fn vectors<S: Simd>(words: &Words) -> &[S::f32s] {
    S::as_simd_f32s(bytemuck::cast_slice(words)).0
}

const DISTANCE: Operation = lanes!(|a: f, b: f| -> f { (a - b).abs() });
const SIGN_OF_DIFFERENCE: Operation = lanes!(|a: f, b: f| -> f { (a - b).sign() });
const EXPONENTIAL_OF_DIFFERENCE: Operation = lanes!(|a: f, b: f| -> f { (a - b).exponential() });
const SQUARED_DIFFERENCE: Operation = lanes!(|a: f, b: f| -> f { (a - b) * (a - b) });
const TIMES_SQUARE: Operation = lanes!(|a: f, b: f| -> f { (a * b) * b });
const SUM_TIMES: Operation = lanes!(|a: f, b: f, c: f| -> f { (a + b) * c });
const DIFFERENCE_TIMES: Operation = lanes!(|a: f, b: f, c: f| -> f { (a - b) * c });
const PRODUCT_TIMES: Operation = lanes!(|a: f, b: f, c: f| -> f { (a * b) * c });
const PRODUCT_PLUS: Operation = lanes!(|a: f, b: f, c: f| -> f { a * b + c });
const PRODUCT_MINUS: Operation = lanes!(|a: f, b: f, c: f| -> f { a * b - c });
const MINUS_PRODUCT: Operation = lanes!(|a: f, b: f, c: f| -> f { c - a * b });
const PRODUCTS: Operation = lanes!(|a: f, b: f, c: f, d: f| -> f { a * b + c * d });
/// The third operand is 0 outside of a mask.
const PRODUCT_PLUS_WHERE: Operation =
    lanes!(|a: f, b: f, c: u, mask: u| -> f { (a * b).plus_word(c & mask) });
const IF_LESS: Operation = one_of_two!(less_than_f32s, |a, b| a < b);
const IF_AT_MOST: Operation = one_of_two!(less_than_or_equal_f32s, |a, b| a <= b);
const IF_GREATER: Operation = one_of_two!(greater_than_f32s, |a, b| a > b);

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
        Kind::Sign => of(first, Kind::Subtract).map(|own| (SIGN_OF_DIFFERENCE, own.to_vec())),
        Kind::Exponential => {
            of(first, Kind::Subtract).map(|own| (EXPONENTIAL_OF_DIFFERENCE, own.to_vec()))
        }
        Kind::Multiply => {
            if let Some(own) = of(first, Kind::Subtract).filter(|_| first == second) {
                return Some((SQUARED_DIFFERENCE, own.to_vec()));
            }
            if let Some([a, b]) = of(first, Kind::Multiply).filter(|own| own[1] == second) {
                return Some((TIMES_SQUARE, vec![a, b]));
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
            (Some([a, b]), None) => Some(product_plus([a, b], second, of(second, Kind::And))),
            (None, Some([a, b])) => Some(product_plus([a, b], first, of(first, Kind::And))),
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

fn product_plus(
    [a, b]: [usize; 2],
    other: usize,
    masked: Option<[usize; 2]>,
) -> (Operation, Vec<usize>) {
    match masked {
        Some([c, mask]) => (PRODUCT_PLUS_WHERE, vec![a, b, c, mask]),
        None => (PRODUCT_PLUS, vec![a, b, other]),
    }
}
