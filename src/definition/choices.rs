//! The table in which the words of an option stand, each once.

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

pub(crate) use choices;
