//! The built-in functions of numbers: their names, and the slopes of those that numeric.wgsl does not
//! have.

use super::dual::Dual;
use super::rules::Rules;
use super::term::Term;
use naga::MathFunction as Math;
use std::f32::consts::{LN_2, LOG2_E};

impl Rules<'_> {
    /// A built-in function of f32; `None` if its arguments have slopes and it has no rule.
    pub(super) fn math(&mut self, function: Math, x: &[Dual]) -> Option<Dual> {
        if let (true, Some(name)) = (self.accurate, accurate(function)) {
            let exponent = x.get(1).and_then(|exponent| self.terms.as_number(exponent.value));
            if let (Math::Pow, Some(number)) = (function, exponent) {
                let value = self.raised(name, x[0].value, number);
                return self.slopes_of(name, value, x);
            }
            let mut x = x.to_vec();
            match function {
                Math::Exp2 => x.insert(0, self.constant(2.0)),
                Math::Saturate => x.extend([self.constant(0.0), self.constant(1.0)]),
                _ => {}
            }
            let value = self.call(name, &x);
            let dual = self.slopes_of(name, value, &x)?;
            let to_log2 = function == Math::Log2;
            return Some(if to_log2 { self.times(dual, LOG2_E) } else { dual });
        }
        match function {
            // Of sums and products, which carry NaN where the built-in functions do not.
            Math::SmoothStep => return Some(self.smooth_step(x)),
            Math::Step if self.accurate => return Some(self.step(x)),
            _ => {}
        }
        let name = name_of(function)?;
        let value = self.call(name, x);
        if x.iter().all(Dual::is_constant) {
            return Some(Dual::constant(value));
        }
        let general = match function {
            Math::Exp => "exponential",
            Math::Log => "logarithm",
            Math::Tanh => "hyperbolic_tangent",
            Math::Pow => "power",
            Math::Max => "maximum",
            Math::Min => "minimum",
            Math::Clamp => "clamped",
            Math::Sign | Math::Step | Math::Floor | Math::Ceil | Math::Round | Math::Trunc => {
                "sign_of"
            }
            _ => return self.own_slopes(function, value, x),
        };
        self.slopes_of(general, value, x)
    }

    fn times(&mut self, mut dual: Dual, factor: f32) -> Dual {
        let factor = self.terms.number(factor);
        dual.value = self.terms.product(dual.value, factor);
        dual.slopes = dual.slopes.map(|slope| slope.map(|slope| self.terms.product(factor, slope)));
        dual
    }

    fn step(&mut self, x: &[Dual]) -> Dual {
        let value = self.call("step", x);
        let nan = self.call_of("is_nan", x[1].value);
        Dual::constant(self.terms.choice(nan, x[1].value, value))
    }

    /// `u^2 (3 - 2u)` of `u`, the place between the edges, from 0 to 1.
    fn smooth_step(&mut self, x: &[Dual]) -> Dual {
        let [low, high, x] = [x[0], x[1], x[2]];
        let place = Dual::difference(x, low, self.terms);
        let width = Dual::difference(high, low, self.terms);
        let place = Dual::quotient(place, width, self.terms);
        let (zero, one) = (self.constant(0.0), self.constant(1.0));
        let name = if self.accurate { "clamped" } else { "clamp" };
        let value = self.call(name, &[place, zero, one]);
        let u = self.clamped(value, place, zero, one);
        let square = Dual::product(u, u, self.terms);
        let (two, three) = (self.constant(2.0), self.constant(3.0));
        let twice = Dual::product(two, u, self.terms);
        let rest = Dual::difference(three, twice, self.terms);
        Dual::product(square, rest, self.terms)
    }

    /// The slopes of functions that numeric.wgsl does not have.
    fn own_slopes(&mut self, function: Math, value: Term, x: &[Dual]) -> Option<Dual> {
        let first = x[0].value;
        let one = self.terms.number(1.0);
        let square = |rules: &mut Self, x: Term| rules.terms.product(x, x);
        let factor = match function {
            Math::Abs => self.call_of(if self.accurate { "sign_of" } else { "sign" }, first),
            Math::Saturate => {
                let (zero, one) = (self.constant(0.0), self.constant(1.0));
                return Some(self.clamped(value, x[0], zero, one));
            }
            Math::Fract => one,
            Math::Radians | Math::Degrees => {
                let name = name_of(function)?;
                self.call_of(name, one)
            }
            Math::Exp2 => {
                let rate = self.terms.number(LN_2);
                self.terms.product(rate, value)
            }
            Math::Log2 => {
                let rate = self.terms.number(LN_2);
                let divisor = self.terms.product(rate, first);
                return Some(self.divided(value, x[0], divisor));
            }
            Math::Sqrt => {
                let two = self.terms.number(2.0);
                let divisor = self.terms.product(two, value);
                return Some(self.divided(value, x[0], divisor));
            }
            Math::InverseSqrt => {
                let half = self.terms.number(-0.5);
                let quotient = self.terms.quotient(value, first);
                self.terms.product(half, quotient)
            }
            Math::Sin => self.call_of("cos", first),
            Math::Cos => {
                let sine = self.call_of("sin", first);
                self.terms.negative(sine)
            }
            Math::Tan => {
                let square = square(self, value);
                self.terms.sum(one, square)
            }
            Math::Sinh => self.call_of("cosh", first),
            Math::Cosh => self.call_of("sinh", first),
            Math::Asin | Math::Acos => {
                let divisor = self.root_of_one_less_square(first);
                let dual = self.divided(value, x[0], divisor);
                return Some(if function == Math::Acos { dual.mirrored(self.terms) } else { dual });
            }
            Math::Atan => {
                let square = square(self, first);
                let divisor = self.terms.sum(one, square);
                return Some(self.divided(value, x[0], divisor));
            }
            Math::Asinh | Math::Acosh => {
                let square = square(self, first);
                let inner = match function {
                    Math::Asinh => self.terms.sum(square, one),
                    _ => self.terms.difference(square, one),
                };
                let divisor = self.call_of("sqrt", inner);
                return Some(self.divided(value, x[0], divisor));
            }
            Math::Atanh => {
                let square = square(self, first);
                let divisor = self.terms.difference(one, square);
                return Some(self.divided(value, x[0], divisor));
            }
            Math::Atan2 => return Some(self.angle(value, x[0], x[1])),
            Math::Fma => {
                let product = Dual::product(x[0], x[1], self.terms);
                let sum = Dual::sum(product, x[2], self.terms);
                return Some(Dual { value, ..sum });
            }
            Math::Mix => {
                let way = Dual::difference(x[1], x[0], self.terms);
                let way = Dual::product(way, x[2], self.terms);
                let sum = Dual::sum(x[0], way, self.terms);
                return Some(Dual { value, ..sum });
            }
            _ => return None,
        };
        Some(self.chain(value, x[0], factor))
    }

    /// `sqrt((1 - x)(1 + x))`, which keeps its accuracy near 1.
    pub(super) fn root_of_one_less_square(&mut self, x: Term) -> Term {
        let one = self.terms.number(1.0);
        let less = self.terms.difference(one, x);
        let more = self.terms.sum(one, x);
        let product = self.terms.product(less, more);
        self.call_of("sqrt", product)
    }

    fn angle(&mut self, value: Term, y: Dual, x: Dual) -> Dual {
        let squares = [x.value, y.value].map(|side| self.terms.product(side, side));
        let square = self.terms.sum(squares[0], squares[1]);
        let slopes = Dual::both(y, x, self.terms, |terms, by_y, by_x| {
            let by_y = by_y.map(|slope| terms.product(x.value, slope));
            let by_x = by_x.map(|slope| {
                let product = terms.product(y.value, slope);
                terms.negative(product)
            });
            let sum = terms.maybe_sum(by_y, by_x)?;
            Some(terms.quotient(sum, square))
        });
        Dual { value, slopes }
    }
}

