//! Sums of float32 numbers without any rounding, whatever their order: what block sums are added to.

/// The words of a sum: of 2^64 numbers of any size, with a sign.
const WORDS: usize = 6;

/// The digits of 16 bits that a kernel keeps, the lowest first; behind them it counts NaNs, infinities
/// and negative infinities.
pub(crate) const DIGITS: usize = 21;
/// The words that a kernel keeps of a sum.
pub(crate) const DIGIT_WORDS: usize = DIGITS + 3;

/// A sum of float32 numbers, exact: a long integer in units of the smallest number above 0, and
/// whether there was anything that is no number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Exact {
    /// In two's complement, the lowest first.
    pub(crate) words: [u64; WORDS],
    pub(crate) special: Special,
}

/// What there was among the numbers beside finite ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Special {
    pub(crate) nan: bool,
    pub(crate) infinite: bool,
    pub(crate) negative_infinite: bool,
}

impl Exact {
    /// Adds a number.
    pub(crate) fn add(&mut self, number: f32) {
        if !number.is_finite() {
            let Special { nan, infinite, negative_infinite } = &mut self.special;
            *match number {
                f32::INFINITY => infinite,
                f32::NEG_INFINITY => negative_infinite,
                _ => nan,
            } = true;
            return;
        }
        let bits = number.to_bits();
        let exponent = bits >> 23 & 0xff;
        let fraction = u64::from(bits & 0x7f_ffff);
        // Numbers below the smallest normal one have no hidden bit, and its exponent.
        let mantissa = if exponent == 0 { fraction } else { fraction | 1 << 23 };
        let shift = exponent.saturating_sub(1);
        self.add_shifted(mantissa, shift, number.is_sign_negative());
    }

    /// Adds or takes off an integer times a power of two.
    fn add_shifted(&mut self, integer: u64, shift: u32, negative: bool) {
        let mut words = [0; WORDS];
        let (place, shift) = ((shift / 64) as usize, shift % 64);
        let wide = u128::from(integer) << shift;
        #[expect(clippy::cast_possible_truncation, reason = "the halves of a number")]
        let halves = [wide as u64, (wide >> 64) as u64];
        // Above the last word there is nothing of a sum.
        words[place..].iter_mut().zip(halves).for_each(|(word, half)| *word = half);
        self.add_words(if negative { negated(words) } else { words });
    }

    fn add_words(&mut self, words: [u64; WORDS]) {
        let mut carry = false;
        for (own, other) in self.words.iter_mut().zip(words) {
            let (sum, first) = own.overflowing_add(other);
            let (sum, second) = sum.overflowing_add(carry.into());
            (*own, carry) = (sum, first | second);
        }
    }

    /// Adds another sum.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.add_words(other.words);
        let Special { nan, infinite, negative_infinite } = &mut self.special;
        *nan |= other.special.nan;
        *infinite |= other.special.infinite;
        *negative_infinite |= other.special.negative_infinite;
    }

    /// From what a kernel has written.
    #[expect(clippy::cast_possible_wrap, reason = "the digits are signed")]
    pub(crate) fn of_digits(written: &[u32]) -> Self {
        let mut sum = Self::default();
        for (&digit, shift) in written[..DIGITS].iter().zip((0..).step_by(16)) {
            let digit = digit as i32;
            sum.add_shifted(digit.unsigned_abs().into(), shift, digit < 0);
        }
        let [nan, infinite, negative_infinite] = [0, 1, 2].map(|i| written[DIGITS + i] != 0);
        Self { special: Special { nan, infinite, negative_infinite }, ..sum }
    }

    /// The sum, rounded once to the nearest float32, and to an even one between two.
    pub(crate) fn rounded(&self) -> f32 {
        let Special { nan, infinite, negative_infinite } = self.special;
        match (infinite, negative_infinite) {
            _ if nan => return f32::NAN,
            (true, true) => return f32::NAN,
            (true, false) => return f32::INFINITY,
            (false, true) => return f32::NEG_INFINITY,
            (false, false) => {}
        }
        let negative = self.words[WORDS - 1] >> 63 == 1;
        let words = if negative { negated(self.words) } else { self.words };
        let magnitude = f32::from_bits(rounded(&words));
        if negative { -magnitude } else { magnitude }
    }

    /// The sum as an integer, where it is one that is not negative and below 2^64: a number of rows.
    pub(crate) fn integer(&self) -> u64 {
        // The unit is 2^-149.
        let [.., low, high, _, _] = self.words;
        low >> (149 - 128) | high << (64 - (149 - 128))
    }
}

/// The bits of the nearest float32 to an integer in units of the smallest one.
#[expect(clippy::cast_possible_truncation, reason = "24 bits, and an exponent")]
fn rounded(words: &[u64; WORDS]) -> u32 {
    let Some(top) = words.iter().rposition(|&word| word != 0) else { return 0 };
    let length = 64 * top as u32 + 64 - words[top].leading_zeros();
    // So few bits are the number's own, whether it is normal or not.
    if length <= 24 {
        return words[0] as u32;
    }
    let dropped = length - 24;
    let bit = |i: u32| words[(i / 64) as usize] >> (i % 64) & 1;
    let mantissa = (dropped..length).rev().fold(0, |bits, i| bits << 1 | bit(i) as u32);
    let (place, within) = (((dropped - 1) / 64) as usize, (dropped - 1) % 64);
    let below = words[place] & ((1 << within) - 1) != 0 || words[..place].iter().any(|&w| w != 0);
    let up = bit(dropped - 1) == 1 && (below || mantissa & 1 == 1);
    // A mantissa that is rounded up to the next power of two carries into the exponent.
    let bits = ((dropped + 1) << 23) + (mantissa & 0x7f_ffff) + u32::from(up);
    bits.min(f32::INFINITY.to_bits())
}

