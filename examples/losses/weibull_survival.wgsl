// Negative log likelihood of survival times of a Weibull distribution: with the hazard until then
// h = (t / scale)^shape, an event at t costs h - log(shape / scale) - (shape - 1) log(t / scale), and one
// that had not happened by t costs h.
//
// scale > 0 and shape > 0: inputs, for each element its own. t > 0: when the event happened, or until when
// it had not. event: whether it did, a boolean.
//
// Martinsson: WTTE-RNN: Weibull time to event recurrent neural network, 2016.
//
// Plot: shape=1.5 t=1 event=1 from=0.3 to=5

fn value(scale: f32, shape: f32, t: f32, event: bool) -> f32 {
    let log_time = log(t / scale);
    let hazard = exp(shape * log_time);
    return select(hazard, hazard - log(shape / scale) - (shape - 1.0) * log_time, event);
}
