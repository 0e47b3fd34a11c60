//! Statistics of measurements.

use std::time::Duration;

/// The median, which a few outliers do not change; for an even number the mean of the middle two. `None` without
/// values.
pub(crate) fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    let upper = *sorted.get(middle)?;
    Some(if sorted.len() % 2 == 1 { upper } else { f64::midpoint(sorted[middle - 1], upper) })
}

/// The percentile at that share, from 0 to 1 (nearest rank). `None` without values.
pub(crate) fn percentile(values: &[f64], share: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (share * whole(sorted.len() as u64)).ceil().max(1.0);
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rank is between 1 and their number")]
    let index = rank as usize - 1;
    sorted.get(index).copied()
}

/// A count as a floating-point number.
#[allow(clippy::cast_precision_loss, reason = "all that is counted here is far below 2^52")]
pub(crate) fn whole(count: u64) -> f64 {
    count as f64
}

/// In milliseconds.
pub(crate) fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Bytes in millions.
#[allow(clippy::cast_precision_loss, reason = "nothing here is that large")]
pub(crate) fn megabytes(bytes: usize) -> f64 {
    bytes as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle_whatever_the_order_and_the_outliers() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0]), Some(3.0));
        assert_eq!(median(&[1000.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 3.0, 2.0]), Some(2.5));
    }

    #[test]
    fn a_percentile_is_one_of_the_values() {
        let values: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        assert_eq!(
            [0.0, 0.5, 0.95, 0.99, 1.0].map(|share| percentile(&values, share)),
            [1.0, 50.0, 95.0, 99.0, 100.0].map(Some)
        );
        assert_eq!(percentile(&[7.0], 0.99), Some(7.0));
        assert_eq!(percentile(&[], 0.5), None);
    }

    #[test]
    fn units_are_what_they_say() {
        assert_eq!((millis(Duration::from_micros(1500)), megabytes(2_500_000)), (1.5, 2.5));
    }
}
