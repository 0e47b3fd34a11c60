//! The goals of a demo: a sample one or the user's own, with the number and difficulty of an experiment.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, ensure};
use clap::{Args, ValueEnum};
use goal_activity_chart::Form;
use goal_activity_core::chart::Chart;
use goal_activity_core::limits::MAX_ACTIONS;

use crate::goal_file;

/// The language of the sample goal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Language {
    /// Japanese
    Ja,
    /// English
    En,
}

impl Language {
    /// That of the terminal: Japanese where its locale is, else English.
    pub fn of_terminal() -> Self {
        #[allow(clippy::disallowed_methods, reason = "a locale is set by variables")]
        let mut locales = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().filter_map(|name| std::env::var(name).ok());
        Self::of_locale(locales.find(|locale| !locale.is_empty()).as_deref())
    }

    /// POSIX, "Internationalization Variables": `ja_JP.UTF-8`, `ja`.
    fn of_locale(locale: Option<&str>) -> Self {
        let language = locale.and_then(|locale| locale.split(['_', '.', '@']).next());
        if language == Some("ja") { Self::Ja } else { Self::En }
    }
}

/// The experiment to run.
#[derive(Debug, Args)]
pub struct Experiment {
    /// Language of the sample goal [default: that of the terminal]
    #[arg(long, value_enum)]
    lang: Option<Language>,
    /// Your own chart instead of the sample: JSON, a table of nine by nine, Markdown or OPML (chart/README.md)
    #[arg(long, value_name = "FILE", conflicts_with = "lang")]
    goal_file: Option<PathBuf>,
    /// How many goals to run at the same time
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1000))]
    goals: u16,
    /// Keep only the first actions of each goal
    #[arg(long, value_name = "M", value_parser = clap::value_parser!(u8).range(1..=MAX_ACTIONS as i64))]
    actions: Option<u8>,
    /// The share of the actions that cannot be generated, from 0 to 1
    #[arg(long, value_name = "P", default_value_t = 0.0, value_parser = share)]
    fail_rate: f64,
    /// How long the offline generator takes for one action, in milliseconds
    #[arg(long, value_name = "L", default_value_t = 0, value_parser = clap::value_parser!(u32).range(..=100_000))]
    latency_ms: u32,
}

impl Experiment {
    /// The sample goal in a language, unchanged.
    pub fn sample(lang: Language) -> Result<Chart> {
        let content = match lang {
            Language::Ja => include_str!("../goals/sample.ja.json"),
            Language::En => include_str!("../goals/sample.en.json"),
        };
        Ok(goal_activity_chart::read(content.as_bytes(), Some(Form::Json))?.chart)
    }

    /// The sample goal, in that number, with that many actions and that latency of the AI.
    pub fn of(goals: u16, actions: u8, latency: Duration) -> Self {
        let latency_ms = u32::try_from(latency.as_millis()).unwrap_or(u32::MAX);
        Self { lang: Some(Language::Ja), goal_file: None, goals, actions: Some(actions), fail_rate: 0.0, latency_ms }
    }

    /// How many of so many actions get no tasks because of the experiment. Others fail for a reason of the goal's own.
    pub fn failures(&self, actions: usize) -> u64 {
        (0..actions).filter(|number| fails(*number, self.fail_rate)).count() as u64
    }

    /// The goals to run.
    pub fn goals(&self) -> Result<Vec<Chart>> {
        let mut goal = match &self.goal_file {
            Some(file) => goal_file::read(file)?,
            None => Self::sample(self.lang.unwrap_or_else(Language::of_terminal))?,
        };
        if let Some(count) = self.actions.map(usize::from) {
            ensure!(count <= goal.action_count(), "the goal has only {} actions", goal.action_count());
            goal_file::keep_actions(&mut goal, count);
        }
        let mut goals = vec![goal; usize::from(self.goals)];
        for (number, action) in goals.iter_mut().flat_map(goal_file::actions_mut).enumerate() {
            if let Some(directive) = self.directive(number) {
                let separator = if action.constraints.is_empty() { "" } else { "\n" };
                action.constraints = [&action.constraints, separator, &directive].concat();
            }
        }
        Ok(goals)
    }

