//! Where terms cancel by their nature: rounded to float32 before they do, they leave no more digits.
//! Each loss that is exempted says which terms, and how large they are.

use wgloss::Loss;

const NONE: [f64; 4] = [0.0; 4];

/// Where the float64 reference subtracts numbers of about 1, itself has no digits below 1e-15, which is
/// 1e-6 of this.
pub(super) const REFERENCE: f64 = 1e-9;

/// The sizes of what cancels in a loss of elements: in the value, and in the slope by each argument.
pub(super) struct Sizes {
    loss: &'static str,
    /// The options, as Debug writes them.
    options: String,
}

impl Sizes {
    pub(super) fn of(loss: &dyn Loss) -> Self {
        Self { loss: loss.definition().name, options: format!("{loss:?}") }
    }

    fn has(&self, option: &str) -> bool {
        self.options.contains(option)
    }

    fn number(&self, option: &str) -> f64 {
        let (_, rest) = self.options.split_once(&format!("{option}: ")).expect("an option");
        let end = rest.find([',', ' ']).unwrap_or(rest.len());
        rest[..end].parse().expect("a number")
    }

    /// Whether it is of differences of its inputs, which are rounded before anything else.
    pub(super) fn of_differences(&self) -> bool {
        ["cpo_loss", "dpo_loss", "kto_loss", "orpo_loss", "simpo_loss"].contains(&self.loss)
    }

    pub(super) fn at(&self, x: &[f64]) -> [f64; 4] {
        match (self.loss, x) {
            ("binary_cross_entropy_with_logits", &[x, y]) => {
                [0.0, REFERENCE + sigmoid_difference(x, 1.0 - y, y), 0.0, 0.0]
            }
            // A soft target's two parts, which have opposite signs.
            ("sigmoid_focal_loss", &[x, t]) => [0.0, self.focal(x, t), 0.0, 0.0],
            // The logarithm of the variance and the squared error in its units.
            ("gaussian_nll_loss", &[x, t, var]) => {
                let v = var.max(self.number("eps"));
                let square = (x - t).powi(2) / v;
                [v.ln().abs() + square + 1.0, 0.0, 0.0, (1.0 + square) / v]
            }
            // A logarithm and a number that is almost the same.
            ("kl_div", &[x, t]) if self.has("log_target: true") => {
                // Exponentials beyond float32 are infinite or 0.
                let beyond = if t.abs() > 87.0 { 1e6 * t.exp() * (t - x).abs() } else { 0.0 };
                let overflow = if t > 88.0 { t.exp() } else { 0.0 };
                let by_target = t.exp() * ((t - x).abs() + 1.0);
                [beyond.max(overflow), 0.0, beyond.max(by_target), 0.0]
            }
            ("kl_div", &[x, t]) => {
                let log_t = if t == 0.0 { 0.0 } else { t.ln() };
                [t * (log_t.abs() + x.abs()), 0.0, log_t.abs() + x.abs() + 1.0, 0.0]
            }
            ("poisson_nll_loss", &[x, t]) => self.poisson(x, t),
            // The margin and the rounded difference.
            ("margin_ranking_loss", &[a, b, _]) => match self.number("margin") {
                0.0 => NONE,
                margin => [margin + (a - b).abs(), 0.0, 0.0, 0.0],
            },
            // The logarithms of the odds, and what they come to.
            ("orpo_loss", &[c, r]) => {
                let rest = |x: f64| (-x.exp_m1()).ln();
                let d = (c - rest(c)) - (r - rest(r));
                let size = c.abs() + r.abs() + rest(c).abs() + rest(r).abs();
                let slope = self.number("beta") / (1.0 + d.exp());
                [if size.is_finite() { size * slope } else { 0.0 }, 0.0, 0.0, 0.0]
            }
            ("dpo_loss", &[policy_c, policy_r, reference_c, reference_r]) => {
                self.preference(policy_c - reference_c, policy_r - reference_r)
            }
            _ => NONE,
        }
    }

    /// Parts of opposite signs.
    fn preference(&self, c: f64, r: f64) -> [f64; 4] {
        let (beta, e) = (self.number("beta"), self.number("label_smoothing"));
        let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
        let softplus = |x: f64| x.max(0.0) + (-x.abs()).exp().ln_1p();
        let bell = |x: f64| sigmoid(x) * sigmoid(-x);
        let z = beta * (c - r);
        let both = |slope: f64| [beta * slope, beta * slope];
        let (value, [by_c, by_r]) = match () {
            () if self.has("loss_type: Robust") => {
                ((softplus(-z) + softplus(z)) / (1.0 - 2.0 * e), [0.0; 2])
            }
            () if self.has("loss_type: ExoPair") => (
                sigmoid(z) * (softplus(-z) + 1.0) + sigmoid(-z) * (softplus(z) - e.ln()),
                both(bell(z) * (z.abs() - e.ln())),
            ),
            () if self.has("loss_type: NcaPair") => {
                (0.0, [beta * (sigmoid(beta * c) + sigmoid(-beta * c)), 0.0])
            }
            () if self.has("loss_type: ApoDown") => (0.0, [beta * (bell(beta * c) + bell(z)), 0.0]),
            () if self.has("loss_type: Discopop") => {
                let tau = self.number("discopop_tau");
                let (u, v) = (sigmoid(z / tau), sigmoid(-z / tau));
                let power = (-z - softplus(-z / tau)).exp();
                let mixed = v / tau * (power + u * softplus(-z));
                (0.0, both(mixed + v * sigmoid(-z) + power))
            }
            () => (0.0, [0.0; 2]),
        };
        let slopes = [by_c, by_r, by_c];
        [value, slopes[0], slopes[1], slopes[2]]
            .map(|size| if size.is_finite() { size } else { 0.0 })
    }

