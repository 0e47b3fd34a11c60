//! The results of a run, as lines for `docs/SCALING.md`.

use std::fmt::Write as _;

use goal_activity_core::admission::Shard;

use super::load::{ACTIONS, Load, Outcome};
use super::quotas::{Limit, Quota};

/// A delay by a quota of less than this many seconds per request is not reported.
const WORTH_A_WORD: f64 = 1.0;

/// The head of the table of runs.
pub(crate) const HEAD: &str = "\
| Load | Goals | With all tasks | Half, all ended after | Failed actions | What held requests up, on average |
|---|---|---|---|---|---|";

impl Outcome {
    /// How many goals there were.
    pub(crate) fn goals(&self) -> usize {
        self.ended.values().sum::<usize>() + self.turned_away + self.open
    }

    /// The share of the goals whose actions all got their tasks.
    pub(crate) fn whole(&self) -> f64 {
        ratio(self.succeeded(), self.goals())
    }

    fn succeeded(&self) -> usize {
        self.ended.get("SUCCEEDED").copied().unwrap_or(0)
    }

    /// Returns `true` if every action of every goal got its tasks, and nothing was left behind.
    pub(crate) fn is_whole(&self) -> bool {
        self.succeeded() == self.goals() && self.failed.is_empty() && self.dead == 0
    }

    /// How many requests a quota refused permanently.
    pub(crate) fn refused(&self, quota: Quota) -> u64 {
        self.used.get(&quota).map_or(0, |used| used.refused)
    }

    /// The share of the AI's answers that were refusals.
    pub(crate) fn ai_refused(&self) -> f64 {
        let asked = self.ai_asked();
        self.used.get(&Quota::AiTokens).map_or(0.0, |used| used.refused as f64 / asked.max(1.0))
    }

    /// The share that was used of what an AI of that many tokens a minute allowed from the first request to the last: as many
    /// as a minute's at once, and the rate.
    pub(crate) fn ai_used(&self, a_minute: f64) -> f64 {
        let used = self.used.get(&Quota::AiTokens).copied().unwrap_or_default();
        let time = used.last.saturating_sub(used.first.unwrap_or_default()).as_secs_f64();
        used.units / (a_minute * (1.0 + time / 60.0))
    }

    /// How many invocations there were at once at most.
    pub(crate) fn workers_at_once(&self) -> f64 {
        self.used.get(&Quota::LambdaConcurrency).map_or(0.0, |used| used.most)
    }

    fn ai_asked(&self) -> f64 {
        let used = self.used.get(&Quota::AiTokens).copied().unwrap_or_default();
        used.refused as f64 + used.units / super::load::tokens()
    }

    /// The quotas that have delayed requests, by how many seconds on average, the worst first. Requests to the AI are
    /// not delayed but refused.
    pub(crate) fn held_up_by(&self) -> Vec<(Quota, f64)> {
        let seconds = self.used.iter().map(|(quota, used)| (*quota, used.held_up / used.requests.max(1) as f64));
        let mut held_up: Vec<_> = seconds.filter(|(_, seconds)| *seconds >= WORTH_A_WORD).collect();
        held_up.sort_by(|(_, a), (_, b)| b.total_cmp(a));
        held_up
    }

    /// How much of a quota one goal uses.
    pub(crate) fn use_of(&self, quota: Quota) -> f64 {
        self.used.get(&quota).map_or(0.0, |used| used.units) / self.goals().max(1) as f64
    }

    /// The seconds that this part of the workflows needed at most until they ran and until they ended.
    pub(crate) fn within(&self, part: f64) -> [f64; 2] {
        [&self.until_running, &self.until_end].map(|times| {
            let at = (times.len().saturating_sub(1) as f64 * part).round() as usize;
            times.get(at).copied().unwrap_or(f64::NAN)
        })
    }

