//! Times against sizes: from where on a GPU is faster.

use crate::data::Data;
use crate::list::{bce_logits, cosine_embedding, cross_entropy, kl_div, mse, smooth_l1, triplet};
use crate::measure::{Effort, Times};
use crate::results::{Place, milliseconds};
use crate::site::Site;
use crate::workload::Workload;
use serde::{Deserialize, Serialize};
use wgloss::{DType, Error, Result};

/// A workload of about so many elements.
pub type OfSize = fn(usize) -> Workload;

/// What is timed against its size.
pub const FAMILIES: [(&str, OfSize); 7] = [
    ("mse_loss", mse),
    ("smooth_l1_loss", smooth_l1),
    ("binary_cross_entropy_with_logits", bce_logits),
    ("kl_div of 256 classes", |elements| kl_div(elements / 256, 256)),
    ("cross_entropy of 256 classes", |elements| cross_entropy(elements / 256, 256)),
    ("triplet_margin_loss of 128 features", |elements| triplet(elements / 128, 128)),
    ("cosine_embedding_loss of 128 features", |elements| cosine_embedding(elements / 128, 128)),
];

/// The sizes, every fourth, up to the largest one that is asked for.
pub fn sizes(largest: usize) -> impl Iterator<Item = usize> {
    (8..=26).step_by(2).map(|power| 1 << power).filter(move |&size| size <= largest)
}

/// One of the families against its sizes, by the host's clock.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Curve {
    /// The family.
    pub family: String,
    /// The size from which on the GPU is faster than the CPU, on data that lie in its memory, if it is
    /// at the largest size.
    pub gpu_wins_from: Option<f64>,
    /// The same with the upload and the read-back of data that do not.
    pub gpu_with_transfers_wins_from: Option<f64>,
    /// In the order of their sizes.
    points: Vec<Point>,
}

/// What one size takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// The elements of the largest input.
    pub elements: usize,
    /// On the GPU, of data that lie in its memory.
    pub gpu_ms: Option<f64>,
    /// On the GPU, with the upload and the read-back.
    pub gpu_with_transfers_ms: Option<f64>,
    /// On the CPU.
    pub cpu_ms: Option<f64>,
    /// Why something is missing.
    pub error: Option<String>,
}

impl Point {
    /// Times a workload of this size in all places. What cannot run is missing.
    ///
    /// # Errors
    /// If the device is lost.
    pub async fn time(
        sites: &[Site],
        elements: usize,
        workload: &Workload,
        dtype: DType,
        data: &Data,
    ) -> Result<Self> {
        let mut point = Self { elements, ..Self::default() };
        for site in sites {
            let there = site.time(workload, dtype, data, Effort::BRIEF, false).await;
            let there = point.kept(there)?;
            if site.place() == Place::Cpu {
                point.cpu_ms = there;
                continue;
            }
            point.gpu_ms = there;
            let transferred = site.evaluate(workload, data, Effort::BRIEF).await;
            point.gpu_with_transfers_ms = point.kept(transferred)?;
        }
        Ok(point)
    }

    /// What was measured, or nothing if it cannot be.
    fn kept(&mut self, outcome: Result<(Times, f32)>) -> Result<Option<f64>> {
        match outcome {
            Ok((times, _)) => Ok(Some(milliseconds(times.wall))),
            Err(error @ Error::DeviceLost { .. }) => Err(error),
            Err(error) => {
                self.error = Some(error.to_string());
                Ok(None)
            }
        }
    }
}

impl Curve {
    /// One without points.
    pub fn new(family: &str) -> Self {
        Self {
            family: family.into(),
            gpu_wins_from: None,
            gpu_with_transfers_wins_from: None,
            points: Vec::new(),
        }
    }

    /// The points in the order of their sizes.
    pub fn points(&self) -> &[Point] {
        &self.points
    }

    /// Adds the next size.
    pub fn push(&mut self, point: Point) {
        self.points.push(point);
        self.gpu_wins_from = self.wins_from(|point| point.gpu_ms);
        self.gpu_with_transfers_wins_from = self.wins_from(|point| point.gpu_with_transfers_ms);
    }

    /// The size from which on these times stay below the CPU's: between two sizes by logarithms.
    /// `None` if they are not below at the largest.
    fn wins_from(&self, time: fn(&Point) -> Option<f64>) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "a place in a chart")]
        let ratio =
            |point: &Point| Some((point.elements as f64, (time(point)? / point.cpu_ms?).ln()));
        let ratios: Vec<_> = self.points.iter().filter_map(ratio).collect();
        match ratios.iter().rposition(|(_, ratio)| *ratio >= 0.0) {
            None => ratios.first().map(|(size, _)| *size),
            Some(last) => {
                let ((a, above), (b, below)) = (ratios[last], *ratios.get(last + 1)?);
                Some(a * (b / a).powf(above / (above - below)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(times: &[(usize, Option<f64>, Option<f64>)]) -> Curve {
        let mut curve = Curve::new("");
        for &(elements, gpu_ms, cpu_ms) in times {
            curve.push(Point { elements, gpu_ms, cpu_ms, ..Point::default() });
        }
        curve
    }

    #[test]
    fn where_the_gpu_wins() {
        let all =
            [(1, Some(8.0), Some(1.0)), (4, Some(8.0), Some(4.0)), (16, Some(8.0), Some(16.0))];
        let from = curve(&all).gpu_wins_from.expect("it wins at the end");
        assert!((from - 8.0).abs() < 1e-9, "{from}");
        assert_eq!(curve(&all[..2]).gpu_wins_from, None);
        assert_eq!(curve(&all[2..]).gpu_wins_from, Some(16.0));
        // A size that is missing on one of them tells nothing.
        assert_eq!(curve(&[all[2], (64, None, Some(1.0))]).gpu_wins_from, Some(16.0));
        assert_eq!(curve(&[(64, None, Some(1.0))]).gpu_wins_from, None);
        assert_eq!(curve(&all).gpu_with_transfers_wins_from, None);
    }

    #[test]
    fn sizes_end_at_the_largest() {
        assert_eq!(sizes(4096).collect::<Vec<_>>(), [256, 1024, 4096]);
        for (name, make) in FAMILIES {
            for size in sizes(4096) {
                let elements = |input: &crate::Input| input.shape.iter().product::<usize>();
                let largest = make(size).inputs.iter().map(elements).max();
                assert_eq!(largest, Some(size), "{name}");
            }
        }
    }

    #[test]
    fn a_point_is_timed_in_all_places() {
        let gpu = wgloss::Gpu::new_blocking().expect("an adapter");
        let sites = [wgloss::Evaluator::Gpu(gpu), wgloss::Evaluator::Cpu].map(|backend| Site {
            name: String::new(),
            backend,
            roof: 1e9,
        });
        let workload = mse(256);
        let data = Data::new(&workload, DType::F32);
        let point = Point::time(&sites, 256, &workload, DType::F32, &data);
        let point = pollster::block_on(point).expect("a living device");
        let times = [point.gpu_ms, point.gpu_with_transfers_ms, point.cpu_ms];
        assert!(times.iter().all(|time| time.is_some_and(|time| time > 0.0)), "{point:?}");
        assert_eq!((point.elements, point.error), (256, None));
    }
}
