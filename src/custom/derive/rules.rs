//! The derivatives of functions: what each built-in function and each function of numeric.wgsl of
//! numbers comes to, with its slopes.

use super::dual::{Dual, MOST};
use super::term::{Term, Terms};

/// Makes duals of the functions of numbers. Functions of vectors are taken component by component.
#[derive(Debug)]
pub(super) struct Rules<'a> {
    pub(super) terms: &'a mut Terms,
    /// Whether exp, log and the like become those of numeric.wgsl.
    pub(super) accurate: bool,
}

impl Rules<'_> {
    /// A function of the library; `None` if its arguments have slopes and it has no rule.
    pub(super) fn numeric(&mut self, name: &str, x: &[Dual]) -> Option<Dual> {
        let value = self.call(name, x);
        if x.iter().all(Dual::is_constant) {
            return Some(Dual::constant(value));
        }
        self.slopes_of(name, value, x)
    }

    pub(super) fn constant(&mut self, x: f32) -> Dual {
        Dual::constant(self.terms.number(x))
    }

    pub(super) fn call(&mut self, name: &str, x: &[Dual]) -> Term {
        self.terms.call(name, x.iter().map(|x| x.value).collect())
    }

    pub(super) fn call_of(&mut self, name: &str, x: Term) -> Term {
        self.terms.call(name, vec![x])
    }

    /// Slopes that are a factor times those of the one argument.
    pub(super) fn chain(&mut self, value: Term, x: Dual, factor: Term) -> Dual {
        let slopes = x.slopes.map(|slope| slope.map(|slope| self.terms.product(factor, slope)));
        Dual { value, slopes }
    }

    /// The slopes of a function that goes by its name in the library, if it has a rule. `value` may be
    /// another function's call of the same meaning.
    pub(super) fn slopes_of(&mut self, name: &str, value: Term, x: &[Dual]) -> Option<Dual> {
        let first = x[0].value;
        let one = self.terms.number(1.0);
        let factor = match name {
            "exponential" => value,
            "exponential_minus_one" => self.call_of("exponential", first),
            "logarithm" => return Some(self.divided(value, x[0], first)),
            "logarithm_one_plus" => {
                let divisor = self.terms.sum(one, first);
                return Some(self.divided(value, x[0], divisor));
            }
            "sigmoid" => {
                let other = self.terms.negative(first);
                let other = self.call_of("sigmoid", other);
                self.terms.product(value, other)
            }
            "hidden" => one,
            "log_sigmoid" => {
                let other = self.terms.negative(first);
                self.call_of("sigmoid", other)
            }
            "softplus" => self.call_of("sigmoid", first),
            "softplus_sum" | "softplus_sum_slope" => {
                return Some(self.softplus_sum(name, value, [x[0], x[1], x[2]]));
            }
            "log_cosh" => self.call_of("hyperbolic_tangent", first),
            "hyperbolic_tangent" => self.call_of("hyperbolic_tangent_slope", first),
            "power" | "signed_power" => return Some(self.power(name, value, x[0], x[1])),
            "maximum" => return Some(self.larger(value, x[0], x[1], ">")),
            "minimum" => return Some(self.larger(value, x[0], x[1], "<")),
            "clamped" => return Some(self.clamped(value, x[0], x[1], x[2])),
            "silenced" => return Some(self.silenced(value, x[0], x[1])),
            "float_remainder" => return Some(Dual::remainder(value, x[0], x[1], self.terms)),
            // Constant but for jumps.
            "sign_of" | "is_nan" | "is_finite" | "is_less" | "is_at_most" | "is_equal"
            | "hidden_zero" => return Some(Dual::constant(value)),
            _ => return self.special(name, value, x),
        };
        Some(self.chain(value, x[0], factor))
    }

    /// `yes softplus(-x) + no softplus(x)`, or its slope.
    fn softplus_sum(&mut self, name: &str, value: Term, x: [Dual; 3]) -> Dual {
        let [x_value, yes, no] = x.map(|x| x.value);
        let other = self.terms.negative(x_value);
        let [side, other_side] = [x_value, other].map(|x| self.call_of("sigmoid", x));
        let factors = if name == "softplus_sum" {
            let by_yes = self.call_of("softplus", other);
            let by_no = self.call_of("softplus", x_value);
            [self.terms.call("softplus_sum_slope", vec![x_value, yes, no]), by_yes, by_no]
        } else {
            let both = self.terms.sum(yes, no);
            let bell = self.terms.product(side, other_side);
            [self.terms.product(both, bell), self.terms.negative(other_side), side]
        };
        let mut slopes = [None; MOST];
        for (k, slope) in slopes.iter_mut().enumerate() {
            for (x, factor) in x.iter().zip(factors) {
                let Some(own) = x.slopes[k] else { continue };
                let term = self.terms.product(factor, own);
                *slope = Some(slope.map_or(term, |slope| self.terms.sum(slope, term)));
            }
        }
        Dual { value, slopes }
    }

    pub(super) fn divided(&mut self, value: Term, x: Dual, divisor: Term) -> Dual {
        let slopes = x.slopes.map(|slope| slope.map(|slope| self.terms.quotient(slope, divisor)));
        Dual { value, slopes }
    }

    /// The base to a constant power, by products where those are exact enough.
    pub(super) fn raised(&mut self, name: &str, base: Term, exponent: f32) -> Term {
        match exponent {
            0.0 => self.terms.number(1.0),
            1.0 => base,
            2.0 => self.terms.product(base, base),
            3.0 => {
                let square = self.terms.product(base, base);
                self.terms.product(square, base)
            }
            4.0 => {
                let square = self.terms.product(base, base);
                self.terms.product(square, square)
            }
            _ => {
                let exponent = self.terms.number(exponent);
                self.terms.call(name, vec![base, exponent])
            }
        }
    }

    /// `exponent base^(exponent - 1)` and `base^exponent log base`; with an exponent of 0, and by
    /// the exponent with a base of 0, PyTorch's 0.
    fn power(&mut self, name: &str, value: Term, base: Dual, exponent: Dual) -> Dual {
        let (one, zero) = (self.terms.number(1.0), self.terms.number(0.0));
        let [name, logarithm] = if self.accurate { [name, "logarithm"] } else { ["pow", "log"] };
        let constant = self.terms.as_number(exponent.value);
        let mut slopes = [None; MOST];
        for (k, slope) in slopes.iter_mut().enumerate() {
            // With a constant exponent of 0 there is no slope by the base, not even at 0.
            if let Some(by_base) = base.slopes[k].filter(|_| constant != Some(0.0)) {
                let factor = match constant {
                    Some(number) => {
                        let lower = self.raised(name, base.value, number - 1.0);
                        self.terms.product(exponent.value, lower)
                    }
                    None => {
                        let less = self.terms.difference(exponent.value, one);
                        let lower = self.terms.call(name, vec![base.value, less]);
                        let factor = self.terms.product(exponent.value, lower);
                        let is_one = self.terms.binary("==", exponent.value, zero);
                        self.terms.choice(is_one, zero, factor)
                    }
                };
                *slope = Some(self.terms.product(factor, by_base));
            }
            if let Some(by_exponent) = exponent.slopes[k] {
                let logarithm = self.call_of(logarithm, base.value);
                let factor = self.terms.product(value, logarithm);
                let is_zero = self.terms.binary("==", base.value, zero);
                let is_any = self.terms.binary(">=", exponent.value, zero);
                let is_zero = self.terms.binary("&", is_zero, is_any);
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
    pub(super) fn clamped(&mut self, value: Term, x: Dual, low: Dual, high: Dual) -> Dual {
        let below = self.terms.binary("<", x.value, low.value);
        let above = self.terms.binary(">", x.value, high.value);
        let mut slopes = [None; MOST];
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
}
