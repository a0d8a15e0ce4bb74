//! Loops over a choice that is a constant in each copy.

/// Runs loops with a copy of a loss for each word of a choice, in which the choice is a constant: a match
/// that stayed in the loops would keep them off SIMD lanes.
macro_rules! run_each {
    ($loops:ident, $loss:ident.$option:ident: $choice:ident { $($word:ident),* $(,)? }) => {
        match $loss.$option {
            $($choice::$word => $loops.run(&Self { $option: $choice::$word, ..*$loss }),)*
        }
    };
}

pub(super) use run_each;
