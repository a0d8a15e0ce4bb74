// Direct preference optimization of a language model, from the log-probabilities of whole answers:
// softplus(-beta ((chosen - rejected) - (chosen_before - rejected_before))), where before is the model
// that training starts from.
//
// All four: log-probabilities. beta > 0: how close the model stays to that one, 0.1 in the paper.
//
// Rafailov, Sharma, Mitchell, Ermon, Manning, Finn: Direct preference optimization, NeurIPS 2023.
//
// Plot: beta=0.1 from=-30 to=30

struct Parameters {
    beta: f32,
}

fn value(
    chosen: f32,
    rejected: f32,
    chosen_before: f32,
    rejected_before: f32,
    c: Parameters,
) -> f32 {
    return softplus(-c.beta * ((chosen - chosen_before) - (rejected - rejected_before)));
}
