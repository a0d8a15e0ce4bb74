//! Accessors for tensors in storage buffers: every element type is read as f32 or as an index, and
//! float types are written from f32.

use super::{ADDS, Header, NARROW};
use crate::definition::Whole;
use crate::request::Slot;
use crate::tensor::DType;

/// How the elements of a float tensor are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loads {
    /// Four at once by `NAME_quad(quad)`.
    Quads,
    /// One at a time by `NAME_at(i)`.
    Singles,
}

/// Declares a float tensor and its accessor.
pub(crate) fn floats(header: &mut Header, slot: Slot, name: &str, dtype: DType, loads: Loads) {
    floats_after(header, slot, name, dtype, loads, "0u");
}

/// The same of a tensor that begins `skip` elements after its binding, a multiple of 4 for quads.
pub(crate) fn floats_after(
    header: &mut Header,
    slot: Slot,
    name: &str,
    dtype: DType,
    loads: Loads,
    skip: &str,
) {
    let data = format!("{name}_data");
    let (kind, body) = match (dtype, loads) {
        (DType::F16, Loads::Quads) => {
            ("array<vec2<u32>>", "vec4(unpack2x16float(DATA[i].x), unpack2x16float(DATA[i].y))")
        }
        (DType::BF16, Loads::Quads) => (
            "array<vec2<u32>>",
            "bitcast<vec4<f32>>((DATA[i].xxyy << vec4(16u, 0u, 16u, 0u)) & vec4(0xffff0000u))",
        ),
        (_, Loads::Quads) => ("array<vec4<f32>>", "DATA[i]"),
        (DType::F16, Loads::Singles) => ("array<u32>", "unpack2x16float(DATA[i >> 1u])[i & 1u]"),
        (DType::BF16, Loads::Singles) => {
            ("array<u32>", "bitcast<f32>((DATA[i >> 1u] << (16u - 16u * (i & 1u))) & 0xffff0000u)")
        }
        (_, Loads::Singles) => ("array<f32>", "DATA[i]"),
    };
    header.read(slot, &data, kind);
    let body = body.replace("DATA", &data);
    let (single, quad) = (after("place", skip, ""), after("place", skip, " / 4u"));
    header.line(&match loads {
        Loads::Quads => format!(
            "fn {name}_quad(place: u32) -> vec4<f32> {{
    let i = {quad};
    return {body};
}}"
        ),
        Loads::Singles => format!(
            "fn {name}_at(place: u32) -> f32 {{
    let i = {single};
    return {body};
}}"
        ),
    });
}

/// Declares an integer tensor that is read as these, and its accessor.
pub(crate) fn wholes(
    header: &mut Header,
    slot: Slot,
    name: &str,
    dtype: DType,
    whole: Whole,
    loads: Loads,
) {
    wholes_after(header, slot, name, dtype, whole, loads, "0u");
}

