//! What the AI's tokens cost.

use crate::ports::Tokens;

/// The prices of one model, in millionths of a US dollar for a million tokens: 3 US dollars for a million are 3,000,000.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Prices {
    /// Of what it reads.
    pub input: u64,
    /// Of what it writes.
    pub output: u64,
}

impl Prices {
    /// The price of so many tokens in millionths of a US dollar, rounded up.
    pub fn of(self, tokens: Tokens) -> u64 {
        let [input, output] = [(tokens.input, self.input), (tokens.output, self.output)]
            .map(|(count, price)| u128::from(count).saturating_mul(u128::from(price)));
        u64::try_from(input.saturating_add(output).div_ceil(1_000_000)).unwrap_or(u64::MAX)
    }
}

/// An amount of US dollars such as `0.25`, in millionths.
pub fn micro_usd(text: &str) -> Option<u64> {
    let (dollars, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str| !part.is_empty() && part.len() <= 6 && part.bytes().all(|b| b.is_ascii_digit());
    if !digits(dollars) || !digits(fraction) {
        return None;
    }
    format!("{dollars}{fraction:0<6}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_counts_both_directions_and_rounds_up() {
        let prices = Prices { input: 3_000_000, output: 15_000_000 };
        assert_eq!(prices.of(Tokens { input: 800, output: 600 }), 800 * 3 + 600 * 15);
        let cheap = Prices { input: 35_000, output: 140_000 };
        assert_eq!(cheap.of(Tokens { input: 100, output: 10 }), 5);
        assert_eq!(cheap.of(Tokens::default()), 0);
    }

    #[test]
    fn a_price_does_not_overflow() {
        let (dear, all) = (Prices { input: u64::MAX, output: u64::MAX }, Tokens { input: u64::MAX, output: u64::MAX });
        assert_eq!(dear.of(all), u64::MAX);
    }
}
