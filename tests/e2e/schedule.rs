//! A start at a time: `infra/examples/schedule`, deployed beside the pipeline.

use std::time::{Duration, SystemTime};

use goal_activity_events::{GoalActivityAccepted, Timestamp, WorkflowCompleted};
use goal_activity_tests::{Chart, Stack};
use serde_json::{Value, json};
use uuid::Uuid;

/// The deployed schedule.
async fn weekly(stack: &Stack) -> Value {
    let group = stack.output("ScheduleGroup");
    let answer = stack.scheduler("GET", &format!("/schedules/weekly?groupName={group}"), Value::Null).await;
    assert_eq!(answer["ScheduleExpression"], "cron(0 9 ? * MON *)", "{answer}");
    answer
}

#[tokio::test]
async fn p2_a_schedule_starts_the_activity_of_a_goal_at_its_time() {
    let stack = Stack::open().await;
    let user = stack.user().await;
    let goal = stack.goal(&user, Chart::of(3)).await;
    let accepted = stack.hear_events::<GoalActivityAccepted>(&goal).await;
    let completed = stack.hear_events::<WorkflowCompleted>(&goal).await;

    // The target, the role and the queue of the deployed schedule; only whose goal it is and when are others.
    let mut schedule = weekly(&stack).await;
    let name = format!("once-{}", Uuid::new_v4());
    let input = schedule["Target"]["Input"].as_str().unwrap();
    let input = input.replace("goal-of-the-schedule", goal.as_str()).replace("user-of-the-schedule", user.id.as_str());
    schedule["Target"]["Input"] = input.replace("weekly/", &format!("{name}/")).into();
    #[allow(clippy::disallowed_methods, reason = "whoever makes a schedule knows what time it is")]
    let soon = Timestamp::from(SystemTime::now()).plus(Duration::from_secs(1)).to_string();
    let body = json!({
        "GroupName": stack.output("ScheduleGroup"), "ScheduleExpression": format!("at({})", &soon[..19]),
        "FlexibleTimeWindow": { "Mode": "OFF" }, "Target": schedule["Target"], "ActionAfterCompletion": "DELETE",
    });
    stack.scheduler("POST", &format!("/schedules/{name}"), body).await;

    let answer = accepted.first().await;
    let request = &answer.request;
    assert_eq!(request.source, stack.output("ScheduleSource"));
    assert!(request.event_id.as_str().starts_with(&format!("{name}/20")), "{}", request.event_id);
    let end = completed.first().await;
    assert_eq!((&end.execution_arn, end.succeeded_actions), (&answer.execution_arn, 3));
    assert!(answer.correlation_id.is_some() && end.correlation_id == answer.correlation_id, "{end:?}");
    assert_eq!(stack.executions_of(&goal).await, [answer.execution_arn]);
}
