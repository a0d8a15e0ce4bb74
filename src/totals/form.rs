//! Totals as they are written: as JSON or whatever else serde writes, and as bytes.

use super::places::Places;
use super::{About, Totals};
use crate::error::{Error, Result};
use crate::layout::Summed;
use crate::order::{BlockSums, Exact, Order, Special};
use crate::reduction::Reduction;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::ops::Range;

/// What bytes begin with.
const MAGIC: &[u8] = b"wgloss totals";
/// The form that is written, and the only one that is read.
const FORM: u32 = 2;

/// What is written.
#[derive(Serialize, Deserialize)]
pub(super) struct Form {
    // The first field, so that a form without it is told by nothing else that it lacks.
    form: Version,
    loss: String,
    reduction: Reduction,
    options: Vec<(String, String)>,
    inputs: Vec<(String, String)>,
    classes: Option<u64>,
    weighted: bool,
    losses_per_item: u64,
    added_up_by: Summed,
    items: Option<u64>,
    covered: Vec<(u64, u64)>,
    // Names that the first form has not for something else, as it is to be told by its missing number.
    loss_sums: Sums,
    weight_sums: Sums,
    kept: u64,
}

/// The number of a form, which the first one did not have.
struct Version(u32);

impl Serialize for Version {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        Some(self.0).serialize(to)
    }
}

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let version = Option::<u32>::deserialize(from)?.unwrap_or(1);
        let own = format!(
            "totals of form {version}, which have to be evaluated again: expected form {FORM}"
        );
        let fits = version == FORM;
        fits.then_some(Self(version)).ok_or_else(|| serde::de::Error::custom(own))
    }
}

/// The sums of terms.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sums {
    whole: [u64; 6],
    nan: bool,
    infinite: bool,
    negative_infinite: bool,
    cut: Vec<(u64, Terms)>,
}

/// Terms of a cut block: as their bits, since texts have no NaN and no infinity, and where it is no text
/// as bytes.
struct Terms(Vec<f32>);

impl Serialize for Terms {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let bits = self.0.iter().map(|term| term.to_bits());
        if to.is_human_readable() {
            return bits.collect::<Vec<u32>>().serialize(to);
        }
        let bytes: Vec<u8> = bits.flat_map(u32::to_le_bytes).collect();
        serde_bytes::Bytes::new(&bytes).serialize(to)
    }
}

impl<'de> Deserialize<'de> for Terms {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        if from.is_human_readable() {
            let bits = Vec::<u32>::deserialize(from)?;
            return Ok(Self(bits.into_iter().map(f32::from_bits).collect()));
        }
        let bytes = serde_bytes::ByteBuf::deserialize(from)?;
        let (terms, rest) = bytes.as_chunks();
        let whole =
            rest.is_empty().then(|| terms.iter().copied().map(f32::from_le_bytes).collect());
        whole.map(Self).ok_or_else(|| serde::de::Error::custom("a part of a number is left over"))
    }
}

impl From<&BlockSums> for Sums {
    fn from(sums: &BlockSums) -> Self {
        let Special { nan, infinite, negative_infinite } = sums.whole.special;
        let cut = sums.cuts.iter().map(|(&first, terms)| (first, Terms(terms.clone())));
        let whole = sums.whole.words;
        Self { whole, nan, infinite, negative_infinite, cut: cut.collect() }
    }
}

impl Sums {
    /// The sums, if they can be those of some places: terms are kept of the blocks that these cut, all
    /// of them and no others.
    fn checked(self, order: Order, cuts: &[Range<u64>], has_blocks: bool) -> Result<BlockSums> {
        let Self { whole: words, nan, infinite, negative_infinite, cut } = self;
        let own =
            cut.iter().map(|(first, terms)| *first..first.saturating_add(terms.0.len() as u64));
        let own: Vec<Range<u64>> = own.collect();
        if let Some(i) = (0..own.len().max(cuts.len())).find(|&i| own.get(i) != cuts.get(i)) {
            let range = |ranges: &[Range<u64>]| match ranges.get(i) {
                Some(range) => format!("terms {range:?} of a cut block"),
                None => "no more terms of cut blocks".into(),
            };
            return Err(Error::argument("totals", range(&own), range(cuts)));
        }
        let special = Special { nan, infinite, negative_infinite };
        let whole = Exact { words, special };
        if !has_blocks && whole != Exact::default() {
            let got = "a sum of whole blocks";
            return Err(Error::argument("totals", got, "none, as no block is whole"));
        }
        let cuts = cut.into_iter().map(|(first, terms)| (first, terms.0)).collect();
        Ok(BlockSums { order, whole, cuts })
    }
}

