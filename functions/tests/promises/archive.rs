use goal_activity_core::archive::Record;
use goal_activity_core::limits::HISTORY;
use goal_activity_core::outcome::End;
use goal_activity_core::ports::ExecutionState;
use goal_activity_events::{ExecutionArn, Timestamp};
use serde_json::{Value, json};

use crate::rig::{Rig, USER, status_change};

const ROUTES: [&str; 3] = [
    "/api/workflows/{executionArn}/status",
    "/api/workflows/{executionArn}/actions",
    "/api/workflows/{executionArn}/timeline",
];

/// A workflow whose batches are done, with a failure that requires a notice.
async fn worked() -> (Rig, ExecutionArn) {
    let rig = Rig::with_goal(9);
    rig.script("a-1-1", "fail");
    let arn = rig.launched().await;
    for batch in rig.batches(&arn) {
        rig.work(&batch).await.unwrap();
    }
    rig.deliver_progress().await;
    let ended = ExecutionState::Ended { end: End::Finished, at: Timestamp::from_millis(2) };
    rig.world.state().machines.insert(arn.clone(), ended);
    (rig, arn)
}

async fn ended() -> (Rig, ExecutionArn) {
    let (rig, arn) = worked().await;
    rig.project(&status_change(&arn, "SUCCEEDED")).await.unwrap();
    (rig, arn)
}

fn expires(rig: &Rig, arn: &ExecutionArn) -> Option<Timestamp> {
    rig.world.state().expiring.get(arn).copied()
}

fn is_listed(rig: &Rig, arn: &ExecutionArn) -> bool {
    rig.execution(arn).archived_at.is_none()
}

/// Lets so much time pass that everything that expires is deleted.
fn expire(rig: &Rig) {
    rig.wait(i64::try_from(HISTORY.as_secs()).unwrap() + 60);
    rig.world.expire();
}

/// The same, and asserts that no rows are left.
fn expire_all(rig: &Rig) {
    expire(rig);
    assert!(rig.world.state().executions.is_empty() && rig.world.state().ledgers.is_empty());
}

async fn told(rig: &Rig, arn: &ExecutionArn) -> Vec<(i64, Value)> {
    let mut answers = Vec::new();
    for route in ROUTES {
        let answer = rig.get(USER, route, arn.as_str(), json!({})).await;
        answers.push((answer.status, answer.body));
    }
    answers
}

#[tokio::test]
async fn p7_nothing_expires_before_it_is_archived() {
    for call in ["seal_ledger", "archive_execution", "expire_ledger", "mark_archived"] {
        let (rig, arn) = worked().await;
        // The ledger is sealed once for the end, and read again for the archive.
        if call == "seal_ledger" {
            rig.world.break_once("archive_execution");
            rig.project(&status_change(&arn, "SUCCEEDED")).await.unwrap();
        }
        rig.world.break_once(call);
        rig.project(&status_change(&arn, "SUCCEEDED")).await.unwrap();
        assert_eq!((expires(&rig, &arn), is_listed(&rig, &arn)), (None, true), "after {call}");
        let archived = !rig.world.state().archive.is_empty();
        let ledger_expires = !rig.world.state().expiring_ledgers.is_empty();
        assert_eq!(archived, ["expire_ledger", "mark_archived"].contains(&call), "after {call}");
        assert_eq!(ledger_expires, call == "mark_archived", "after {call}");
        expire(&rig);
        rig.world.state().machines.clear();
        // The capacity as well, because the end was not published here.
        assert_eq!(rig.reconcile().await.repaired, 2, "after {call}");
        assert_eq!(expires(&rig, &arn), Some(rig.execution(&arn).stop_date().unwrap().plus(HISTORY)), "after {call}");
        assert!(!is_listed(&rig, &arn), "after {call}");
        assert_eq!((rig.completed().len(), rig.notices()), (1, 1), "after {call}");
    }
}

#[tokio::test]
async fn operators_are_notified_though_the_archive_does_not_answer() {
    let (rig, arn) = worked().await;
    rig.world.break_once("archive_execution");
    rig.project(&status_change(&arn, "SUCCEEDED")).await.expect("the message is done, for the reconciler archives");
    assert_eq!((rig.completed().len(), rig.notices()), (1, 1));
}

