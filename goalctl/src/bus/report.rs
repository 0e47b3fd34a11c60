//! Event patterns for rules, and events as one line of text.

use goal_activity_events::GoalId;
use serde_json::{Value, json};

use crate::text::{NOTHING, printable};

/// Returns the event pattern for a rule.
pub(super) fn pattern(types: &[String], goals: &[GoalId]) -> Value {
    let mut pattern = json!({});
    if !types.is_empty() {
        pattern["detail-type"] = json!(types);
    }
    if !goals.is_empty() {
        pattern["detail"] = json!({ "goalId": goals });
    }
    if types.is_empty() && goals.is_empty() {
        // A pattern must not be empty.
        pattern["source"] = json!([{ "prefix": "" }]);
    }
    pattern
}

/// Formats an event as one line: time, type, goal and a summary. All of it is untrusted input from senders.
pub(super) fn line(event: &Value) -> String {
    let text = |value: &Value| value.as_str().map_or_else(|| NOTHING.to_owned(), printable);
    let (time, detail) = (&event["detail"]["occurredAt"], &event["detail"]);
    let time = if time.is_string() { time } else { &event["time"] };
    let (what, goal) = (text(&event["detail-type"]), text(&detail["goalId"]));
    format!("{}  {what:<21}  {goal}  {}\n", text(time), printable(&says(event, detail)))
}

fn says(event: &Value, detail: &Value) -> String {
    let text = |name: &str| detail[name].as_str().unwrap_or(NOTHING);
    let number = |name: &str| detail[name].as_u64().unwrap_or_default();
    let failed = || detail["failedActions"].as_array().map_or(0, Vec::len);
    let counts =
        || format!("{}/{} with tasks, {} failed", number("succeededActions"), number("totalActions"), failed());
    let source = event["source"].as_str().unwrap_or(NOTHING);
    let answered = || {
        let [id, source] = ["eventId", "source"].map(|name| detail["request"][name].as_str().unwrap_or(NOTHING));
        format!("event {id} of {source}")
    };
    match event["detail-type"].as_str().unwrap_or_default() {
        "GoalActivityRequested" => format!("event {} of {source}", text("eventId")),
        "GoalActivityCancelRequested" | "GoalActivityRetryRequested" => {
            format!("event {} of {source} about {}", text("eventId"), text("executionArn"))
        }
        "GoalActivityAccepted" => {
            let waits = if detail["waiting"] == true {
                format!(", behind {} others", number("waitingBefore"))
            } else {
                String::new()
            };
            format!("{} as {}{waits}", answered(), text("executionArn"))
        }
        "GoalActivityRejected" => format!("{}: {}: {}", answered(), text("reason"), text("message")),
        "BatchProgressed" => format!("batch {}: {}", number("batchIndex"), counts()),
        "WorkflowCompleted" => format!("{}: {}", text("status"), counts()),
        _ => format!("from {source}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use goal_activity_testkit::EventBridgeEvent;

    #[test]
    fn a_pattern_asks_for_what_is_wanted_and_is_never_empty() {
        let goal: GoalId = "g".parse().unwrap();
        assert_eq!(pattern(&[], &[]), json!({ "source": [{ "prefix": "" }] }));
        assert_eq!(pattern(&["A".into(), "B".into()], &[]), json!({ "detail-type": ["A", "B"] }));
        assert_eq!(pattern(&["A".into()], &[goal]), json!({ "detail-type": ["A"], "detail": { "goalId": ["g"] } }));
    }

    #[test]
    fn an_event_is_one_line_whatever_it_says() {
        let completed = json!({
            "occurredAt": "2026-11-24T09:30:00.123Z", "goalId": "g", "status": "PARTIALLY_SUCCEEDED",
            "succeededActions": 7, "totalActions": 8, "failedActions": [{}],
        });
        let completed: Value = EventBridgeEvent::new("goal-activity", "WorkflowCompleted", &completed).into();
        let expected =
            "2026-11-24T09:30:00.123Z  WorkflowCompleted      g  PARTIALLY_SUCCEEDED: 7/8 with tasks, 1 failed\n";
        assert_eq!(line(&completed), expected);
        let rejected = json!({
            "occurredAt": "2026-11-24T09:30:00.123Z", "goalId": "g", "reason": "NOTHING_TO_DO", "message": "nothing",
            "request": { "eventId": "plan-17", "source": "com.example.planner" },
        });
        let rejected: Value = EventBridgeEvent::new("goal-activity", "GoalActivityRejected", &rejected).into();
        let expected = "g  event plan-17 of com.example.planner: NOTHING_TO_DO: nothing\n";
        assert!(line(&rejected).ends_with(expected), "{}", line(&rejected));
        let strange = json!({ "detail-type": "Tea\u{1b}[2J", "source": "a\nb", "time": 7 });
        let strange = line(&strange);
        assert!(
            !strange.trim_end().chars().any(char::is_control) && strange.contains("from a\u{fffd}b"),
            "{strange:?}"
        );
    }
}
