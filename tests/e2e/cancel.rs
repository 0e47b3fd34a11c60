use futures_util::future::{join, join_all};
use goal_activity_events::{ExecutionArn, GoalId};
use goal_activity_tests::{Chart, Stack, User, eventually};
use serde_json::{Value, json};

/// Asserts everything that must hold after a cancellation for a goal that had no tasks before. Returns the status.
async fn assert_cancelled(stack: &Stack, user: &User, goal: &GoalId, arn: &ExecutionArn) -> Value {
    let status = user.status(arn).await.body;
    assert_eq!((&status["status"], &status["succeededActions"]), (&json!("ABORTED"), &json!(0)), "{status}");
    let count = |name: &str| status[name].as_u64().unwrap();
    assert!(count("processedActions") <= count("totalActions") && count("progressPercentage") < 100, "{status}");
    let failed = status["failedActions"].as_array().unwrap();
    assert_eq!(json!(failed.len()), status["totalActions"], "{status}");
    assert_eq!(user.tasks(goal).await, [] as [Value; 0]);
    let row = stack.goal_row(goal).await;
    assert_eq!((&row["status"], row.get("activityExecutionArn")), (&json!("draft"), None), "{row}");
    status
}

async fn is_stopped(stack: &Stack, arn: &ExecutionArn) -> bool {
    let found = stack.sfn().describe_execution().execution_arn(arn.as_str()).send().await;
    found.map_or(true, |execution| execution.status().as_str() != "RUNNING")
}

#[tokio::test]
async fn p4_a_cancel_with_calls_of_the_ai_under_way_leaves_nothing() {
    let stack = Stack::open().await;
    let user = stack.user().await;
    let goal = stack.goal(&user, Chart::of(16).script("a-1-8", "latency-ms=5000")).await;
    let completions = stack.hear_events("WorkflowCompleted", &goal).await;
    let notices = stack.hear_notices(&goal).await;
    let arn = user.started(&goal).await;
    eventually("tasks, with one action still under way", || async {
        let tasks = user.tasks(&goal).await;
        assert!(tasks.iter().all(|t| t["actionId"] != "a-1-8"), "too late to cancel");
        (!tasks.is_empty()).then_some(())
    })
    .await;

    let answer = user.cancel(&arn, Some(" The wrong goal. ")).await;
    assert_eq!((answer.status, &answer.body["status"], answer.arn()), (200, &json!("ABORTED"), arn.clone()));
    let status = assert_cancelled(&stack, &user, &goal, &arn).await;
    assert_eq!(status["stopDate"], answer.body["stopDate"]);
    let why = &status["cancellation"];
    assert_eq!((&why["by"], &why["reason"]), (&json!(user.id), &json!("The wrong goal.")));
    let completed = completions.first("WorkflowCompleted").await;
    assert_eq!(
        (&completed["detail"]["status"], &completed["detail"]["executionArn"]),
        (&json!("ABORTED"), &json!(arn))
    );

    // The goal is free at once. When the new workflow's slow action is ready, the cancelled one's has been ready for
    // long.
    let next = user.started(&goal).await;
    assert_eq!(user.ended(&next).await["status"], "SUCCEEDED");
    let tasks = user.tasks(&goal).await;
    assert_eq!(tasks.len(), 64);
    assert!(tasks.iter().all(|t| t["executionArn"] == next.as_str()), "tasks of the cancelled workflow came late");
    assert_eq!(user.status(&arn).await.body, status, "terminal is terminal");
    assert!(is_stopped(&stack, &arn).await);
    assert!(notices.heard().await.is_empty(), "nobody is woken for what a user wanted");
}

#[tokio::test]
async fn p2_workflows_cancelled_the_moment_they_are_accepted_never_come_back() {
    let stack = Stack::open().await;
    let user = stack.user().await;
    let goals = join_all((0..6).map(|_| stack.goal(&user, Chart::of(8).script_all("latency-ms=4000")))).await;
    // Some are pending still, some are just being launched, some run.
    let arns = join_all(goals.iter().map(|goal| async {
        let arn = user.started(goal).await;
        let answer = user.cancel(&arn, None).await;
        assert_eq!((answer.status, &answer.body["status"]), (200, &json!("ABORTED")), "{answer:?}");
        arn
    }))
    .await;
    for (goal, arn) in goals.iter().zip(&arns) {
        // The delayed launch finds that it has ended.
        eventually("an execution that does not run", || async { is_stopped(&stack, arn).await.then_some(()) }).await;
        let status = assert_cancelled(&stack, &user, goal, arn).await;
        assert_eq!(status["cancellation"].get("reason"), None);
    }
}

