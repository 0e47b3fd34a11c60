//! The figures of an evaluation, as a table and as JSON.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Write;

use goal_activity_core::goal::ActionKind;
use goal_activity_core::limits::{EXECUTION_TASKS, HABIT_TASKS};
use goal_activity_core::trial::{Trial, TriedTask, dollars, kinds, seconds};
use goal_activity_events::Usage;
use serde::Serialize;
use serde_json::{Value, json};

use crate::actions::Language;
use crate::figures::{Latency, Spread, share};

/// One action, and what came of it.
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) language: Option<Language>,
    pub(crate) kind: ActionKind,
    pub(crate) trial: Trial,
}

impl Row {
    /// What came of it, if there are tasks.
    fn made(&self) -> Option<&Trial> {
        Some(&self.trial).filter(|trial| trial.failure.is_none())
    }

    fn tasks(&self) -> &[TriedTask] {
        &self.trial.tasks
    }

    /// How its tasks came to be accepted. `None` if it has none.
    fn accepted(&self) -> Option<Acceptance> {
        let usage = self.made()?.usage;
        Some(match usage.attempts {
            0 | 1 if usage.repairs.is_none() => Acceptance::AtOnce,
            0 | 1 => Acceptance::Repaired,
            _ => Acceptance::AskedAgain,
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
enum Acceptance {
    /// The first answer, as it was.
    AtOnce,
    /// The first answer, repaired.
    Repaired,
    /// A later answer.
    AskedAgain,
}

/// How many actions got tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Accepted {
    pub(crate) total: usize,
    at_once: usize,
    repaired: usize,
    asked_again: usize,
    /// With an answer of the second AI; among the others.
    by_fallback: usize,
}

/// How many of some things are as they should be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
struct Share {
    kept: usize,
    of: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Counts {
    /// Of tasks of one action.
    tasks: Option<Spread>,
    /// Actions with as many as the prompt asks for.
    as_asked: Share,
}

/// The figures of an evaluation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report {
    generator: String,
    fallback: Option<String>,
    pub(crate) actions: usize,
    pub(crate) accepted: Accepted,
    /// Actions without tasks, by the code of the failure.
    refused: BTreeMap<String, usize>,
    /// The same by code and message.
    failures: BTreeMap<String, usize>,
    /// Accepted answers by what was repaired.
    repairs: BTreeMap<&'static str, usize>,
    /// Attempts that failed, by code: also those that were followed by a better one.
    failed_attempts: BTreeMap<String, usize>,
    /// Flaws of accepted answers.
    warnings: BTreeMap<String, usize>,
    /// Titles in the language of the action.
    language: BTreeMap<Language, Share>,
    titles: usize,
    /// Titles that an earlier task of the same action has.
    duplicates_within_an_action: usize,
    /// Titles that the tasks of an earlier action have.
    duplicates_across_actions: usize,
    minutes: Option<Spread>,
    execution: Counts,
    habit: Counts,
    usage: Usage,
    /// Of all attempts for one action, without the waits between them.
    milliseconds: Option<Latency>,
    /// What the deployer can change, as the providers say.
    hints: BTreeMap<String, usize>,
}

impl Report {
    /// The figures of these actions.
    pub(crate) fn of((generator, fallback): (String, Option<String>), rows: &[Row]) -> Self {
        let count = |how: Acceptance| rows.iter().filter(|row| row.accepted() == Some(how)).count();
        let made = || rows.iter().filter_map(Row::made);
        let failures = || rows.iter().filter_map(|row| row.trial.failure.as_ref());
        let accepted = Accepted {
            total: made().count(),
            at_once: count(Acceptance::AtOnce),
            repaired: count(Acceptance::Repaired),
            asked_again: count(Acceptance::AskedAgain),
            by_fallback: made().filter(|made| made.usage.fallback_attempts > 0).count(),
        };
        let attempts = || rows.iter().flat_map(|row| &row.trial.attempts);
        let titles: Vec<_> = rows.iter().map(|row| row.tasks().iter().map(|task| task.title.as_str())).collect();
        let (within, across) = duplicates(titles.into_iter().map(Iterator::collect));
        Self {
            generator,
            fallback,
            actions: rows.len(),
            accepted,
            refused: counted(failures().map(|failure| failure.code.clone())),
            failures: counted(failures().map(|failure| format!("{}: {}", failure.code, failure.message))),
            repairs: counted(made().flat_map(|made| kinds(&made.usage.repairs))),
            failed_attempts: counted(attempts().filter_map(|attempt| attempt.code.clone())),
            warnings: counted(made().flat_map(|made| &made.warnings).map(|warning| warning.kind.clone())),
            language: language(rows),
            titles: made().map(|made| made.tasks.len()).sum(),
            duplicates_within_an_action: within,
            duplicates_across_actions: across,
            minutes: Spread::of(made().flat_map(|made| &made.tasks).map(|task| u64::from(task.estimated_minutes))),
            execution: counts(rows, ActionKind::Execution),
            habit: counts(rows, ActionKind::Habit),
            usage: rows.iter().map(|row| row.trial.usage).sum(),
            milliseconds: Latency::of(rows.iter().map(|row| row.trial.usage.latency_ms)),
            hints: counted(attempts().filter_map(|attempt| attempt.hint.clone())),
        }
    }

    /// For people, in Markdown.
    pub(crate) fn table(&self) -> String {
        let Accepted { total, at_once, repaired, asked_again, by_fallback } = self.accepted;
        let of_all = |part| share(part, self.actions);
        let refused = self.actions - total;
        let mut rows = vec![
            ("Actions with tasks", of_all(total)),
            ("accepted at once", of_all(at_once)),
            ("accepted after a repair", with(of_all(repaired), &self.repairs)),
            ("accepted after another question", of_all(asked_again)),
            ("without tasks", with(of_all(refused), &self.refused)),
        ];
        if let Some(fallback) = &self.fallback {
            rows.push(("accepted from the fallback", format!("{} from {fallback}", of_all(by_fallback))));
        }
        for (name, language) in [
            ("Japanese titles of Japanese actions", Language::Ja),
            ("Titles of English actions without Japanese", Language::En),
        ] {
            let Share { kept, of } = self.language.get(&language).copied().unwrap_or_default();
            rows.push((name, share(kept, of)));
        }
        let duplicates = (self.duplicates_within_an_action, self.duplicates_across_actions);
        rows.extend([
            (
                "Duplicate titles",
                format!("{} within an action, {} across actions, of {}", duplicates.0, duplicates.1, self.titles),
            ),
            ("Warnings", with(self.warnings.values().sum::<usize>().to_string(), &self.warnings)),
            ("Minutes of a task", spread(self.minutes)),
            ("Tasks of an `execution` action", asked(self.execution)),
            ("Tasks of a `habit` action", asked(self.habit)),
            ("Attempts", self.usage.attempts.to_string()),
            ("failed", with(self.failed_attempts.values().sum::<usize>().to_string(), &self.failed_attempts)),
            ("Tokens", format!("{} read, {} written", self.usage.input_tokens, self.usage.output_tokens)),
            ("Cost", dollars(self.usage.cost_micro_usd)),
            ("Time of an action", self.milliseconds.map_or_else(none, time)),
        ]);
        let mut table = format!("| {} | |\n|---|---|\n", self.generator);
        for (name, value) in rows {
            // Writing to a text cannot fail.
            let _ = writeln!(table, "| {name} | {value} |");
        }
        for (failure, actions) in &self.failures {
            let _ = write!(table, "\nWithout tasks, {actions} of {}: {failure}\n", self.actions);
        }
        for (hint, times) in &self.hints {
            let s = if *times == 1 { "" } else { "s" };
            let _ = write!(table, "\nTo do, after {times} attempt{s}: {hint}\n");
        }
        table
    }

    /// For programs, with each action.
    pub(crate) fn json(&self, rows: &[Row]) -> Value {
        let result = |row: &Row| {
            let failure = row.trial.failure.as_ref();
            json!({
                "name": row.name, "language": row.language, "type": row.kind, "accepted": row.accepted(),
                "code": failure.map(|failure| &failure.code), "message": failure.map(|failure| &failure.message),
                "usage": row.trial.usage, "tasks": row.tasks(),
            })
        };
        let mut all = serde_json::to_value(self).unwrap_or_default();
        all["results"] = rows.iter().map(result).collect();
        all
    }
}

fn none() -> String {
    "none".to_owned()
}

/// A figure and the kinds that it consists of.
fn with<K: AsRef<str>>(figure: String, kinds: &BTreeMap<K, usize>) -> String {
    let kinds: Vec<_> = kinds.iter().map(|(kind, times)| format!("`{}` {times}", kind.as_ref())).collect();
    if kinds.is_empty() { figure } else { format!("{figure}: {}", kinds.join(", ")) }
}

fn spread(spread: Option<Spread>) -> String {
    spread.map_or_else(none, |Spread { min, median, max }| format!("{min} to {max}, median {median}"))
}

fn asked(Counts { tasks, as_asked: Share { kept, of } }: Counts) -> String {
    format!("{}; as many as asked for: {}", spread(tasks), share(kept, of))
}

fn time(Latency { median, p95, max }: Latency) -> String {
    format!("median {}, 95 % {}, longest {}", seconds(median), seconds(p95), seconds(max))
}

fn counted<K: Ord>(kinds: impl IntoIterator<Item = K>) -> BTreeMap<K, usize> {
    kinds.into_iter().fold(BTreeMap::new(), |mut counts, kind| {
        *counts.entry(kind).or_default() += 1;
        counts
    })
}

fn language(rows: &[Row]) -> BTreeMap<Language, Share> {
    let mut shares: BTreeMap<Language, Share> = BTreeMap::new();
    for (language, row) in rows.iter().filter_map(|row| Some((row.language?, row))) {
        let share = shares.entry(language).or_default();
        share.of += row.tasks().len();
        share.kept += row.tasks().iter().filter(|task| language.is_kept_in(&task.title)).count();
    }
    shares
}

fn counts(rows: &[Row], kind: ActionKind) -> Counts {
    let asked = match kind {
        ActionKind::Execution => EXECUTION_TASKS,
        ActionKind::Habit => HABIT_TASKS,
    };
    let counts: Vec<_> =
        rows.iter().filter(|row| row.kind == kind).filter_map(Row::made).map(|m| m.tasks.len()).collect();
    let as_asked = Share { kept: counts.iter().filter(|count| asked.contains(count)).count(), of: counts.len() };
    Counts { tasks: Spread::of(counts.iter().map(|count| *count as u64)), as_asked }
}

/// How many titles are there earlier in the same action, and how many more in an earlier action.
fn duplicates<'a>(actions: impl Iterator<Item = Vec<&'a str>>) -> (usize, usize) {
    let mut seen: HashMap<&str, usize> = HashMap::new();
    let (mut within, mut across) = (0, 0);
    for (number, titles) in actions.enumerate() {
        let mut own = HashSet::new();
        for title in titles {
            if !own.insert(title) {
                within += 1;
            } else if *seen.entry(title).or_insert(number) != number {
                across += 1;
            }
        }
    }
    (within, across)
}

#[cfg(test)]
mod tests {
    use super::*;
    use goal_activity_core::task::Priority;
    use goal_activity_core::trial::{TrialFailure, TriedAttempt};
    use goal_activity_events::{FailureCode, Repair};

    fn usage(attempts: u32, repairs: &[Repair]) -> Usage {
        Usage {
            attempts,
            input_tokens: 100,
            output_tokens: 10,
            latency_ms: u64::from(attempts) * 1_000,
            cost_micro_usd: Some(5),
            repairs: repairs.iter().copied().collect(),
            ..Usage::default()
        }
    }

    fn row(language: Language, kind: ActionKind, attempts: u32, repairs: &[Repair], titles: &[&str]) -> Row {
        let usage = usage(attempts, repairs);
        let task = |title: &&str| TriedTask {
            title: (*title).to_owned(),
            description: String::new(),
            estimated_minutes: 30,
            priority: Priority::Low,
        };
        let failed = |number| TriedAttempt {
            number,
            generator: "openai/m".to_owned(),
            fallback: false,
            code: Some(FailureCode::AiInvalidAnswer.to_string()),
            message: Some("a rule".to_owned()),
            hint: None,
            usage,
        };
        let trial = Trial {
            request: None,
            attempts: (1..attempts).map(failed).collect(),
            tasks: titles.iter().map(task).collect(),
            warnings: Vec::new(),
            failure: None,
            usage,
        };
        Row { name: titles[0].to_owned(), language: Some(language), kind, trial }
    }

    fn report() -> (Report, Vec<Row>) {
        let mut refused = row(Language::En, ActionKind::Habit, 1, &[], &["x"]);
        refused.trial.tasks.clear();
        let (message, to_do) = ("refuses".to_owned(), "check the key".to_owned());
        refused.trial.failure = Some(TrialFailure { code: FailureCode::AiRejected.to_string(), message, to_do });
        let mut rows = vec![
            row(Language::Ja, ActionKind::Execution, 1, &[], &["本を選ぶ", "本を選ぶ", "Read"]),
            row(Language::En, ActionKind::Execution, 1, &[Repair::Prose, Repair::Syntax], &["Read", "Write"]),
            row(Language::En, ActionKind::Habit, 2, &[Repair::Prose], &["走る"]),
            refused,
        ];
        rows[2].trial.attempts[0].hint = Some("check the key".to_owned());
        (Report::of(("openai/m".to_owned(), None), &rows), rows)
    }

    #[test]
    fn each_action_is_counted_once_by_how_it_was_accepted() {
        let (report, rows) = report();
        let accepted = Accepted { total: 3, at_once: 1, repaired: 1, asked_again: 1, by_fallback: 0 };
        assert_eq!((report.actions, report.accepted), (4, accepted));
        assert_eq!(report.refused, BTreeMap::from([("AI_REJECTED".to_owned(), 1)]));
        assert_eq!(report.repairs, BTreeMap::from([("prose", 2), ("syntax", 1)]));
        assert_eq!(report.failed_attempts, BTreeMap::from([("AI_INVALID_ANSWER".to_owned(), 1)]));
        assert_eq!((report.usage.attempts, report.usage.input_tokens, report.usage.cost_micro_usd), (5, 400, Some(20)));
        let json = report.json(&rows);
        assert_eq!((&json["accepted"]["atOnce"], &json["results"][3]["code"]), (&json!(1), &json!("AI_REJECTED")));
        assert_eq!(json["results"][0]["tasks"][0]["title"], "本を選ぶ");
        assert_eq!(json["language"], json!({ "ja": { "kept": 2, "of": 3 }, "en": { "kept": 2, "of": 3 } }));
    }

    #[test]
    fn titles_and_numbers_of_tasks_are_compared() {
        let (report, _) = report();
        assert_eq!((report.titles, report.duplicates_within_an_action, report.duplicates_across_actions), (6, 1, 1));
        assert_eq!(report.execution.as_asked, Share { kept: 1, of: 2 });
        assert_eq!(report.habit.as_asked, Share { kept: 1, of: 1 });
        assert_eq!(report.execution.tasks, Some(Spread { min: 2, median: 2, max: 3 }));
        assert_eq!(report.minutes, Some(Spread { min: 30, median: 30, max: 30 }));
    }

    #[test]
    fn the_table_has_a_line_a_figure() {
        let table = report().0.table();
        for line in [
            "| openai/m | |",
            "| Actions with tasks | 3 of 4 (75 %) |",
            "| accepted after a repair | 1 of 4 (25 %): `prose` 2, `syntax` 1 |",
            "| accepted after another question | 1 of 4 (25 %) |",
            "| failed | 1: `AI_INVALID_ANSWER` 1 |",
            "| without tasks | 1 of 4 (25 %): `AI_REJECTED` 1 |",
            "| Japanese titles of Japanese actions | 2 of 3 (67 %) |",
            "| Duplicate titles | 1 within an action, 1 across actions, of 6 |",
            "| Tasks of an `execution` action | 2 to 3, median 2; as many as asked for: 1 of 2 (50 %) |",
            "| Cost | 0.000020 US dollars |",
            "| Time of an action | median 1.00 s, 95 % 2.00 s, longest 2.00 s |",
            "Without tasks, 1 of 4: AI_REJECTED: refuses",
            "To do, after 1 attempt: check the key",
        ] {
            assert!(table.lines().any(|found| found == line), "{line}\n{table}");
        }
    }

    #[test]
    fn an_evaluation_without_any_answer_has_a_table() {
        let report = Report::of(("openai/m".to_owned(), Some("offline/offline".to_owned())), &[]);
        assert!(report.table().contains("| Minutes of a task | none |"));
        assert_eq!(report.accepted.total, 0);
    }
}
