//! Numbers of measurements.

/// A count, to calculate with.
#[allow(clippy::cast_precision_loss, reason = "all that is counted here is far below 2^52")]
pub(super) fn whole(count: u64) -> f64 {
    count as f64
}

/// The value below or at which that share of the values is, from 0 to 1 (the nearest rank). Nothing has no such value.
pub(super) fn percentile(values: &[f64], share: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (share * whole(sorted.len() as u64)).ceil().max(1.0);
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rank is between 1 and their number")]
    let index = rank as usize - 1;
    sorted.get(index).copied()
}

/// The value in the middle.
pub(super) fn median(values: &[f64]) -> Option<f64> {
    percentile(values, 0.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_one_of_the_values() {
        let values: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        assert_eq!(
            [0.0, 0.5, 0.95, 0.99, 1.0].map(|share| percentile(&values, share)),
            [1.0, 50.0, 95.0, 99.0, 100.0].map(Some)
        );
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(percentile(&[7.0], 0.99), Some(7.0));
        assert_eq!(percentile(&[], 0.5), None);
    }
}
