//! How many actions a user may ask for in a day: what one user can make the AI cost has a limit, whatever a program of
//! theirs does.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

use goal_activity_events::Timestamp;

use crate::limits::MAX_ACTIONS;

/// The length of a day in milliseconds. UTC as it is counted here has no leap seconds.
const DAY: i64 = 24 * 60 * 60 * 1_000;

/// A day of UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day(
    /// Counted from 1970-01-01.
    i64,
);

/// A text that is no day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a day such as 2026-11-24")]
pub struct InvalidDay;

impl Day {
    /// The day of that moment.
    pub fn of(at: Timestamp) -> Self {
        Self(at.as_millis().div_euclid(DAY))
    }

    /// The day after.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// Its first moment.
    pub fn begin(self) -> Timestamp {
        Timestamp::from_millis(self.0.saturating_mul(DAY))
    }

    /// Returns `true` if its count may be forgotten on that other day. The day before is kept: functions' clocks differ.
    pub fn is_over(self, today: Self) -> bool {
        self.next() < today
    }
}

impl fmt::Display for Day {
    /// As in `2026-11-24`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let begin = self.begin().to_string();
        f.write_str(begin.split_once('T').map_or(begin.as_str(), |(day, _)| day))
    }
}

impl FromStr for Day {
    type Err = InvalidDay;

    fn from_str(text: &str) -> Result<Self, InvalidDay> {
        let begin = format!("{text}T00:00:00Z").parse().map_err(|_| InvalidDay)?;
        Some(Self::of(begin)).filter(|day| day.to_string() == text).ok_or(InvalidDay)
    }
}

/// The most actions that one user may ask for in a day, if there is a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DailyLimit(Option<NonZeroU32>);

/// A text that is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not 0 for none, or a number of actions from {MAX_ACTIONS} up")]
pub struct InvalidDailyLimit;

impl FromStr for DailyLimit {
    type Err = InvalidDailyLimit;

    /// A limit below [`MAX_ACTIONS`] would refuse a whole chart every day again, and tell its user to come back tomorrow.
    fn from_str(text: &str) -> Result<Self, InvalidDailyLimit> {
        let actions: u32 = text.parse().map_err(|_| InvalidDailyLimit)?;
        let is_enough = usize::try_from(actions).is_ok_and(|actions| actions >= MAX_ACTIONS);
        if actions == 0 || is_enough { Ok(Self(NonZeroU32::new(actions))) } else { Err(InvalidDailyLimit) }
    }
}

impl DailyLimit {
    /// No limit.
    pub const NONE: Self = Self(None);

    /// So many actions.
    pub const fn new(actions: NonZeroU32) -> Self {
        Self(Some(actions))
    }

    /// In actions; nothing if there is no limit.
    pub fn actions(self) -> Option<u32> {
        self.0.map(NonZeroU32::get)
    }

    /// How many actions may have been asked for before, for so many more to be accepted on the same day.
    pub fn before(self, more: u32) -> Before {
        match self.actions() {
            None => Before::Any,
            Some(most) => most.checked_sub(more).map_or(Before::TooMany, Before::AtMost),
        }
    }
}

/// How many actions a user may have asked for before on a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Before {
    /// Any number.
    Any,
    /// So many.
    AtMost(u32),
    /// Even none would be too many.
    TooMany,
}

impl Before {
    /// Returns `true` if so many are not too many.
    pub fn allows(self, count: u32) -> bool {
        match self {
            Self::Any => true,
            Self::AtMost(most) => count <= most,
            Self::TooMany => false,
        }
    }
}

/// For how long a user has to wait until the next day.
pub fn until_tomorrow(now: Timestamp) -> Duration {
    Day::of(now).next().begin().since(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_day_is_one_of_utc_from_its_first_moment_to_its_last() {
        let day = Day::of(at("2026-11-24T00:00:00Z"));
        assert_eq!(Day::of(at("2026-11-24T23:59:59.999Z")), day);
        assert_eq!(Day::of(at("2026-11-25T08:59:59+09:00")), day);
        assert_eq!(Day::of(at("2026-11-25T00:00:00Z")), day.next());
        assert_eq!((day.to_string().as_str(), day.next().to_string().as_str()), ("2026-11-24", "2026-11-25"));
        assert_eq!(Day::of(at("1969-12-31T23:59:59Z")).to_string(), "1969-12-31");
        assert_eq!("2026-11-24".parse(), Ok(day));
        for text in ["", "2026-11-24T00:00:00Z", "2026-13-01", "20261124", "2026-11-24 "] {
            assert_eq!(text.parse::<Day>(), Err(InvalidDay), "{text}");
        }
    }

    #[test]
    fn a_count_is_forgotten_when_no_clock_can_be_on_its_day() {
        let day = Day::of(at("2026-11-24T12:00:00Z"));
        assert_eq!([day, day.next(), day.next().next()].map(|today| day.is_over(today)), [false, false, true]);
        assert!(!day.next().is_over(day), "another function's clock is ahead");
    }

    #[test]
    fn a_limit_leaves_room_for_a_whole_chart_or_is_none() {
        assert_eq!("0".parse(), Ok(DailyLimit::NONE));
        assert_eq!(["64", "1000"].map(|text| text.parse::<DailyLimit>().unwrap().actions()), [Some(64), Some(1_000)]);
        for text in ["", "-1", "1", "63", "1.5", "many", "4294967296"] {
            assert_eq!(text.parse::<DailyLimit>(), Err(InvalidDailyLimit), "{text}");
        }
    }

    #[test]
    fn as_many_are_allowed_before_as_leave_room_for_more() {
        let limit = DailyLimit::new(NonZeroU32::new(100).unwrap());
        assert_eq!([0, 36, 37].map(|count| limit.before(64).allows(count)), [true, true, false]);
        assert_eq!([0, 1].map(|count| limit.before(100).allows(count)), [true, false]);
        assert!(!limit.before(101).allows(0));
        assert!(DailyLimit::NONE.before(u32::MAX).allows(u32::MAX));
    }

    #[test]
    fn the_wait_ends_with_the_day() {
        assert_eq!(until_tomorrow(at("2026-11-24T00:00:00Z")), Duration::from_secs(24 * 60 * 60));
        assert_eq!(until_tomorrow(at("2026-11-24T23:59:59.999Z")), Duration::from_millis(1));
    }
}
