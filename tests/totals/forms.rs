//! Totals as they are written: what comes back, and what is refused.

use super::{cases, part, totals, totals_of};
use wgloss::{Evaluator, Mse, Part, Reduction, Tensor, Totals};

#[test]
fn totals_travel_between_machines() {
    let input = Tensor::from_slice(&[1.0f32, f32::NAN, 3.1], [3]).expect("3 numbers");
    let inputs = [("input", input.clone()), ("target", input)];
    let nan = totals(&Evaluator::Cpu, &Mse, &inputs);
    let (loss, inputs, items) = cases().swap_remove(4);
    let place = Part { first: 1000, of: Some(items as u64) };
    let mut cut = part(&inputs, items, 1000..19_000);
    let own = |inputs: &[(&str, Tensor<'_>)], place| {
        totals_of(&Evaluator::Cpu, loss.as_ref(), inputs, Reduction::Mean, Some(place))
    };
    let mut both = own(&cut, place);
    cut = part(&inputs, items, 19_500..20_000);
    both.merge(&own(&cut, Part { first: 19_500, ..place })).expect("apart");
    for totals in [nan, both, totals(&Evaluator::Cpu, loss.as_ref(), &inputs)] {
        let text = serde_json::to_string(&totals).expect("serialisable");
        let bytes = totals.to_bytes();
        assert!(bytes.starts_with(b"wgloss totals"));
        assert!(bytes.len() < 500 + 8 * 8190 + 8 * 500, "{} bytes", bytes.len());
        let backs = [
            serde_json::from_str(&text).expect("what was written"),
            Totals::from_bytes(&bytes).expect("what was written"),
        ];
        for back in backs {
            let same = |f: fn(&Totals) -> f32| f(&back).to_bits() == f(&totals).to_bits();
            assert!(same(Totals::sum) && same(Totals::weight) && same(Totals::value), "{text}");
            assert_eq!((back.count(), back.kept()), (totals.count(), totals.kept()), "{text}");
            assert_eq!(back.to_bytes(), bytes);
        }
        // Whatever is damaged is an error, and never more than that.
        for end in 0..bytes.len().min(400) {
            assert!(Totals::from_bytes(&bytes[..end]).is_err(), "the first {end} bytes");
        }
        for place in 0..bytes.len() {
            let mut bytes = bytes.clone();
            bytes[place] ^= 1 << (place % 8);
            assert!(Totals::from_bytes(&bytes).is_err(), "another bit in byte {place}");
        }
    }
}

#[test]
fn totals_of_another_form_are_refused() {
    let older = "{\"loss\":\"mse_loss\",\"reduction\":\"mean\",\"options\":[],\"inputs\":[],\"classes\":null,\
                 \"sums\":[0],\"weights\":[],\"weighted\":false,\"count\":1,\"kept\":1,\"batch\":1}";
    let oldest = "{\"loss\":\"mse_loss\",\"sums\":[0]}";
    let input = Tensor::from_slice(&[1.0f32], [1]).expect("a number");
    let own = totals(&Evaluator::Cpu, &Mse, &[("input", input.clone()), ("target", input)]);
    let newer = serde_json::to_string(&own).expect("serialisable").replace("form\":2", "form\":3");
    for (text, form) in [(older, 1), (oldest, 1), (&newer, 3)] {
        let error = serde_json::from_str::<Totals>(text).expect_err("another form").to_string();
        let want = format!(
            "totals of form {form}, which have to be evaluated again: expected form 2 at line 1"
        );
        assert!(error.starts_with(&want), "{error}");
    }
    let mut bytes = own.to_bytes();
    bytes[b"wgloss totals".len() + 1] = 7;
    let errors = [&bytes[..], b"wgloss totals", b"PK\x03 something else", b""]
        .map(|bytes| Totals::from_bytes(bytes).expect_err("no totals of this form").to_string());
    assert_eq!(
        errors,
        [
            "totals: bytes of form 7 is not valid, expected form 2",
            "totals: 13 damaged bytes is not valid, expected the bytes of totals",
            "totals: bytes that begin with \"PK\\x03 something\" is not valid, expected the bytes of \
             totals",
            "totals: bytes that begin with \"\" is not valid, expected the bytes of totals",
        ]
    );
}

#[test]
fn what_cannot_be_totals_is_refused() {
    let numbers = vec![1.0f32; 10_000];
    let input = Tensor::from_slice(&numbers, [10_000]).expect("numbers");
    let inputs = [("input", input.clone()), ("target", input)];
    let place = Part { first: 5000, of: Some(20_000) };
    let own = totals_of(&Evaluator::Cpu, &Mse, &inputs, Reduction::Mean, Some(place));
    let json = serde_json::to_value(&own).expect("serialisable");
    let changed = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut json = json.clone();
        change(&mut json);
        serde_json::from_value::<Totals>(json).map(|_| ()).expect_err("no totals").to_string()
    };
    let errors = [
        changed(&|json| json["loss_sums"]["cut"] = serde_json::json!([])),
        changed(&|json| json["covered"] = serde_json::json!([[15_000, 5000]])),
        changed(&|json| json["covered"] = serde_json::json!([[5000, 15_000], [9000, 9001]])),
        changed(&|json| json["items"] = 14_999.into()),
        changed(&|json| json["losses_per_item"] = u64::MAX.into()),
        changed(&|json| json["kept"] = 9999.into()),
        changed(&|json| json["reduction"] = "none".into()),
        changed(&|json| json["weighted"] = true.into()),
        changed(&|json| json["weight_sums"]["whole"][0] = 1.into()),
    ];
    assert_eq!(
        errors,
        [
            "totals: no more terms of cut blocks is not valid, expected terms 5000..8192 of a cut block",
            "totals: items 15000..5000 is not valid, expected ranges of one item or more",
            "totals: items 9000..9001 come twice: in 9000..9001 and in 5000..15000",
            "totals: items up to 15000 is not valid, expected at most 14999, all of the batch",
            "totals: 20000 items of 18446744073709551615 losses is not valid, expected fewer than 2^64 \
             losses",
            "totals: 9999 kept terms of 10000, reduction mean is not valid, expected at most all terms, \
             and a reduction",
            "totals: 10000 kept terms of 10000, reduction none is not valid, expected at most all \
             terms, and a reduction",
            "totals: no more terms of cut blocks is not valid, expected terms 5000..8192 of a cut block",
            "totals: a sum of whole blocks is not valid, expected none, as no block is whole",
        ]
    );
}
