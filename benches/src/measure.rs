//! How often something runs, and what its times come to.

use std::time::Duration;
use web_time::Instant;
use wgloss::{Clock, Result};

/// What one run took, or all of several that were submitted at once.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// By the host's clock, from the first command until the host knew of the end.
    pub wall: Duration,
    /// By the GPU's timestamps, where they tell it.
    pub device: Option<Duration>,
    /// The bytes that the process had resident at most beyond those before, where the system tells it.
    pub memory: Option<u64>,
}

/// How often something runs.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Runs that are not timed.
    pub warm_ups: usize,
    /// The fewest timed runs.
    pub runs: usize,
    /// Short runs are repeated for this long.
    pub span: Duration,
    /// The least that a sample is to take: where one run takes less, several are timed at once.
    pub sample: Duration,
}

/// Browsers round their clocks and a GPU's timestamps to 0.1 ms, and take about 1 ms to submit.
const SAMPLE: Duration = Duration::from_millis(if cfg!(target_arch = "wasm32") { 10 } else { 0 });
/// The most runs that are timed at once.
const MOST: u32 = 1024;

impl Effort {
    /// For a workload.
    pub const FULL: Self =
        Self { warm_ups: 2, runs: 7, span: Duration::from_millis(300), sample: SAMPLE };
    /// For one of many sizes.
    pub const BRIEF: Self =
        Self { warm_ups: 1, runs: 3, span: Duration::from_millis(50), sample: SAMPLE };
}

/// What runs took.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// The median by `clock`.
    pub median: Duration,
    /// The shortest by `clock`.
    pub min: Duration,
    /// The GPU's timestamps if they told the time of every run.
    pub clock: Clock,
    /// The median by the host's clock.
    pub wall: Duration,
    /// The shortest by the host's clock.
    pub wall_min: Duration,
    /// How many runs were timed.
    pub runs: usize,
    /// How many of them were timed at once.
    pub runs_per_sample: u32,
    /// The most bytes that a run had resident beyond those before, where the system tells it.
    pub memory: Option<u64>,
}

/// Times a run again and again; `run` is told how often it is to run for one sample.
///
/// # Errors
/// If a run fails.
pub async fn measure(
    effort: Effort,
    mut run: impl AsyncFnMut(u32) -> Result<Sample>,
) -> Result<Times> {
    let samples = by_turns(effort, 1, async |_, runs| run(runs).await).await?;
    Ok(samples[0].times())
}

/// Times several runs by turns, so that what else the machine does meets all of them.
///
/// # Errors
/// If a run fails.
pub async fn compare<T>(
    effort: Effort,
    all: &[T],
    run: impl AsyncFn(&T, u32) -> Result<Sample>,
) -> Result<Vec<Times>> {
    let samples = by_turns(effort, all.len(), async |i, runs| run(&all[i], runs).await).await?;
    Ok(samples.iter().map(Samples::times).collect())
}

/// What was timed of one thing.
struct Samples {
    runs_each: u32,
    all: Vec<Sample>,
    /// The most of all runs: what the first ones freed may be kept and used again.
    memory: Option<u64>,
}

/// At least one sample of each.
async fn by_turns(
    effort: Effort,
    count: usize,
    mut run: impl AsyncFnMut(usize, u32) -> Result<Sample>,
) -> Result<Vec<Samples>> {
    let mut memory = vec![None; count];
    for i in 0..effort.warm_ups * count {
        let own = &mut memory[i % count];
        *own = run(i % count, 1).await?.memory.max(*own);
    }
    let mut samples = Vec::new();
    for (i, memory) in memory.into_iter().enumerate() {
        let runs_each = runs_each(effort.sample, async |runs| run(i, runs).await).await?;
        samples.push(Samples { runs_each, all: Vec::new(), memory });
    }
    let (mut turns, start) = (0, Instant::now());
    while turns < effort.runs.max(1) || start.elapsed() < effort.span {
        for (i, own) in samples.iter_mut().enumerate() {
            own.all.push(run(i, own.runs_each).await?);
        }
        turns += 1;
    }
    Ok(samples)
}

/// How many runs make a sample long enough.
async fn runs_each(
    least: Duration,
    mut run: impl AsyncFnMut(u32) -> Result<Sample>,
) -> Result<u32> {
    let mut runs = 1;
    while !least.is_zero() && runs < MOST {
        let sample = run(runs).await?;
        let time = sample.device.unwrap_or(sample.wall);
        if time >= least {
            break;
        }
        // The first ones pay for the submission too: no step is larger than they can tell.
        let missing = least.div_duration_f64(time.max(least / 8)).ceil();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 2 to 8")]
        let factor = missing as u32;
        runs = (runs * factor.max(2)).min(MOST);
    }
    Ok(runs)
}

