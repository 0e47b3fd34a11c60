use futures_util::future::{join, join_all};
use goal_activity_client::api::{ProblemCode, Status, WorkflowStatus};
use goal_activity_events::{ExecutionArn, FinalStatus, GoalId, WorkflowCompleted};
use goal_activity_tests::{Chart, Stack, User, eventually};
use serde_json::json;

/// Asserts everything that must hold after a cancellation for a goal that had no tasks before. Returns the status.
async fn assert_cancelled(stack: &Stack, user: &User, goal: &GoalId, arn: &ExecutionArn) -> WorkflowStatus {
    let status = user.status(arn).await.ok();
    assert_eq!((status.status.known(), status.succeeded_actions), (Some(Status::Aborted), 0), "{status:?}");
    assert!(status.processed_actions <= status.total_actions && status.progress_percentage < 100, "{status:?}");
    assert_eq!(status.failed_actions.len(), status.total_actions as usize, "{status:?}");
    assert_eq!(user.tasks(goal).await, []);
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
    let completions = stack.hear_events::<WorkflowCompleted>(&goal).await;
    let notices = stack.hear_notices(&goal).await;
    let arn = user.started(&goal).await;
    eventually("tasks, with one action still under way", || async {
        let tasks = user.tasks(&goal).await;
        assert!(tasks.iter().all(|t| t.action_id.as_str() != "a-1-8"), "too late to cancel");
        (!tasks.is_empty()).then_some(())
    })
    .await;

    let answer = user.cancel(&arn, Some(" The wrong goal. ")).await;
    let aborted = answer.ok();
    assert_eq!(answer.status, 200);
    assert_eq!((aborted.status.known(), &aborted.execution_arn), (Some(Status::Aborted), &arn));
    let status = assert_cancelled(&stack, &user, &goal, &arn).await;
    assert_eq!(status.stop_date, aborted.stop_date);
    let why = status.cancellation.as_ref().expect("a cancellation");
    assert_eq!((why.by.as_ref(), why.reason.as_deref()), (Some(&user.id), Some("The wrong goal.")));
    let completed = completions.first().await;
    assert_eq!((completed.status, &completed.execution_arn), (FinalStatus::Aborted, &arn));

    // The goal is free at once. When the new workflow's slow action is ready, the cancelled one's has been ready for
    // long.
    let next = user.started(&goal).await;
    assert_eq!(user.ended(&next).await.status, Status::Succeeded);
    let tasks = user.tasks(&goal).await;
    assert_eq!(tasks.len(), 64);
    assert!(tasks.iter().all(|t| t.execution_arn == next), "tasks of the cancelled workflow came late");
    assert_eq!(user.status(&arn).await.ok(), status, "terminal is terminal");
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
        assert_eq!((answer.status, answer.ok().status.known()), (200, Some(Status::Aborted)), "{answer:?}");
        arn
    }))
    .await;
    for (goal, arn) in goals.iter().zip(&arns) {
        // The delayed launch finds that it has ended.
        eventually("an execution that does not run", || async { is_stopped(&stack, arn).await.then_some(()) }).await;
        let status = assert_cancelled(&stack, &user, goal, arn).await;
        assert_eq!(status.cancellation.expect("a cancellation").reason, None);
    }
}

#[tokio::test]
async fn p1_of_many_cancels_at_once_all_tell_the_same_end() {
    let stack = Stack::open().await;
    let user = stack.user().await;
    let goal = stack.goal(&user, Chart::of(8).script_all("latency-ms=4000")).await;
    let completions = stack.hear_events::<WorkflowCompleted>(&goal).await;
    let arn = user.started(&goal).await;
    let answers = join_all((0..10).map(|_| user.cancel(&arn, None))).await;
    assert!(answers.iter().any(|a| a.status == 200), "{answers:?}");
    for answer in &answers {
        match answer.status {
            200 => assert_eq!(answer.ok().stop_date, user.status(&arn).await.ok().stop_date),
            _ => drop(answer.refused(409, ProblemCode::AlreadyEnded)),
        }
    }
    assert_cancelled(&stack, &user, &goal, &arn).await;
    let first = completions.first().await;
    let same = completions.heard().await.iter().all(|event| event.event_id == first.event_id);
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
                answer.refused(409, ProblemCode::AlreadyEnded);
                assert_eq!((end.status.known(), &end.cancellation), (Some(Status::Succeeded), &None), "{end:?}");
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
    let refused = user.cancel(&arn, Some("too late")).await.refused(409, ProblemCode::AlreadyEnded);
    assert_eq!(refused.execution_arn.as_ref(), Some(&arn));
    assert_eq!(user.status(&arn).await.ok(), end);
    assert_eq!(user.tasks(&goal).await.len(), 8);
}

#[tokio::test]
async fn p9_only_its_owner_can_cancel_a_workflow_and_whatever_the_reason_says() {
    let stack = Stack::open().await;
    let (user, stranger) = (stack.user().await, stack.user().await);
    let goal = stack.goal(&user, Chart::of(1).script_all("latency-ms=5000")).await;
    let arn = user.started(&goal).await;
    stranger.cancel(&arn, None).await.refused(403, ProblemCode::NotOwner);
    user.post(&format!("/api/workflows/{arn}/cancel"), &json!({ "reason": 7 }))
        .await
        .refused(400, ProblemCode::InvalidRequest);
    assert_eq!(user.status(&arn).await.ok().cancellation, None);

    let answer = user.cancel(&arn, Some(&"とても長い理由。".repeat(20_000))).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let status = assert_cancelled(&stack, &user, &goal, &arn).await;
    let reason = status.cancellation.and_then(|cancellation| cancellation.reason);
    assert_eq!(reason.map(|reason| reason.chars().count()), Some(2_000));
}