/// The same of a tensor that begins `skip` elements after its binding, a multiple of 4 for quads.
pub(crate) fn wholes_after(
    header: &mut Header,
    slot: Slot,
    name: &str,
    dtype: DType,
    whole: Whole,
    loads: Loads,
    skip: &str,
) {
    let data = format!("{name}_data");
    let (data_kind, words) = match (dtype, loads) {
        (DType::U8, Loads::Quads) => {
            ("array<u32>", "(vec4(DATA[i]) >> vec4(0u, 8u, 16u, 24u)) & vec4(0xffu)")
        }
        (DType::I8, Loads::Quads) => (
            "array<u32>",
            "bitcast<vec4<u32>>(bitcast<vec4<i32>>(vec4(DATA[i]) << vec4(24u, 16u, 8u, 0u)) >> vec4(24u))",
        ),
        (DType::U16, Loads::Quads) => {
            ("array<vec2<u32>>", "(DATA[i].xxyy >> vec4(0u, 16u, 0u, 16u)) & vec4(0xffffu)")
        }
        (DType::I16, Loads::Quads) => (
            "array<vec2<u32>>",
            "bitcast<vec4<u32>>(bitcast<vec4<i32>>(DATA[i].xxyy << vec4(16u, 0u, 16u, 0u)) >> vec4(16u))",
        ),
        (DType::U64 | DType::I64, Loads::Quads) => match whole {
            Whole::Flag => (
                "array<vec4<u32>>",
                "vec4(DATA[2u * i].xz | DATA[2u * i].yw, DATA[2u * i + 1u].xz | DATA[2u * i + 1u].yw)",
            ),
            _ => ("array<vec4<u32>>", "vec4(DATA[2u * i].xz, DATA[2u * i + 1u].xz)"),
        },
        (_, Loads::Quads) => ("array<vec4<u32>>", "DATA[i]"),
        (DType::U8, _) => ("array<u32>", "(DATA[i >> 2u] >> (8u * (i & 3u))) & 0xffu"),
        (DType::I8, _) => (
            "array<u32>",
            "bitcast<u32>(extractBits(bitcast<i32>(DATA[i >> 2u]), 8u * (i & 3u), 8u))",
        ),
        (DType::U16, _) => ("array<u32>", "(DATA[i >> 1u] >> (16u * (i & 1u))) & 0xffffu"),
        (DType::I16, _) => (
            "array<u32>",
            "bitcast<u32>(extractBits(bitcast<i32>(DATA[i >> 1u]), 16u * (i & 1u), 16u))",
        ),
        (DType::U64 | DType::I64, _) if whole == Whole::Flag => {
            ("array<u32>", "DATA[2u * i] | DATA[2u * i + 1u]")
        }
        (DType::U64 | DType::I64, _) => ("array<u32>", "DATA[2u * i]"),
        _ => ("array<u32>", "DATA[i]"),
    };
    header.read(slot, &data, data_kind);
    let words = words.replace("DATA", &data);
    let (accessor, kind, zero, unit) = match loads {
        Loads::Quads => ("quad", format!("vec4<{}>", whole.kind()), "vec4<u32>()", " / 4u"),
        Loads::Singles => ("at", whole.kind().to_string(), "0u", ""),
    };
    let result = match whole {
        Whole::Signed => format!("bitcast<{kind}>({words})"),
        Whole::Unsigned => words,
        Whole::Flag => format!("({words}) != {zero}"),
    };
    let i = after("place", skip, unit);
    header.line(&format!(
        "fn {name}_{accessor}(place: u32) -> {kind} {{
    let i = {i};
    return {result};
}}"
    ));
}

/// How the elements of a float tensor are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stores {
    /// Four at once by `store_NAME(quad, four)`.
    Quads,
    /// The same, but only those of the four that are below `window.elements` times so many.
    PartQuads(usize),
    /// One at a time by `store_NAME(i, x)`.
    Singles,
}

/// Declares a float tensor that is written or added to, and its accessor. 16-bit elements are rounded; two of
/// them share a word, whose half past an odd number of elements `PartQuads` sets to 0 and `Singles`
/// leaves as it is.
pub(crate) fn stores(header: &mut Header, slot: Slot, name: &str, dtype: DType, stores: Stores) {
    let narrow = matches!(dtype, DType::F16 | DType::BF16);
    let (kind, body) = match (stores, narrow) {
        (Stores::Quads, false) => (
            "array<vec4<f32>>",
            "    var own = four;
    if (ADDS) { own += OUT[quad]; }
    OUT[quad] = own;",
        ),
        (Stores::Quads, true) => (
            "array<vec2<u32>>",
            "    var own = four;
    if (ADDS) { own += vec4(TYPE_numbers(OUT[quad].x), TYPE_numbers(OUT[quad].y)); }
    OUT[quad] = vec2(TYPE_pair(own.xy), TYPE_pair(own.zw));",
        ),
        (Stores::PartQuads(_), false) => (
            "array<f32>",
            "    let i = 4u * quad;
    var own = four;
    if (ADDS) {
        let last = window.elements - 1u;
        own += vec4(OUT[min(i, last)], OUT[min(i + 1u, last)], OUT[min(i + 2u, last)], OUT[min(i + 3u, last)]);
    }
    if (i < window.elements) { OUT[i] = own.x; }
    if (i + 1u < window.elements) { OUT[i + 1u] = own.y; }
    if (i + 2u < window.elements) { OUT[i + 2u] = own.z; }
    if (i + 3u < window.elements) { OUT[i + 3u] = own.w; }",
        ),
        (Stores::PartQuads(_), true) => (
            "array<u32>",
            "    let i = 4u * quad;
    let places = vec4(i, i + 1u, i + 2u, i + 3u);
    let own = select(vec4<f32>(), four, places < vec4(window.elements));
    if (i < window.elements) {
        var pair = own.xy;
        if (ADDS) { pair += TYPE_numbers(OUT[2u * quad]); }
        OUT[2u * quad] = TYPE_pair(pair);
    }
    if (i + 2u < window.elements) {
        var pair = own.zw;
        if (ADDS) { pair += TYPE_numbers(OUT[2u * quad + 1u]); }
        OUT[2u * quad + 1u] = TYPE_pair(pair);
    }",
        ),
        (Stores::Singles, false) => (
            "array<f32>",
            "    var own = x;
    if (ADDS) { own += OUT[i]; }
    OUT[i] = own;",
        ),
        // Another lane may write the other half at the same time: each touches its own bits only,
        // so that the word is the same whichever comes first.
        (Stores::Singles, true) => (
            "array<atomic<u32>>",
            "    let shift = 16u * (i & 1u);
    var own = x;
    if (ADDS) { own += TYPE_numbers(atomicLoad(&OUT[i >> 1u]) >> shift).x; }
    atomicAnd(&OUT[i >> 1u], ~(0xffffu << shift));
    atomicOr(&OUT[i >> 1u], TYPE_bits(own) << shift);",
        ),
    };
    if narrow {
        header.call(NARROW);
    }
    let out = format!("{name}_out");
    header.write(slot, &out, kind);
    let mut body = body.replace("OUT", &out).replace("TYPE", &dtype.to_string());
    if let Stores::PartQuads(width @ 2..) = stores {
        body = body.replace("window.elements", &format!("({width}u * window.elements)"));
    }
    if let Slot::Staging(_) = slot {
        body = body.replace("ADDS", "false");
    } else {
        header.once(ADDS);
    }
    let arguments =
        if stores == Stores::Singles { "i: u32, x: f32" } else { "quad: u32, four: vec4<f32>" };
    header.line(&format!("fn store_{name}({arguments}) {{\n{body}\n}}"));
}

