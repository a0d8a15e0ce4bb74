//! Options that are one of some words.

/// Declares a [`Choice`](crate::definition::Choice): its words with their names, the default first.
///
/// ```ignore
/// choices! {
///     /// What distances are measured with.
///     pub enum Distance {
///         /// The root of the sum of squares.
///         Euclidean = "euclidean",
///         /// One less the cosine.
///         Cosine = "cosine",
///     }
/// }
/// ```
macro_rules! choices {
    (
        $(#[doc = $about:literal])*
        pub enum $choice:ident {
            $(#[doc = $first_about:literal])*
            $first:ident = $first_name:literal,
            $(
                $(#[doc = $word_about:literal])*
                $word:ident = $name:literal,
            )*
        }
    ) => {
        $(#[doc = $about])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub enum $choice {
            $(#[doc = $first_about])*
            #[default]
            $first,
            $($(#[doc = $word_about])* $word,)*
        }

        impl $crate::definition::Choice for $choice {
            fn names(&self) -> &'static [&'static str] {
                &[$first_name, $($name),*]
            }

            fn chosen(&self) -> usize {
                *self as usize
            }

            fn choose(&mut self, place: usize) {
                *self = [Self::$first, $(Self::$word),*][place];
            }
        }
    };
}

/// Runs loops with a copy of a loss for each word of a choice, in which the choice is a constant: a match
/// that stayed in the loops would keep them off SIMD lanes.
macro_rules! run_each {
    ($loops:ident, $loss:ident.$option:ident: $choice:ident { $($word:ident),* $(,)? }) => {
        match $loss.$option {
            $($choice::$word => $loops.run(&Self { $option: $choice::$word, ..*$loss }),)*
        }
    };
}

pub(super) use {choices, run_each};
