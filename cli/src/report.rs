//! The output of `wgloss eval`, as text and as JSON.

use crate::error::Error;
use crate::files::Input;
use serde_json::{Value, json};
use std::fmt::Write;
use std::ops::Range;
use std::time::Duration;
use wgloss::{Broadcast, DType, Loss, Reduction, TensorKind, Timings, wgpu};
use wgloss_kit::numbers::json as number;
use wgloss_kit::options;

/// The result of an evaluation and how it came about.
#[derive(Debug)]
pub(crate) struct Report<'a> {
    pub(crate) loss: &'static str,
    pub(crate) reduction: Reduction,
    pub(crate) value: Option<f32>,
    pub(crate) terms: Option<Terms>,
    /// Where losses are NaN or infinite.
    pub(crate) not_finite: Option<Terms>,
    pub(crate) broadcast: Option<Broadcast>,
    /// `None` on the CPU.
    pub(crate) adapter: Option<wgpu::AdapterInfo>,
    /// Why it is not a GPU.
    pub(crate) reason: Option<String>,
    pub(crate) inputs: &'a [Input],
    /// The rows that were evaluated, if not all.
    pub(crate) rows: Option<Range<usize>>,
    pub(crate) options: Vec<Setting>,
    pub(crate) spent: Spent,
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
    pub(crate) fn all(loss: &mut dyn Loss, defaults: &[(&str, String)]) -> Vec<Self> {
        let chosen =
            loss.options().into_iter().zip(defaults).map(|((name, setting), (_, default))| {
                let (text, json) = (setting.value(), options::json(&setting));
                Self { name, json, default: text == *default, text }
            });
        chosen.collect()
    }
}

/// Unreduced losses in brief.
#[derive(Clone, Debug, Default)]
pub(crate) struct Terms {
    shape: Vec<usize>,
    /// The row of the batch that the first is of.
    first_row: usize,
    count: u64,
    sum: f64,
    min: Option<f32>,
    max: Option<f32>,
    nan: u64,
    infinite: u64,
    /// The first loss that is not finite, and which it is.
    first: Option<(u64, f32)>,
}

impl Terms {
    /// What will come, from a row of the batch on.
    pub(crate) fn begin(&mut self, shape: &[usize], first_row: usize) {
        (self.shape, self.first_row) = (shape.to_vec(), first_row);
    }

    /// The next losses.
    pub(crate) fn add(&mut self, elements: &[u8]) {
        numbers(elements, &mut |terms| terms.iter().for_each(|&term| self.add_one(term)));
    }

    fn add_one(&mut self, term: f32) {
        self.sum += f64::from(term);
        // NaN wins: a minimum beside NaN would say that all is well.
        let pick = |own: Option<f32>, better: fn(f32, f32) -> bool| match own {
            Some(own) if own.is_nan() || better(own, term) => Some(own),
            _ => Some(term),
        };
        self.min = pick(self.min, |a, b| a <= b);
        self.max = pick(self.max, |a, b| a >= b);
        if !term.is_finite() {
            self.first.get_or_insert((self.count, term));
            self.nan += u64::from(term.is_nan());
            self.infinite += u64::from(term.is_infinite());
        }
        self.count += 1;
    }

    /// Whether none is NaN or infinite.
    pub(crate) fn all_finite(&self) -> bool {
        self.first.is_none()
    }

    #[expect(clippy::cast_precision_loss, reason = "nobody counts 2^53 losses")]
    fn mean(&self) -> f64 {
        self.sum / self.count as f64
    }

    /// The indices of the first that is not finite.
    fn place(&self) -> Vec<u64> {
        let losses = TensorKind::new(DType::F32, self.shape.as_slice());
        let mut place = losses.index(self.first.map_or(0, |first| first.0));
        if let Some(row) = place.first_mut() {
            *row += self.first_row as u64;
        }
        place
    }

    /// Which are not finite.
    pub(crate) fn not_finite(&self) -> String {
        let Some((_, first)) = self.first else {
            return format!("all {} losses are finite, but not their sum", self.count);
        };
        let counts = [(self.nan, "NaN"), (self.infinite, "infinite")];
        let counts = counts.iter().filter(|(count, _)| *count > 0);
        let counts: Vec<_> = counts.map(|(count, what)| format!("{count} {what}")).collect();
        let place = self.place();
        format!("{} of {} losses; the first is {place:?}, {first}", counts.join(", "), self.count)
    }

    fn not_finite_json(&self) -> Value {
        json!({
            "nan": self.nan,
            "infinite": self.infinite,
            "first": self.first.map(|_| self.place()),
        })
    }
}

