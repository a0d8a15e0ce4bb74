//! Sums of blocks, which kernels add up without rounding.

use crate::common::{self, Random, limited};
use wgloss::{Batch, Custom, Evaluator, Mse, Nll, Reduction, Request, Tensor};

/// The sum of numbers that are a block's only ones each: added up exactly, and rounded once.
#[test]
fn sums_of_blocks_are_exact() {
    let same = Custom::named("same", "fn value(p: f32) -> f32 { return p; }").expect("a loss");
    let mut random = Random(41);
    let sum = |backend: &Evaluator, blocks: &[f32]| {
        let mut terms = vec![0.0; 4096 * blocks.len()];
        terms.iter_mut().step_by(4096).zip(blocks).for_each(|(term, block)| *term = *block);
        let batch = Batch {
            inputs: &[("p", Tensor::from_slice(&terms, [terms.len()]).expect("numbers"))],
            request: Request { reduction: Reduction::Sum, ..Request::default() },
            ..Batch::default()
        };
        let evaluation = backend.evaluate_blocking(&same, &batch).expect("a valid batch");
        evaluation.scalar().expect("a sum")
    };
    // Normal numbers of any sign and size, or of two sizes, which all but cancel each other.
    let mut number = |low: u64, high: u64| {
        let exponent = low + random.bits() % (high - low);
        let bits = random.bits() & 0x807f_ffff | exponent << 23;
        f32::from_bits(u32::try_from(bits).expect("32 bits"))
    };
    let mut cases: Vec<Vec<f32>> = Vec::new();
    for (count, low, high) in [(2, 1, 255), (2, 126, 129), (70, 1, 255), (300, 100, 150)] {
        for _ in 0..8 {
            let mut blocks: Vec<f32> = (0..count).map(|_| number(low, high)).collect();
            cases.push(blocks.clone());
            let opposite = blocks.iter().skip(1).map(|block| -block).collect::<Vec<_>>();
            blocks.extend(opposite);
            cases.push(blocks);
        }
    }
    // Between two numbers, and just beside the middle; past the range.
    let (one, half, small) = (1.0f32, f32::EPSILON / 2.0, f32::MIN_POSITIVE);
    cases.extend([
        vec![one, half],
        vec![one + f32::EPSILON, half],
        vec![one, half, small],
        vec![one, half, -small],
        vec![-one, -half, -small],
        vec![f32::MAX, f32::MAX / 33_554_432.0],
        vec![f32::MAX, -f32::MAX, small],
        vec![small, -small / 2.0 - small / 4.0],
        vec![f32::MAX; 5],
        vec![f32::INFINITY, one, f32::INFINITY],
        vec![one, f32::INFINITY, f32::NEG_INFINITY],
        vec![f32::NAN, one],
    ]);
    let known = [(one, 2), (one + 2.0 * f32::EPSILON, 2), (one + f32::EPSILON, 3), (one, 3)];
    for (name, backend) in common::backends() {
        let (first, rest) = cases.split_at(64);
        for (blocks, (want, count)) in rest.iter().zip(known) {
            assert_eq!((sum(&backend, blocks), blocks.len()), (want, count), "{name}: {blocks:?}");
        }
        // What cancels leaves the first number.
        for pair in first.chunks(2) {
            assert_eq!(sum(&backend, &pair[1]), pair[0][0], "{name}: {:?}", pair[1]);
        }
        for blocks in &cases {
            let (got, want) = (sum(&backend, blocks), sum(&Evaluator::Cpu, blocks));
            // A device may count a denormal loss as 0.
            let flushed = |&x: &f32| if x.is_subnormal() { 0.0 } else { x };
            let kept: Vec<f32> = blocks.iter().map(flushed).collect();
            let same = [want, sum(&Evaluator::Cpu, &kept)]
                .iter()
                .any(|want| got.to_bits() == want.to_bits() || (got.is_nan() && want.is_nan()));
            assert!(same, "{name}: {got}, on the CPU {want}: {blocks:?}");
        }
    }
}

