//! How a matrix product is shared among workgroups, and its texts.

use crate::dispatch::Builder;
use crate::kernel::Header;
use crate::tensor::DType;

const BY_SQUARES: &str = include_str!("../../../../shaders/matrix_product.wgsl");
const BY_COOPERATION: &str = include_str!("../../../../shaders/matrix_product_by_cooperation.wgsl");
const BY_SUBGROUPS: &str = include_str!("../../../../shaders/matrix_product_by_subgroups.wgsl");

/// What a workgroup computes of a matrix product.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Product {
    /// A square of so many blocks of 64 x 64, by way of the workgroup's memory.
    Square(u32),
    /// What a subgroup of so many lanes holds, which pass each other what they have read.
    Subgroup(u32),
    /// A square of four by four matrices of this side, which the lanes of subgroups multiply together.
    Cooperative(u32),
}

impl Product {
    /// The same as [`Product::of`], of matrices that are dense along the sums, of numbers of this type: those that float16
    /// holds are multiplied by cooperative matrices, where the device's were asked for.
    pub(crate) fn of_numbers(
        builder: &Builder<'_>,
        dtypes: [Option<DType>; 2],
        sizes: [u64; 3],
    ) -> (Self, u64) {
        match builder.cooperative.filter(|_| dtypes == [Some(DType::F16); 2]) {
            Some(side) => {
                let edge = 4 * u64::from(side);
                (Self::Cooperative(side), sizes[0].div_ceil(edge) * sizes[1].div_ceil(edge))
            }
            None => Self::of(builder, sizes),
        }
    }

    /// What suits the device and the sizes, and how many workgroups that takes.
    pub(crate) fn of(builder: &Builder<'_>, [height, breadth, depth]: [u64; 3]) -> (Self, u64) {
        let tuning = builder.tuning;
        let large = height * breadth * depth >= tuning.least_exchanged;
        // A lane has 64 times four sums: with more lanes, other lanes' rows would need more.
        let fits = |lanes: &u32| large && tuning.subgroups && (4..=16).contains(lanes);
        let lanes = builder.subgroup.filter(|own| !own.varies).map(|own| own.least);
        match lanes.filter(fits) {
            Some(lanes) => {
                let groups = height.div_ceil(4 * u64::from(lanes)) * breadth.div_ceil(64);
                (Self::Subgroup(lanes), groups)
            }
            None => {
                let (side, groups) = tuning.squares(height, breadth);
                (Self::Square(side), groups)
            }
        }
    }

    /// Declares the sizes by their names in the window, and along which of its axes each matrix is read; gives the
    /// shader.
    pub(crate) fn declare(
        self,
        header: &mut Header,
        sizes: [&str; 3],
        along: [bool; 2],
    ) -> &'static str {
        for (name, size) in ["height", "breadth", "depth"].into_iter().zip(sizes) {
            header.line(&format!("fn {name}() -> u32 {{ return window.{size}; }}"));
        }
        header.constant("LEFT_ALONG_DEPTH", along[0]);
        header.constant("RIGHT_ALONG_DEPTH", along[1]);
        match self {
            Self::Square(side) => {
                header.constant("SIDE", format!("{side}u"));
                BY_SQUARES
            }
            Self::Subgroup(lanes) => {
                header.constant("LANES", format!("{lanes}u"));
                header.line(&sums_of(lanes));
                BY_SUBGROUPS
            }
            Self::Cooperative(side) => {
                header.directives = "enable f16;\nenable wgpu_cooperative_matrix;\n";
                header.constant("SIDE", format!("{side}u"));
                for (name, of) in [("Left", "f16, A"), ("Right", "f16, B"), ("Sums", "f32, C")] {
                    header.line(&format!("alias {name} = coop_mat{side}x{side}<{of}>;"));
                }
                BY_COOPERATION
            }
        }
    }
}

/// The sums of a lane, by names, so that compilers keep them in registers; what adds four steps of k to them; and all
/// of them in arrays, to be written.
fn sums_of(lanes: u32) -> String {
    let columns = 16 / lanes;
    let (mut members, mut steps) = (String::new(), String::new());
    for row in 0..4 * lanes {
        let (of, lane) = (row / lanes, row % lanes);
        steps += &format!("    let row_{row} = subgroupBroadcast(left[{of}], {lane}u);\n");
        for c in 0..columns {
            members += &format!("    sum_{row}_{c}: vec4<f32>,\n");
            let sum = format!("(*sums).sum_{row}_{c}");
            steps += &format!("    {sum} = with_column({sum}, right[{c}], row_{row});\n");
        }
    }
    let array = |size: u32, of: &dyn Fn(u32) -> String| {
        format!("array({})", (0..size).map(of).collect::<Vec<_>>().join(", "))
    };
    let quarters = array(4, &|quarter| {
        array(columns, &|c| array(lanes, &|i| format!("sums.sum_{}_{c}", quarter * lanes + i)))
    });
    format!(
        "struct Sums {{\n{members}}}
fn add(sums: ptr<function, Sums>, left: Left, right: Right) {{\n{steps}}}
fn quarters(sums: Sums) -> Quarters {{\n    return {quarters};\n}}"
    )
}
