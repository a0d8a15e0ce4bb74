//! The derivatives of the functions that custom losses may call besides numeric.wgsl's.

use super::dual::Dual;
use super::rules::Rules;
use super::term::Term;

impl Rules<'_> {
    /// The slopes of a function that goes by this name, if it has a rule.
    pub(super) fn special(&mut self, name: &str, value: Term, x: &[Dual]) -> Option<Dual> {
        let first = x[0].value;
        let one = self.terms.number(1.0);
        let factor = match name {
            "sine" => self.call_of("cosine", first),
            "cosine" => {
                let sine = self.call_of("sine", first);
                self.terms.negative(sine)
            }
            "tangent" => self.call_of("tangent_slope", first),
            "tangent_slope" => {
                let tangent = self.call_of("tangent", first);
                self.twice(tangent, value)
            }
            "hyperbolic_sine" => self.call_of("hyperbolic_cosine", first),
            "hyperbolic_cosine" => self.call_of("hyperbolic_sine", first),
            "hyperbolic_tangent_slope" => {
                let tangent = self.call_of("hyperbolic_tangent", first);
                let twice = self.twice(tangent, value);
                self.terms.negative(twice)
            }
            "error_function" => self.call_of("error_function_slope", first),
            "error_function_complement" => {
                let slope = self.call_of("error_function_slope", first);
                self.terms.negative(slope)
            }
            "error_function_slope" => {
                let twice = self.twice(first, value);
                self.terms.negative(twice)
            }
            "normal_cdf" => self.call_of("normal_density", first),
            "normal_density" => {
                let product = self.terms.product(first, value);
                self.terms.negative(product)
            }
            "log_normal_cdf" => self.call_of("log_normal_cdf_slope", first),
            "log_normal_cdf_slope" => {
                let sum = self.terms.sum(first, value);
                let product = self.terms.product(value, sum);
                self.terms.negative(product)
            }
            "log_gamma" => self.call_of("digamma", first),
            "digamma" => self.call_of("trigamma", first),
            "bessel_i0e" => self.call_of("bessel_i0e_slope", first),
            "log_bessel_i0e" => self.call_of("log_bessel_i0e_slope", first),
            "arcsine" | "arccosine" => {
                let divisor = self.root_of_one_less_square(first);
                let dual = self.divided(value, x[0], divisor);
                return Some(if name == "arccosine" { dual.mirrored(self.terms) } else { dual });
            }
            "arctangent" => {
                let square = self.terms.product(first, first);
                let divisor = self.terms.sum(one, square);
                return Some(self.divided(value, x[0], divisor));
            }
            "inverse_hyperbolic_sine" => {
                let divisor = self.call_of("root_of_square_and_one", first);
                return Some(self.divided(value, x[0], divisor));
            }
            "root_of_square_and_one" => self.terms.quotient(first, value),
            "inverse_hyperbolic_cosine" => {
                let less = self.terms.difference(first, one);
                let more = self.terms.sum(first, one);
                let [less, more] = [less, more].map(|inner| self.call_of("sqrt", inner));
                let divisor = self.terms.product(less, more);
                return Some(self.divided(value, x[0], divisor));
            }
            "inverse_hyperbolic_tangent" => {
                let less = self.terms.difference(one, first);
                let more = self.terms.sum(one, first);
                let divisor = self.terms.product(less, more);
                return Some(self.divided(value, x[0], divisor));
            }
            "integer_power" => {
                let n = x[1].value;
                let [unit, nothing] = ["1", "0"].map(|text| self.terms.literal(text));
                let less = self.terms.binary("-", n, unit);
                let lower = self.terms.call("integer_power", vec![first, less]);
                let factor = self.call_of("f32", n);
                let product = self.terms.product(factor, lower);
                let zero = self.terms.number(0.0);
                let is_zero = self.terms.binary("==", n, nothing);
                self.terms.choice(is_zero, zero, product)
            }
            _ => return self.of_two(name, value, x),
        };
        Some(self.chain(value, x[0], factor))
    }

    /// Those of two numbers.
    fn of_two(&mut self, name: &str, value: Term, x: &[Dual]) -> Option<Dual> {
        let &[a, b] = x else { return None };
        let of = [a.value, b.value];
        let turned = [b.value, a.value];
        let factors = match name {
            "polar_angle" => {
                let by_x = self.terms.call("polar_angle_slope", of.to_vec());
                let by_y = self.terms.call("polar_angle_slope", turned.to_vec());
                [by_y, self.terms.negative(by_x)]
            }
            "polar_angle_slope" => {
                let other = self.terms.call(name, turned.to_vec());
                let squares = [other, value].map(|x| self.terms.product(x, x));
                let twice = self.twice(value, other);
                let by_a = self.terms.difference(squares[0], squares[1]);
                [by_a, self.terms.negative(twice)]
            }
            "log_beta" => [of, turned].map(|of| {
                let difference = self.terms.call("digamma_difference", of.to_vec());
                self.terms.negative(difference)
            }),
            "log_sum_exp" => {
                [of, turned].map(|of| self.terms.call("log_sum_exp_slope", of.to_vec()))
            }
            "log_sum_exp_slope" => {
                let other = self.terms.call(name, turned.to_vec());
                let product = self.terms.product(value, other);
                [product, self.terms.negative(product)]
            }
            "digamma_difference" => {
                let sum = self.terms.sum(of[0], of[1]);
                let [by_sum, own] = [sum, of[0]].map(|x| self.call_of("trigamma", x));
                [self.terms.difference(by_sum, own), by_sum]
            }
            _ => return None,
        };
        let slopes = Dual::both(a, b, self.terms, |terms, by_a, by_b| {
            let by_a = by_a.map(|slope| terms.product(factors[0], slope));
            let by_b = by_b.map(|slope| terms.product(factors[1], slope));
            terms.maybe_sum(by_a, by_b)
        });
        Some(Dual { value, slopes })
    }

    fn twice(&mut self, a: Term, b: Term) -> Term {
        let two = self.terms.number(2.0);
        let product = self.terms.product(a, b);
        self.terms.product(two, product)
    }
}