/// An integer with the other sign.
fn negated(words: [u64; WORDS]) -> [u64; WORDS] {
    let mut carry = true;
    words.map(|word| {
        let (word, over) = (!word).overflowing_add(carry.into());
        carry = over;
        word
    })
}

#[cfg(test)]
mod tests {
    use super::{DIGIT_WORDS, Exact};

    fn sum(numbers: &[f32]) -> Exact {
        let mut sum = Exact::default();
        numbers.iter().for_each(|&number| sum.add(number));
        sum
    }

    /// Numbers of all sizes, from a generator of bits.
    fn numbers(count: usize, mut seed: u64) -> Vec<f32> {
        let mut next = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
            (seed >> 32) as u32
        };
        std::iter::repeat_with(|| f32::from_bits(next()))
            .filter(|x| x.is_finite())
            .take(count)
            .collect()
    }

    #[test]
    fn one_number_is_itself() {
        for number in numbers(100_000, 1) {
            assert_eq!(sum(&[number]).rounded().to_bits(), (number + 0.0).to_bits(), "{number}");
        }
        for number in [0.0, f32::MIN_POSITIVE, f32::MAX, f32::MIN, 1e-45, f32::INFINITY] {
            assert_eq!(sum(&[number]).rounded(), number);
        }
        assert_eq!(sum(&[-0.0]).rounded().to_bits(), 0, "nothing has no sign");
    }

    #[test]
    fn two_numbers_are_rounded_once() {
        let numbers = numbers(200_000, 2);
        for pair in numbers.chunks(2) {
            let want = pair[0] + pair[1];
            let got = sum(pair).rounded();
            assert!(got == want, "{pair:?}: {got}, not {want}");
        }
    }

    /// float64 adds what float32 numbers of like sizes exactly.
    #[test]
    #[expect(clippy::cast_possible_truncation, reason = "the rounding that is meant")]
    fn many_numbers_are_rounded_once() {
        for (seed, scale) in [(3, 1.0), (4, 1e-36), (5, 1e30), (6, 1e-40)] {
            let numbers: Vec<f32> = numbers(4000, seed)
                .iter()
                .map(|x| scale * f32::from_bits(x.to_bits() & 0x83ff_ffff | 0x3e00_0000))
                .collect();
            for count in [3, 17, 1000, 4000] {
                let numbers = &numbers[..count];
                let want = numbers.iter().map(|&x| f64::from(x)).sum::<f64>() as f32;
                assert_eq!(sum(numbers).rounded(), want, "{count} times {scale}");
            }
        }
    }

    #[test]
    fn the_order_and_the_grouping_do_not_matter() {
        let mut numbers = numbers(5000, 7);
        let all = sum(&numbers);
        numbers.reverse();
        assert_eq!(sum(&numbers), all);
        for chunk in [1, 7, 1000] {
            let mut merged = Exact::default();
            numbers.chunks(chunk).for_each(|part| merged.merge(&sum(part)));
            assert_eq!(merged, all, "parts of {chunk}");
        }
        let opposite: Vec<f32> = numbers.iter().map(|x| -x).collect();
        let mut nothing = all.clone();
        nothing.merge(&sum(&opposite));
        assert_eq!(nothing, Exact::default());
    }

    #[test]
    fn what_is_no_number_keeps_its_meaning() {
        let inf = f32::INFINITY;
        assert_eq!(sum(&[1.0, inf, inf]).rounded(), inf);
        assert_eq!(sum(&[1.0, -inf]).rounded(), -inf);
        assert!(sum(&[inf, 1.0, -inf]).rounded().is_nan());
        assert!(sum(&[inf, f32::NAN]).rounded().is_nan());
        assert_eq!(sum(&[f32::MAX, f32::MAX]).rounded(), inf, "past the range");
        assert_eq!(sum(&[-f32::MAX, -f32::MAX]).rounded(), -inf);
        assert_eq!(sum(&[f32::MAX, f32::MAX, -f32::MAX]).rounded(), f32::MAX, "and back");
    }

    #[test]
    fn numbers_of_rows_are_integers() {
        assert_eq!(sum(&[4096.0, 17.0, 0.0, 4096.0]).integer(), 8209);
        let mut many = Exact::default();
        (0..1 << 13).for_each(|_| many.add(16_777_215.0));
        assert_eq!(many.integer(), 16_777_215 << 13);
    }

    #[test]
    fn digits_are_signed_and_need_not_be_carried() {
        let mut digits = [0u32; DIGIT_WORDS];
        // 149 is 9 digits of 16 bits and 5 bits.
        digits[9] = 3 << 5;
        digits[8] = (-(1i32 << 20)).cast_unsigned();
        assert_eq!(Exact::of_digits(&digits).rounded(), 2.5);
        digits[super::DIGITS + 2] = 1;
        assert_eq!(Exact::of_digits(&digits).rounded(), f32::NEG_INFINITY);
    }
}
