//! What the pairs of a loss are made of.

use crate::definition::Shader;

/// What the pairs are made of; inputs are given by their places in the definition.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setup {
    /// A vector for each row.
    pub(crate) left: usize,
    /// A vector for each column, which may be the same.
    pub(crate) right: usize,
    /// Whether there are as many columns as rows.
    pub(crate) square: bool,
    /// Whether only the vectors' directions count.
    pub(crate) normalize: bool,
    /// What products are multiplied by.
    pub(crate) factor: f32,
    /// What they are multiplied by instead, where it is given.
    pub(crate) scale: Option<usize>,
    /// An option that has no meaning beside a scale, and what it is set to.
    pub(crate) not_with_scale: Option<(&'static str, f32)>,
    /// What is added to them.
    pub(crate) bias: Option<usize>,
    pub(crate) partners: Partners,
    /// Whether each term is the mean of the loss of a row and that of its column.
    pub(crate) symmetric: bool,
    pub(crate) margin: Option<Margin>,
}

impl Setup {
    /// The directions of the first input and of classes, which are the second, with the class indices behind them.
    pub(crate) fn of_classes(scale: f32, margin: Margin) -> Self {
        Self {
            left: 0,
            right: 1,
            square: false,
            normalize: true,
            factor: scale,
            scale: None,
            not_with_scale: None,
            bias: None,
            partners: Partners::Class(2),
            symmetric: false,
            margin: Some(margin),
        }
    }

    /// One matrix whose rows are compared with each other, with labels behind it.
    pub(crate) fn of_labels(temperature: f32, normalize: bool, weigh: Weigh) -> Self {
        Self {
            left: 0,
            right: 0,
            square: true,
            normalize,
            factor: 1.0 / temperature,
            scale: None,
            not_with_scale: None,
            bias: None,
            partners: Partners::Labels(1, weigh),
            symmetric: false,
            margin: None,
        }
    }
}

/// Which columns a row belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Partners {
    /// The one whose index is in this input, or the one of its own number where that is absent.
    Class(usize),
    /// The one of its own number.
    Own,
    /// Those of the same label in this input. A row is no partner of its own: formulas see the weight 0 there.
    Labels(usize, Weigh),
}

/// What a row weighs in the mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weigh {
    /// The number of its partners.
    Partners,
    /// 1 if it has any.
    HasPartners,
}

/// What is done to the product of a row with its partner.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Margin {
    /// What the functions take beside the product.
    pub(crate) numbers: [f32; 3],
    /// WGSL with the function `margin_of(product, numbers)`: the new number, and its slope.
    pub(crate) shader: Shader,
    pub(crate) apply: fn(f32, [f32; 3]) -> [f32; 2],
    /// The option itself, and the same of it in float64.
    pub(crate) amount: f64,
    pub(crate) textbook: fn(f64, f64) -> [f64; 2],
}

impl Margin {
    pub(super) fn reference(&self, product: f64) -> [f64; 2] {
        (self.textbook)(product, self.amount)
    }
}
