//! Second derivatives: by two arguments, and the product of the Hessian with a given direction.

use super::inputs::{Inputs, batch, check, check_differences, floats};
use crate::common::{Random, assert_close, backends, tensor};
use wgloss::{Custom, DType, Error, Evaluator, Loss, Reduction, reference};

const GAUSSIAN: &str = "fn value(p: f32, s: f32, t: f32) -> f32 {
    return 0.5 * (s + (p - t) * (p - t) * exp(-s));
}";

const FOCAL: &str = "fn value(x: f32, target: f32) -> f32 {
    let s = sigmoid(x);
    return -target * (1.0 - s) * (1.0 - s) * log_sigmoid(x)
        - (1.0 - target) * s * s * log_sigmoid(-x);
}";

fn of(text: &str) -> Custom {
    Custom::new(text).unwrap_or_else(|e| panic!("{text}: {e}"))
}

fn mixture() -> Custom {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/losses/mixture_density.wgsl");
    of(&std::fs::read_to_string(path).expect("an example"))
}

fn derivative(loss: &Custom, argument: &str) -> Custom {
    loss.derivative(argument).unwrap_or_else(|e| panic!("{argument}: {e}"))
}

fn along(loss: &Custom, arguments: &[&str]) -> Custom {
    loss.along(arguments).unwrap_or_else(|e| panic!("{arguments:?}: {e}"))
}

fn names(loss: &Custom) -> Vec<&'static str> {
    loss.definition().inputs.iter().map(|input| input.name).collect()
}

/// Float64 answers on both backends and by the reference: of the terms, and of gradients in their order.
#[track_caller]
fn assert_answers(loss: &Custom, inputs: &Inputs, gradients: &[&str], want: &[&[f64]]) {
    let batch = batch(inputs, Reduction::None, gradients);
    let scale = want.iter().copied().flatten().fold(0.0, |most: f64, x| most.max(x.abs()));
    let exact = reference::evaluate(loss, &batch).expect("an answer");
    let all = [&exact.value].into_iter().chain(exact.gradients.iter().map(|(_, slopes)| slopes));
    for (got, want) in all.zip(want) {
        for (got, want) in got.iter().zip(*want) {
            assert!((got - want).abs() <= 1e-8 * (scale + want.abs()), "{got}, not {want}");
        }
    }
    for (name, backend) in backends() {
        let got = backend.evaluate_blocking(loss, &batch).expect("an answer");
        let value = got.value.as_ref().expect("a value").to_f32();
        assert_close(&format!("value on {name}"), &value, want[0], scale);
        for ((by, got), want) in got.gradients.iter().zip(&want[1..]) {
            assert_close(&format!("by {by} on {name}"), &got.to_f32(), want, scale);
        }
    }
}