/// Declares an integer tensor with `NAME_index(i)`, the class as i32, and `NAME_words(i)`, the
/// whole value as two words. What does not fit into 31 bits and a sign becomes the lowest i32,
/// which is no class.
pub(crate) fn indices(header: &mut Header, slot: Slot, name: &str, dtype: DType) {
    indices_after(header, slot, name, dtype, "0u");
}

/// The same of a tensor that begins `skip` elements after its binding.
pub(crate) fn indices_after(header: &mut Header, slot: Slot, name: &str, dtype: DType, skip: &str) {
    let data = format!("{name}_data");
    let (index, high) = match dtype {
        DType::U8 => ("i32((DATA[i >> 2u] >> (8u * (i & 3u))) & 0xffu)", "0u"),
        DType::U16 => ("i32((DATA[i >> 1u] >> (16u * (i & 1u))) & 0xffffu)", "0u"),
        DType::I8 => ("extractBits(bitcast<i32>(DATA[i >> 2u]), 8u * (i & 3u), 8u)", "sign"),
        DType::I16 => ("extractBits(bitcast<i32>(DATA[i >> 1u]), 16u * (i & 1u), 16u)", "sign"),
        DType::I32 => ("bitcast<i32>(DATA[i])", "sign"),
        DType::U32 => ("select(i32(DATA[i]), LOWEST_INDEX, DATA[i] > 0x7fffffffu)", "0u"),
        DType::U64 => (
            "select(i32(DATA[2u * i]), LOWEST_INDEX, \
             DATA[2u * i] > 0x7fffffffu || DATA[2u * i + 1u] != 0u)",
            "DATA[2u * i + 1u]",
        ),
        _ => (
            "select(LOWEST_INDEX, bitcast<i32>(DATA[2u * i]), \
             bitcast<i32>(DATA[2u * i + 1u]) == bitcast<i32>(DATA[2u * i]) >> 31u)",
            "DATA[2u * i + 1u]",
        ),
    };
    let low = match dtype {
        DType::U32 => "DATA[i]",
        DType::U64 | DType::I64 => "DATA[2u * i]",
        _ => "bitcast<u32>(NAME_index(place))",
    };
    let high = if high == "sign" { "bitcast<u32>(NAME_index(place) >> 31u)" } else { high };
    header.read(slot, &data, "array<u32>");
    header.once("const LOWEST_INDEX = i32(-2147483647 - 1);");
    let place = after("place", skip, "");
    let text = format!(
        "fn NAME_index(place: u32) -> i32 {{\n    \
             let i = {place};\n    return {index};\n}}\n\
         fn NAME_words(place: u32) -> vec2<u32> {{\n    \
             let i = {place};\n    return vec2({low}, {high});\n}}"
    );
    header.line(&text.replace("DATA", &data).replace("NAME", name));
}

/// A place moved by what is skipped, if anything is.
fn after(place: &str, skip: &str, unit: &str) -> String {
    if skip == "0u" { place.into() } else { format!("{place} + {skip}{unit}") }
}
