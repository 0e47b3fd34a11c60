//! Statistics of whole numbers.

use serde::Serialize;

/// The smallest, the middle and the largest of some numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Spread {
    pub(crate) min: u64,
    pub(crate) median: u64,
    pub(crate) max: u64,
}

impl Spread {
    /// Nothing where there are no numbers.
    pub(crate) fn of(numbers: impl IntoIterator<Item = u64>) -> Option<Self> {
        let sorted = sorted(numbers);
        let (min, max) = (*sorted.first()?, *sorted.last()?);
        Some(Self { min, median: rank(&sorted, 50)?, max })
    }
}

/// How long something took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Latency {
    pub(crate) median: u64,
    pub(crate) p95: u64,
    pub(crate) max: u64,
}

impl Latency {
    /// Nothing where there are no numbers.
    pub(crate) fn of(numbers: impl IntoIterator<Item = u64>) -> Option<Self> {
        let sorted = sorted(numbers);
        Some(Self { median: rank(&sorted, 50)?, p95: rank(&sorted, 95)?, max: *sorted.last()? })
    }
}

fn sorted(numbers: impl IntoIterator<Item = u64>) -> Vec<u64> {
    let mut sorted: Vec<_> = numbers.into_iter().collect();
    sorted.sort_unstable();
    sorted
}

/// The smallest number that is not exceeded by so many percent of all: the nearest rank.
fn rank(sorted: &[u64], percent: usize) -> Option<u64> {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied()
}

/// A share as it is shown: `23 of 24 (96 %)`.
pub(crate) fn share(part: usize, whole: usize) -> String {
    match (part * 100 + whole / 2).checked_div(whole) {
        Some(percent) => format!("{part} of {whole} ({percent} %)"),
        None => "0 of 0".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_and_the_95_percent_are_numbers_that_occurred() {
        assert_eq!(Spread::of([]), None);
        assert_eq!(Spread::of([7]), Some(Spread { min: 7, median: 7, max: 7 }));
        assert_eq!(Spread::of([4, 1, 3, 2]), Some(Spread { min: 1, median: 2, max: 4 }));
        assert_eq!(Spread::of([3, 1, 2]), Some(Spread { min: 1, median: 2, max: 3 }));
        assert_eq!(Latency::of([]), None);
        assert_eq!(Latency::of(1..=100), Some(Latency { median: 50, p95: 95, max: 100 }));
        // 95 % of 24 is 22.8.
        assert_eq!(Latency::of(1..=24), Some(Latency { median: 12, p95: 23, max: 24 }));
    }

    #[test]
    fn a_share_has_its_percentage() {
        assert_eq!(share(23, 24), "23 of 24 (96 %)");
        assert_eq!(share(0, 0), "0 of 0");
    }
}