/// More blocks than one workgroup adds up, in one round and in several: of numbers whose sum is known.
#[test]
#[expect(clippy::cast_precision_loss, reason = "the rounding that is meant")]
fn sums_of_many_blocks() {
    const COUNT: usize = 2 * 4096 * 4096 + 4096 + 77;
    let numbers: Vec<u8> = (0..31).cycle().take(COUNT).collect();
    let squares: u64 = numbers.iter().map(|&n| u64::from(n) * u64::from(n)).sum();
    let zeros = vec![0u8; COUNT];
    let inputs = [
        ("input", Tensor::from_slice(&numbers, [COUNT]).expect("numbers")),
        ("target", Tensor::from_slice(&zeros, [COUNT]).expect("numbers")),
    ];
    let request = Request { reduction: Reduction::Sum, totals: true, ..Request::default() };
    let batch = Batch { inputs: &inputs, request, ..Batch::default() };
    let backends = common::backends().into_iter().chain([("narrow", limited(1 << 17, 65_535, 8))]);
    for (name, backend) in backends {
        let answer = backend.evaluate_blocking(&Mse, &batch).expect("a valid batch");
        assert_eq!(answer.scalar(), Some(squares as f32), "{name}");
        let totals = answer.totals.expect("they were asked for");
        assert_eq!((totals.sum(), totals.count()), (squares as f32, COUNT as u64), "{name}");
    }
}

/// The same of rows, of their weights and of the number of kept ones.
#[test]
#[expect(clippy::cast_precision_loss, reason = "the rounding that is meant")]
fn sums_of_many_rows() {
    const COUNT: usize = 4096 * 4096 + 3 * 4096 + 1000;
    let input: Vec<f32> = (0..COUNT).map(|i| (i % 13) as f32).collect();
    let target: Vec<i8> = (0..COUNT).map(|i| if i % 5 == 0 { -1 } else { 0 }).collect();
    let kept: Vec<usize> = (0..COUNT).filter(|i| i % 5 != 0).collect();
    let sum = -((3 * kept.iter().map(|i| i % 13).sum::<usize>()) as f32);
    let inputs = [
        ("input", Tensor::from_slice(&input, [COUNT, 1]).expect("numbers")),
        ("target", Tensor::from_slice(&target, [COUNT]).expect("labels")),
        ("weight", Tensor::from_slice(&[3.0f32], [1]).expect("a weight")),
    ];
    let request = Request { totals: true, ..Request::default() };
    let batch = Batch { inputs: &inputs, request, ..Batch::default() };
    for (name, backend) in common::backends() {
        let loss = Nll { ignore_index: -1 };
        let totals = backend.evaluate_blocking(&loss, &batch).expect("a valid batch").totals;
        let totals = totals.expect("they were asked for");
        let weight = (3 * kept.len()) as f32;
        assert_eq!((totals.sum(), totals.weight()), (sum, weight), "{name}");
        assert_eq!(totals.kept(), kept.len() as u64, "{name}");
        assert_eq!(totals.value(), sum / weight, "{name}");
    }
}

/// Nothing has no sign, whether it is a block's or that of many.
#[test]
fn sums_of_nothing() {
    for count in [1, 1024, 4096, 4 * 4096] {
        let (input, target) = (vec![0.0f32; count], vec![0u8; count]);
        let inputs = [
            ("input", Tensor::from_slice(&input, [count, 1]).expect("numbers")),
            ("target", Tensor::from_slice(&target, [count]).expect("labels")),
        ];
        for (name, backend) in common::backends() {
            let batch = Batch { inputs: &inputs, ..Batch::default() };
            let answer = backend.evaluate_blocking(&Nll::default(), &batch).expect("a valid batch");
            assert_eq!(answer.scalar().map(f32::to_bits), Some(0), "{count} on {name}");
        }
    }
}