fn inputs(columns: &[(&'static str, &[usize], &[f64])]) -> Inputs {
    columns.iter().map(|(name, shape, x)| (*name, tensor(DType::F32, shape, x))).collect()
}

/// The answers are those of `torch.autograd.functional.hvp` and of `torch.autograd.grad` of a gradient, in
/// float64.
#[test]
fn second_derivatives_are_pytorch_s() {
    let loss = of(GAUSSIAN);
    let all = inputs(&[
        ("p", &[3], &[0.5, -1.25, 3.0]),
        ("s", &[3], &[0.25, -0.5, 1.5]),
        ("t", &[3], &[0.75, 2.0, -1.0]),
        ("p_direction", &[3], &[1.0, -0.5, 0.25]),
        ("s_direction", &[3], &[0.5, 2.0, -1.5]),
        ("t_direction", &[3], &[-0.75, 0.0, 1.25]),
    ]);
    let value = [-0.10289410482923034, -13.735446356882395, 1.0350412811874388];
    let by_p = [1.4602514682588843, 9.89232762420077, 1.115650800742149];
    let by_s = [0.35289410482923034, 14.735446356882395, -1.7850412811874385];
    let by_t = by_p.map(|x| -x);
    let product = along(&loss, &["p", "s", "t"]);
    assert_answers(&product, &all, &["p", "s", "t"], &[&value, &by_p, &by_s, &by_t]);
    let slope = [-0.19470019576785122, -5.358344129775417, 0.8925206405937193];
    let own = [0.7788007830714049, 1.6487212707001282, 0.22313016014842982];
    let (by_s, by_t) = (slope.map(|x| -x), own.map(|x| -x));
    let first = derivative(&loss, "p");
    assert_answers(&first, &all[..3].to_vec(), &["p", "s", "t"], &[&slope, &own, &by_s, &by_t]);
    // The same entry as a value, whichever comes first.
    for second in [derivative(&first, "s"), derivative(&derivative(&loss, "s"), "p")] {
        assert_answers(&second, &all[..3].to_vec(), &[], &[&by_s]);
    }

    let loss = of(FOCAL);
    let all = inputs(&[
        ("x", &[3], &[0.5, -1.25, 3.0]),
        ("target", &[3], &[0.25, 1.0, 0.0]),
        ("x_direction", &[3], &[1.0, -0.5, 0.25]),
        ("target_direction", &[3], &[0.5, 2.0, -1.5]),
    ]);
    let value = [0.2052105618972556, 2.2268387128182408, 4.430944206709872];
    let by_x = [0.09786447081877622, -2.0029821439185302, 1.6855749120493546];
    let by_target = [-0.6640888192254973, 0.45214585809718877, -0.2817661881203441];
    let product = along(&loss, &["target", "x"]);
    assert_eq!(names(&product), ["x", "target", "x_direction", "target_direction"]);
    assert_answers(&product, &all, &["x", "target"], &[&value, &by_x, &by_target]);
    let mixed = [-0.6640888192254973, -0.9042917161943775, -1.1270647524813764];
    let second = derivative(&derivative(&loss, "x"), "target");
    assert_answers(&second, &all[..2].to_vec(), &[], &[&mixed]);
}

#[test]
fn second_derivatives_of_vectors_are_pytorch_s() {
    let loss = mixture();
    let all = inputs(&[
        ("x", &[2, 3], &[0.5, -1.25, 1.0, 0.0, 0.5, -0.5]),
        ("mean", &[2, 3], &[0.25, 1.0, -2.0, 1.5, -1.0, 0.5]),
        ("log_scale", &[2, 3], &[0.25, -0.5, 0.75, -0.25, 0.0, 0.5]),
        ("t", &[2], &[0.5, -1.5]),
        ("x_direction", &[2, 3], &[1.0, 0.5, -0.25, 0.75, -1.0, 2.0]),
        ("mean_direction", &[2, 3], &[0.5, -0.5, 1.0, -1.0, 0.25, 0.5]),
        ("log_scale_direction", &[2, 3], &[-0.5, 1.5, 0.25, 1.0, -0.75, 0.5]),
        ("t_direction", &[2], &[2.0, -1.0]),
    ]);
    let product = along(&loss, &["x", "mean", "log_scale", "t"]);
    let want: [&[f64]; 5] = [
        &[-0.7786675467818533, 0.9146517095254298],
        &[
            0.13666472261108606,
            -0.34488104628297944,
            0.20821632367189344,
            0.1934648614223522,
            -0.3374888197959655,
            0.14402395837361323,
        ],
        &[
            -0.618355316056672,
            -1.1450272898786547,
            0.29145563878823694,
            0.03128204180494708,
            1.6740977839612672,
            0.13510754876143324,
        ],
        &[
            -0.14983549583224287,
            1.444587700764905,
            0.07521748541937556,
            -0.08657812674417127,
            -1.612150547916681,
            -0.17878170567084956,
        ],
        &[1.4719269671470898, -1.8404873745276475],
    ];
    assert_answers(&product, &all, &["x", "mean", "log_scale", "t"], &want);
    // A row of the Hessian, of which a vector has a part for each of its numbers.
    let row = derivative(&loss, "x.y");
    let by_mean = [
        0.012854957789977615,
        0.17369590982131658,
        0.02399839571270366,
        -0.0020802236006874967,
        0.04835458674223059,
        -0.07084519297845411,
    ];
    let by_t = [-0.21054926332399784, 0.024570829836911022];
    let exact = reference::evaluate(&row, &batch(&all[..4].to_vec(), Reduction::None, &[]));
    let slope = exact.expect("an answer").value;
    assert_answers(&row, &all[..4].to_vec(), &["mean", "t"], &[&slope, &by_mean, &by_t]);
}

const BOXES: &str = "struct Parameters { scale: f32, weights: array<f32, 3> }
fn near(a: vec2<f32>, b: vec2<f32>, c: Parameters) -> f32 {
    let d = a - b;
    return c.scale * sqrt(1.0 + dot(d, d));
}
fn value(a: vec2<f32>, b: vec2<f32>, y: f32, n: i32, c: Parameters) -> f32 {
    var sum = near(a, b, c);
    for (var i = 0; i < n; i++) { sum = sum * 0.5 + sin(y) * a.x * c.weights[i]; }
    return select(sum, sum * y, y > 0.0);
}";

/// What is along is the derivative of the loss, and its gradients those of what it is.
#[test]
fn products_are_what_differences_say() {
    let mut loss = of(BOXES);
    loss.set("scale", 1.5).expect("a number");
    loss.set_table("weights", &[1.0, -0.5, 2.0]).expect("three numbers");
    let mut random = Random(11);
    for directions in [&["a", "b", "y"][..], &["b"], &["y", "a"]] {
        let product = along(&loss, directions);
        let mut all: Inputs = vec![
            ("a", floats(DType::F32, &[5, 2], &mut random)),
            ("b", floats(DType::F32, &[5, 2], &mut random)),
            ("y", floats(DType::F32, &[5], &mut random)),
            ("n", tensor(DType::I32, &[5], &[0.0, 3.0, 2.0, 1.0, 3.0])),
        ];
        for name in &names(&product)[4..] {
            let shape: &[usize] = if *name == "y_direction" { &[5] } else { &[5, 2] };
            all.push((name, floats(DType::F32, shape, &mut random)));
        }
        // The loss itself with its arguments moved.
        let moved = |by: f64| {
            let arguments = all[..4].iter().map(|(name, x)| {
                let direction = all.iter().find(|(own, _)| *own == format!("{name}_direction"));
                let Some((_, direction)) = direction else { return (*name, x.clone()) };
                let numbers = x.to_f64().into_iter().zip(direction.to_f64());
                let numbers: Vec<f64> = numbers.map(|(x, v)| x + by * v).collect();
                (*name, tensor(DType::F64, x.shape(), &numbers))
            });
            let arguments: Inputs = arguments.collect();
            let answer = reference::evaluate(&loss, &batch(&arguments, Reduction::None, &[]));
            answer.expect("an answer").value
        };
        let h = 1e-5;
        let want = moved(h).into_iter().zip(moved(-h)).map(|(high, low)| (high - low) / (2.0 * h));
        let got = reference::evaluate(&product, &batch(&all, Reduction::None, &[]));
        for (got, want) in got.expect("an answer").value.into_iter().zip(want) {
            assert!(
                (got - want).abs() <= 1e-7 * (1.0 + want.abs()),
                "{directions:?}: {got} {want}"
            );
        }
        let gradients: Vec<&str> = names(&product).into_iter().filter(|x| *x != "n").collect();
        check_differences("products", &product, &all, &gradients);
        check("products", &product, &all, Reduction::Mean, &gradients);
    }
}

/// A broadcast argument's part of the product is the sum over all terms that it is in, of all that its
/// direction is in too: that of the whole loss.
#[test]
fn broadcast_arguments_and_directions() {
    let loss = of("fn value(p: f32, t: f32) -> f32 { return p * p * t; }");
    let product = along(&loss, &["p", "t"]);
    let all = inputs(&[
        ("p", &[2, 2], &[1.0, 2.0, 3.0, 4.0]),
        ("t", &[2], &[5.0, 6.0]),
        ("p_direction", &[2, 2], &[1.0, -1.0, 2.0, 1.0]),
        ("t_direction", &[2], &[3.0, -2.0]),
    ]);
    // 2 t v + 2 p w, and 2 p v summed over the rows.
    let value = [13.0, -32.0, 87.0, 16.0];
    let (by_p, by_t) = ([16.0, -20.0, 38.0, -4.0], [14.0, 4.0]);
    assert_answers(&product, &all, &["p", "t"], &[&value, &by_p, &by_t]);
    for (name, backend) in backends() {
        let mean = batch(&all, Reduction::Mean, &["p", "t"]);
        let got = backend.evaluate_blocking(&product, &mean).expect("an answer");
        assert_eq!(got.scalar(), Some(21.0), "{name}");
        assert_eq!(*got.gradients[0].1.to_f32(), [4.0, -5.0, 9.5, -1.0], "{name}");
        assert_eq!(*got.gradients[1].1.to_f32(), [3.5, 1.0], "{name}");
    }
    // One direction for all.
    let all = inputs(&[
        ("p", &[2, 2], &[1.0, 2.0, 3.0, 4.0]),
        ("t", &[2], &[5.0, 6.0]),
        ("p_direction", &[], &[0.5]),
    ]);
    let want: [&[f64]; 4] =
        [&[5.0, 12.0, 15.0, 24.0], &[5.0, 6.0, 5.0, 6.0], &[4.0, 6.0], &[112.0]];
    assert_answers(&along(&loss, &["p"]), &all, &["p", "t", "p_direction"], &want);
}

/// Names that the text gets others for, and those of directions that are there already.
#[test]
fn names_of_inputs_stay_the_user_s() {
    for name in ["target", "max", "cos", "is_nan", "x", "größe", "read"] {
        let loss = of(&format!(
            "fn value({name}: f32, t: f32) -> f32 {{ return {name} * {name} * t - sin(t); }}"
        ));
        let direction = format!("{name}_direction");
        let slope = derivative(&loss, name);
        assert_eq!(names(&slope), [name, "t"]);
        assert_eq!(names(&derivative(&slope, name)), [name, "t"]);
        let product = along(&slope, &[name]);
        assert_eq!(names(&product), [name, "t", &direction]);
        assert_eq!(names(&product.with_built_ins().expect("a loss")), [name, "t", &direction]);
        let product = along(&loss, &[name]);
        let columns = [(names(&product)[0], 3.0), ("t", 2.0), (names(&product)[2], 0.5)];
        let all: Inputs =
            columns.map(|(name, x)| (name, tensor(DType::F32, &[1], &[x]))).into_iter().collect();
        let gradients = names(&product);
        assert_answers(&product, &all, &gradients, &[&[6.0], &[2.0], &[3.0], &[12.0]]);
    }
    let text = "struct Parameters { k: f32 }
        fn value(p: f32, p_direction: f32, c: Parameters) -> f32 { return c.k * p * p * p_direction; }";
    let mut loss = of(text);
    loss.set("k", 2.0).expect("a parameter");
    let both = along(&loss, &["p", "p_direction"]);
    let own = ["p", "p_direction", "p_direction_1", "p_direction_direction"];
    assert_eq!(names(&both), own);
    let columns = own.into_iter().zip([3.0, 5.0, 0.5, 0.25]);
    let all: Inputs = columns.map(|(name, x)| (name, tensor(DType::F32, &[1], &[x]))).collect();
    // 2 (2 p q v + p^2 w)
    assert_answers(&both, &all, &own, &[&[34.5], &[13.0], &[6.0], &[60.0], &[18.0]]);
    // The third derivative along the same direction twice.
    let twice = along(&along(&of("fn value(p: f32) -> f32 { return p * p * p; }"), &["p"]), &["p"]);
    let own = names(&twice);
    assert_eq!(own, ["p", "p_direction", "p_direction_1"]);
    let columns = own.iter().zip([3.0, 0.5, 2.0]);
    let all: Inputs = columns.map(|(name, x)| (*name, tensor(DType::F32, &[1], &[x]))).collect();
    assert_answers(&twice, &all, &["p"], &[&[18.0], &[6.0]]);
}

#[test]
fn what_has_no_direction() {
    let loss = of("fn value(p: f32, n: i32, m: bool, z: vec2<f32>) -> f32 {
        return select(p * p, z.x * f32(n), m) + quantizeToF16(z.y);
    }");
    let error = |arguments: &[&str]| loss.along(arguments).expect_err("no direction").to_string();
    for (arguments, parts) in [
        (&["n"][..], &["line 1, column 18", "n is i32", "f32"][..]),
        (&["p", "m"], &["line 1, column 26", "m is bool"]),
        (&["z"], &["line 2, column"]),
        (&["q"], &["\"q\" is not known", "p"]),
        (&["z.x"], &["\"z.x\" is not known", "z"]),
        (&["p", "p"], &["p: given 2 times"]),
        (&[], &["along: no argument", "at least one"]),
    ] {
        let error = error(arguments);
        for part in parts {
            assert!(error.contains(part), "{arguments:?}: {error}");
        }
    }
    let list = |separator: &str, each: &dyn Fn(usize) -> String| {
        (0..9).map(each).collect::<Vec<_>>().join(separator)
    };
    let (arguments, sum) =
        (list(", ", &|i| format!("p{i}: f32")), list(" + ", &|i| format!("p{i} * p{i}")));
    let loss = of(&format!("fn value({arguments}) -> f32 {{ return {sum}; }}"));
    let error = loss.along(&names(&loss)).expect_err("18 inputs").to_string();
    assert!(error.contains("18 inputs") && error.contains("at most 16"), "{error}");
    let product = along(&loss, &names(&loss)[..7]);
    assert_eq!(names(&product).len(), 16);
    // A direction is an input as others are, which must be there and of its own type.
    let all = inputs(&[("p", &[2], &[1.0, 2.0]), ("t", &[2], &[1.0, 2.0])]);
    let product = along(&of("fn value(p: f32, t: f32) -> f32 { return p * t; }"), &["t"]);
    let error = Evaluator::Cpu.evaluate_blocking(&product, &batch(&all, Reduction::Mean, &[]));
    assert!(
        matches!(&error, Err(Error::Missing { argument, .. }) if argument == "t_direction"),
        "{error:?}"
    );
}
