//! Random functions: their WGSL, and the same in Rust with slopes of its own.

use crate::common::Random;
use proptest::prelude::*;
use std::f64::consts::LN_2;
use std::ops::{Add, Div, Mul, Sub};

/// An expression. A name is one of those in scope, whatever number it has.
#[derive(Clone, Debug)]
pub(crate) enum Tree {
    Name(usize),
    Number(i8),
    Operation(char, Box<[Tree; 2]>),
    Call(usize, Box<Tree>),
    Pair(usize, Box<[Tree; 2]>),
    /// The first where the third is less than the fourth, else the second.
    Select(Box<[Tree; 4]>),
}

/// What a function comes to: the value and the slope.
type Call = fn(f64) -> (f64, f64);
type Pair = fn(Dual, Dual) -> Dual;

/// Functions of one number: the text around the argument, and the value and slope.
const CALLS: [(&str, Call); 10] = [
    ("tanh($)", |x| (x.tanh(), x.cosh().powi(-2))),
    ("sigmoid($)", |x| (sigmoid(x), sigmoid(x) * sigmoid(-x))),
    ("softplus($)", |x| (x.max(0.0) + (-x.abs()).exp().ln_1p(), sigmoid(x))),
    ("exp(tanh($))", |x| (x.tanh().exp(), x.tanh().exp() * x.cosh().powi(-2))),
    ("log_cosh($)", |x| (x.abs() - LN_2 + (-2.0 * x.abs()).exp().ln_1p(), x.tanh())),
    ("abs($)", |x| (x.abs(), x.signum())),
    ("-($)", |x| (-x, -1.0)),
    ("clamp($, -1.5, 2.0)", |x| {
        (x.clamp(-1.5, 2.0), if (-1.5..=2.0).contains(&x) { 1.0 } else { 0.0 })
    }),
    ("once($, 0.5)", |x| (x * 0.5 + 1.0, 0.5)),
    ("logarithm_one_plus(($) * ($))", |x| ((x * x).ln_1p(), 2.0 * x / (x * x + 1.0))),
];

/// Functions of two numbers.
const PAIRS: [(&str, Pair); 5] = [
    ("max", |a, b| if a.value > b.value { a } else { b }),
    ("min", |a, b| if a.value < b.value { a } else { b }),
    ("once", |a, b| a * b + Dual::constant(1.0)),
    ("branching", |a, b| if a.value > b.value { a * b - b } else { b * b }),
    ("distance", |a, b| {
        let way = a - b;
        way.chained((way.value.abs(), way.value.signum()))
    }),
];

/// What every source has.
pub(crate) const HELPERS: &str = "fn once(a: f32, b: f32) -> f32 { return a * b + 1.0; }
fn branching(a: f32, b: f32) -> f32 {
    var result = b;
    if (a > b) { result *= a; result -= b; } else { result = b * b; }
    return result;
}
";

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// A number with its slopes by `p` and `t`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dual {
    pub(crate) value: f64,
    pub(crate) slopes: [f64; 2],
}

impl Dual {
    pub(crate) fn constant(value: f64) -> Self {
        Self { value, slopes: [0.0; 2] }
    }

    fn chained(self, (value, slope): (f64, f64)) -> Self {
        Self { value, slopes: self.slopes.map(|x| slope * x) }
    }

    fn joined(self, other: Self, value: f64, [a, b]: [f64; 2]) -> Self {
        let slope = |i: usize| a * self.slopes[i] + b * other.slopes[i];
        Self { value, slopes: [slope(0), slope(1)] }
    }
}

impl Add for Dual {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        self.joined(other, self.value + other.value, [1.0, 1.0])
    }
}

impl Sub for Dual {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        self.joined(other, self.value - other.value, [1.0, -1.0])
    }
}

impl Mul for Dual {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        self.joined(other, self.value * other.value, [other.value, self.value])
    }
}

