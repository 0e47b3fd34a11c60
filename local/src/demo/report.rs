//! The output of a demo at its end, on standard output.

use std::fmt::Write as _;
use std::time::Duration;

use goal_activity_client::api::{Task, WorkflowStatus};
use goal_activity_core::goal::{Action, ActionKind, Goal};

use crate::billing::Usage;

/// The number of actions shown with their tasks.
const SHOWN_ACTIONS: usize = 4;
/// The number of failures shown.
const SHOWN_FAILURES: usize = 20;

/// How the workflows ended.
pub(crate) fn outcome(ended: &[(&Goal, &WorkflowStatus)], time: Duration) -> String {
    let statuses: Vec<_> = ended.iter().map(|(_, status)| *status).collect();
    let sum = |count: &dyn Fn(&WorkflowStatus) -> u32| statuses.iter().map(|s| u64::from(count(s))).sum::<u64>();
    let (succeeded, total) = (sum(&|s| s.succeeded_actions), sum(&|s| s.total_actions));
    let mut text = match statuses.as_slice() {
        [only] => only.status.to_string(),
        many => by_status(many),
    };
    let seconds = time.as_secs_f64();
    let _ = write!(text, ": {succeeded} of {total} actions have tasks, in {seconds:.1} s");
    if statuses.len() > 1 {
        #[allow(clippy::cast_precision_loss, reason = "a rate to look at")]
        let rate = total as f64 / seconds;
        let _ = write!(text, " ({rate:.0} actions per second)");
    }
    text.push('\n');
    let failures =
        ended.iter().flat_map(|(goal, status)| status.failed_actions.iter().map(move |failed| (goal, failed)));
    let failures: Vec<_> = failures.collect();
    for (goal, failed) in failures.iter().take(SHOWN_FAILURES) {
        let action = goal.actions.iter().find(|action| action.action_id == failed.action_id);
        let action = action.map_or(failed.action_id.as_str(), |action| action.title.as_str());
        let _ = writeln!(text, "  failed: {} > {action} ({}): {}", goal.head.title, failed.code, failed.message);
    }
    if failures.len() > SHOWN_FAILURES {
        let _ = writeln!(text, "  ... and {} more failed", failures.len() - SHOWN_FAILURES);
    }
    text
}

fn by_status(statuses: &[&WorkflowStatus]) -> String {
    let mut names: Vec<String> = statuses.iter().map(|s| s.status.to_string()).collect();
    names.sort_unstable();
    let groups = names.chunk_by(|a, b| a == b);
    groups.map(|group| format!("{} {}", group.len(), group[0])).collect::<Vec<_>>().join(", ")
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// The first tasks of a goal as a tree, and how many more there are.
pub(crate) fn tree(goal: &Goal, tasks: &[Task]) -> String {
    let of = |action: &Action| tasks.iter().filter(|t| t.action_id == action.action_id).collect::<Vec<_>>();
    let with_tasks: Vec<_> = goal.actions.iter().filter(|a| !of(a).is_empty()).collect();
    let shown = &with_tasks[..with_tasks.len().min(SHOWN_ACTIONS)];
    let mut text = format!("{}\n", goal.head.title);
    let mut sub_goals = shown.chunk_by(|a, b| a.position.sub_goal == b.position.sub_goal).peekable();
    while let Some(under_one) = sub_goals.next() {
        let title = under_one.first().and_then(|a| goal.sub_goal_of(a)).map_or("", |s| s.title.as_str());
        let (branch, outer) = if sub_goals.peek().is_none() { ("└─", "   ") } else { ("├─", "│  ") };
        let _ = writeln!(text, "{branch} {title}");
        for (at, action) in under_one.iter().enumerate() {
            let (branch, stem) = if at + 1 == under_one.len() { ("└─", "   ") } else { ("├─", "│  ") };
            let _ = writeln!(text, "{outer}{branch} {} [{}]", action.title, kind(action));
            let tasks = of(action);
            for (at, task) in tasks.iter().enumerate() {
                let branch = if at + 1 == tasks.len() { "└─" } else { "├─" };
                let _ = writeln!(text, "{outer}{stem} {branch} {} ({} min)", task.title, task.estimated_minutes);
            }
        }
    }
    let shown_tasks: usize = shown.iter().map(|a| of(a).len()).sum();
    let (actions, tasks) = (with_tasks.len() - shown.len(), tasks.len() - shown_tasks);
    if actions > 0 {
        let _ = writeln!(text, "... and {} with {}", counted(actions, "more action"), counted(tasks, "task"));
    }
    text
}

fn kind(action: &Action) -> &'static str {
    match action.kind {
        ActionKind::Execution => "execution",
        ActionKind::Habit => "habit",
    }
}

