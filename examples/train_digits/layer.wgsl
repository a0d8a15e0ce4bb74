// A dense layer and its backward pass: one thread for each number that is written.
//
//     output = input x weights + bias        and where hidden, max(0, output)
//
// The bias is the weights' last row.

struct Layer {
    rows: u32,
    training_rows: u32, // come first
    inputs: u32,
    outputs: u32,
    hidden: u32,
}

@group(0) @binding(0) var<storage, read_write> layer: Layer;
@group(0) @binding(1) var<storage, read_write> weights: array<f32>;
@group(0) @binding(2) var<storage, read_write> velocity: array<f32>;
@group(0) @binding(3) var<storage, read_write> input: array<f32>;
@group(0) @binding(4) var<storage, read_write> input_gradient: array<f32>;
@group(0) @binding(5) var<storage, read_write> output: array<f32>;
@group(0) @binding(6) var<storage, read_write> output_gradient: array<f32>;

const LEARNING_RATE = 0.2;
const MOMENTUM = 0.9;

@compute @workgroup_size(64)
fn forward(@builtin(global_invocation_id) id: vec3<u32>) {
    let row = id.x / layer.outputs;
    let column = id.x % layer.outputs;
    if row >= layer.rows {
        return;
    }
    var sum = weights[layer.inputs * layer.outputs + column];
    for (var i = 0u; i < layer.inputs; i++) {
        sum += input[row * layer.inputs + i] * weights[i * layer.outputs + column];
    }
    output[id.x] = select(sum, max(0.0, sum), layer.hidden == 1u);
}

// The input is the output of a hidden layer, whose slope is 0 where it is 0.
@compute @workgroup_size(64)
fn backward(@builtin(global_invocation_id) id: vec3<u32>) {
    let row = id.x / layer.inputs;
    let column = id.x % layer.inputs;
    if row >= layer.training_rows {
        return;
    }
    var sum = 0.0;
    for (var i = 0u; i < layer.outputs; i++) {
        sum += output_gradient[row * layer.outputs + i] * weights[column * layer.outputs + i];
    }
    input_gradient[id.x] = select(0.0, sum, input[id.x] > 0.0);
}

@compute @workgroup_size(64)
fn update(@builtin(global_invocation_id) id: vec3<u32>) {
    let place = id.x / layer.outputs;
    let column = id.x % layer.outputs;
    if place > layer.inputs {
        return;
    }
    var gradient = 0.0;
    for (var row = 0u; row < layer.training_rows; row++) {
        var x = 1.0; // what the bias is multiplied by
        if place < layer.inputs {
            x = input[row * layer.inputs + place];
        }
        gradient += x * output_gradient[row * layer.outputs + column];
    }
    velocity[id.x] = MOMENTUM * velocity[id.x] - LEARNING_RATE * gradient;
    weights[id.x] += velocity[id.x];
}