impl Div for Dual {
    type Output = Self;
    fn div(self, other: Self) -> Self {
        let value = self.value / other.value;
        self.joined(other, value, [1.0 / other.value, -value / other.value])
    }
}

/// What evaluates trees: the variables in scope, and noise of the size of float32's rounding.
pub(crate) struct Scope<'r> {
    pub(crate) names: Vec<Dual>,
    pub(crate) noise: Option<&'r mut Random>,
}

impl Scope<'_> {
    /// The result of an operation as float32 arithmetic might give it.
    pub(crate) fn rounded(&mut self, x: Dual) -> Dual {
        let Some(random) = &mut self.noise else { return x };
        let mut near = |x: f64| x * (1.0 + (random.unit() - 0.5) * 2f64.powi(-21));
        Dual { value: near(x.value), slopes: x.slopes.map(near) }
    }

    pub(crate) fn evaluate(&mut self, tree: &Tree) -> Dual {
        let result = match tree {
            Tree::Name(i) => return self.names[i % self.names.len()],
            Tree::Number(x) => return Dual::constant(f64::from(*x) / 4.0),
            Tree::Operation(operator, of) => {
                let [a, b] = [&of[0], &of[1]].map(|tree| self.evaluate(tree));
                match operator {
                    '+' => a + b,
                    '-' => a - b,
                    '*' => a * b,
                    _ => a / b,
                }
            }
            Tree::Call(i, x) => {
                let x = self.evaluate(x);
                x.chained(CALLS[i % CALLS.len()].1(x.value))
            }
            Tree::Pair(i, of) => {
                let [a, b] = [&of[0], &of[1]].map(|tree| self.evaluate(tree));
                PAIRS[i % PAIRS.len()].1(a, b)
            }
            Tree::Select(of) => {
                let [yes, no, a, b] = [0, 1, 2, 3].map(|i| self.evaluate(&of[i]));
                if a.value < b.value { yes } else { no }
            }
        };
        self.rounded(result)
    }
}

impl Tree {
    /// The WGSL, with these names in scope.
    pub(crate) fn text(&self, names: &[&str]) -> String {
        let text = |tree: &Self| tree.text(names);
        match self {
            Self::Name(i) => names[i % names.len()].into(),
            Self::Number(x) => format!("({:?})", f64::from(*x) / 4.0),
            Self::Operation(operator, of) => {
                format!("({} {operator} {})", text(&of[0]), text(&of[1]))
            }
            Self::Call(i, x) => CALLS[i % CALLS.len()].0.replace('$', &text(x)),
            Self::Pair(i, of) => {
                format!("{}({}, {})", PAIRS[i % PAIRS.len()].0, text(&of[0]), text(&of[1]))
            }
            Self::Select(of) => {
                let [yes, no, a, b] = [0, 1, 2, 3].map(|i| text(&of[i]));
                format!("select({no}, {yes}, {a} < {b})")
            }
        }
    }
}

/// Trees of so many levels.
pub(crate) fn trees(depth: u32) -> impl Strategy<Value = Tree> {
    let leaf = prop_oneof![4 => (0usize..64).prop_map(Tree::Name), 1 => any::<i8>().prop_map(|x| Tree::Number(x / 8))];
    leaf.prop_recursive(depth, 24, 4, |inner| {
        let two = || [inner.clone(), inner.clone()].prop_map(Box::new);
        let four = [inner.clone(), inner.clone(), inner.clone(), inner.clone()];
        prop_oneof![
            6 => (prop::sample::select(vec!['+', '-', '*', '/']), two())
                .prop_map(|(operator, of)| Tree::Operation(operator, of)),
            4 => (0usize..64, inner.clone()).prop_map(|(i, x)| Tree::Call(i, Box::new(x))),
            3 => (0usize..64, two()).prop_map(|(i, of)| Tree::Pair(i, of)),
            1 => four.prop_map(|of| Tree::Select(Box::new(of))),
        ]
    })
}
