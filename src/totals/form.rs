//! Totals as they are written: as JSON or whatever else serde writes, and as bytes.

use super::places::Places;
use super::{About, Totals};
use crate::error::{Error, Result};
use crate::order::{BLOCK, BlockSums, Exact, Order, Special};
use crate::reduction::Reduction;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;

/// What bytes begin with.
const MAGIC: &[u8] = b"wgloss totals";
/// The form that is written, and the only one that is read.
const FORM: u32 = 2;

/// What is written.
#[derive(Clone, Serialize, Deserialize)]
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
    items: Option<u64>,
    covered: Vec<(u64, u64)>,
    // Names that the first form has not for something else, as it is to be told by its missing number.
    loss_sums: Sums,
    weight_sums: Sums,
    kept: u64,
    batch: u64,
}

/// The number of a form, which the first one did not have.
#[derive(Clone, Copy)]
struct Version(u32);

impl Serialize for Version {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        Some(self.0).serialize(to)
    }
}

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let version = Option::<u32>::deserialize(from)?.unwrap_or(1);
        let own =
            format!("totals of form {version}, expected form {FORM}; evaluate the part again");
        let fits = version == FORM;
        fits.then_some(Self(version)).ok_or_else(|| serde::de::Error::custom(own))
    }
}

/// The sums of terms, numbers as their bits, since some formats have no NaN and no infinity.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sums {
    order: OrderName,
    whole: [u64; 6],
    nan: bool,
    infinite: bool,
    negative_infinite: bool,
    cut: Vec<(u64, Vec<u32>)>,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum OrderName {
    Lanes,
    Tree,
    Rows,
}

impl From<&BlockSums> for Sums {
    fn from(sums: &BlockSums) -> Self {
        let Special { nan, infinite, negative_infinite } = sums.whole.special;
        let bits = |terms: &Vec<f32>| terms.iter().map(|term| term.to_bits()).collect();
        Self {
            order: match sums.order {
                Order::Lanes => OrderName::Lanes,
                Order::Tree => OrderName::Tree,
                Order::Rows => OrderName::Rows,
            },
            whole: sums.whole.words,
            nan,
            infinite,
            negative_infinite,
            cut: sums.cuts.iter().map(|(&first, terms)| (first, bits(terms))).collect(),
        }
    }
}

impl Sums {
    /// The sums, if what is cut has places in blocks that these places hold.
    fn checked(self, places: &Places, each: u64) -> Result<BlockSums> {
        let mut free = 0;
        let mut cuts = BTreeMap::new();
        for (first, bits) in self.cut {
            let got = || format!("terms of a cut block from {first}");
            let end = first.saturating_add(bits.len() as u64);
            let in_block = !bits.is_empty() && (end - 1) / BLOCK == first / BLOCK;
            if !in_block || bits.len() as u64 == BLOCK {
                let got = format!("{}: {} of them", got(), bits.len());
                let expected = format!("1 to {}, of one block", BLOCK - 1);
                return Err(Error::argument("totals", got, expected));
            }
            if first < free || (first == free && first % BLOCK != 0) {
                let expected = format!("some behind {free}");
                return Err(Error::argument("totals", got(), expected));
            }
            if !places.covered().any(|own| own.start * each <= first && end <= own.end * each) {
                return Err(Error::argument("totals", got(), "some of the items that are there"));
            }
            free = end;
            cuts.insert(first, bits.into_iter().map(f32::from_bits).collect());
        }
        let Self { nan, infinite, negative_infinite, .. } = self;
        let special = Special { nan, infinite, negative_infinite };
        let order = match self.order {
            OrderName::Lanes => Order::Lanes,
            OrderName::Tree => Order::Tree,
            OrderName::Rows => Order::Rows,
        };
        Ok(BlockSums { order, whole: Exact { words: self.whole, special }, cuts })
    }
}

impl From<Totals> for Form {
    fn from(totals: Totals) -> Self {
        let [loss_sums, weight_sums] = [&totals.losses, &totals.weights].map(Sums::from);
        let covered = totals.places.covered().map(|range| (range.start, range.end)).collect();
        let About { loss, reduction, options, inputs, classes, weighted, each } = totals.about;
        Self {
            form: Version(FORM),
            loss,
            reduction,
            options,
            inputs,
            classes,
            weighted,
            losses_per_item: each,
            items: totals.places.of,
            covered,
            loss_sums,
            weight_sums,
            kept: totals.kept,
            batch: totals.batch,
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
        let losses = form.loss_sums.checked(&places, each)?;
        let weights = form.weight_sums.checked(&places, each)?;
        let Form { loss, reduction, options, inputs, classes, weighted, kept, batch, .. } = form;
        let about = About { loss, reduction, options, inputs, classes, weighted, each };
        Ok(Self { about, places, losses, weights, kept, batch })
    }
}

impl Totals {
    /// As bytes, which [`Totals::from_bytes`] reads: some hundred, and 4 for each term of a cut block. They
    /// begin with `wgloss totals`.
    ///
    /// # Panics
    /// Never: there is memory for some kilobytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let form = Form::from(self.clone());
        postcard::to_extend(&form, MAGIC.to_vec()).expect("numbers and texts have a form")
    }

    /// Those that [`Totals::to_bytes`] wrote, of this version or another with the same form.
    ///
    /// # Errors
    /// If they are no such bytes, of another form, cut short, or do not fit together.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let expected = "the bytes of totals";
        let Some(own) = bytes.strip_prefix(MAGIC) else {
            let first = &bytes[..bytes.len().min(MAGIC.len())];
            let got = format!("bytes that begin with \"{}\"", first.escape_ascii());
            return Err(Error::argument("totals", got, expected));
        };
        // Its number is told first, as another form has other fields.
        let form = match postcard::take_from_bytes::<Option<u32>>(own) {
            Ok((Some(FORM), _)) => postcard::take_from_bytes::<Form>(own),
            Ok((Some(form), _)) => {
                let (got, expected) = (format!("form {form}"), format!("form {FORM}"));
                return Err(Error::argument("totals", got, expected));
            }
            Ok((None, _)) => Err(postcard::Error::DeserializeBadOption),
            Err(error) => Err(error),
        };
        let got = |what: &dyn std::fmt::Display| format!("{} bytes: {what}", bytes.len());
        match form {
            Ok((form, [])) => form.try_into(),
            Ok((_, rest)) => {
                let got = got(&format!("{} are left over", rest.len()));
                Err(Error::argument("totals", got, expected))
            }
            Err(error) => Err(Error::argument("totals", got(&error), expected)),
        }
    }
}