    /// An exponential or logarithm and a number that is almost the same; but exp(x) - t, where x is
    /// near 0, has the digits of exp(x) - 1 and t - 1.
    fn poisson(&self, x: f64, t: f64) -> [f64; 4] {
        let (mut value, by_input, mut by_target) = if self.has("log_input: true") {
            let by_input = match x.abs() < 0.25 {
                true => x.exp_m1().abs() + (t - 1.0).abs(),
                false => x.exp() + t,
            };
            (x.exp() + (t * x).abs(), by_input, 0.0)
        } else {
            let rate = x + self.number("eps");
            let by_input = ((x - t).abs() + self.number("eps")) / rate.abs();
            (x.abs() + (t * rate.ln()).abs(), by_input, 0.0)
        };
        if self.has("full: true") && t > 1.0 {
            value += t * t.ln() + t + 1.0;
            by_target = x.abs().max(x.ln().abs()) + t.ln() + 1.0;
        }
        [value, REFERENCE + by_input, by_target, 0.0]
    }

    fn focal(&self, x: f64, t: f64) -> f64 {
        let gamma = self.number("gamma");
        let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
        let softplus = |x: f64| x.max(0.0) + (-x.abs()).exp().ln_1p();
        let (yes, no) = (sigmoid(x), sigmoid(-x));
        let miss = t * no + (1.0 - t) * yes;
        let entropy = t * softplus(-x) + (1.0 - t) * softplus(x);
        let focus = gamma * miss.powf(gamma - 1.0) * yes * no * entropy;
        let soft = t > 0.0 && t < 1.0;
        let parts = miss.powf(gamma) * sigmoid_difference(x, 1.0 - t, t) + focus;
        REFERENCE + if soft { parts } else { 0.0 }
    }

    /// Whether rounding decides on which side of a kink the arguments are.
    pub(super) fn is_at_kink(&self, x: &[f64]) -> bool {
        match (self.loss, x) {
            ("margin_ranking_loss", &[a, b, t]) => {
                let margin = self.number("margin");
                margin > 0.0 && (margin - t * (a - b)).abs() <= 1e-6 * margin
            }
            ("cpo_loss", &[c, r]) if self.has("Hinge") => self.is_hinge(c - r, c.abs() + r.abs()),
            // Of huge ratios that are almost the same nothing is left but their rounding.
            ("dpo_loss", &[policy_c, policy_r, reference_c, reference_r])
                if is_lost(policy_c - reference_c, policy_r - reference_r) =>
            {
                true
            }
            ("dpo_loss", &[policy_c, policy_r, reference_c, reference_r]) if self.has("Hinge") => {
                let difference = (policy_c - reference_c) - (policy_r - reference_r);
                self.is_hinge(difference, x.iter().map(|x| x.abs()).sum())
            }
            _ => false,
        }
    }
}

fn is_lost(c: f64, r: f64) -> bool {
    let size = c.abs() + r.abs();
    size > 10.0 && (c - r).abs() < 1e-4 * size
}

impl Sizes {
    fn is_hinge(&self, difference: f64, size: f64) -> bool {
        let beta = self.number("beta");
        (1.0 - beta * difference).abs() <= 1e-6 * (1.0 + beta * size)
    }
}

/// In `no sigmoid(x) - yes sigmoid(-x)` both parts, but near 0 what is left without the halves.
pub(super) fn sigmoid_difference(x: f64, no: f64, yes: f64) -> f64 {
    if x.abs() < 0.25 {
        return 0.5 * (no - yes).abs() + x.abs() / 4.0 * (no + yes);
    }
    no / (1.0 + (-x).exp()) + yes / (1.0 + x.exp())
}

/// Whether a device that flushes denormal numbers in arithmetic may lose this output: where an argument
/// or the difference of the first two is denormal, but not where that is read by a logarithm.
pub(super) fn is_flushed(loss: &str, output: &str, x: &[f64]) -> bool {
    let reads_bits = match loss {
        "binary_cross_entropy" => output != "input",
        "kl_div" | "poisson_nll_loss" => output == "target",
        _ => false,
    };
    let is_denormal = |x: f64| x != 0.0 && x.abs() < f64::from(f32::MIN_POSITIVE);
    !reads_bits && (x.iter().any(|&x| is_denormal(x)) || is_denormal(x[0] - x[1]))
}
