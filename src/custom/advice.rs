//! What to write instead of what WGSL has not.

use super::words::{identifiers, is_word};
use naga::common::wgsl::TryToWgsl;
use naga::keywords::wgsl::BUILTIN_IDENTIFIERS;
use naga::{BinaryOperator, Scalar, ScalarKind, TypeInner};

/// What other languages and libraries call it, and how it is written here. An entry counts if there is
/// a function of the name that it begins with.
const WORDS: &[(&str, &str)] = &[
    ("erf", "error_function(x)"),
    ("erfc", "error_function_complement(x)"),
    ("lgamma", "log_gamma(x)"),
    ("gammaln", "log_gamma(x)"),
    ("logsumexp", "log_sum_exp(x)"),
    ("log1p", "logarithm_one_plus(x)"),
    ("expm1", "exponential_minus_one(x)"),
    ("logsigmoid", "log_sigmoid(x)"),
    ("logcosh", "log_cosh(x)"),
    ("xlogy", "silenced(x, log(y))"),
    ("isnan", "is_nan(x)"),
    ("isNan", "is_nan(x)"),
    ("isfinite", "is_finite(x)"),
    ("isinf", "!is_finite(x) && !is_nan(x)"),
    ("isInf", "!is_finite(x) && !is_nan(x)"),
    ("nan", "not_a_number()"),
    ("NAN", "not_a_number()"),
    ("NaN", "not_a_number()"),
    ("inf", "infinity()"),
    ("INFINITY", "infinity()"),
    ("relu", "max(x, 0.0)"),
    ("hinge", "max(x, 0.0)"),
    ("square", "x * x"),
    ("sq", "x * x"),
    ("sqr", "x * x"),
    ("log10", "0.4342945 * log(x)"),
    ("ln", "log(x)"),
    ("silu", "x * sigmoid(x)"),
    ("swish", "x * sigmoid(x)"),
    ("logit", "log(x) - logarithm_one_plus(-x)"),
    ("cbrt", "sign(x) * pow(abs(x), 0.33333334)"),
    ("hypot", "length(vec2(x, y))"),
    ("heaviside", "step(0.0, x)"),
    ("lerp", "mix(x, y, weight)"),
    ("clip", "clamp(x, low, high)"),
    ("where", "select(no, yes, condition)"),
    ("rsqrt", "inverseSqrt(x)"),
    ("fmod", "x % y"),
    ("mod", "x % y"),
    ("power", "pow(x, y)"),
    ("powf", "pow(x, y)"),
    ("powi", "pow(x, y)"),
    ("fabs", "abs(x)"),
    ("fabsf", "abs(x)"),
    ("fmax", "max(x, y)"),
    ("fmin", "min(x, y)"),
    ("maximum", "max(x, y)"),
    ("minimum", "min(x, y)"),
    ("arcsin", "asin(x)"),
    ("arccos", "acos(x)"),
    ("arctan", "atan(x)"),
    ("arctan2", "atan2(y, x)"),
    ("float", "f32(x)"),
    ("f64", "f32(x)"),
    ("double", "f32(x)"),
    ("int", "i32(x)"),
    ("uint", "u32(x)"),
    ("pi", "3.1415927"),
    ("PI", "3.1415927"),
    ("M_PI", "3.1415927"),
];

/// What people mean by a type that has no meaning here.
pub(super) fn of_type(word: &str) -> Option<String> {
    let (_, here) = WORDS.iter().find(|(other, _)| *other == word)?;
    let name = here.strip_suffix("(x)")?;
    ["f32", "i32", "u32"].contains(&name).then(|| format!("here it is {name}"))
}

/// What people mean by a word that has no meaning here, of these names that have.
pub(super) fn of_word(word: &str, own: &[&str]) -> Option<String> {
    if let "Item" | "Row" | "Parameters" = word {
        return Some(format!("it is declared with struct {word} {{ ... }}"));
    }
    let known = || own.iter().chain(BUILTIN_IDENTIFIERS).copied();
    let mut calls = WORDS.iter().filter(|(other, _)| *other == word);
    let call = calls.find(|(_, here)| {
        let called = here.split_once('(').map(|(called, _)| called);
        let name = called.and_then(|called| identifiers(called).last());
        name.is_none_or(|name| known().any(|own| own == name))
    });
    if let Some((_, here)) = call {
        return Some(format!("here it is {here}"));
    }
    let near = known().map(|name| (strsim::damerau_levenshtein(name, word), name)).min()?;
    let letters = word.chars().count();
    (letters > 2 && near.0 <= letters.div_ceil(4)).then(|| format!("is {} meant?", near.1))
}

