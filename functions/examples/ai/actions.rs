//! The actions that an AI is asked about.

use goal_activity_core::goal::{Action, ActionKind, GoalHead, GoalStatus, Position, Revision, Side, SubGoal};
use goal_activity_core::trial::Subject;
use goal_activity_events::ClaimSequence;
use serde::{Deserialize, Serialize};

use crate::Wrong;

/// The language that the titles of the tasks should have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Language {
    Ja,
    En,
}

impl Language {
    /// Returns `true` if a title is in the script of this language. A Japanese one may have words in Latin letters, an English
    /// one has no Japanese.
    pub(crate) fn is_kept_in(self, title: &str) -> bool {
        let kana_or_kanji = |c| matches!(c, '\u{3005}'..='\u{3007}' | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{ff66}'..='\u{ff9f}');
        title.chars().any(kana_or_kanji) == (self == Self::Ja)
    }
}

/// An action of the evaluation.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    pub(crate) name: String,
    /// Missing where the action itself is in both.
    pub(crate) language: Option<Language>,
    pub(crate) subject: Subject,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Entry {
    title: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    background: String,
    #[serde(default)]
    constraints: String,
    #[serde(default)]
    deadline: Option<String>,
    actions: Vec<ActionEntry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ActionEntry {
    name: String,
    language: Option<Language>,
    sub_goal: String,
    title: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    background: String,
    #[serde(default)]
    constraints: String,
    #[serde(rename = "type")]
    kind: ActionKind,
}

/// The actions of the evaluation, always the same.
pub(crate) fn samples() -> Result<Vec<Sample>, Wrong> {
    let goals: Vec<Entry> = serde_json::from_str(include_str!("actions.json"))?;
    let mut samples = Vec::new();
    for (entry, number) in goals.into_iter().zip(1..) {
        let goal = GoalHead {
            goal_id: id(number, 0).parse()?,
            user_id: "evaluation".parse()?,
            title: entry.title,
            description: entry.description,
            background: entry.background,
            constraints: entry.constraints,
            deadline: entry.deadline,
            status: GoalStatus::Draft,
            claimed_by: None,
            claims: ClaimSequence(0),
            revision: Revision(0),
        };
        for (action, place) in entry.actions.into_iter().zip(1..) {
            let side = Side::try_from(place)?;
            let subject = Subject {
                goal: goal.clone(),
                sub_goal: Some(SubGoal { position: side, title: action.sub_goal, description: String::new() }),
                action: Action {
                    action_id: id(number, place).parse()?,
                    position: Position { sub_goal: side, action: Side::try_from(1)? },
                    title: action.title,
                    description: action.description,
                    background: action.background,
                    constraints: action.constraints,
                    kind: action.kind,
                },
            };
            samples.push(Sample { name: action.name, language: action.language, subject });
        }
    }
    Ok(samples)
}

/// A UUID, as the ids of the goal app are.
fn id(goal: u8, action: u8) -> String {
    format!("00000000-0000-4000-8000-{goal:06}{action:06}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn there_are_24_different_actions_of_both_languages_and_both_types() {
        let samples = samples().unwrap();
        assert_eq!(samples.len(), 24);
        assert_eq!(samples.iter().map(|s| &s.name).collect::<HashSet<_>>().len(), 24);
        assert_eq!(samples.iter().map(|s| &s.subject.action.action_id).collect::<HashSet<_>>().len(), 24);
        for (language, kind) in [
            (Language::Ja, ActionKind::Execution),
            (Language::Ja, ActionKind::Habit),
            (Language::En, ActionKind::Execution),
            (Language::En, ActionKind::Habit),
        ] {
            let of = samples.iter().filter(|s| s.language == Some(language) && s.subject.action.kind == kind);
            assert!(of.count() >= 4, "{language:?} {kind:?}");
        }
    }

    #[test]
    fn a_japanese_title_has_japanese_script_and_an_english_one_has_none() {
        for (title, ja, en) in [
            ("参考書を選ぶ", true, false),
            ("TOEIC の模試", true, false),
            ("ﾃｽﾄ", true, false),
            ("Choose a book", false, true),
            ("Café 🏃 №1", false, true),
        ] {
            assert_eq!([Language::Ja, Language::En].map(|l| l.is_kept_in(title)), [ja, en], "{title}");
        }
    }
}
