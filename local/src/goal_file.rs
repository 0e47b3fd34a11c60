//! Goals as users write them, in every form of a chart: `chart/README.md` describes them.

use std::path::Path;

use anyhow::{Context, Result};
use goal_activity_chart::Form;
use goal_activity_core::chart::{Chart, ChartAction};
use goal_activity_core::goal::{Goal, Position};
use goal_activity_events::{GoalId, UserId};
use uuid::Uuid;

use crate::output;

/// Reads a chart from a file. The file's ending says its form, or else its content. What is left out of it is said on standard
/// error.
pub fn read(file: &Path) -> Result<Chart> {
    let content = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let form: Option<Form> = file.extension().and_then(|ending| ending.to_str()?.parse().ok());
    let not_a_chart = || format!("{} is not a chart", file.display());
    let reading = goal_activity_chart::read(&content, form).with_context(not_a_chart)?;
    for sentence in &reading.left_out {
        output::aside(&format!("{}: left out: {sentence}", file.display()));
    }
    Ok(reading.chart)
}

/// All actions, in mandala order.
pub fn actions_mut(chart: &mut Chart) -> impl Iterator<Item = &mut ChartAction> {
    chart.sub_goals.iter_mut().flat_map(|sub_goal| &mut sub_goal.actions)
}

/// Keeps the first actions only.
pub fn keep_actions(chart: &mut Chart, count: usize) {
    let mut left = count;
    for sub_goal in &mut chart.sub_goals {
        sub_goal.actions.truncate(left);
        left -= sub_goal.actions.len();
    }
    chart.sub_goals.retain(|sub_goal| !sub_goal.actions.is_empty());
}

/// The system's goal, owned by a user. The ids of its actions are UUIDs, as the goal app's are: the same place of the same goal
/// has the same.
pub fn goal(chart: Chart, goal_id: GoalId, user_id: UserId) -> Result<Goal> {
    let name = goal_id.clone();
    let id = move |position: Position| Ok(derived(&format!("{name} {position}")).parse()?);
    chart.into_goal(goal_id, user_id, id)
}

/// A UUID that is always the same for the same name.
pub fn derived(name: &str) -> String {
    Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart() -> Chart {
        let sub_goal = r#"{"title": "Stamina", "actions": ["a", "b", "c", "d", "e", "f", "g", "h"]}"#;
        let text = format!(r#"{{"title": "10 km", "subGoals": [{}]}}"#, [sub_goal; 8].join(","));
        goal_activity_chart::read(text.as_bytes(), None).unwrap().chart
    }

    #[test]
    fn the_first_actions_can_be_kept() {
        for count in [1, 7, 8, 9, 64] {
            let mut chart = chart();
            keep_actions(&mut chart, count);
            assert_eq!(chart.action_count(), count);
            assert_eq!(chart.sub_goals.len(), count.div_ceil(8));
        }
    }

    #[test]
    fn the_ids_of_actions_belong_to_their_places() {
        let goal = |id: &str| goal(chart(), id.parse().unwrap(), "user-1".parse().unwrap()).unwrap();
        let (first, other) = (goal("goal-1"), goal("goal-2"));
        assert_eq!(first, goal("goal-1"));
        assert!(first.actions.iter().zip(&other.actions).all(|(a, b)| a.action_id != b.action_id));
        assert!(first.actions.iter().all(|a| Uuid::parse_str(a.action_id.as_str()).is_ok()));
    }

    #[test]
    fn a_file_that_is_no_chart_is_named_with_the_place() {
        let folder = std::env::temp_dir().join(format!("chart-{}", Uuid::new_v4()));
        std::fs::create_dir(&folder).unwrap();
        let file = folder.join("mine.csv");
        std::fs::write(&file, "a,b\n,,,,,,,,,x\n").unwrap();
        let error = format!("{:#}", read(&file).unwrap_err());
        assert!(error.contains("mine.csv is not a chart: row 2, column 10 (J2)"), "{error}");
        std::fs::remove_dir_all(folder).unwrap();
    }
}
