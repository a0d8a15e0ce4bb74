//! Custom losses over rows: functions of an item give maxima and sums, a function of these the row's loss, and the
//! gradient follows through all of them. What a kernel, the loops of the CPU and the reference do with the derived
//! functions is text too ([`compose`]).

mod compose;
mod cpu;
mod follows;
mod gathered;
mod given_up;
mod glue;
mod loops;
mod made;
mod reference;
mod tiles;
mod writing;

pub(super) use cpu::OnCpu;
pub(super) use made::{Made, Rows, make, shader};