impl Samples {
    fn times(&self) -> Times {
        let sorted = |mut times: Vec<Duration>| {
            times.sort();
            times
        };
        let each = |time: Duration| time / self.runs_each;
        let wall = sorted(self.all.iter().map(|sample| each(sample.wall)).collect());
        let device = self.all.iter().filter_map(|sample| sample.device);
        let device = sorted(device.map(each).collect());
        let stamped = device.len() == wall.len();
        let (times, clock) =
            if stamped { (&device, Clock::Timestamps) } else { (&wall, Clock::Wall) };
        let middle = times.len() / 2;
        Times {
            median: times[middle],
            min: times[0],
            clock,
            wall: wall[middle],
            wall_min: wall[0],
            runs: wall.len() * self.runs_each as usize,
            runs_per_sample: self.runs_each,
            memory: self.all.iter().map(|sample| sample.memory).max().flatten().max(self.memory),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pollster::block_on;

    const EFFORT: Effort =
        Effort { warm_ups: 2, runs: 3, span: Duration::ZERO, sample: Duration::ZERO };

    fn times(samples: [(u64, Option<u64>); 5]) -> Times {
        let mut samples = samples.into_iter().map(|(wall, device)| Sample {
            wall: Duration::from_millis(wall),
            device: device.map(Duration::from_millis),
            memory: None,
        });
        let next = async |_| Ok(samples.next().expect("2 warm-ups and 3 runs"));
        block_on(measure(EFFORT, next)).expect("no run fails")
    }

    #[test]
    fn warm_ups_do_not_count() {
        let times = times([(1, None), (1, None), (9, None), (5, None), (7, None)]);
        assert_eq!((times.median, times.min), (Duration::from_millis(7), Duration::from_millis(5)));
        assert_eq!((times.clock, times.runs, times.runs_per_sample), (Clock::Wall, 3, 1));
    }

    #[test]
    fn timestamps_count_if_every_run_has_them() {
        let all = times([(9, None), (9, None), (9, Some(3)), (8, Some(1)), (7, Some(2))]);
        assert_eq!((all.median, all.min), (Duration::from_millis(2), Duration::from_millis(1)));
        assert_eq!((all.clock, all.wall), (Clock::Timestamps, Duration::from_millis(8)));
        let some = times([(9, None), (9, None), (9, Some(3)), (8, None), (7, Some(2))]);
        assert_eq!((some.median, some.clock), (Duration::from_millis(8), Clock::Wall));
    }

    #[test]
    fn several_take_turns() {
        let order = std::cell::RefCell::new(Vec::new());
        let run = async |&own: &u64, _| {
            order.borrow_mut().push(own);
            Ok(Sample { wall: Duration::from_millis(own), device: None, memory: None })
        };
        let times = block_on(compare(Effort { warm_ups: 1, ..EFFORT }, &[5, 6], run));
        let times = times.expect("no run fails");
        assert_eq!(times.iter().map(|own| own.min.as_millis()).collect::<Vec<_>>(), [5, 6]);
        assert_eq!(*order.borrow(), [5, 6].repeat(4));
    }

    #[test]
    fn short_runs_are_repeated() {
        let effort = Effort { span: Duration::from_millis(100), ..EFFORT };
        let sample = Sample { wall: Duration::from_millis(1), device: None, memory: None };
        let run = async |_| {
            std::thread::sleep(Duration::from_millis(1) / 10);
            Ok(sample)
        };
        assert!(block_on(measure(effort, run)).expect("no run fails").runs > 3);
    }

    /// A run of 10 microseconds that a submission of 1 ms goes before.
    #[test]
    fn samples_are_long_enough_to_be_timed() {
        let time = |runs| Duration::from_micros(1000) + Duration::from_micros(10) * runs;
        let mut asked = Vec::new();
        let run = async |runs| {
            asked.push(runs);
            Ok(Sample { wall: time(runs), device: None, memory: None })
        };
        let effort = Effort { sample: Duration::from_millis(5), ..EFFORT };
        let times = block_on(measure(effort, run)).expect("no run fails");
        let each = times.runs_per_sample;
        assert!(time(each) >= effort.sample && time(each) < effort.sample * 8, "{each}");
        assert_eq!((times.runs, times.median), (3 * each as usize, time(each) / each));
        assert_eq!((&asked[..3], &asked[asked.len() - 3..]), (&[1; 3][..], &[each; 3][..]));
    }

    #[test]
    fn samples_end_where_nothing_takes_time() {
        let nothing = Sample { wall: Duration::ZERO, device: None, memory: None };
        let effort = Effort { sample: Duration::from_millis(5), ..EFFORT };
        let times = block_on(measure(effort, async |_| Ok(nothing))).expect("no run fails");
        assert_eq!((times.runs_per_sample, times.median), (MOST, Duration::ZERO));
    }
}
