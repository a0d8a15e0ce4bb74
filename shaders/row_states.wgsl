// What all formulas over rows know: where maxima begin, and what becomes of a row.

const LOWEST: f32 = -0x1.fffffep+127f;

const KEPT: u32 = 0u;
const IGNORED: u32 = 1u;
const BAD: u32 = 2u;
