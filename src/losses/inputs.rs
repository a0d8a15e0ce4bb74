//! The table in which a loss's inputs stand, each once.

/// Declares the inputs of a loss, in the order of the arguments of its kernels, those that have
/// gradients first: as fields of a struct, `Option` where one may be absent, with their
/// [`Role`](crate::definition::Role)s and, of those that are not meant for all numbers, the
/// [`Domain`](crate::definition::Domain).
///
/// ```ignore
/// inputs! {
///     of CrossEntropy;
///     differentiable {
///         /// The logits.
///         input: T = Rows,
///         /// The class index of each row, or a probability for each of its classes.
///         target: T = IndexOrRows in Unit,
///     }
///     constant {
///         /// A factor of each class.
///         weight: Option<T> = Classes in NonNegative,
///     }
/// }
/// ```
///
/// That is `INPUTS`, for the definition, and [`Typed`](crate::definition::Typed): the structs `Inputs`, with
/// a field for each line, and `Gradients` and `Wanted`, with one for each differentiable input.
macro_rules! inputs {
    (
        of $loss:ident $(<$inner:ident>)?;
        differentiable {
            $(
                $(#[doc = $about:literal])*
                $input:ident: $kind:ident $(<$given:ident>)? = $role:ident $(($width:literal))? $(in $domain:ident)?,
            )*
        }
        $(constant {
            $(
                $(#[doc = $constant_about:literal])*
                $constant:ident: $constant_kind:ident $(<$constant_given:ident>)?
                    = $constant_role:ident $(in $constant_domain:ident)?,
            )*
        })?
    ) => {
        const INPUTS: &[$crate::definition::Input] = &[
            $(
                inputs!(@input $input: $kind $(<$given>)? = $role $(($width))?)
                    $(.within($crate::definition::Domain::$domain))?
                    .about(concat!($($about, "\n",)*)),
            )*
            $($(
                inputs!(@input $constant: $constant_kind $(<$constant_given>)? = $constant_role)
                    $(.within($crate::definition::Domain::$constant_domain))?
                    .constant()
                    .about(concat!($($constant_about, "\n",)*)),
            )*)?
        ];

        #[doc = concat!("The inputs of [`", stringify!($loss), "`](super::", stringify!($loss), ").")]
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct Inputs<T> {
            $($(#[doc = $about])* pub $input: $kind $(<$given>)?,)*
            $($($(#[doc = $constant_about])* pub $constant: $constant_kind $(<$constant_given>)?,)*)?
        }

        impl<T> $crate::definition::Named<T> for Inputs<T> {
            fn named(self) -> Vec<(&'static str, T)> {
                $crate::definition::given([
                    $((stringify!($input), self.$input.into()),)*
                    $($((stringify!($constant), self.$constant.into()),)*)?
                ])
            }
        }

        #[doc = concat!("The gradients of [`", stringify!($loss), "`](super::", stringify!($loss), ").")]
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct Gradients<T> {
            $(
                #[doc = concat!("That by `", stringify!($input), "`.")]
                pub $input: Option<T>,
            )*
        }

        impl<T> Default for Gradients<T> {
            fn default() -> Self {
                Self { $($input: None,)* }
            }
        }

        impl<T> $crate::definition::Named<T> for Gradients<T> {
            fn named(self) -> Vec<(&'static str, T)> {
                $crate::definition::given([$((stringify!($input), self.$input),)*])
            }
        }

        impl<T> $crate::definition::FromNamed<T> for Gradients<T> {
            fn from_named(
                named: impl IntoIterator<Item = (&'static str, T)>,
            ) -> $crate::Result<Self> {
                let mut gradients = Self::default();
                let mut fields = [$((stringify!($input), &mut gradients.$input),)*];
                for (name, gradient) in named {
                    $crate::definition::give(&mut fields, name, gradient)?;
                }
                Ok(gradients)
            }
        }

        #[doc = concat!(
            "Which gradients of [`", stringify!($loss), "`](super::", stringify!($loss), ") are wanted."
        )]
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Wanted {
            $(
                #[doc = concat!("That by `", stringify!($input), "`.")]
                pub $input: bool,
            )*
        }

        impl $crate::definition::Names for Wanted {
            fn names(self) -> Vec<&'static str> {
                let all = [$((stringify!($input), self.$input),)*];
                all.into_iter().filter(|(_, wanted)| *wanted).map(|(name, _)| name).collect()
            }
        }

        impl$(<$inner>)? $crate::definition::Typed for $loss$(<$inner>)? {
            type Inputs<T> = Inputs<T>;
            type Gradients<T> = Gradients<T>;
            type Wanted = Wanted;
        }
    };

    (@input $name:ident: T = $role:ident $(($width:literal))?) => {
        $crate::definition::Input::new(stringify!($name), $crate::definition::Role::$role $(($width))?)
    };
    (@input $name:ident: Option<T> = $role:ident) => {
        inputs!(@input $name: T = $role).optional()
    };
}

pub(super) use inputs;
