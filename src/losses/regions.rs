//! What losses over regions have in common: the options, and the twin of `scores.wgsl`.

/// Declares a loss over regions: its own options, with those that all have behind them. What is documented behind the
/// `derive` comes behind what all have in common.
///
/// ```ignore
/// region_options! {
///     /// What the loss is.
///     #[derive(Clone, Copy, Debug, PartialEq)]
///     /// Source: ...
///     pub struct Tversky {
///         /// The price of a false positive.
///         pub alpha: f32 = 0.5, FROM_ZERO;
///     }
/// }
/// ```
macro_rules! region_options {
    (
        $(#[doc = $about:literal])*
        #[derive($($derived:tt)*)]
        $(#[doc = $source:literal])*
        pub struct $loss:ident { $($own:tt)* }
        $($rest:tt)*
    ) => {
        options! {
            $(#[doc = $about])*
            ///
            /// | input | shape | |
            /// | --- | --- | --- |
            /// | `input` | `[N, C, d1, ...]`, with at least one dimension of space | differentiable |
            /// | `target`, numbers | as `input`, a float type | |
            /// | `target`, class indices | `[N, d1, ...]`, any integer type | |
            ///
            /// A region is a class of an item, or with `batch` a class of all items; sums are over its voxels. The
            /// classes that count are all C, or those but the first without `include_background`, which a softmax
            /// is over all the same: `C'` of them.
            ///
            /// Numbers are meant to lie in 0 to 1, which is not checked. A region without predictions and targets
            /// has the score `s_n / s_d`, and without smooths 0 / 0, which is NaN. A voxel whose index is
            /// `ignore_index` is in no sum and has gradient 0, whatever it holds; any other index outside `0..C` is
            /// an error that names its place and value, and its sums are NaN. A logit of -inf is a class that does
            /// not exist; a voxel of which no class exists, or one is NaN or +inf, makes its item NaN.
            ///
            $(#[doc = $source])*
            #[derive($($derived)*)]
            pub struct $loss {
                $($own)*
                /// What turns the input into probabilities.
                pub activation: Activation = Activation::None;
                /// Whether the first class counts.
                pub include_background: bool = true;
                /// Whether the sums are over the batch too.
                pub batch: bool = false;
                /// The class index that marks a voxel as ignored.
                pub ignore_index: i64 = -100;
                /// What is added to the numerator of the score, `s_n`; 0 or more.
                pub smooth_numerator: f32 = 1e-5, FROM_ZERO;
                /// What is added to its denominator, `s_d`; 0 or more.
                pub smooth_denominator: f32 = 1e-5, FROM_ZERO;
            }
            $($rest)*
        }

        impl $loss {
            /// Which sums there are.
            fn common(&self) -> Common {
                let Self { activation, include_background, batch, .. } = *self;
                Common { activation, include_background, batch }
            }

            /// Overlap and errors with smooths.
            #[inline(always)]
            fn smoothed(&self, [overlap, errors]: [f32; 2]) -> [f32; 2] {
                let own = self.smooth_denominator - self.smooth_numerator;
                [overlap + self.smooth_numerator, errors + own]
            }
        }
    };
}

pub(super) use region_options;

/// One less the score: the part of the errors in the size, which they and the overlap make up. Near a score of 1 no
/// difference cancels.
#[inline(always)]
pub(super) fn part_of_errors([overlap, errors]: [f32; 2]) -> f32 {
    errors / (overlap + errors)
}

/// Its slopes by both.
#[inline(always)]
pub(super) fn slopes_of_part([overlap, errors]: [f32; 2]) -> [f32; 2] {
    let size = overlap + errors;
    [-errors / size / size, overlap / size / size]
}