/// The function of the library that stands for a built-in one.
fn accurate(function: Math) -> Option<&'static str> {
    Some(match function {
        Math::Exp => "exponential",
        Math::Log | Math::Log2 => "logarithm",
        Math::Tanh => "hyperbolic_tangent",
        Math::Pow => "signed_power",
        Math::Exp2 => "power",
        Math::Max => "maximum",
        Math::Min => "minimum",
        Math::Clamp | Math::Saturate => "clamped",
        Math::Sign => "sign_of",
        Math::Sin => "sine",
        Math::Cos => "cosine",
        Math::Tan => "tangent",
        Math::Asin => "arcsine",
        Math::Acos => "arccosine",
        Math::Atan => "arctangent",
        Math::Atan2 => "polar_angle",
        Math::Sinh => "hyperbolic_sine",
        Math::Cosh => "hyperbolic_cosine",
        Math::Asinh => "inverse_hyperbolic_sine",
        Math::Acosh => "inverse_hyperbolic_cosine",
        Math::Atanh => "inverse_hyperbolic_tangent",
        _ => return None,
    })
}

/// The name of a built-in function that works on each component for itself, with numbers.
pub(super) fn name_of(function: Math) -> Option<&'static str> {
    Some(match function {
        Math::Abs => "abs",
        Math::Min => "min",
        Math::Max => "max",
        Math::Clamp => "clamp",
        Math::Saturate => "saturate",
        Math::Cos => "cos",
        Math::Cosh => "cosh",
        Math::Sin => "sin",
        Math::Sinh => "sinh",
        Math::Tan => "tan",
        Math::Tanh => "tanh",
        Math::Acos => "acos",
        Math::Asin => "asin",
        Math::Atan => "atan",
        Math::Atan2 => "atan2",
        Math::Asinh => "asinh",
        Math::Acosh => "acosh",
        Math::Atanh => "atanh",
        Math::Radians => "radians",
        Math::Degrees => "degrees",
        Math::Ceil => "ceil",
        Math::Floor => "floor",
        Math::Round => "round",
        Math::Fract => "fract",
        Math::Trunc => "trunc",
        Math::Exp => "exp",
        Math::Exp2 => "exp2",
        Math::Log => "log",
        Math::Log2 => "log2",
        Math::Pow => "pow",
        Math::Sign => "sign",
        Math::Fma => "fma",
        Math::Mix => "mix",
        Math::Step => "step",
        Math::SmoothStep => "smoothstep",
        Math::Sqrt => "sqrt",
        Math::InverseSqrt => "inverseSqrt",
        Math::CountTrailingZeros => "countTrailingZeros",
        Math::CountLeadingZeros => "countLeadingZeros",
        Math::CountOneBits => "countOneBits",
        Math::ReverseBits => "reverseBits",
        Math::ExtractBits => "extractBits",
        Math::InsertBits => "insertBits",
        Math::FirstTrailingBit => "firstTrailingBit",
        Math::FirstLeadingBit => "firstLeadingBit",
        Math::QuantizeToF16 => "quantizeToF16",
        _ => return None,
    })
}
