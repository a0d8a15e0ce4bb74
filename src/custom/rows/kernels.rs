//! The kernels that a loss over rows is joined with: which names of its inputs they have for themselves.

use crate::custom::refusal::{error_at, taken};
use crate::definition::{Definition, Parameter, Role};
use crate::error::Result;
use crate::families::rows::kernel::{Lanes, Spec, Stage, Writes};
use crate::families::rows::{MOST_OVER, RowShape, RowWeight, Target};
use crate::kernel::{Declared, Parameters};
use crate::request::{Losses, Upstream};
use crate::tensor::DType;
use naga::ScalarKind;
use naga::front::wgsl::parse_str;

/// Finds inputs whose names make a kernel invalid.
pub(in crate::custom) fn check(text: &str, definition: &Definition) -> Result<()> {
    let declared = Declared::of(definition.shader);
    let value = |(name, kind): &'static (String, ScalarKind)| match kind {
        ScalarKind::Float => (&**name, Parameter::Number(f32::MAX)),
        _ => (&**name, Parameter::Integer(i32::MAX.into())),
    };
    let values: Vec<(&'static str, Parameter)> = declared.parameters.iter().map(value).collect();
    let parameters = Parameters::new(declared, &values);
    for classes in [8, 7] {
        let kernel = kernel(definition, parameters.clone(), classes);
        let Err(error) = parse_str(&kernel) else { continue };
        let place = error.labels().next().and_then(|(span, _)| span.to_range());
        let name = place.and_then(|place| kernel.get(place)).unwrap_or_default();
        let made_of = |own: &&str| {
            name.strip_prefix(*own).is_some_and(|end| end.is_empty() || end.starts_with('_'))
        };
        let names = definition.inputs.iter().map(|input| input.name);
        return Err(match names.into_iter().find(made_of) {
            Some(own) => {
                let at = text.find(&format!("{own}:")).or_else(|| text.find(own));
                taken(text, at.unwrap_or_default(), name)
            }
            None => error_at(text, 0, format!("its kernels are not valid: {error}")),
        });
    }
    Ok(())
}

/// A kernel that has the names of all others too.
fn kernel(definition: &Definition, parameters: Parameters, classes: u64) -> String {
    let inputs = definition.inputs;
    let places = |role: Role| (0..inputs.len()).filter(move |&i| inputs[i].role == role);
    let mut over = places(Role::RowsOrClasses);
    let mut labels = places(Role::Labels);
    let shape = RowShape {
        classes,
        inner: 1,
        over: std::array::from_fn(|_| over.next()),
        shared: [false; MOST_OVER],
        target: places(Role::Index).next().map_or(Target::None, Target::Index),
        labels: std::array::from_fn(|_| labels.next()),
        marks: None,
        mask: None,
        list: None,
        weight: RowWeight::One,
    };
    let dtype = |i: usize| match inputs[i].whole() {
        _ if inputs[i].role == Role::Index => DType::I64,
        Some(_) => DType::I8,
        None => DType::F16,
    };
    let spec = Spec {
        definition,
        parameters,
        inputs: (0..inputs.len()).map(|i| Some(dtype(i))).collect(),
        gradients: vec![DType::F16; inputs.len()],
        shape,
        lanes: Lanes { threads: 64, rows: 1, most_held: 0, most_ahead: 1, subgroup: None },
        ignores: true,
        upstream: Upstream::Terms,
        scratch_divisor: true,
        by_weights: true,
        counted: None,
        kept_rows: 0,
        lists: 0,
        sections: None,
        slopes: true,
        row_slopes: true,
    };
    let gradients = (0..inputs.len()).filter(|&i| inputs[i].differentiable).collect();
    spec.pass(&Writes { losses: Losses::Scratch, gradients }, Stage::Whole).text()
}
