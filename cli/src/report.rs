//! The output of `wgloss eval`, as text and as JSON.

use crate::files::Input;
use serde_json::{Value, json};
use std::fmt::Write;
use std::time::Duration;
use wgloss::{Loss, Reduction, Tensor, Timings, definition, wgpu};

/// The result of an evaluation and how it came about.
#[derive(Debug)]
pub(crate) struct Report<'a> {
    pub(crate) loss: &'static str,
    pub(crate) reduction: Reduction,
    pub(crate) value: Option<f32>,
    pub(crate) terms: Option<Terms>,
    /// `None` on the CPU.
    pub(crate) adapter: Option<wgpu::AdapterInfo>,
    pub(crate) inputs: &'a [Input],
    pub(crate) options: Vec<Setting>,
    pub(crate) timings: Timings,
    /// Whether people want to see them.
    pub(crate) timed: bool,
    pub(crate) outputs: Vec<&'a str>,
}

/// An option's value.
#[derive(Debug)]
pub(crate) struct Setting {
    name: &'static str,
    text: String,
    json: Value,
    default: bool,
}

impl Setting {
    /// All options of a loss, whose defaults are these.
    pub(crate) fn all(loss: &mut dyn Loss, defaults: &[String]) -> Vec<Self> {
        let chosen = loss.options().into_iter().zip(defaults).map(|((name, setting), default)| {
            let text = setting.value();
            let json = match setting {
                definition::Setting::Number(x) => number(f64::from(*x)),
                definition::Setting::Integer(x) => json!(*x),
                definition::Setting::Flag(x) => json!(*x),
                _ => json!(text),
            };
            Self { name, json, default: text == *default, text }
        });
        chosen.collect()
    }
}

/// Unreduced losses in brief.
#[derive(Debug)]
pub(crate) struct Terms {
    shape: Vec<usize>,
    count: usize,
    mean: f64,
    min: f32,
    max: f32,
}

impl Terms {
    #[expect(clippy::cast_precision_loss, reason = "no memory holds 2^53 numbers")]
    pub(crate) fn new(tensor: &Tensor<'_>) -> Self {
        let terms = tensor.to_f32();
        let total: f64 = terms.iter().map(|&x| f64::from(x)).sum();
        // NaN wins: a minimum beside NaN would say that all is well.
        let pick = |better: fn(f32, f32) -> bool| {
            let either = |a: f32, b: f32| if a.is_nan() || better(a, b) { a } else { b };
            terms.iter().copied().reduce(either).unwrap_or(f32::NAN)
        };
        Self {
            shape: tensor.shape().to_vec(),
            count: terms.len(),
            mean: total / terms.len() as f64,
            min: pick(|a, b| a < b),
            max: pick(|a, b| a > b),
        }
    }
}

