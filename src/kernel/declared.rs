//! A loss's WGSL as the compiler reads it: its functions, its parameters, the shape of its sums.

use super::NUMERIC;
use crate::definition::Shader;
use naga::proc::Layouter;
use naga::{Expression, Handle, Literal, Module, ScalarKind, Span, Type, TypeInner};
use std::collections::{BTreeMap, HashSet};
use std::sync::{Mutex, OnceLock, PoisonError};

/// The window of a kernel, for the [context](Shader) of what reads it.
pub(crate) const WINDOW: &str = "var<private> window: Window;";

/// The parameters of a kernel, for the context of what calls `options()`.
pub(crate) const OPTIONS: &str = "fn options() -> Parameters { return Parameters(); }";

/// The words of tables, for the context of what reads them.
pub(crate) const TABLE: &str = "@group(0) @binding(0) var<storage, read> table_words: array<u32>;";

/// What a loss's WGSL declares.
#[derive(Debug)]
pub(crate) struct Declared {
    functions: HashSet<String>,
    /// The members of `Parameters` and their types; none where there is no such struct.
    pub(crate) parameters: Vec<(String, ScalarKind)>,
    /// Whether a parameter of 0 may be a constant of the kernels.
    pub(crate) knows_zero: bool,
    /// How each number of the maxima and of the sums is written behind their names, where rows have them.
    pub(crate) peaks: Vec<String>,
    pub(crate) sums: Vec<String>,
    /// Whether the maxima of rows are asked for.
    pub(crate) has_peaks: bool,
    /// How many columns the matrix has that `sums` returns, where it is one.
    pub(crate) sum_columns: Option<u8>,
    /// The bytes that the maxima and the sums of a lane take, where rows have them.
    pub(crate) lane_bytes: u64,
    /// Those that its sums up to an item take; 0 where rows have none.
    pub(crate) running_bytes: u64,
}

/// By where the texts lie and how long they are.
static KNOWN: Mutex<BTreeMap<(usize, usize), &'static OnceLock<Declared>>> =
    Mutex::new(BTreeMap::new());

fn known(shader: Shader) -> &'static OnceLock<Declared> {
    let place = (shader.text.as_ptr() as usize, shader.text.len());
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    known.entry(place).or_insert_with(|| Box::leak(Box::default()))
}

impl Declared {
    /// What this shader declares: read once and kept, as the shader is for ever.
    ///
    /// # Panics
    /// If it is not valid WGSL: a test goes through the catalogue, and custom losses are checked when
    /// they are made.
    pub(crate) fn of(shader: Shader) -> &'static Self {
        // Who asks for another shader does not wait for this one.
        known(shader).get_or_init(|| Self::read(shader))
    }

    /// Keeps what a shader declares that has been read already, where these places of the module are its own.
    pub(crate) fn keep(shader: Shader, module: &Module, is_own: impl Fn(Span) -> bool) {
        known(shader).get_or_init(|| Self::of_module(shader, module, is_own));
    }

    fn read(shader: Shader) -> Self {
        let context = [&[NUMERIC], shader.context].concat().join("\n");
        let text = format!("{context}\n{}", shader.text);
        let module = naga::front::wgsl::parse_str(&text)
            .unwrap_or_else(|error| panic!("a loss's shader: {}", error.emit_to_string(&text)));
        let is_own = |span: Span| span.to_range().is_some_and(|range| range.start > context.len());
        Self::of_module(shader, &module, is_own)
    }

    fn of_module(shader: Shader, module: &Module, is_own: impl Fn(Span) -> bool) -> Self {
        let functions = module.functions.iter();
        let functions = functions.filter(|(handle, _)| is_own(module.functions.get_span(*handle)));
        Self {
            functions: functions.filter_map(|(_, function)| function.name.clone()).collect(),
            parameters: parameters(module),
            knows_zero: shader.knows_zero,
            peaks: members(module, "peaks"),
            sums: members(module, "sums"),
            has_peaks: has_peaks(module),
            sum_columns: sum_columns(module),
            lane_bytes: bytes(module, &["peaks", "sums"]),
            running_bytes: bytes(module, &["running_sums"]),
        }
    }

    /// Whether it has a function of this name.
    pub(crate) fn defines(&self, function: &str) -> bool {
        self.functions.contains(function)
    }

    /// Whether rows have sums up to each item.
    pub(crate) fn has_running(&self) -> bool {
        self.defines("running_sums")
    }
}