#[tokio::test]
async fn p2_a_workflow_that_ends_twice_is_archived_once() {
    let (rig, arn) = ended().await;
    let archive = rig.world.state().archive.clone();
    assert_eq!(archive.len(), 1);
    let record = Record::from_line(archive.values().next().unwrap().as_bytes()).unwrap();
    assert_eq!(record.batches.iter().flat_map(|b| &b.actions).filter(|a| a.outcome.is_some()).count(), 9);
    rig.wait(3_600);
    rig.project(&status_change(&arn, "SUCCEEDED")).await.unwrap();
    rig.project(&status_change(&arn, "FAILED")).await.unwrap();
    assert_eq!(rig.world.state().archive, archive);
}

#[tokio::test]
async fn what_is_archived_twice_is_the_same_to_the_byte() {
    let (rig, arn) = worked().await;
    rig.world.break_once("mark_archived");
    rig.project(&status_change(&arn, "SUCCEEDED")).await.unwrap();
    // The next invocation finds other marks. Here the archive has lost the record, so it is written again.
    let first = std::mem::take(&mut rig.world.state().archive);
    rig.wait(90);
    rig.reconcile().await;
    assert_eq!(rig.world.state().archive, first);
}

#[tokio::test]
async fn a_workflow_is_shown_as_before_when_its_rows_have_expired() {
    let (rig, arn) = ended().await;
    let before = told(&rig, &arn).await;
    expire_all(&rig);
    assert_eq!(told(&rig, &arn).await, before);
    assert_eq!(before.iter().map(|(status, _)| *status).collect::<Vec<_>>(), [200, 200, 200]);
    assert_eq!(before[0].1["failedActions"][0]["actionId"], "a-1-1");
}

#[tokio::test]
async fn the_actions_of_an_expired_workflow_take_one_read_of_the_archive() {
    let (rig, arn) = ended().await;
    expire_all(&rig);
    rig.world.state().calls.clear();
    let answer = rig.get(USER, ROUTES[1], arn.as_str(), json!({})).await;
    assert_eq!((answer.status, answer.body["items"].as_array().unwrap().len()), (200, 9));
    assert_eq!(rig.world.state().calls, ["find_execution", "find_archived", "read_archive"]);
}

#[tokio::test]
async fn actions_are_shown_as_before_while_the_rows_expire_one_by_one() {
    let (rig, arn) = ended().await;
    let before = told(&rig, &arn).await;
    assert_eq!(before[1].1["items"][1]["tasks"], 4);
    rig.world.state().ledgers.remove(&(arn.clone(), 1));
    assert_eq!(told(&rig, &arn).await, before);
}

#[tokio::test]
async fn an_archived_workflow_has_ended_and_can_be_retried() {
    let (rig, arn) = ended().await;
    expire_all(&rig);
    let cancel = rig.cancel(&arn, "").await;
    assert_eq!((cancel.status, cancel.code()), (409, "ALREADY_ENDED"));
    let retry = rig.retry(&arn).await;
    assert_eq!((retry.status, &retry.body["totalActions"]), (202, &json!(1)), "{retry:?}");
}

#[tokio::test]
async fn a_cancelled_workflow_is_archived_by_who_may_do_that() {
    let rig = Rig::with_goal(8);
    let arn = rig.launched().await;
    assert_eq!(rig.cancel(&arn, r#"{ "reason": "wrong goal" }"#).await.status, 200);
    assert!(
        rig.execution(&arn).is_reported() && is_listed(&rig, &arn),
        "the API tells, and leaves the archive to others"
    );
    assert!(rig.world.state().archive.is_empty());
    rig.project(&status_change(&arn, "ABORTED")).await.unwrap();
    assert!(!is_listed(&rig, &arn));
    expire_all(&rig);
    assert_eq!(told(&rig, &arn).await[0].1["cancellation"]["reason"], "wrong goal");
}

#[tokio::test]
async fn p9_archived_workflows_are_for_their_owner_only() {
    let (rig, arn) = ended().await;
    expire_all(&rig);
    for route in ROUTES {
        let answer = rig.get("somebody-else", route, arn.as_str(), json!({})).await;
        assert_eq!((answer.status, answer.code()), (403, "NOT_OWNER"), "{route}");
        let unknown = rig.get(USER, route, &format!("{arn}0"), json!({})).await;
        assert_eq!((unknown.status, unknown.code()), (404, "UNKNOWN_EXECUTION"), "{route}");
    }
}

#[tokio::test]
async fn an_archive_that_does_not_answer_does_not_make_a_workflow_unknown() {
    let (rig, arn) = ended().await;
    expire_all(&rig);
    for call in ["find_archived", "read_archive"] {
        rig.world.break_once(call);
        assert_eq!(told(&rig, &arn).await[0].0, 503, "{call}");
    }
    rig.world.state().archive.clear();
    assert_eq!(told(&rig, &arn).await[0].0, 503, "the record is gone");
}
