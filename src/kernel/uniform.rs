//! Uniforms: structs that lie in memory as their twins in WGSL do.

/// A member of a uniform's struct: its name, and where it lies in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Member {
    /// The name, in Rust and in WGSL.
    pub name: &'static str,
    /// The bytes before it.
    pub offset: usize,
    /// Its own bytes.
    pub size: usize,
    /// The members of its elements, if it is an array of structs.
    pub members: &'static [Member],
}

/// What a uniform is made of.
pub(crate) trait Uniform: bytemuck::Pod {
    /// The members in their order; none for what is no struct.
    const MEMBERS: &'static [Member] = &[];
}

impl Uniform for u32 {}
impl Uniform for i32 {}
impl Uniform for f32 {}
/// A kernel without a window.
impl Uniform for () {}

impl<T: Uniform, const N: usize> Uniform for [T; N] {
    const MEMBERS: &'static [Member] = T::MEMBERS;
}

/// Declares a struct with the members of the WGSL struct of the same purpose, of which the tests compare
/// names and offsets with those that the WGSL compiler gives it.
macro_rules! uniform {
    (
        $(#[$about:meta])*
        $visibility:vis struct $name:ident {
            $($(#[$docs:meta])* $member:ident: $type:ty,)*
        }
    ) => {
        $(#[$about])*
        #[repr(C)]
        #[derive(Clone, Copy, Debug, Default, bytemuck::Pod, bytemuck::Zeroable)]
        $visibility struct $name {
            $($(#[$docs])* $visibility $member: $type,)*
        }

        impl $crate::kernel::Uniform for $name {
            const MEMBERS: &'static [$crate::kernel::Member] = &[$($crate::kernel::Member {
                name: stringify!($member),
                offset: std::mem::offset_of!($name, $member),
                size: size_of::<$type>(),
                members: <$type as $crate::kernel::Uniform>::MEMBERS,
            },)*];
        }
    };
}

pub(crate) use uniform;