/// Float32 as they come, some at a time.
pub(crate) fn numbers(elements: &[u8], see: &mut dyn FnMut(&[f32])) {
    let mut numbers = [0.0; 1024];
    for bytes in elements.chunks(4 * numbers.len()) {
        let numbers = &mut numbers[..bytes.len() / 4];
        for (number, bytes) in numbers.iter_mut().zip(bytes.as_chunks().0) {
            *number = f32::from_le_bytes(*bytes);
        }
        see(numbers);
    }
}

/// Where the time went.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spent {
    /// Finding the inputs, and putting those in order that are not.
    pub(crate) read: Duration,
    /// The evaluation that was asked for.
    pub(crate) timings: Timings,
    /// From the beginning to the report.
    pub(crate) all: Duration,
}

impl Spent {
    /// The parts by name, and the whole. Parts may overlap where a batch goes through a GPU in pieces.
    fn parts(self) -> [(&'static str, Duration); 7] {
        let Self { read, all, timings: Timings { plan, upload, kernels, read_back, .. } } = self;
        let other = all.saturating_sub(read + plan + upload + kernels + read_back);
        [
            ("read", read),
            ("plan", plan),
            ("upload", upload),
            ("kernels", kernels),
            ("read-back", read_back),
            ("other", other),
            ("all", all),
        ]
    }
}

impl Report<'_> {
    /// For people.
    pub(crate) fn text(&self) -> String {
        let mut lines = vec![("loss", self.headline())];
        if let Some(terms) = &self.terms {
            let extreme = |x: Option<f32>| digits(x.unwrap_or(f32::NAN).into());
            lines.push(("", format!("mean {}", digits(terms.mean()))));
            lines.push(("", format!("min {}", extreme(terms.min))));
            lines.push(("", format!("max {}", extreme(terms.max))));
        }
        if let Some(terms) = &self.not_finite {
            lines.push(("not finite", terms.not_finite()));
        }
        for input in self.inputs {
            let Input { name, file, dtype, shape, .. } = input;
            let files = match input.paths().len() {
                1 => String::new(),
                files => format!("  ({files} files)"),
            };
            lines.push((name, format!("{dtype} {shape:?}  {file}{files}")));
        }
        lines.extend(self.rows.iter().map(|rows| ("rows", format!("{rows:?}"))));
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
        let times = self.spent.parts();
        let times = times.map(|(name, time)| format!("{name} {}", milliseconds(time)));
        [("time", times.join(", ")), ("clock", self.spent.timings.clock.to_string())]
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
            None => match &self.reason {
                Some(reason) => format!("cpu  ({reason})"),
                None => "cpu".into(),
            },
            Some(info) => format!("gpu  {}", adapter_text(info)),
        }
    }

    /// For programs: one object on one line, with what went wrong all the same.
    pub(crate) fn json(&self, error: Option<&Error>) -> String {
        let inputs = self.inputs.iter().map(|input| {
            let (dtype, shape) = (input.dtype.to_string(), &input.shape);
            let files = input.paths().len();
            let file = &input.file;
            let input_json =
                json!({ "dtype": dtype, "shape": shape, "file": file, "files": files });
            (input.name.into(), input_json)
        });
        let inputs: serde_json::Map<String, Value> = inputs.collect();
        let options = self.options.iter().map(|option| (option.name.into(), option.json.clone()));
        let options: serde_json::Map<String, Value> = options.collect();
        let seconds = self
            .spent
            .parts()
            .map(|(name, time)| (name.replace('-', "_"), Value::from(time.as_secs_f64())));
        let seconds: serde_json::Map<String, Value> = seconds.into_iter().collect();
        let mut object = json!({
            "loss": self.loss,
            "reduction": self.reduction.name(),
            "value": self.value.filter(|_| self.terms.is_none()).map(|x| number(x.into())),
            "backend": if self.adapter.is_some() { "gpu" } else { "cpu" },
            "adapter": self.adapter.as_ref().map(adapter_json),
            "inputs": inputs,
            "options": options,
            "reason": self.reason,
            "seconds": seconds,
            "clock": self.spent.timings.clock.to_string(),
            "outputs": self.outputs,
        });
        if let Some(rows) = &self.rows {
            object["rows"] = json!([rows.start, rows.end]);
        }
        if let Some(terms) = &self.terms {
            object["losses"] = json!({
                "shape": terms.shape,
                "count": terms.count,
                "mean": number(terms.mean()),
                "min": number(terms.min.unwrap_or(f32::NAN).into()),
                "max": number(terms.max.unwrap_or(f32::NAN).into()),
            });
        }
        if let Some(terms) = &self.not_finite {
            object["not_finite"] = terms.not_finite_json();
        }
        if let Some(Broadcast { inputs, terms }) = &self.broadcast {
            let shapes = inputs.iter().map(|(name, shape)| ((*name).into(), json!(shape)));
            let inputs: serde_json::Map<String, Value> = shapes.collect();
            object["broadcast"] = json!({ "inputs": inputs, "terms": terms });
        }
        if let Some(error) = error {
            object["error"] = error.json();
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