    /// How many seconds later than in the order of turns this part of the workflows was launched at most.
    pub(crate) fn late_by(&self, part: f64) -> f64 {
        let at = (self.late.len().saturating_sub(1) as f64 * part).round() as usize;
        self.late.get(at).copied().unwrap_or_default()
    }

    /// A row of the table of runs.
    pub(crate) fn row(&self, title: &str, load: &Load) -> String {
        let [_, half] = self.within(0.5);
        let [_, last] = self.within(1.0);
        let mut why: Vec<String> = Vec::new();
        if self.ai_refused() > 0.005 {
            why.push(format!("the AI refuses {:.0} %", 100.0 * self.ai_refused()));
        }
        for (quota, seconds) in self.held_up_by().into_iter().take(3) {
            why.push(format!("{} {seconds:.0} s", quota.name()));
        }
        let refused = self.used.iter().filter(|(quota, used)| **quota != Quota::AiTokens && used.refused > 0);
        for (quota, used) in refused {
            why.push(format!("{} refuses {} calls for good", quota.name(), used.refused));
        }
        if self.turned_away > 0 {
            why.push(format!("{} starts are answered 503 for good", self.turned_away));
        }
        if self.dead > 0 {
            why.push(format!("{} dead letters", self.dead));
        }
        let actions = self.goals() * usize::from(ACTIONS);
        let share = |(code, times): (&String, &usize)| format!("{code} {}", percent(ratio(*times, actions)));
        let failed: Vec<_> = self.failed.iter().map(share).collect();
        format!(
            "| {title} | {} in {} s | {} | {half:.0} s, {last:.0} s | {} | {} |",
            self.goals(),
            load.lasts.as_secs(),
            percent(self.whole()),
            or_none(&failed.join(", ")),
            or_none(&why.join("; ")),
        )
    }

    /// One goal's use of each quota, and the resulting goals a second, the fewest first. Without quotas of which it
    /// uses less than one, and without the capacity row: its use grows with the number of goals.
    pub(crate) fn on_paper(&self) -> Vec<(Quota, f64, f64)> {
        let with_use = Quota::ALL
            .map(|quota| (quota, self.use_of(quota)))
            .into_iter()
            .filter(|(quota, used)| *used >= 1.0 && *quota != Quota::CapacityRow(Shard::FIRST));
        let mut rows: Vec<_> = with_use.map(|(q, used)| (q, used, most(q.documented().limit) / used)).collect();
        rows.sort_by(|a, b| a.2.total_cmp(&b.2));
        rows
    }
}

/// The final rate of a quota per second.
fn most(limit: Limit) -> f64 {
    match limit {
        Limit::Rate { a_second, .. } => a_second,
        Limit::AtOnce(most) | Limit::Growing { to: most, .. } => most,
    }
}

/// The table of one goal's use.
pub(crate) fn paper(rows: &[(Quota, f64, f64)]) -> String {
    let mut text = String::from("| Quota | One goal takes | Goals a second |\n|---|---|---|\n");
    for (quota, used, goals) in rows {
        let _ = writeln!(text, "| {} | {} | {} |", quota.name(), digits(*used), digits(*goals));
    }
    text
}

/// Formats as a whole number, with commas; below 10 with two decimal places.
pub(crate) fn digits(value: f64) -> String {
    if value < 10.0 {
        return format!("{value:.2}");
    }
    let whole = format!("{value:.0}");
    let mut text = String::new();
    for (at, digit) in whole.char_indices() {
        if at > 0 && (whole.len() - at) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Only the whole is 100 %, and only zero is 0 %.
fn percent(share: f64) -> String {
    let near = share > 0.0 && share < 0.005 || share > 0.995 && share < 1.0;
    let places = if near { 2 } else { 0 };
    format!("{:.places$} %", 100.0 * share)
}

fn or_none(text: &str) -> &str {
    if text.is_empty() { "-" } else { text }
}

fn ratio(part: usize, whole: usize) -> f64 {
    part as f64 / whole.max(1) as f64
}