fn parameters(module: &Module) -> Vec<(String, ScalarKind)> {
    let parameters = module.types.iter().find(|(_, ty)| ty.name.as_deref() == Some("Parameters"));
    let Some(TypeInner::Struct { members, .. }) = parameters.map(|(_, ty)| &ty.inner) else {
        return Vec::new();
    };
    let member = |member: &naga::StructMember| match module.types[member.ty].inner {
        TypeInner::Scalar(scalar) => (member.name.clone().unwrap_or_default(), scalar.kind),
        _ => panic!("a parameter is a number, not {member:?}"),
    };
    members.iter().map(member).collect()
}

/// The type of what a function returns.
fn result(module: &Module, function: &str) -> Option<Handle<Type>> {
    let mut functions = module.functions.iter().map(|(_, function)| function);
    let found = functions.find(|own| own.name.as_deref() == Some(function))?;
    Some(found.result.as_ref()?.ty)
}

/// The bytes of what these functions return.
fn bytes(module: &Module, functions: &[&str]) -> u64 {
    let mut layouter = Layouter::default();
    layouter.update(module.to_ctx()).expect("a shader whose types have a size");
    let types = functions.iter().filter_map(|name| result(module, name));
    types.map(|ty| u64::from(layouter[ty].to_stride())).sum()
}

/// How each number is written behind the name of what a function returns.
fn members(module: &Module, function: &str) -> Vec<String> {
    let places = |size: u8| (0..size).map(|i| format!("[{i}]"));
    match result(module, function).map(|ty| &module.types[ty].inner) {
        Some(TypeInner::Scalar(_)) => vec![String::new()],
        Some(&TypeInner::Vector { size, .. }) => places(size as u8).collect(),
        Some(&TypeInner::Matrix { columns, rows, .. }) => places(columns as u8)
            .flat_map(|column| places(rows as u8).map(move |row| format!("{column}{row}")))
            .collect(),
        _ => Vec::new(),
    }
}

/// What the constant `HAS_PEAKS` says; false where there is none.
fn has_peaks(module: &Module) -> bool {
    let mut constants = module.constants.iter();
    let found = constants.find(|(_, own)| own.name.as_deref() == Some("HAS_PEAKS"));
    let value = found.map(|(_, own)| &module.global_expressions[own.init]);
    matches!(value, Some(Expression::Literal(Literal::Bool(true))))
}

fn sum_columns(module: &Module) -> Option<u8> {
    match module.types[result(module, "sums")?].inner {
        TypeInner::Matrix { columns, .. } => Some(columns as u8),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::losses::{by_name, catalogue};

    #[test]
    fn every_formula_is_read() {
        for loss in catalogue() {
            let declared = Declared::of(loss.definition().shader);
            assert!(!declared.functions.is_empty(), "{}", loss.definition().name);
            assert!(!declared.defines("is_nan"), "that is numeric.wgsl's");
        }
    }

    #[test]
    fn rows_say_how_they_are_summed() {
        let declared = |name| Declared::of(by_name(name).expect("a loss").definition().shader);
        let [entropy, cosine, triplet] =
            ["cross_entropy", "cosine_embedding_loss", "triplet_margin_with_distance_loss"]
                .map(declared);
        assert!(entropy.defines("moved") && !entropy.defines("in_range"));
        assert!(cosine.defines("in_range") && !cosine.defines("moved"));
        assert_eq!([entropy, cosine, triplet].map(|f| f.sum_columns), [None, None, Some(2)]);
        assert_eq!(declared("mse_loss").lane_bytes, 0);
        let has_peaks =
            ["cross_entropy", "multi_margin_loss", "mse_loss"].map(|f| declared(f).has_peaks);
        assert_eq!(has_peaks, [true, false, false]);
        assert!(entropy.lane_bytes >= 8 && triplet.lane_bytes > entropy.lane_bytes);
    }
}
