//! One lane: an operation from a formula of its numbers, for both machines at once.

/// An operation from a formula of one lane's operands. Each has a kind, and so has the result: `f` for
/// floats, `i` and `u` for integers, `b` for booleans, `w` for what is carried whatever it is.
macro_rules! lanes {
    (|$($name:ident: $kind:ident),+| -> $to:ident $result:expr) => {{
        struct Loop<'a> {
            to: &'a mut $crate::custom::interpret::instruction::Words,
            from: [&'a $crate::custom::interpret::instruction::Words; 4],
        }
        impl pulp::WithSimd for Loop<'_> {
            type Output = ();

            #[inline(always)]
            fn with_simd<S: pulp::Simd>(self, _: S) {
                let [$($name,)+ ..] = self.from;
                for lane in 0..$crate::custom::interpret::instruction::TILE {
                    $(let $name = lanes!(@read $kind $name[lane]);)+
                    self.to[lane] = lanes!(@word $to $result);
                }
            }
        }
        $crate::custom::interpret::instruction::Operation {
            wide: |to, [$($name,)+ ..]| {
                for lane in 0..$crate::custom::interpret::instruction::LANES {
                    $(let $name = lanes!(@take $kind $name[lane]);)+
                    to[lane] = lanes!(@number $to $result);
                }
            },
            narrow: |instructions, to, from| instructions.run(Loop { to, from }),
            cost: 1,
            kind: $crate::custom::interpret::instruction::Kind::Other,
        }
    }};
    (@take f $x:expr) => { $x };
    (@take i $x:expr) => { $crate::custom::interpret::operations::whole::signed($x) };
    (@take u $x:expr) => { $crate::custom::interpret::operations::whole::unsigned($x) };
    (@take b $x:expr) => { $x != 0.0 };
    (@take w $x:expr) => { $x };
    (@number f $x:expr) => {{ let x: f64 = $x; x }};
    (@number i $x:expr) => {{ let x: i32 = $x; f64::from(x) }};
    (@number u $x:expr) => {{ let x: u32 = $x; f64::from(x) }};
    (@number b $x:expr) => {{ let x: bool = $x; if x { 1.0 } else { 0.0 } }};
    (@number w $x:expr) => {{ let x: f64 = $x; x }};
    (@read f $x:expr) => { f32::from_bits($x) };
    (@read i $x:expr) => { $x.cast_signed() };
    (@read u $x:expr) => { $x };
    (@read b $x:expr) => { $x != 0 };
    (@read w $x:expr) => { $x };
    (@word f $x:expr) => {{ let x: f32 = $x; x.to_bits() }};
    (@word i $x:expr) => {{ let x: i32 = $x; x.cast_unsigned() }};
    (@word u $x:expr) => {{ let x: u32 = $x; x }};
    (@word b $x:expr) => {{ let x: bool = $x; if x { u32::MAX } else { 0 } }};
    (@word w $x:expr) => {{ let x: u32 = $x; x }};
}

/// An operation on floats from a formula in float64, which the narrow machine rounds.
macro_rules! rounded {
    (|$($name:ident),+| $result:expr) => {
        lanes!(|$($name: f),+| -> f {
            $(let $name = $crate::custom::interpret::operations::real::Real::wide($name);)+
            $crate::custom::interpret::operations::real::Real::of_wide($result)
        })
    };
}

/// An operation of the wide machine alone.
macro_rules! wide {
    (|$($name:ident),+| $result:expr) => {
        $crate::custom::interpret::instruction::Operation {
            wide: |to, [$($name,)+ ..]| {
                for lane in 0..$crate::custom::interpret::instruction::LANES {
                    $(let $name = $name[lane];)+
                    to[lane] = $result;
                }
            },
            ..$crate::custom::interpret::operations::masks::COPY
        }
    };
}
