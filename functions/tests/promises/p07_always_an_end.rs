use goal_activity_core::goal::GoalStatus;
use goal_activity_core::notice::NoticeClaim;
use goal_activity_core::ports::EndExecution;
use goal_activity_events::{ExecutionArn, Timestamp};

use std::time::Duration;

use crate::rig::{Rig, status_change};

/// A workflow that requires a notice, with all its work done and its end not yet known.
async fn worked_on() -> (Rig, ExecutionArn) {
    let rig = Rig::with_goal(8);
    rig.script("a-1-1", "fail");
    let arn = rig.launched().await;
    for batch in rig.batches(&arn) {
        rig.work(&batch).await.unwrap();
    }
    (rig, arn)
}

#[tokio::test]
async fn p7_the_end_is_published_once_by_effect_however_often_it_is_found() {
    let rig = Rig::with_goal(8);
    rig.script("a-1-1", "fail");
    let arn = rig.launched().await;
    rig.run(&arn).await;
    rig.project(&status_change(&arn, "SUCCEEDED")).await.unwrap();
    rig.project(&status_change(&arn, "SUCCEEDED")).await.unwrap();
    assert_eq!((rig.completed().len(), rig.notices()), (1, 1));
}

#[tokio::test]
async fn p7_an_end_goes_on_where_it_was_interrupted() {
    for call in ["find_execution", "seal_ledger", "end_execution", "publish", "claim_notice", "mark_reported"] {
        let (rig, arn) = worked_on().await;
        rig.world.break_once(call);
        rig.project(&status_change(&arn, "SUCCEEDED")).await.expect_err(call);
        // The message returns after its visibility timeout.
        rig.world.state().now += 360_000;
        rig.project(&status_change(&arn, "SUCCEEDED")).await.unwrap();
        assert_eq!(rig.goal_status(), GoalStatus::Partial, "after {call}");
        let ids: std::collections::HashSet<_> = rig.completed().into_iter().map(|c| c.event_id).collect();
        assert_eq!(ids.len(), 1, "after {call}");
        assert!(rig.notices() >= 1, "after {call}");
        assert!(rig.execution(&arn).is_complete(), "after {call}");
    }
}

#[tokio::test]
async fn p7_two_projectors_with_the_same_end_notify_once() {
    let (rig, arn) = worked_on().await;
    let end = status_change(&arn, "SUCCEEDED");
    let both = futures_util::future::join(rig.project(&end), rig.project(&end)).await;
    both.0.and(both.1).unwrap();
    assert_eq!(rig.notices(), 1);
}

#[tokio::test(start_paused = true)]
async fn p7_a_notice_that_could_not_be_sent_is_sent_at_the_very_next_delivery() {
    for hangs in [false, true] {
        let (rig, arn) = worked_on().await;
        let end = status_change(&arn, "SUCCEEDED");
        match hangs {
            true => rig.world.hang("notify", Duration::from_secs(600)),
            false => rig.world.break_once("notify"),
        }
        rig.project(&end).await.expect_err("the operators are not told");
        assert_eq!((rig.notices(), rig.execution(&arn).is_reported()), (0, false));
        rig.world.mend("notify");
        rig.project(&end).await.unwrap();
        assert_eq!((rig.notices(), rig.execution(&arn).is_reported()), (1, true), "hangs: {hangs}");
    }
}

#[tokio::test(start_paused = true)]
async fn p7_the_operators_are_notified_while_the_bus_does_not_answer() {
    for hangs in [false, true] {
        let (rig, arn) = worked_on().await;
        let end = status_change(&arn, "SUCCEEDED");
        match hangs {
            true => rig.world.hang("publish", Duration::from_secs(7)),
            false => rig.world.break_once("publish"),
        }
        rig.project(&end).await.expect_err("other services are not told");
        let execution = rig.execution(&arn);
        assert_eq!((rig.notices(), execution.notified_at.is_some(), execution.published_at), (1, true, None));
        rig.world.mend("publish");
        rig.project(&end).await.unwrap();
        assert_eq!((rig.notices(), rig.completed().len()), (1, 1), "hangs: {hangs}");
        assert!(rig.execution(&arn).is_complete(), "hangs: {hangs}");
    }
}

#[tokio::test]
async fn p2_who_gives_up_a_notice_late_leaves_the_claim_of_the_next_alone() {
    let rig = Rig::with_goal(8);
    let arn = rig.launched().await;
    let [first, second] = [0, 61_000].map(|at| NoticeClaim::new(Timestamp::from_millis(at)));
    assert!(rig.world.claim_notice(&arn, &first).await.unwrap());
    assert!(rig.world.claim_notice(&arn, &second).await.unwrap());
    rig.world.release_notice(&arn, &first).await.unwrap();
    assert!(!rig.world.claim_notice(&arn, &NoticeClaim::new(second.at())).await.unwrap());
}

#[tokio::test]
async fn p7_a_goal_that_was_deleted_meanwhile_does_not_keep_its_workflow_from_ending() {
    let rig = Rig::with_goal(8);
    let arn = rig.launched().await;
    rig.world.state().goals.clear();
    rig.run(&arn).await;
    assert!(rig.execution(&arn).has_ended());
    assert_eq!(rig.completed().len(), 1);
}

#[tokio::test]
async fn p7_an_execution_that_is_not_recorded_is_left_alone() {
    let rig = Rig::with_goal(8);
    let arn = "arn:aws:states:us-east-1:000000000000:execution:goal-activity:by-hand".parse().unwrap();
    rig.project(&status_change(&arn, "SUCCEEDED")).await.unwrap();
    assert!(rig.completed().is_empty());
}

#[tokio::test]
async fn p7_a_start_that_could_not_be_announced_is_announced_by_the_next_one() {
    let rig = Rig::with_goal(8);
    rig.world.break_once("publish");
    let first = rig.start().await;
    assert_eq!((first.status, first.code(), first.body["retryable"].as_bool()), (503, "UNAVAILABLE", Some(true)));
    rig.world.state().now += 6_000;
    let second = rig.start().await;
    assert_eq!((second.status, second.arn()), (409, first.arn()));
    rig.deliver_requests().await;
    rig.run(&first.arn()).await;
    assert_eq!(rig.goal_status(), GoalStatus::Active);
}