/// What people mean by the sign at a byte of a text, or right before it.
pub(super) fn of_sign(text: &str, offset: usize) -> Option<&'static str> {
    let near = |sign: &str| {
        let from = (0..=sign.len()).filter_map(|back| text.get(offset.checked_sub(back)?..));
        from.into_iter().any(|rest| rest.trim_start().starts_with(sign))
    };
    if near("**") {
        return Some("powers are pow(x, y), or products such as x * x");
    }
    if near("?") {
        return Some("a choice is select(no, yes, condition)");
    }
    let before = text.get(..offset).unwrap_or(text);
    let rest = text.get(offset..).unwrap_or_default();
    let start = before.rfind(['\n', ';', '{', '}']).map_or(0, |at| at + 1);
    let (line, whole) = (before[start..].trim_start(), text[start..].trim_start());
    // Comments have words of any kind.
    let is_plain = !line.contains("//") && !line.contains("/*");
    let word = rest.split(|c: char| !is_word(c)).next().unwrap_or_default();
    let code = line.trim_end();
    let last = code.rsplit(|c: char| !is_word(c)).next().unwrap_or_default();
    if is_plain && [word, last].iter().any(|own| ["and", "or", "not"].contains(own)) {
        return Some("conditions are joined with &&, || and !");
    }
    if whole.strip_prefix("for ").is_some_and(|head| !head.trim_start().starts_with('('))
        && is_plain
    {
        return Some("a loop is for (var i = 0; i < count; i++) { ... }");
    }
    if line.starts_with("elif") {
        return Some("it is else if (condition) { ... }");
    }
    if word == "mut" {
        return Some("what changes is declared with var");
    }
    if near("#") {
        return Some("comments begin with //");
    }
    let owner = code.strip_suffix(last).filter(|owner| owner.ends_with('.'));
    let is_function = BUILTIN_IDENTIFIERS.contains(&last) || WORDS.iter().any(|own| own.0 == last);
    if rest.starts_with('(') && owner.is_some() && is_function {
        return Some(
            "functions are called by their names alone, of all that they take: log(x), abs(x)",
        );
    }
    if rest.starts_with(':')
        && line.starts_with("fn ")
        && line.contains(')')
        && !line.contains("->")
    {
        return Some("what a function gives comes after ->");
    }
    let declares = before.rfind(['{', '}']).filter(|&at| before[at..].starts_with('{'));
    let head = declares.map_or("", |at| before[..at].trim_end());
    let head = head.rsplit([';', '}', '\n']).next().unwrap_or_default().trim_start();
    if rest.starts_with('=') && !rest.starts_with("==") && head.starts_with("struct ") {
        return Some("members have no values here: parameters are set by who calls the loss");
    }
    ["float ", "int ", "double ", "auto ", "f32 ", "i32 "]
        .iter()
        .any(|word| line.starts_with(word))
        .then_some("names are declared with let, or with var if they change")
}

/// An operator as it is written.
pub(super) fn sign(operator: BinaryOperator) -> &'static str {
    use BinaryOperator as Op;
    match operator {
        Op::Add => "+",
        Op::Subtract => "-",
        Op::Multiply => "*",
        Op::Divide => "/",
        Op::Modulo => "%",
        Op::Equal => "==",
        Op::NotEqual => "!=",
        Op::Less => "<",
        Op::LessEqual => "<=",
        Op::Greater => ">",
        Op::GreaterEqual => ">=",
        Op::And => "&",
        Op::ExclusiveOr => "^",
        Op::InclusiveOr => "|",
        Op::LogicalAnd => "&&",
        Op::LogicalOr => "||",
        Op::ShiftLeft => "<<",
        Op::ShiftRight => ">>",
    }
}

/// What to do about an operator between numbers of these types.
pub(super) fn of_operator(operator: BinaryOperator, types: [&TypeInner; 2]) -> String {
    let sign = sign(operator);
    let [left, right] = types.map(name);
    let scalars = types.map(|inner| inner.scalar().map(|scalar| scalar.kind));
    let is_float = |kind: &Option<ScalarKind>| *kind == Some(ScalarKind::Float);
    let is_integer =
        |kind: &Option<ScalarKind>| matches!(kind, Some(ScalarKind::Sint | ScalarKind::Uint));
    let advice = match operator {
        BinaryOperator::ExclusiveOr if scalars.iter().any(is_float) => {
            ": powers are pow(x, y), or products such as x * x"
        }
        BinaryOperator::And | BinaryOperator::InclusiveOr if scalars.iter().any(is_float) => {
            ": conditions are joined with && and ||, and what they compare with < or =="
        }
        _ if scalars.iter().any(is_float) && scalars.iter().any(is_integer) => {
            ": an integer is made a number with f32(...)"
        }
        _ if scalars.iter().all(is_integer) && scalars[0] != scalars[1] => {
            ": one is made the other with i32(...) or u32(...)"
        }
        _ if scalars.contains(&Some(ScalarKind::Bool)) => {
            ": a condition is made a number with f32(...) or select(0.0, 1.0, ...)"
        }
        _ => "",
    };
    format!("there is no {left} {sign} {right}{advice}")
}

fn name(inner: &TypeInner) -> String {
    let scalar = |scalar: Scalar| scalar.try_to_wgsl().unwrap_or("number");
    match *inner {
        TypeInner::Scalar(own) => scalar(own).into(),
        TypeInner::Vector { size, scalar: own } => format!("vec{}<{}>", size as u8, scalar(own)),
        TypeInner::Array { .. } => "array".into(),
        TypeInner::Struct { .. } => "struct".into(),
        TypeInner::Matrix { .. } => "matrix".into(),
        TypeInner::Pointer { .. } | TypeInner::ValuePointer { .. } => "pointer".into(),
        _ => "value".into(),
    }
}
