//! How an input lies in the batch of a curve, by its role.

use wgloss::Loss;
use wgloss::definition::Role;

/// Where the numbers of an input are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lies {
    /// A number for each point.
    Single,
    /// A row for each point.
    Rows,
    /// A row for all points.
    Shared,
}

/// How an input lies, and whether it holds integers; a list may be a row where there is a choice.
/// `None` where the loss alone knows.
pub(super) fn lies(loss: &dyn Loss, role: Role, list: bool) -> Option<(Lies, bool)> {
    Some(match role {
        Role::Elements
        | Role::Alike
        | Role::Onto
        | Role::Weight
        | Role::WeightOnto
        | Role::Variance
        | Role::Offset
        | Role::Labels => (Lies::Single, false),
        Role::Rows
        | Role::RowsOrClasses
        | Role::Scores
        | Role::Features
        | Role::ItemFactors
        | Role::Mask => (Lies::Rows, false),
        Role::Classes | Role::Factors => (Lies::Shared, false),
        Role::IndexOrRows if list => (Lies::Rows, false),
        Role::Index
        | Role::IndexOrRows
        | Role::Marks
        | Role::Signed
        | Role::Unsigned
        | Role::Flags => (Lies::Single, true),
        Role::ElementVectors(_) => (Lies::Rows, false),
        Role::Own | Role::OwnIntegers if is_table(loss) => (Lies::Rows, role == Role::OwnIntegers),
        _ => return None,
    })
}

/// Whether a loss takes tables of the same rows and columns, and says nothing else of them.
fn is_table(loss: &dyn Loss) -> bool {
    if !loss.sample().is_empty() {
        return false;
    }
    let example = loss.example();
    let shape = example.first().map(|(_, kind)| &kind.shape);
    example.iter().all(|(_, kind)| kind.shape.len() == 2 && Some(&kind.shape) == shape)
}
