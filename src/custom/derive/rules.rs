//! The derivatives of functions: what each built-in function and each function of numeric.wgsl of
//! numbers comes to, with its slopes.

use super::dual::Dual;
use super::term::{Term, Terms};
use naga::MathFunction as Math;

/// Makes duals of the functions of numbers. Functions of vectors are taken component by component.
#[derive(Debug)]
pub(super) struct Rules<'a> {
    pub(super) terms: &'a mut Terms,
    /// Whether exp, log and the like become those of numeric.wgsl.
    pub(super) accurate: bool,
}

/// The functions of numeric.wgsl that have a rule.
const KNOWN: [&str; 17] = [
    "exponential",
    "exponential_minus_one",
    "logarithm",
    "logarithm_one_plus",
    "sigmoid",
    "log_sigmoid",
    "softplus",
    "hyperbolic_tangent",
    "log_cosh",
    "power",
    "maximum",
    "minimum",
    "sign_of",
    "clamped",
    "silenced",
    "is_nan",
    "is_finite",
];

impl Rules<'_> {
    /// A function of numeric.wgsl; `None` if its arguments have slopes and it has no rule.
    pub(super) fn numeric(&mut self, name: &str, x: &[Dual]) -> Option<Dual> {
        let value = self.call(name, x);
        if x.iter().all(Dual::is_constant) {
            return Some(Dual::constant(value));
        }
        KNOWN.contains(&name).then(|| self.slopes_of(name, value, x))
    }

    /// A built-in function of f32; `None` if its arguments have slopes and it has no rule.
    pub(super) fn math(&mut self, function: Math, x: &[Dual]) -> Option<Dual> {
        if let (true, Some(name)) = (self.accurate, accurate(function)) {
            let mut x = x.to_vec();
            match function {
                Math::Exp2 => x.insert(0, self.constant(2.0)),
                Math::Saturate => x.extend([self.constant(0.0), self.constant(1.0)]),
                _ => {}
            }
            let value = self.call(name, &x);
            let dual = self.slopes_of(name, value, &x);
            return Some(if function == Math::Log2 { self.times(dual, 1.442695) } else { dual });
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
        Some(self.slopes_of(general, value, x))
    }

    fn constant(&mut self, x: f32) -> Dual {
        Dual::constant(self.terms.number(x))
    }

    fn call(&mut self, name: &str, x: &[Dual]) -> Term {
        self.terms.call(name, x.iter().map(|x| x.value).collect())
    }

    fn call_of(&mut self, name: &str, x: Term) -> Term {
        self.terms.call(name, vec![x])
    }

    fn times(&mut self, mut dual: Dual, factor: f32) -> Dual {
        let factor = self.terms.number(factor);
        dual.value = self.terms.product(dual.value, factor);
        dual.slopes = dual.slopes.map(|slope| slope.map(|slope| self.terms.product(factor, slope)));
        dual
    }

    /// Slopes that are a factor times those of the one argument.
    fn chain(&mut self, value: Term, x: Dual, factor: Term) -> Dual {
        let slopes = x.slopes.map(|slope| slope.map(|slope| self.terms.product(factor, slope)));
        Dual { value, slopes }
    }

    /// The slopes of a function that goes by its name in numeric.wgsl. `value` may be another
    /// function's call of the same meaning.
    fn slopes_of(&mut self, name: &str, value: Term, x: &[Dual]) -> Dual {
        let first = x[0].value;
        let one = self.terms.number(1.0);
        let factor = match name {
            "exponential" => value,
            "exponential_minus_one" => self.call_of("exponential", first),
            "logarithm" => return self.divided(value, x[0], first),
            "logarithm_one_plus" => {
                let divisor = self.terms.sum(one, first);
                return self.divided(value, x[0], divisor);
            }
            "sigmoid" => {
                let other = self.terms.negative(first);
                let other = self.call_of("sigmoid", other);
                self.terms.product(value, other)
            }
            "log_sigmoid" => {
                let other = self.terms.negative(first);
                self.call_of("sigmoid", other)
            }
            "softplus" => self.call_of("sigmoid", first),
            "log_cosh" => self.call_of("hyperbolic_tangent", first),
            "hyperbolic_tangent" => {
                let square = self.terms.product(value, value);
                self.terms.difference(one, square)
            }
            "power" => return self.power(value, x[0], x[1]),
            "maximum" => return self.larger(value, x[0], x[1], ">"),
            "minimum" => return self.larger(value, x[0], x[1], "<"),
            "clamped" => return self.clamped(value, x[0], x[1], x[2]),
            "silenced" => return self.silenced(value, x[0], x[1]),
            // sign_of, is_nan, is_finite: constant but for jumps.
            _ => return Dual::constant(value),
        };
        self.chain(value, x[0], factor)
    }

    fn divided(&mut self, value: Term, x: Dual, divisor: Term) -> Dual {
        let slopes = x.slopes.map(|slope| slope.map(|slope| self.terms.quotient(slope, divisor)));
        Dual { value, slopes }
    }

    /// `exponent base^(exponent - 1)` and `base^exponent log base`; with an exponent of 0, and by
    /// the exponent with a base of 0, PyTorch's 0.
    fn power(&mut self, value: Term, base: Dual, exponent: Dual) -> Dual {
        let (one, zero) = (self.terms.number(1.0), self.terms.number(0.0));
        let [power, logarithm] =
            if self.accurate { ["power", "logarithm"] } else { ["pow", "log"] };
        let mut slopes = [None; 4];
        for (k, slope) in slopes.iter_mut().enumerate() {
            // With a constant exponent of 0 there is no slope by the base, not even at 0.
            let constant_one = self.terms.as_number(exponent.value) == Some(0.0);
            if let Some(by_base) = base.slopes[k].filter(|_| !constant_one) {
                let factor = match self.terms.as_number(exponent.value) {
                    Some(2.0) => self.terms.product(exponent.value, base.value),
                    Some(number) => {
                        let less = self.terms.number(number - 1.0);
                        let lower = self.terms.call(power, vec![base.value, less]);
                        self.terms.product(exponent.value, lower)
                    }
                    None => {
                        let less = self.terms.difference(exponent.value, one);
                        let lower = self.terms.call(power, vec![base.value, less]);
                        self.terms.call("silenced", vec![exponent.value, lower])
                    }
                };
                *slope = Some(self.terms.product(factor, by_base));
            }
            if let Some(by_exponent) = exponent.slopes[k] {
                let logarithm = self.call_of(logarithm, base.value);
                let factor = self.terms.product(value, logarithm);
                let is_zero = self.terms.binary("==", base.value, zero);
                let factor = self.terms.choice(is_zero, zero, factor);
                let term = self.terms.product(factor, by_exponent);
                *slope = Some(slope.map_or(term, |slope| self.terms.sum(slope, term)));
            }
        }
        Dual { value, slopes }
    }

    /// The larger of two (or the smaller); where they are equal each has half of the slope.
    fn larger(&mut self, value: Term, a: Dual, b: Dual, comparison: &'static str) -> Dual {
        let half = self.terms.number(0.5);
        let first = self.terms.binary(comparison, a.value, b.value);
        let equal = self.terms.binary("==", a.value, b.value);
        let slopes = Dual::both(a, b, self.terms, |terms, a, b| {
            let sum = match (a, b) {
                (Some(a), Some(b)) => terms.sum(a, b),
                (Some(x), None) | (None, Some(x)) => x,
                (None, None) => return None,
            };
            let zero = terms.number(0.0);
            let (a, b) = (a.unwrap_or(zero), b.unwrap_or(zero));
            if a == b {
                return Some(a);
            }
            let shared = terms.product(half, sum);
            let other = terms.choice(equal, shared, b);
            Some(terms.choice(first, a, other))
        });
        Dual { value, slopes }
    }

    /// The slope of what the value is: the number from `low` to `high`, both included, or an end.
    fn clamped(&mut self, value: Term, x: Dual, low: Dual, high: Dual) -> Dual {
        let below = self.terms.binary("<", x.value, low.value);
        let above = self.terms.binary(">", x.value, high.value);
        let mut slopes = [None; 4];
        for (k, slope) in slopes.iter_mut().enumerate() {
            let of = [x, low, high].map(|dual| dual.slopes[k]);
            if of.iter().any(Option::is_some) {
                let zero = self.terms.number(0.0);
                let [x, low, high] = of.map(|slope| slope.unwrap_or(zero));
                let inside = self.terms.choice(above, high, x);
                *slope = Some(self.terms.choice(below, low, inside));
            }
        }
        Dual { value, slopes }
    }

    /// A product whose factor of 0 silences even infinite terms, and NaN in their slopes.
    fn silenced(&mut self, value: Term, factor: Dual, term: Dual) -> Dual {
        let zero = self.terms.number(0.0);
        let silent = self.terms.binary("==", factor.value, zero);
        let slopes = Dual::both(factor, term, self.terms, |terms, by_factor, by_term| {
            let by_factor = by_factor.map(|slope| match terms.as_number(slope) {
                Some(_) => terms.product(slope, term.value),
                None => terms.call("silenced", vec![slope, term.value]),
            });
            let by_term = by_term.map(|slope| {
                let product = terms.product(factor.value, slope);
                terms.choice(silent, zero, product)
            });
            terms.maybe_sum(by_factor, by_term)
        });
        Dual { value, slopes }
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
                let rate = self.terms.number(std::f32::consts::LN_2);
                self.terms.product(rate, value)
            }
            Math::Log2 => {
                let rate = self.terms.number(std::f32::consts::LN_2);
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
    fn root_of_one_less_square(&mut self, x: Term) -> Term {
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

/// The function of numeric.wgsl that stands for a built-in one.
fn accurate(function: Math) -> Option<&'static str> {
    Some(match function {
        Math::Exp => "exponential",
        Math::Log | Math::Log2 => "logarithm",
        Math::Tanh => "hyperbolic_tangent",
        Math::Pow | Math::Exp2 => "power",
        Math::Max => "maximum",
        Math::Min => "minimum",
        Math::Clamp | Math::Saturate => "clamped",
        Math::Sign => "sign_of",
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
