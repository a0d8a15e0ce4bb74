//! The ways in which a matrix product can be shared among lanes.

use crate::common::{self, Random, bits, differentiable, inputs};
use wgloss::{
    Batch, DType, Evaluator, InfoNce, LinearCrossEntropy, Loss, NtXent, Reduction, Request, Tuning,
};

/// Sizes past whole tiles of either way; features that are read by fours and one by one.
const SIZES: [(usize, usize, usize); 2] = [(70, 36, 131), (33, 67, 65)];

/// A lane's own reads, exchanged within subgroups, add up as those from the workgroup's memory.
#[test]
fn the_same_bits_with_exchange_as_without() {
    let mut random = Random(95);
    let symmetric = InfoNce { symmetric: true, normalize: true, ..InfoNce::default() };
    for (i, (items, features, classes)) in SIZES.into_iter().enumerate() {
        let dtype = [DType::F32, DType::BF16][i];
        let (rows, columns) = ([items, features], [classes, features]);
        let (input, linear) = (("input", dtype, &rows[..]), ("linear_weight", dtype, &columns[..]));
        let index = ("target", DType::I64, &[items][..]);
        let bias = ("linear_bias", dtype, &[classes][..]);
        let own_labels = ("labels", DType::U8, &[items][..]);
        let (query, key) = (("query", dtype, &rows[..]), ("key", dtype, &rows[..]));
        let linear_inputs = [input, linear, index, bias];
        let of_pairs: (&dyn Loss, &[_]) = match dtype {
            DType::F32 => (&symmetric, &[query, key]),
            _ => (&NtXent::default(), &[input, own_labels]),
        };
        for (loss, shapes) in [(&LinearCrossEntropy::default() as _, &linear_inputs[..]), of_pairs]
        {
            let inputs = inputs(loss, shapes, classes, &mut random);
            let gradients = differentiable(loss, &inputs);
            let request =
                Request { reduction: Reduction::Sum, ..Request::with_gradients(&gradients) };
            let batch = Batch { inputs: &inputs, request, ..Batch::default() };
            let [without, with] = [u64::MAX, 0].map(|least_exchanged| {
                let tuning = Tuning { least_exchanged, ..Tuning::default() };
                let backend = Evaluator::Gpu(common::gpu().with_tuning(tuning));
                bits(&backend.evaluate_blocking(loss, &batch).expect("a valid batch"))
            });
            assert!(without == with, "{loss:?} of {items} x {features} x {classes} {dtype}");
        }
    }
}
