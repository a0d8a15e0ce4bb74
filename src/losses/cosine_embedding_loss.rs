use super::prelude::*;

options! {
    /// Distance of two vectors by the cosine `c` between them: `1 - c` where `target` is 1,
    /// `max(0, c - margin)` where it is -1, and 0 for any other target, as in PyTorch.
    ///
    /// | input | shape | |
    /// | --- | --- | --- |
    /// | `input1`, `input2` | `[D]` or `[N, D]` (or `[..., D]`), the same | differentiable |
    /// | `target` | `[]` or `[N]` | |
    ///
    /// The gradient is 0 at the kink. Vectors are scaled before they are squared: the cosine is
    /// right for any finite vectors, where PyTorch has NaN for components near 1e20 and adds 1e-12
    /// to each squared norm. A zero vector has cosine 0 and gradient 0.
    ///
    /// Source: PyTorch's `torch.nn.functional.cosine_embedding_loss`.
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub struct CosineEmbedding {
        /// The cosine up to which a dissimilar pair costs nothing.
        pub margin: f32 = 0.0, FINITE;
    }
}

inputs! {
    of CosineEmbedding;
    differentiable {
        /// The one vector of each pair.
        input1: T = Features,
        /// The other one.
        input2: T = Features,
    }
    constant {
        /// 1 where a pair is to be similar, -1 where it is not.
        target: T = Labels in Sign,
    }
}

static DEFINITION: Definition = Definition {
    name: "cosine_embedding_loss",
    aliases: &["cosine_embedding"],
    summary: "Distance of two vectors by the cosine between them.",
    formula: "1 - cos(input1, input2) where target is 1, max(0, cos - margin) where it is -1",
    inputs: INPUTS,
    arguments: &["input1", "input2", "target", "margin", "reduction"],
    reductions: REDUCTIONS,
    weighted_mean: false,
    shader: rows::shader(include_str!("../../shaders/rows/cosine_embedding_loss.wgsl")),
};

impl Loss for CosineEmbedding {
    fn definition(&self) -> &'static Definition {
        &DEFINITION
    }

    fn family(&self) -> Box<dyn Family + '_> {
        rows::family(self)
    }
}

/// The reciprocals of what the vectors are scaled by: of their largest components, roughly.
#[inline(always)]
fn scales(peaks: [f32; 2]) -> [f32; 2] {
    let [a, b] = peaks;
    [1.0 / numeric::power_of_two_within(a), 1.0 / numeric::power_of_two_within(b)]
}

/// Both vectors' components, scaled. A single one becomes its sign, so that the cosine is exact.
#[inline(always)]
fn scaled(item: Item, row: &Row, peaks: [f32; 2]) -> [f32; 2] {
    let scales = scales(peaks);
    let (a, b) = (item.first * scales[0], item.second * scales[1]);
    if row.classes == 1.0 { [numeric::sign(a), numeric::sign(b)] } else { [a, b] }
}

#[inline(always)]
fn cosine(sums: [f32; 3]) -> f32 {
    let norms = sums[1] * sums[2];
    if norms == 0.0 { 0.0 } else { sums[0] / norms.sqrt() }
}

impl rows::Formula for CosineEmbedding {
    type Peaks = [f32; 2];
    type Sums = [f32; 3];
    const UNIT: Option<[f32; 2]> = Some([1.0; 2]);

    fn reference(&self, row: &TextbookRow<'_>) -> RowLoss {
        let mut loss = RowLoss::zeros(row.first.len());
        let dot = |a: &[f64], b: &[f64]| -> f64 { a.iter().zip(b).map(|(x, y)| x * y).sum() };
        let (aa, bb) = (dot(row.first, row.first), dot(row.second, row.second));
        let norms = (aa * bb).sqrt();
        let near = if norms == 0.0 { 0.0 } else { dot(row.first, row.second) / norms };
        let gap = near - f64::from(self.margin);
        let (value, slope) = match row.label {
            1.0 => (1.0 - near, -1.0),
            -1.0 if gap > 0.0 => (gap, 1.0),
            _ => (if (gap + row.label).is_nan() { f64::NAN } else { 0.0 }, 0.0),
        };
        loss.value = value;
        for c in 0..row.first.len() {
            if norms != 0.0 {
                let (a, b) = (row.first[c], row.second[c]);
                loss.slopes[0][c] = slope * (b / norms - near * a / aa);
                loss.slopes[1][c] = slope * (a / norms - near * b / bb);
            }
        }
        loss
    }

    #[inline(always)]
    fn peaks(&self, item: Item) -> [f32; 2] {
        [item.first.abs(), item.second.abs()]
    }

    #[inline(always)]
    fn sums(&self, item: Item, row: &Row, peaks: [f32; 2]) -> [f32; 3] {
        let [a, b] = scaled(item, row, peaks);
        [a * b, a * a, b * b]
    }

    #[inline(always)]
    fn in_range(&self, row: &Row, sums: [f32; 3]) -> bool {
        row.classes > 1.0 && sums[1..].iter().all(|sum| numeric::is_moderate(*sum))
    }

    #[inline(always)]
    fn value(&self, row: &Row, _: [f32; 2], sums: [f32; 3]) -> f32 {
        let near = cosine(sums);
        if row.label == 1.0 {
            1.0 - near
        } else if row.label == -1.0 {
            numeric::max_nan(near - self.margin, 0.0)
        } else if (row.label + near).is_nan() {
            f32::NAN
        } else {
            0.0
        }
    }

    #[inline(always)]
    fn gradient(&self, item: Item, row: &Row, peaks: [f32; 2], sums: [f32; 3]) -> [f32; 4] {
        let near = cosine(sums);
        let apart = if row.label == -1.0 && near > self.margin { 1.0 } else { 0.0 };
        let slope = if row.label == 1.0 { -1.0 } else { apart };
        let norms = sums[1] * sums[2];
        if norms == 0.0 {
            return [0.0; 4];
        }
        let scales = scales(peaks);
        let [a, b] = scaled(item, row, peaks);
        let (across, own) = (slope / norms.sqrt(), slope * near);
        let by_first = across * b - own / sums[1] * a;
        let by_second = across * a - own / sums[2] * b;
        [by_first * scales[0], by_second * scales[1], 0.0, 0.0]
    }
}
