// How a loss is written, in short.

export function Help() {
  return (
    <details class="help">
      <summary>
        <h2>How to write one</h2>
      </summary>
      <p>
        <code>fn value</code> takes up to 16 <code>f32</code>, <code>i32</code>, <code>u32</code>, <code>bool</code> or vectors of floats and gives the loss of one element. The names of its
        arguments are those of the loss's inputs, which have any shape and broadcast. Reductions, types and both
        backends are the library's.
      </p>
      <p>
        A last argument of type <code>Parameters</code>, a struct of numbers, holds what is set by name:
      </p>
      <pre class="formula">{`struct Parameters {
    scale: f32,
}

fn value(p: f32, t: f32, c: Parameters) -> f32 {
    return abs(p - t) / c.scale;
}`}</pre>
      <p>
        A parameter begins as 1, an input as 0, unless the text says what it is drawn with, in a comment line of its
        own: <code>{"// Plot: scale=2 t=1 by=p from=-5 to=5"}</code>.
      </p>
      <h3>What may be used</h3>
      <ul>
        <li>
          Arithmetic, comparisons, <code>select</code>, <code>if</code>, <code>switch</code>, loops,{" "}
          <code>let</code>, <code>var</code>, constants, functions of one's own, vectors, arrays and structs in local
          variables, WGSL's functions of numbers and vectors.
        </li>
        <li>
          Of the library: <code>exponential_minus_one</code>, <code>logarithm_one_plus</code>, <code>sigmoid</code>,{" "}
          <code>log_sigmoid</code>, <code>softplus</code>, <code>log_cosh</code>, <code>power</code> of bases from 0,{" "}
          <code>silenced</code>, <code>is_nan</code>, <code>is_finite</code>: where a plain formula would cancel or
          overflow.
        </li>
        <li>
          Not: matrices, textures, atomics, bindings, variables outside of functions, pointers as arguments. Loops may
          take 400 rounds in all; with more the loss is NaN.
        </li>
      </ul>
      <h3>The derivative</h3>
      <p>
        It is derived in forward mode from what the WGSL compiler reads. Kinks have PyTorch's slopes: <code>abs</code>{" "}
        and <code>sign</code> 0 at 0, <code>max</code> and <code>min</code> of equals half for each,{" "}
        <code>clamp</code> 1 at its ends, <code>if</code> and <code>select</code> that of what they take.
      </p>
      <h3>Where it goes on</h3>
      <p>
        The saved file works as <code>wgloss eval --custom FILE</code>, in Rust as <code>Custom::new(text)</code>.
      </p>
    </details>
  );
}
