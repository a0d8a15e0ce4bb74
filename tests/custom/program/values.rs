//! Numbers of all types, and what is done with them: in WGSL and in Rust.

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Type {
    Float,
    Signed,
    Unsigned,
    Bool,
}

use Type::{Bool, Float, Signed, Unsigned};

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Value {
    Float(f64),
    Signed(i32),
    Unsigned(u32),
    Bool(bool),
}

impl Value {
    pub(super) fn float(self) -> f64 {
        match self {
            Self::Float(x) => x,
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn signed(self) -> i32 {
        match self {
            Self::Signed(x) => x,
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn unsigned(self) -> u32 {
        match self {
            Self::Unsigned(x) => x,
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn holds(self) -> bool {
        match self {
            Self::Bool(x) => x,
            other => panic!("{other:?}"),
        }
    }
}

pub(super) type Function = fn(&[Value]) -> Value;

/// An operation: what it gives and takes, its WGSL with a `$` for each operand, and the same in Rust.
pub(super) struct Operation(
    pub(super) Type,
    pub(super) &'static [Type],
    pub(super) &'static str,
    pub(super) Function,
);

macro_rules! operation {
    ($to:ident, [$($from:ident),*], $text:expr, |$x:ident| $result:expr) => {
        Operation($to, &[$($from),*], $text, |$x| Value::$to($result))
    };
}

pub(super) const OPERATIONS: &[Operation] = &[
    operation!(Float, [Float, Float], "($ + $)", |x| x[0].float() + x[1].float()),
    operation!(Float, [Float, Float], "($ - $)", |x| x[0].float() - x[1].float()),
    operation!(Float, [Float, Float], "(0.5 * $ * $)", |x| 0.5 * x[0].float() * x[1].float()),
    operation!(Float, [Float], "($ / 3.0)", |x| x[0].float() / 3.0),
    operation!(Float, [Float], "(1.0 / (1.5 + abs($)))", |x| 1.0 / (1.5 + x[0].float().abs())),
    operation!(Float, [Float], "tanh($)", |x| x[0].float().tanh()),
    operation!(Float, [Float], "softplus($)", |x| x[0].float().exp().ln_1p()),
    operation!(Float, [Float], "pow($, 2.0)", |x| x[0].float() * x[0].float()),
    operation!(Float, [Float], "(-$)", |x| -x[0].float()),
    operation!(Float, [Float, Float], "max($, $)", |x| x[0].float().max(x[1].float())),
    operation!(Float, [Float], "clamp($, -1.5, 2.0)", |x| x[0].float().clamp(-1.5, 2.0)),
    operation!(Float, [Float, Float, Bool], "select($, $, $)", |x| {
        if x[2].holds() { x[1].float() } else { x[0].float() }
    }),
    operation!(Float, [Signed], "f32($ % 8)", |x| f64::from(x[0].signed().wrapping_rem(8))),
    operation!(Float, [Unsigned], "f32($ & 7u)", |x| f64::from(x[0].unsigned() & 7)),
    operation!(Float, [Bool], "f32($)", |x| f64::from(u8::from(x[0].holds()))),
    operation!(Float, [Float, Float, Signed], "array<f32, 3>($, $, 2.0)[$]", |x| {
        [x[0].float(), x[1].float(), 2.0][place(x[2].signed().cast_unsigned(), 3)]
    }),
    operation!(Float, [Float, Float, Float], "dot(vec2($, $), vec2($, 0.5))", |x| {
        x[0].float() * x[2].float() + 0.5 * x[1].float()
    }),
    operation!(Float, [Float, Float, Bool], "select(vec2($, 1.0), vec2($, 2.0), vec2($)).x", |x| {
        if x[2].holds() { x[1].float() } else { x[0].float() }
    }),
    // What runs it is not in this table.
    Operation(Float, &[Float, Signed, Bool], HELPER, |_| Value::Float(f64::NAN)),
    operation!(Signed, [Signed, Signed], "($ + $)", |x| x[0].signed().wrapping_add(x[1].signed())),
    operation!(Signed, [Signed, Signed], "($ - $)", |x| x[0].signed().wrapping_sub(x[1].signed())),
    operation!(Signed, [Signed, Signed], "($ * $)", |x| x[0].signed().wrapping_mul(x[1].signed())),
    operation!(Signed, [Signed, Signed], "($ / ($ | 1))", |x| {
        x[0].signed().wrapping_div(x[1].signed() | 1)
    }),
    operation!(Signed, [Signed], "($ % 5)", |x| x[0].signed().wrapping_rem(5)),
    operation!(Signed, [Signed, Signed], "($ & $)", |x| x[0].signed() & x[1].signed()),
    operation!(Signed, [Signed, Signed], "($ ^ $)", |x| x[0].signed() ^ x[1].signed()),
    operation!(Signed, [Signed, Unsigned], "($ << ($ % 32u))", |x| {
        x[0].signed() << (x[1].unsigned() % 32)
    }),
    operation!(Signed, [Signed, Unsigned], "($ >> ($ % 32u))", |x| {
        x[0].signed() >> (x[1].unsigned() % 32)
    }),
    operation!(Signed, [Signed], "(-$)", |x| x[0].signed().wrapping_neg()),
    operation!(Signed, [Signed], "(~$)", |x| !x[0].signed()),
    operation!(Signed, [Signed], "abs($)", |x| x[0].signed().wrapping_abs()),
    operation!(Signed, [Signed, Signed], "min($, $)", |x| x[0].signed().min(x[1].signed())),
    operation!(Signed, [Signed], "clamp($, -100, 1000)", |x| x[0].signed().clamp(-100, 1000)),
    operation!(Signed, [Signed], "reverseBits($)", |x| x[0].signed().reverse_bits()),
    operation!(Signed, [Signed], "extractBits($, 3u, 9u)", |x| (x[0].signed() << 20) >> 23),
    operation!(Signed, [Signed, Signed, Bool], "select($, $, $)", |x| {
        if x[2].holds() { x[1].signed() } else { x[0].signed() }
    }),
    operation!(Signed, [Signed, Signed, Unsigned], "vec3<i32>($, $, 5)[$]", |x| {
        [x[0].signed(), x[1].signed(), 5][place(x[2].unsigned(), 3)]
    }),
    operation!(Signed, [Signed, Signed, Signed], "(vec2($, $) * vec2($, 3)).yx.y", |x| {
        x[0].signed().wrapping_mul(x[2].signed())
    }),
    operation!(Signed, [Float], "i32($)", |x| x[0].float() as i32),
    operation!(Signed, [Unsigned], "i32($)", |x| x[0].unsigned().cast_signed()),
    operation!(Signed, [Bool], "i32($)", |x| x[0].holds().into()),
    operation!(Unsigned, [Unsigned, Unsigned], "($ + $)", |x| {
        x[0].unsigned().wrapping_add(x[1].unsigned())
    }),
    operation!(Unsigned, [Unsigned, Unsigned], "($ - $)", |x| {
        x[0].unsigned().wrapping_sub(x[1].unsigned())
    }),
    operation!(Unsigned, [Unsigned, Unsigned], "($ * $)", |x| {
        x[0].unsigned().wrapping_mul(x[1].unsigned())
    }),
    operation!(Unsigned, [Unsigned, Unsigned], "($ % ($ | 1u))", |x| {
        x[0].unsigned() % (x[1].unsigned() | 1)
    }),
    operation!(Unsigned, [Unsigned, Unsigned], "($ | $)", |x| x[0].unsigned() | x[1].unsigned()),
    operation!(Unsigned, [Unsigned, Unsigned], "($ >> ($ % 32u))", |x| {
        x[0].unsigned() >> (x[1].unsigned() % 32)
    }),
    operation!(Unsigned, [Unsigned], "countOneBits($)", |x| x[0].unsigned().count_ones()),
    operation!(Unsigned, [Unsigned], "countLeadingZeros($)", |x| x[0].unsigned().leading_zeros()),
    operation!(Unsigned, [Unsigned, Unsigned], "max($, $)", |x| {
        x[0].unsigned().max(x[1].unsigned())
    }),
    operation!(Unsigned, [Signed], "u32($)", |x| x[0].signed().cast_unsigned()),
    operation!(Unsigned, [Signed], "bitcast<u32>($)", |x| x[0].signed().cast_unsigned()),
    operation!(Unsigned, [Float], "u32($)", |x| x[0].float() as u32),
    operation!(Bool, [Float, Float], "($ < $)", |x| x[0].float() < x[1].float()),
    operation!(Bool, [Float, Float], "($ >= $)", |x| x[0].float() >= x[1].float()),
    operation!(Bool, [Signed, Signed], "($ == $)", |x| x[0] == x[1]),
    operation!(Bool, [Signed, Signed], "($ <= $)", |x| x[0].signed() <= x[1].signed()),
    operation!(Bool, [Unsigned, Unsigned], "($ > $)", |x| x[0].unsigned() > x[1].unsigned()),
    operation!(Bool, [Bool, Bool], "($ && $)", |x| x[0].holds() && x[1].holds()),
    operation!(Bool, [Bool, Bool], "($ || $)", |x| x[0].holds() || x[1].holds()),
    operation!(Bool, [Float, Float, Float], "any(vec2($, $) < vec2($, 0.25))", |x| {
        x[0].float() < x[2].float() || x[1].float() < 0.25
    }),
    operation!(Bool, [Signed, Signed], "all(vec2($, 4) != vec2($, 3))", |x| x[0] != x[1]),
    operation!(Bool, [Bool], "(!$)", |x| !x[0].holds()),
    operation!(Bool, [Bool, Bool], "($ != $)", |x| x[0] != x[1]),
    operation!(Bool, [Signed], "bool($ % 3)", |x| x[0].signed().wrapping_rem(3) != 0),
];

/// Where an index points to among so many: one outside is moved to the last.
fn place(index: u32, count: usize) -> usize {
    (index as usize).min(count - 1)
}

pub(super) const HELPER: &str = "helper($, $, $)";