    /// The offline generator's directives for an action: a line in the action's constraints.
    fn directive(&self, number: usize) -> Option<String> {
        let latency = (self.latency_ms > 0).then(|| format!("latency-ms={}", self.latency_ms));
        let failure = fails(number, self.fail_rate).then(|| "fail".to_owned());
        let words: Vec<String> = latency.into_iter().chain(failure).collect();
        (!words.is_empty()).then(|| format!("offline: {}", words.join(", ")))
    }
}

/// Spreads failures evenly, so that their share is exact and a run is repeatable.
#[allow(clippy::cast_precision_loss, reason = "an action's number is small")]
fn fails(number: usize, rate: f64) -> bool {
    let failed_before = |n: usize| (n as f64 * rate).floor();
    failed_before(number + 1) > failed_before(number)
}

fn share(text: &str) -> Result<f64, String> {
    let share: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if (0.0..=1.0).contains(&share) { Ok(share) } else { Err("not between 0 and 1".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn experiment() -> Experiment {
        Experiment { lang: Some(Language::Ja), goal_file: None, goals: 1, actions: None, fail_rate: 0.0, latency_ms: 0 }
    }

    #[test]
    fn the_sample_is_in_the_language_of_the_terminal() {
        for (locale, language) in [
            (None, Language::En),
            (Some("C.UTF-8"), Language::En),
            (Some("en_GB.UTF-8"), Language::En),
            (Some("ja_JP.UTF-8"), Language::Ja),
            (Some("ja"), Language::Ja),
            (Some("jam_JM"), Language::En),
        ] {
            assert_eq!(Language::of_locale(locale), language, "{locale:?}");
        }
    }

    fn constraints(experiment: &Experiment) -> Vec<String> {
        let mut goals = experiment.goals().unwrap();
        goals.iter_mut().flat_map(goal_file::actions_mut).map(|a| a.constraints.clone()).collect()
    }

    #[test]
    fn both_samples_fill_the_whole_chart_with_different_actions() {
        for lang in [Language::Ja, Language::En] {
            let mut sample = Experiment::sample(lang).unwrap();
            assert_eq!(sample.sub_goals.iter().map(|s| s.actions.len()).collect::<Vec<_>>(), [8; 8], "{lang:?}");
            let titles: std::collections::HashSet<String> =
                goal_file::actions_mut(&mut sample).map(|a| a.title.clone()).collect();
            assert_eq!(titles.len(), 64, "{lang:?}");
        }
    }

    #[test]
    fn without_an_experiment_the_sample_is_left_alone() {
        assert!(constraints(&experiment()).iter().all(|c| !c.contains("offline:")));
    }

    #[test]
    fn the_share_of_failing_actions_is_right_over_all_goals() {
        for (rate, expected) in [(0.0, 0), (0.01, 2), (0.1, 19), (0.5, 96), (1.0, 192)] {
            let experiment = Experiment { goals: 3, fail_rate: rate, ..experiment() };
            let failing = constraints(&experiment).iter().filter(|c| c.contains("fail")).count();
            assert!(failing.abs_diff(expected) <= 1, "{failing} of 192 fail at a rate of {rate}");
            assert_eq!(experiment.failures(192), failing as u64);
        }
    }

    #[test]
    fn a_directive_has_a_line_of_its_own() {
        let experiment = Experiment { fail_rate: 1.0, latency_ms: 200, actions: Some(1), ..experiment() };
        let found = constraints(&experiment);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].lines().last(), Some("offline: latency-ms=200, fail"));
    }

    #[test]
    fn a_share_is_between_nothing_and_all() {
        assert!(share("0.25").is_ok() && share("1").is_ok());
        assert!(share("1.1").is_err() && share("-1").is_err() && share("NaN").is_err() && share("ten").is_err());
    }
}
