//! Which items of a batch are there.

use crate::error::{Error, Result};
#[cfg(feature = "serde")]
use crate::order::BLOCK;
use crate::request::Part;
use std::collections::BTreeMap;
use std::ops::Range;

/// The items of a batch that are there.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Places {
    /// The end of each range by its start; none is empty, and none touches another.
    covered: BTreeMap<u64, u64>,
    /// The items of the whole batch, if their number is known.
    pub(super) of: Option<u64>,
}

impl Places {
    /// Those of some ranges, none of which ends past the batch.
    pub(super) fn new(
        ranges: impl IntoIterator<Item = Range<u64>>,
        of: Option<u64>,
    ) -> Result<Self> {
        let mut places = Self { covered: BTreeMap::new(), of };
        for range in ranges {
            if range.is_empty() {
                let expected = "ranges of one item or more";
                return Err(Error::argument("totals", format!("items {range:?}"), expected));
            }
            places.check_free(&range)?;
            places.insert(range);
        }
        places.check_end()?;
        Ok(places)
    }

    /// Those of a part of so many items, which has been checked.
    pub(super) fn of_part(part: Part, items: u64) -> Self {
        let mut places = Self { covered: BTreeMap::new(), of: part.of };
        if items > 0 {
            places.insert(part.first..part.first.saturating_add(items));
        }
        places
    }

    /// In order.
    pub(super) fn covered(&self) -> impl Iterator<Item = Range<u64>> {
        self.covered.iter().map(|(&start, &end)| start..end)
    }

    pub(super) fn count(&self) -> u64 {
        self.covered().map(|range| range.end - range.start).sum()
    }

    /// The first item that is there.
    pub(super) fn first(&self) -> u64 {
        self.covered().next().map_or(0, |range| range.start)
    }

    /// One past the last item that is there.
    fn last(&self) -> u64 {
        self.covered.last_key_value().map_or(0, |(_, &end)| end)
    }

    /// One past the last item of the whole batch, if that item is there.
    pub(super) fn end(&self) -> Option<u64> {
        self.of.filter(|&of| of == self.last())
    }

    pub(super) fn missing(&self) -> Vec<Range<u64>> {
        let ends = [0].into_iter().chain(self.covered().map(|range| range.end));
        let starts = self.covered().map(|range| range.start).chain(self.of);
        ends.zip(starts).map(|(end, start)| end..start).filter(|gap| !gap.is_empty()).collect()
    }

    /// Adds others, none of which is there. After an error they are what they were.
    pub(super) fn merge(&mut self, other: &Self) -> Result<()> {
        let of = self.of.or(other.of);
        if let (Some(own), Some(others)) = (self.of, other.of)
            && own != others
        {
            let [got, expected] = [others, own].map(|of| format!("a batch of {of} items"));
            return Err(Error::argument("totals", got, expected));
        }
        check_end(self.last().max(other.last()), of)?;
        other.covered().try_for_each(|range| self.check_free(&range))?;
        self.of = of;
        other.covered().for_each(|range| self.insert(range));
        Ok(())
    }

    fn check_end(&self) -> Result<()> {
        check_end(self.last(), self.of)
    }

    /// Checks that none of these items is there.
    fn check_free(&self, range: &Range<u64>) -> Result<()> {
        let Some((&start, &end)) = self.covered.range(..range.end).next_back() else {
            return Ok(());
        };
        if end <= range.start {
            return Ok(());
        }
        let items = range.start.max(start)..range.end.min(end);
        Err(Error::Twice { items, part: range.clone(), there: start..end })
    }

    fn insert(&mut self, Range { mut start, mut end }: Range<u64>) {
        if let Some((&before, _)) =
            self.covered.range(..start).next_back().filter(|(_, e)| **e == start)
        {
            start = before;
        }
        if let Some(after) = self.covered.remove(&end) {
            end = after;
        }
        self.covered.insert(start, end);
    }

    /// The terms of the blocks that they cut, where an item has so many of them. The last block of the
    /// batch is whole without more terms.
    #[cfg(feature = "serde")]
    pub(super) fn cuts(&self, each: u64) -> impl Iterator<Item = Range<u64>> {
        let last = self.end().map(|end| end * each);
        self.covered().flat_map(move |items| {
            let terms = items.start * each..items.end * each;
            let head = terms.start.checked_next_multiple_of(BLOCK).unwrap_or(terms.end);
            let head = head.min(terms.end);
            let ends = Some(terms.end) == last;
            let tail = if ends { terms.end } else { terms.end / BLOCK * BLOCK };
            let cuts = [terms.start..head, head.max(tail)..terms.end];
            cuts.into_iter().filter(|cut| !cut.is_empty())
        })
    }

    /// The same as those of a part that begins elsewhere, of so many losses each.
    pub(super) fn moved(&self, part: Part, each: u64) -> Result<Self> {
        let from = self.first();
        part.check(self.last() - from, each)?;
        let place = |item: u64| item - from + part.first;
        Self::new(self.covered().map(|range| place(range.start)..place(range.end)), part.of)
    }
}

/// Checks that a batch of so many items, if that is known, has as many.
fn check_end(end: u64, of: Option<u64>) -> Result<()> {
    match of.filter(|&of| end > of) {
        None => Ok(()),
        Some(of) => {
            let got = format!("items up to {end}");
            Err(Error::argument("totals", got, format!("at most {of}, all of the batch")))
        }
    }
}
