//! Random expressions against an evaluator of one element.

use proptest::prelude::*;

use super::{LANES, assert_close, evaluate};

type One = (&'static str, fn(f64) -> f64);
type Two = (&'static str, fn(f64, f64) -> f64);

#[derive(Clone, Debug)]
enum Tree {
    P,
    T,
    Literal(i8),
    One(One, Box<Tree>),
    Two(Two, Box<(Tree, Tree)>),
    Choice(Box<[Tree; 4]>),
}

impl Tree {
    fn text(&self) -> String {
        match self {
            Self::P => "p".into(),
            Self::T => "t".into(),
            Self::Literal(x) => format!("{:?}", f32::from(*x) / 8.0),
            Self::One((name, _), x) => format!("{name}({})", x.text()),
            Self::Two((operator, _), both) => {
                format!("({} {operator} {})", both.0.text(), both.1.text())
            }
            Self::Choice(parts) => {
                let [a, b, c, d] = parts.each_ref().map(Self::text);
                format!("chosen({a} < {b}, {c}, {d})")
            }
        }
    }

    fn value(&self, p: f64, t: f64) -> f64 {
        match self {
            Self::P => p,
            Self::T => t,
            Self::Literal(x) => f64::from(*x) / 8.0,
            Self::One((_, function), x) => function(x.value(p, t)),
            Self::Two((_, function), both) => function(both.0.value(p, t), both.1.value(p, t)),
            Self::Choice(parts) => {
                let [a, b, c, d] = parts.each_ref().map(|part| part.value(p, t));
                if a < b { c } else { d }
            }
        }
    }
}

fn trees() -> impl Strategy<Value = Tree> {
    // A variable in front keeps naga from computing constants in f32.
    let leaf = prop_oneof![Just(Tree::P), Just(Tree::T)];
    leaf.prop_recursive(6, 40, 4, |inner| {
        let functions: [One; 5] = [
            ("abs", f64::abs),
            ("-", |x| -x),
            ("sin", f64::sin),
            ("floor", f64::floor),
            ("exponential", f64::exp),
        ];
        let operators: [Two; 4] =
            [("+", |a, b| a + b), ("-", |a, b| a - b), ("*", |a, b| a * b), ("/", |a, b| a / b)];
        let one = (prop::sample::select(functions.to_vec()), inner.clone());
        let two = (prop::sample::select(operators.to_vec()), inner.clone(), inner.clone());
        let scaled = (prop::sample::select(operators.to_vec()), inner.clone(), any::<i8>());
        prop_oneof![
            one.prop_map(|(one, x)| Tree::One(one, Box::new(x))),
            two.prop_map(|(two, a, b)| Tree::Two(two, Box::new((a, b)))),
            scaled.prop_map(|(two, a, b)| Tree::Two(two, Box::new((a, Tree::Literal(b.max(1)))))),
            prop::array::uniform4(inner).prop_map(|parts| Tree::Choice(Box::new(parts))),
        ]
    })
}

/// A function with branches, so that lanes part in the middle of expressions.
const CHOSEN: &str = "fn chosen(first: bool, a: f32, b: f32) -> f32 {
    var x = b;
    if first { x = a; return x; }
    return x;
}";

proptest! {
    #[test]
    fn expressions_are_what_they_are_one_by_one(
        tree in trees(),
        p in prop::array::uniform32(-4.0..4.0),
        t in prop::array::uniform32(-4.0..4.0),
    ) {
        let [p, t]: [[f64; LANES]; 2] = [p, t].map(|x| std::array::from_fn(|lane| x[lane % 32]));
        let text = tree.text();
        let body = format!("{CHOSEN} fn value(p: f32, t: f32) -> f32 {{ return {text}; }}");
        let found = &evaluate(&body, &[&p, &t])[0];
        for lane in 0..LANES {
            assert_close(&text, lane, found[lane], tree.value(p[lane], t[lane]));
        }
    }
}
