//! Names of the user's that nothing of the kernels' has.

use naga::{Module, Span, Type, TypeInner};

/// What comes before names of the user's in derived text.
const OWN: &str = "user_";

/// Gives what the user declares names that nothing of the kernels' has. The parameters keep theirs.
pub(in crate::custom) fn rename(module: &mut Module, is_own: impl Fn(Span) -> bool) {
    let own = |name: &Option<String>| name.as_ref().map(|name| format!("{OWN}{name}"));
    let functions: Vec<_> = module.functions.iter().map(|(handle, _)| handle).collect();
    for handle in functions {
        if is_own(module.functions.get_span(handle)) {
            let function = &mut module.functions[handle];
            function.name = own(&function.name);
        }
    }
    let constants: Vec<_> = module.constants.iter().map(|(handle, _)| handle).collect();
    for handle in constants {
        if is_own(module.constants.get_span(handle)) {
            let constant = &mut module.constants[handle];
            constant.name = own(&constant.name);
        }
    }
    let types: Vec<_> = module.types.iter().map(|(handle, _)| handle).collect();
    for handle in types {
        let ty = module.types[handle].clone();
        let is_struct = matches!(ty.inner, TypeInner::Struct { .. });
        let is_parameters = ty.name.as_deref() == Some("Parameters");
        if is_struct && !is_parameters && is_own(module.types.get_span(handle)) {
            module.types.replace(handle, Type { name: own(&ty.name), ..ty });
        }
    }
}
