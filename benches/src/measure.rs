//! How often something runs, and what its times come to.

use std::time::{Duration, Instant};
use wgloss::{Clock, Result};

/// What one run took.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// By the host's clock, from the first command until the host knew of the end.
    pub wall: Duration,
    /// By the GPU's timestamps, where they tell it.
    pub device: Option<Duration>,
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
}

impl Effort {
    /// For a workload.
    pub const FULL: Self = Self { warm_ups: 2, runs: 7, span: Duration::from_millis(300) };
    /// For one of many sizes.
    pub const BRIEF: Self = Self { warm_ups: 1, runs: 3, span: Duration::from_millis(50) };
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
}

/// Times a run again and again.
///
/// # Errors
/// If a run fails.
pub fn measure(effort: Effort, mut run: impl FnMut() -> Result<Sample>) -> Result<Times> {
    let samples = by_turns(effort, 1, |_| run())?;
    Ok(times(&samples[0]))
}

/// Times several runs by turns, so that what else the machine does meets all of them.
///
/// # Errors
/// If a run fails.
pub fn compare<T>(
    effort: Effort,
    all: &[T],
    run: impl Fn(&T) -> Result<Sample>,
) -> Result<Vec<Times>> {
    let samples = by_turns(effort, all.len(), |i| run(&all[i]))?;
    Ok(samples.iter().map(|own| times(own)).collect())
}

/// At least one sample of each.
fn by_turns(
    effort: Effort,
    count: usize,
    mut run: impl FnMut(usize) -> Result<Sample>,
) -> Result<Vec<Vec<Sample>>> {
    for i in 0..effort.warm_ups * count {
        run(i % count)?;
    }
    let mut samples = vec![Vec::new(); count];
    let (mut runs, start) = (0, Instant::now());
    while runs < effort.runs.max(1) || start.elapsed() < effort.span {
        for (i, own) in samples.iter_mut().enumerate() {
            own.push(run(i)?);
        }
        runs += 1;
    }
    Ok(samples)
}

fn times(samples: &[Sample]) -> Times {
    let sorted = |mut times: Vec<Duration>| {
        times.sort();
        times
    };
    let wall = sorted(samples.iter().map(|sample| sample.wall).collect());
    let device = sorted(samples.iter().filter_map(|sample| sample.device).collect());
    let stamped = device.len() == wall.len();
    let (times, clock) = if stamped { (&device, Clock::Timestamps) } else { (&wall, Clock::Wall) };
    let middle = times.len() / 2;
    Times {
        median: times[middle],
        min: times[0],
        clock,
        wall: wall[middle],
        wall_min: wall[0],
        runs: wall.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EFFORT: Effort = Effort { warm_ups: 2, runs: 3, span: Duration::ZERO };

    fn times(samples: [(u64, Option<u64>); 5]) -> Times {
        let mut samples = samples.into_iter().map(|(wall, device)| Sample {
            wall: Duration::from_millis(wall),
            device: device.map(Duration::from_millis),
        });
        let times = measure(EFFORT, || Ok(samples.next().expect("2 warm-ups and 3 runs")));
        times.expect("no run fails")
    }

    #[test]
    fn warm_ups_do_not_count() {
        let times = times([(1, None), (1, None), (9, None), (5, None), (7, None)]);
        assert_eq!((times.median, times.min), (Duration::from_millis(7), Duration::from_millis(5)));
        assert_eq!((times.clock, times.runs), (Clock::Wall, 3));
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
        let run = |&own: &u64| {
            order.borrow_mut().push(own);
            Ok(Sample { wall: Duration::from_millis(own), device: None })
        };
        let times = compare(Effort { warm_ups: 1, ..EFFORT }, &[5, 6], run).expect("no run fails");
        assert_eq!(times.iter().map(|own| own.min.as_millis()).collect::<Vec<_>>(), [5, 6]);
        assert_eq!(*order.borrow(), [5, 6].repeat(4));
    }

    #[test]
    fn short_runs_are_repeated() {
        let effort = Effort { span: Duration::from_millis(5), ..EFFORT };
        let sample = Sample { wall: Duration::from_millis(1), device: None };
        let run = || {
            std::thread::sleep(Duration::from_millis(1) / 10);
            Ok(sample)
        };
        assert!(measure(effort, run).expect("no run fails").runs > 3);
    }
}