/// The usage, and the source of each number. `watched` requests were made by this command to show the progress.
pub(crate) fn billed(usage: &Usage, watched: u64, complete: bool) -> String {
    let list = |counts: &mut dyn Iterator<Item = (&String, u64)>| {
        counts.map(|(name, count)| format!("{name} {count}")).collect::<Vec<_>>().join(", ")
    };
    let functions: Vec<(&String, u64)> = usage
        .functions
        .iter()
        .map(|(name, used)| (name, used.invocations.saturating_sub(if name == "api" { watched } else { 0 })))
        .collect();
    let invocations: u64 = functions.iter().map(|(_, count)| count).sum();
    let events: u64 = usage.events.values().sum();
    let (sent, delivered) = (usage.machine.messages, usage.delivered);
    let writes = usage.writes.alone + usage.writes.in_transactions;
    let rows = [
        (
            "state transitions",
            usage.machine.transitions,
            "states entered and retries, in the execution history".to_owned(),
        ),
        (
            "function invocations",
            invocations,
            format!("{} (their logs, without {watched} to watch this run)", list(&mut functions.into_iter())),
        ),
        (
            "queue messages",
            sent + delivered,
            format!("{sent} sent by the state machine, {delivered} events matched by rules"),
        ),
        (
            "custom events",
            events,
            format!("{} (recorded PutEvents)", list(&mut usage.events.iter().map(|(n, c)| (n, *c)))),
        ),
        (
            "table writes",
            writes,
            format!(
                "rows in recorded requests, {} in transactions; by their size {:.0} write units",
                usage.writes.in_transactions,
                usage.units().write
            ),
        ),
    ];
    let mut text = "Billed units of this run\n".to_owned();
    for (what, count, source) in rows {
        let _ = writeln!(text, "  {what:<20} {count:>6}  {source}");
    }
    text.push_str(
        "Counted on the emulator, where AWS batches messages differently. Prices and more: cargo xtask bench units.\n",
    );
    if !complete {
        text.push_str("Something was still on its way when this was counted: the numbers are too low.\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::billing::FunctionUsage;
    use crate::billing::calls::{Units, Writes};
    use crate::goal_file;

    const ARN: &str = "arn:aws:states:us-east-1:000000000000:execution:goal-activity:g-1";
    const AT: &str = "2026-11-24T09:30:00.000Z";

    fn status(name: &str, succeeded: u64) -> WorkflowStatus {
        serde_json::from_value(serde_json::json!({
            "executionArn": ARN, "goalId": "g", "startDate": AT, "progressPercentage": 100,
            "status": name, "processedActions": 2, "totalActions": 2, "succeededActions": succeeded,
            "failedActions": (succeeded..2).map(|i| serde_json::json!({
                "actionId": format!("action-{i}"), "code": "AI_REJECTED", "message": "no",
            })).collect::<Vec<_>>(),
        }))
        .unwrap()
    }

    fn task(action: &Action) -> Task {
        serde_json::from_value(serde_json::json!({
            "goalId": "g", "position": "1#1#01", "taskId": "t", "actionId": action.action_id, "executionArn": ARN,
            "title": "Do", "description": "", "type": "execution", "estimatedMinutes": 30, "priority": "medium",
            "status": "not_started", "createdAt": AT, "updatedAt": AT,
        }))
        .unwrap()
    }

    fn goal() -> Goal {
        let file = r#"{"title": "10 km", "subGoals": [{"title": "Sub", "actions": ["Run", "Stretch"]}]}"#;
        let chart = goal_activity_chart::read(file.as_bytes(), None).unwrap().chart;
        goal_file::goal(chart, "g".parse().unwrap(), "u".parse().unwrap()).unwrap()
    }

    #[test]
    fn an_outcome_tells_what_failed() {
        let mut ended = status("PARTIALLY_SUCCEEDED", 1);
        ended.failed_actions[0].action_id = goal().actions[1].action_id.clone();
        let text = outcome(&[(&goal(), &ended)], Duration::from_millis(1500));
        assert_eq!(
            text,
            "PARTIALLY_SUCCEEDED: 1 of 2 actions have tasks, in 1.5 s\n  failed: 10 km > Stretch (AI_REJECTED): no\n"
        );
        let text = outcome(&[(&goal(), &status("FAILED", 0))], Duration::from_millis(1500));
        assert!(
            text.ends_with("  failed: 10 km > action-1 (AI_REJECTED): no\n"),
            "what is no longer in the goal: {text}"
        );
    }

    #[test]
    fn several_goals_are_counted_by_status() {
        let (a, b, c) = (status("SUCCEEDED", 2), status("FAILED", 0), status("SUCCEEDED", 2));
        let goal = goal();
        let text = outcome(&[(&goal, &a), (&goal, &b), (&goal, &c)], Duration::from_secs(2));
        assert!(
            text.starts_with("1 FAILED, 2 SUCCEEDED: 4 of 6 actions have tasks, in 2.0 s (3 actions per second)\n"),
            "{text}"
        );
    }

    #[test]
    fn a_tree_shows_the_first_tasks_and_counts_the_rest() {
        let action = r#"{"title": "Run", "type": "habit"}"#;
        let actions = [action; 6].join(",");
        let file = format!(r#"{{"title": "Goal", "subGoals": [{{"title": "Sub", "actions": [{actions}]}}]}}"#);
        let chart = goal_activity_chart::read(file.as_bytes(), None).unwrap().chart;
        let goal = goal_file::goal(chart, "g".parse().unwrap(), "u".parse().unwrap()).unwrap();
        // The first action failed, the second has two tasks.
        let tasks: Vec<Task> = goal.actions[1..2].iter().chain(&goal.actions[1..]).map(task).collect();
        let text = tree(&goal, &tasks);
        assert!(
            text.starts_with("Goal\n└─ Sub\n   ├─ Run [habit]\n   │   ├─ Do (30 min)\n   │   └─ Do (30 min)\n"),
            "{text}"
        );
        assert!(
            text.ends_with("   └─ Run [habit]\n       └─ Do (30 min)\n... and 1 more action with 1 task\n"),
            "{text}"
        );
    }

    #[test]
    fn only_the_last_sub_goal_ends_the_tree() {
        let file = br#"{"title": "Goal", "subGoals": [{"title": "A", "actions": ["Run"]}, {"title": "B", "actions": ["Rest"]}]}"#;
        let chart = goal_activity_chart::read(file, None).unwrap().chart;
        let goal = goal_file::goal(chart, "g".parse().unwrap(), "u".parse().unwrap()).unwrap();
        let text = tree(&goal, &goal.actions.iter().map(task).collect::<Vec<_>>());
        assert_eq!(
            text,
            "Goal\n├─ A\n│  └─ Run [execution]\n│      └─ Do (30 min)\n└─ B\n   └─ Rest [execution]\n       └─ Do (30 min)\n"
        );
    }

    #[test]
    fn requests_to_watch_a_run_are_not_part_of_it() {
        let of = |invocations| FunctionUsage { invocations, ..FunctionUsage::default() };
        let usage = Usage {
            functions: [("api".to_owned(), of(10)), ("worker".to_owned(), of(8))].into(),
            writes: Writes { alone: 3, in_transactions: 4 },
            tables: [("worker".to_owned(), Units { write: 11.0, ..Units::default() })].into(),
            ..Usage::default()
        };
        let text = billed(&usage, 9, true);
        assert!(text.contains("function invocations      9  api 1, worker 8 (their logs, without 9"), "{text}");
        assert!(
            text.contains(
                "table writes              7  rows in recorded requests, 4 in transactions; by their size 11"
            ),
            "{text}"
        );
    }
}
