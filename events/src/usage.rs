use std::iter::Sum;
use std::ops::{Add, AddAssign};

use serde::{Deserialize, Serialize};

use crate::Repairs;
use crate::json::{number, number_or_zero, object_or_default, optional_number};

/// What the AI took: for one action, or summed over several. What a worker had spent when it died, before it could record
/// the action, is not in it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Usage {
    /// How many times the AI was asked.
    #[serde(deserialize_with = "number")]
    pub attempts: u32,
    /// How many tokens it has read, as it counts them.
    #[serde(deserialize_with = "number")]
    pub input_tokens: u64,
    /// How many tokens it has written.
    #[serde(deserialize_with = "number")]
    pub output_tokens: u64,
    /// How long its answers took, in milliseconds: the sum over all calls, also of those that ran side by side.
    #[serde(deserialize_with = "number")]
    pub latency_ms: u64,
    /// An estimate of the price of the counted tokens, in millionths of a US dollar. Missing when the price of any part is
    /// not known.
    #[serde(default, deserialize_with = "optional_number", skip_serializing_if = "Option::is_none")]
    pub cost_micro_usd: Option<u64>,
    /// How many of the attempts were made with the second AI, which takes over when the first is not available. Missing when
    /// there were none.
    #[serde(default, deserialize_with = "number_or_zero", skip_serializing_if = "crate::repairs::is_zero")]
    pub fallback_attempts: u32,
    /// How many accepted answers had to be repaired, by kind. Missing when none had to be.
    #[serde(default, deserialize_with = "object_or_default", skip_serializing_if = "Repairs::is_none")]
    pub repairs: Repairs,
}

impl Usage {
    /// This number of attempts, with no other known usage.
    pub fn of_attempts(attempts: u32) -> Self {
        Self { attempts, ..Self::default() }
    }
}

impl Add for Usage {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        // Zero usage has a known price.
        let cost_micro_usd = match (self.attempts, other.attempts) {
            (_, 0) => self.cost_micro_usd,
            (0, _) => other.cost_micro_usd,
            _ => self.cost_micro_usd.zip(other.cost_micro_usd).map(|(a, b)| a.saturating_add(b)),
        };
        Self {
            attempts: self.attempts.saturating_add(other.attempts),
            input_tokens: self.input_tokens.saturating_add(other.input_tokens),
            output_tokens: self.output_tokens.saturating_add(other.output_tokens),
            latency_ms: self.latency_ms.saturating_add(other.latency_ms),
            cost_micro_usd,
            fallback_attempts: self.fallback_attempts.saturating_add(other.fallback_attempts),
            repairs: self.repairs + other.repairs,
        }
    }
}

impl AddAssign for Usage {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sum for Usage {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), Add::add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spent(cost_micro_usd: Option<u64>) -> Usage {
        Usage { attempts: 1, input_tokens: 10, output_tokens: 20, latency_ms: 30, cost_micro_usd, ..Usage::default() }
    }

    #[test]
    fn a_sum_has_a_price_only_when_every_part_has() {
        let sum: Usage = [spent(Some(5)), spent(Some(7))].into_iter().sum();
        assert_eq!(
            sum,
            Usage {
                attempts: 2,
                input_tokens: 20,
                output_tokens: 40,
                latency_ms: 60,
                cost_micro_usd: Some(12),
                ..Usage::default()
            }
        );
        assert_eq!((spent(Some(5)) + spent(None)).cost_micro_usd, None);
        assert_eq!((spent(None) + spent(Some(5))).cost_micro_usd, None);
    }

    #[test]
    fn what_was_never_asked_changes_no_sum() {
        assert_eq!(spent(Some(5)) + Usage::default(), spent(Some(5)));
        assert_eq!(Usage::default() + spent(Some(5)), spent(Some(5)));
        assert_eq!(Usage::default() + spent(None), spent(None));
    }

    #[test]
    fn sums_do_not_overflow() {
        let all = Usage {
            attempts: u32::MAX,
            input_tokens: u64::MAX,
            output_tokens: u64::MAX,
            latency_ms: u64::MAX,
            cost_micro_usd: Some(u64::MAX),
            fallback_attempts: u32::MAX,
            repairs: Repairs::default(),
        };
        assert_eq!(all + all, all);
    }
}