impl Report<'_> {
    /// For people.
    pub(crate) fn text(&self) -> String {
        let mut lines = vec![("loss", self.headline())];
        if let Some(terms) = &self.terms {
            lines.push(("", format!("mean {}", digits(terms.mean))));
            lines.push(("", format!("min {}", digits(terms.min.into()))));
            lines.push(("", format!("max {}", digits(terms.max.into()))));
        }
        for input in self.inputs {
            lines.push((input.name, format!("{} {:?}  {}", input.dtype, input.shape, input.file)));
        }
        for option in self.options.iter().filter(|option| !option.default) {
            lines.push((option.name, option.text.clone()));
        }
        lines.push(("backend", self.backend()));
        if self.timed {
            lines.extend(self.times());
        }
        lines.extend(self.outputs.iter().map(|file| ("written", (*file).into())));
        let width = lines.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        lines.iter().fold(String::new(), |mut text, (name, value)| {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{name:width$}  {value}");
            text
        })
    }

    fn times(&self) -> [(&'static str, String); 2] {
        let Timings { plan, upload, kernels, read_back, .. } = self.timings;
        let times =
            [("plan", plan), ("upload", upload), ("kernels", kernels), ("read-back", read_back)];
        let times = times.map(|(name, time)| format!("{name} {}", milliseconds(time)));
        [("time", times.join(", ")), ("clock", self.timings.clock.to_string())]
    }

    fn headline(&self) -> String {
        let value = match (&self.terms, self.value) {
            (Some(terms), _) => format!("{} losses of shape {:?}", terms.count, terms.shape),
            (None, value) => digits(value.map_or(f64::NAN, f64::from)),
        };
        format!("{value}  ({}, {})", self.loss, self.reduction)
    }

    fn backend(&self) -> String {
        match &self.adapter {
            None => "cpu".into(),
            Some(info) => format!("gpu  {}", adapter_text(info)),
        }
    }

    /// For programs: one object on one line.
    pub(crate) fn json(&self) -> String {
        let inputs = self.inputs.iter().map(|input| {
            let (dtype, shape) = (input.dtype.to_string(), &input.shape);
            (input.name.into(), json!({ "dtype": dtype, "shape": shape, "file": input.file }))
        });
        let inputs: serde_json::Map<String, Value> = inputs.collect();
        let options = self.options.iter().map(|option| (option.name.into(), option.json.clone()));
        let options: serde_json::Map<String, Value> = options.collect();
        let time = self.timings;
        let mut object = json!({
            "loss": self.loss,
            "reduction": self.reduction.name(),
            "value": self.value.filter(|_| self.terms.is_none()).map(|x| number(x.into())),
            "backend": if self.adapter.is_some() { "gpu" } else { "cpu" },
            "adapter": self.adapter.as_ref().map(adapter_json),
            "inputs": inputs,
            "options": options,
            "seconds": {
                "plan": time.plan.as_secs_f64(),
                "upload": time.upload.as_secs_f64(),
                "kernels": time.kernels.as_secs_f64(),
                "read_back": time.read_back.as_secs_f64(),
            },
            "clock": time.clock.to_string(),
            "outputs": self.outputs,
        });
        if let Some(terms) = &self.terms {
            object["losses"] = json!({
                "shape": terms.shape,
                "count": terms.count,
                "mean": number(terms.mean),
                "min": number(terms.min.into()),
                "max": number(terms.max.into()),
            });
        }
        format!("{object}\n")
    }
}

/// An adapter for people.
pub(crate) fn adapter_text(info: &wgpu::AdapterInfo) -> String {
    let driver = [info.driver.as_str(), info.driver_info.as_str()];
    let driver = driver.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>();
    format!("{}, {}, {}", info.name, driver.join(" "), info.backend)
}

/// An adapter for programs.
pub(crate) fn adapter_json(info: &wgpu::AdapterInfo) -> Value {
    json!({
        "name": info.name,
        "driver": info.driver,
        "driver_info": info.driver_info,
        "backend": info.backend.to_str(),
    })
}

/// JSON has no NaN and no infinity.
pub(crate) fn number(x: f64) -> Value {
    match x {
        x if x.is_nan() => json!("NaN"),
        f64::INFINITY => json!("Infinity"),
        f64::NEG_INFINITY => json!("-Infinity"),
        x => json!(x),
    }
}

/// Seven significant digits, in the form that is short to read.
pub(crate) fn digits(x: f64) -> String {
    let magnitude = x.abs();
    match magnitude {
        _ if x == 0.0 || !x.is_finite() => x.to_string(),
        1e-4..1e7 => {
            let mut after = 6;
            let mut power = 1.0;
            while power * 10.0 <= magnitude {
                (power, after) = (power * 10.0, after - 1);
            }
            while power > magnitude {
                (power, after) = (power / 10.0, after + 1);
            }
            format!("{x:.*}", usize::try_from(after).unwrap_or(0))
        }
        _ => format!("{x:.6e}"),
    }
}

fn milliseconds(time: Duration) -> String {
    format!("{:.3} ms", time.as_secs_f64() * 1e3)
}