#[tokio::test]
async fn p1_of_many_cancels_at_once_all_tell_the_same_end() {
    let stack = Stack::open().await;
    let user = stack.user().await;
    let goal = stack.goal(&user, Chart::of(8).script_all("latency-ms=4000")).await;
    let completions = stack.hear_events("WorkflowCompleted", &goal).await;
    let arn = user.started(&goal).await;
    let answers = join_all((0..10).map(|_| user.cancel(&arn, None))).await;
    assert!(answers.iter().any(|a| a.status == 200), "{answers:?}");
    for answer in &answers {
        match answer.status {
            200 => assert_eq!(answer.body["stopDate"], user.status(&arn).await.body["stopDate"]),
            _ => assert_eq!((answer.status, &answer.body["code"]), (409, &json!("ALREADY_ENDED")), "{answer:?}"),
        }
    }
    assert_cancelled(&stack, &user, &goal, &arn).await;
    let first = completions.first("WorkflowCompleted").await;
    let same = completions.heard().await.iter().all(|e| e["detail"]["eventId"] == first["detail"]["eventId"]);
    assert!(same, "one event id");
}

#[tokio::test]
async fn p4_of_a_cancel_and_the_natural_end_one_wins() {
    let stack = Stack::open().await;
    let user = stack.user().await;
    // Spread so that some cancels arrive before the end and some after it.
    let latencies = [0, 200, 400, 600, 800, 1000];
    let races = latencies.map(|latency| {
        let (stack, user) = (stack.clone(), user.clone());
        async move {
            let goal = stack.goal(&user, Chart::of(1).script_all(&format!("latency-ms={latency}"))).await;
            let arn = user.started(&goal).await;
            eventually("tasks", || async { (!user.tasks(&goal).await.is_empty()).then_some(()) }).await;
            let (answer, end) = join(user.cancel(&arn, None), user.ended(&arn)).await;
            if answer.status == 200 {
                assert_cancelled(&stack, &user, &goal, &arn).await;
            } else {
                assert_eq!((answer.status, &answer.body["code"]), (409, &json!("ALREADY_ENDED")), "{answer:?}");
                assert_eq!((&end["status"], end.get("cancellation")), (&json!("SUCCEEDED"), None), "{end}");
                assert_eq!(user.tasks(&goal).await.len(), 4);
            }
        }
    });
    join_all(races).await;
}

#[tokio::test]
async fn an_ended_workflow_cannot_be_cancelled() {
    let stack = Stack::open().await;
    let user = stack.user().await;
    let goal = stack.goal(&user, Chart::of(2)).await;
    let arn = user.started(&goal).await;
    let end = user.ended(&arn).await;
    let refused = user.cancel(&arn, Some("too late")).await;
    assert_eq!((refused.status, &refused.body["code"]), (409, &json!("ALREADY_ENDED")), "{refused:?}");
    assert_eq!((refused.content_type.as_str(), refused.arn()), ("application/problem+json", arn.clone()));
    assert_eq!(user.status(&arn).await.body, end);
    assert_eq!(user.tasks(&goal).await.len(), 8);
}

#[tokio::test]
async fn p9_only_its_owner_can_cancel_a_workflow_and_whatever_the_reason_says() {
    let stack = Stack::open().await;
    let (user, stranger) = (stack.user().await, stack.user().await);
    let goal = stack.goal(&user, Chart::of(1).script_all("latency-ms=5000")).await;
    let arn = user.started(&goal).await;
    let refused = stranger.cancel(&arn, None).await;
    assert_eq!((refused.status, &refused.body["code"]), (403, &json!("NOT_OWNER")), "{refused:?}");
    let malformed = user.post(&format!("/api/workflows/{arn}/cancel"), &json!({ "reason": 7 })).await;
    assert_eq!((malformed.status, &malformed.body["code"]), (400, &json!("INVALID_REQUEST")), "{malformed:?}");
    assert_eq!(user.status(&arn).await.body.get("cancellation"), None);

    let answer = user.cancel(&arn, Some(&"とても長い理由。".repeat(20_000))).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let status = assert_cancelled(&stack, &user, &goal, &arn).await;
    assert_eq!(status["cancellation"]["reason"].as_str().unwrap().chars().count(), 2_000);
}