impl From<Totals> for Form {
    fn from(totals: Totals) -> Self {
        let [loss_sums, weight_sums] = [&totals.losses, &totals.weights].map(Sums::from);
        let covered = totals.places.covered().map(|range| (range.start, range.end)).collect();
        let About { loss, reduction, options, inputs, classes, weighted, each, summed } =
            totals.about;
        Self {
            form: Version(FORM),
            loss,
            reduction,
            options,
            inputs,
            classes,
            weighted,
            losses_per_item: each,
            added_up_by: summed,
            items: totals.places.of,
            covered,
            loss_sums,
            weight_sums,
            kept: totals.kept,
        }
    }
}

impl TryFrom<Form> for Totals {
    type Error = Error;

    fn try_from(form: Form) -> Result<Self> {
        let each = form.losses_per_item;
        let ends = form.covered.iter().map(|&(_, end)| end).chain(form.items);
        if let Some(end) = ends.max().filter(|end| end.checked_mul(each).is_none()) {
            let got = format!("{end} items of {each} losses");
            return Err(Error::argument("totals", got, "fewer than 2^64 losses"));
        }
        let places = Places::new(form.covered.iter().map(|&(start, end)| start..end), form.items)?;
        let Form { loss, reduction, options, inputs, classes, weighted, added_up_by, kept, .. } =
            form;
        let terms = places.count() * each;
        let fits = if weighted { kept <= terms } else { kept == terms };
        if !fits || reduction == Reduction::None {
            let got = format!("{kept} kept terms of {terms}, reduction {reduction}");
            return Err(Error::argument("totals", got, "at most all terms, and a reduction"));
        }
        let cuts: Vec<Range<u64>> = places.cuts(each).collect();
        let cut: u64 = cuts.iter().map(|cut| cut.end - cut.start).sum();
        let [order, weights_order] = added_up_by.orders();
        let losses = form.loss_sums.checked(order, &cuts, cut < terms)?;
        let (cuts, has_blocks) = if weighted { (&cuts[..], cut < terms) } else { (&[][..], false) };
        let weights = form.weight_sums.checked(weights_order, cuts, has_blocks)?;
        let summed = added_up_by;
        let about = About { loss, reduction, options, inputs, classes, weighted, each, summed };
        Ok(Self { about, places, losses, weights, kept })
    }
}

impl Totals {
    /// As bytes, which [`Totals::from_bytes`] reads: some hundred, and for each term of a cut block 4, or 8
    /// where terms have weights. They begin with `wgloss totals`, and end with a checksum.
    ///
    /// # Panics
    /// Never: there is memory for some kilobytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let form = Form::from(self.clone());
        let mut bytes =
            postcard::to_extend(&form, MAGIC.to_vec()).expect("numbers and texts have a form");
        bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
        bytes
    }

    /// Those that [`Totals::to_bytes`] wrote, of this version or another with the same form.
    ///
    /// # Errors
    /// If they are no such bytes, of another form, damaged, or do not fit together.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let refused = |got: String, expected: &str| Err(Error::argument("totals", got, expected));
        let Some(own) = bytes.strip_prefix(MAGIC) else {
            let first = &bytes[..bytes.len().min(MAGIC.len())];
            let got = format!("bytes that begin with \"{}\"", first.escape_ascii());
            return refused(got, "the bytes of totals");
        };
        // Its number is told first, as another form has other fields.
        if let Ok((form, _)) = postcard::take_from_bytes::<Option<u32>>(own)
            && form != Some(FORM)
        {
            let got = format!("bytes of form {}", form.unwrap_or(1));
            return refused(got, &format!("form {FORM}"));
        }
        let sum = own.split_last_chunk().filter(|(own, sum)| {
            let whole = &bytes[..MAGIC.len() + own.len()];
            crc32fast::hash(whole).to_le_bytes() == **sum
        });
        let form = sum.map(|(own, _)| postcard::take_from_bytes::<Form>(own));
        match form {
            Some(Ok((form, []))) => form.try_into(),
            _ => refused(format!("{} damaged bytes", bytes.len()), "the bytes of totals"),
        }
    }
}
