//! Workflows of an earlier release continue from their stored state.

use std::collections::BTreeSet;

use goal_activity_core::admission::Shard;
use goal_activity_core::execution::{Execution, Status};
use goal_activity_core::goal::GoalStatus;
use goal_activity_core::keys;
use goal_activity_core::outcome::End;
use goal_activity_core::ports::{ClaimGoal, ExecutionState, FindLoad, ListWaiting, LoadGoal};
use goal_activity_core::task::Task;
use goal_activity_events::{ClaimSequence, ExecutionArn, FailureCode};
use goal_activity_functions::adapters::memory::samples;
use serde_json::{Value, json};

use super::files::{Release, Stored};
use super::messages::status;
use super::pipeline::Pipeline;
use crate::backend::{Emulator, Tables};

on_every_release!(
    p7_one_that_waited_is_launched_when_there_is_room,
    one_that_was_launched_is_seen_running,
    p7_one_that_ran_is_worked_on_and_ends,
    p7_one_that_ran_ends_with_what_was_saved,
    p7_one_whose_end_was_lost_ends,
    p2_its_request_is_the_same_request,
    p4_one_that_was_cancelled_is_brought_to_its_end,
    p4_one_that_was_cancelled_while_it_waited_is_never_started,
    p7_those_that_had_ended_are_reported_and_archived,
    p7_a_notice_that_was_not_sent_is_sent,
    p7_those_that_were_reported_are_archived,
    its_tasks_are_replaced_by_a_new_generation,
);

/// A workflow of a golden goal.
pub(super) fn arn(goal: &str, number: u64) -> ExecutionArn {
    ExecutionArn::derive(&samples::state_machine(), &goal.parse().unwrap(), ClaimSequence(number))
}

/// A pipeline of this version over the release's stored data of that state.
pub(super) async fn found(release: &Release, on: Emulator, state: &str) -> Pipeline {
    over(on, release.stored(state)).await
}

pub(super) async fn over(on: Emulator, stored: Stored) -> Pipeline {
    let pipeline = Pipeline::open(on, stored.at).await;
    pipeline.tables.put_rows(&stored.rows).await;
    let archive = stored.archive.into_iter().map(|(key, line)| (serde_json::from_value(json!(key)).unwrap(), line));
    pipeline.world.state().archive = archive.collect();
    pipeline
}

impl Pipeline {
    fn step_functions(&self, arn: &ExecutionArn, state: ExecutionState) {
        self.world.state().machines.insert(arn.clone(), state);
    }

    fn runs(&self, arn: &ExecutionArn) {
        self.step_functions(arn, ExecutionState::Running { since: self.now() });
    }

    pub(super) async fn tasks(&self) -> Vec<Task> {
        self.tables.rows().await.tasks.into_iter().map(|row| serde_json::from_value(row).unwrap()).collect()
    }

    async fn goal_status(&self, goal: &str) -> (GoalStatus, bool) {
        let head = self.tables.db().load_goal(&goal.parse().unwrap()).await.unwrap().value().unwrap().head;
        (head.status, head.claimed_by.is_some())
    }

    async fn waiting(&self) -> Vec<ExecutionArn> {
        self.tables.db().list_waiting(Shard::FIRST, 16).await.unwrap().into_iter().map(|w| w.execution_arn).collect()
    }

    async fn holders(&self) -> Vec<(ExecutionArn, u32)> {
        let holders = self.tables.db().find_load(&self.tables.state_machine(), Shard::FIRST).await.unwrap().held;
        holders.into_iter().map(|held| (held.execution, held.batches)).collect()
    }

    /// Delivers every report on the bus to the projector; returns the ends.
    async fn delivered(&self) -> Vec<Value> {
        let (progress, rest): (Vec<_>, Vec<_>) =
            self.heard().into_iter().partition(|event| event["detail-type"] == "BatchProgressed");
        for event in progress {
            self.project(&event).await.unwrap();
        }
        rest
    }
}

/// Checks that the new value contains everything of the old one; additions are allowed.
#[track_caller]
pub(super) fn still_says(now: &Value, before: &Value) {
    match before {
        Value::Object(fields) => fields.iter().for_each(|(name, value)| still_says(&now[name], value)),
        Value::Array(items) => {
            assert_eq!(now.as_array().map(Vec::len), Some(items.len()), "{now} for {before}");
            items.iter().zip(now.as_array().into_iter().flatten()).for_each(|(item, now)| still_says(now, item));
        }
        _ => assert_eq!(now, before),
    }
}

fn failures(execution: &Execution, code: FailureCode) -> usize {
    execution.failed_actions().iter().filter(|failed| failed.code == code).count()
}

async fn p7_one_that_waited_is_launched_when_there_is_room(release: &Release, on: Emulator) {
    let pipeline = found(release, on, "waiting").await;
    let (first, second) = (arn("learn-piano", 1), arn("learn-spanish", 1));
    let user = "5d1f7c1e-waiting".parse().unwrap();
    assert!(pipeline.find(&first).await.admitted_at.is_some() && pipeline.find(&second).await.is_waiting());
    assert_eq!((pipeline.waiting().await, pipeline.holders().await), (vec![second.clone()], vec![(first.clone(), 2)]));
    assert_eq!(pipeline.tables.db().user_load(&user).await.unwrap().open.len(), 2);
    pipeline.launch(&release.message("requested-by-api")).await.unwrap();
    assert_eq!(pipeline.waiting().await, std::slice::from_ref(&second));

    pipeline.project(&status(&first, "SUCCEEDED", pipeline.now())).await.unwrap();
    pipeline.launch(&release.message("end-of-first")).await.unwrap();
    assert_eq!((pipeline.waiting().await, pipeline.holders().await), (vec![], vec![(second.clone(), 2)]));
    let started = pipeline.world.state().started.clone();
    still_says(&json!(started), &json!([release.message("execution-input")]));
    assert!(pipeline.find(&second).await.admitted_at.is_some());
    assert_eq!(pipeline.tables.db().user_load(&user).await.unwrap().open.len(), 1);
}

async fn one_that_was_launched_is_seen_running(release: &Release, on: Emulator) {
    let pipeline = found(release, on, "launched").await;
    let second = arn("learn-spanish", 1);
    assert_eq!(pipeline.find(&second).await.status(), Status::Pending);
    pipeline.runs(&second);
    pipeline.wait(20);
    pipeline.reconcile().await;
    assert_eq!(pipeline.find(&second).await.status(), Status::Running);
}

async fn p7_one_that_ran_is_worked_on_and_ends(release: &Release, on: Emulator) {
    let pipeline = found(release, on, "running").await;
    let running = arn("run-a-marathon", 1);
    let (before, progress) = (pipeline.tasks().await, pipeline.find(&running).await.progress());
    assert_eq!((progress.succeeded, progress.failed.len()), (7, 1));
    pipeline.runs(&running);
    for batch in ["batch-1", "batch-2"] {
        pipeline.work(&release.message(batch)).await.unwrap();
    }
    assert_eq!(pipeline.world.state().asked.len(), 8, "only what had no outcome is done");
    assert_eq!(pipeline.world.state().answers.len(), 2);
    pipeline.delivered().await;
    pipeline.project(&release.message("status-succeeded")).await.unwrap();

    let ended = pipeline.find(&running).await;
    assert_eq!((ended.status(), ended.tally().map(|t| t.succeeded)), (Status::PartiallySucceeded, Some(22)));
    assert_eq!((ended.failed_actions().len(), failures(&ended, FailureCode::AiRejected)), (1, 1));
    assert!(ended.is_complete(), "{ended:?}");
    assert_eq!(pipeline.goal_status("run-a-marathon").await, (GoalStatus::Partial, false));
    let after = pipeline.tasks().await;
    assert!(before.iter().all(|task| after.contains(task)), "what was saved stays as it was");
    let actions: BTreeSet<_> = after.iter().map(|task| &task.action_id).collect();
    assert_eq!(actions.len(), 22);
    let end = pipeline.delivered().await.remove(0);
    pipeline.launch(&end).await.unwrap();
    assert_eq!(pipeline.holders().await, []);
}

async fn p7_one_that_ran_ends_with_what_was_saved(release: &Release, on: Emulator) {
    let pipeline = found(release, on, "running").await;
    let running = arn("run-a-marathon", 1);
    pipeline.project(&release.message("status-timed-out")).await.unwrap();
    let ended = pipeline.find(&running).await;
    assert_eq!(
        (ended.status(), ended.tally().map(|t| t.succeeded), ended.tally().map(|t| t.failed_count())),
        (Status::TimedOut, Some(14), Some(9))
    );
    assert_eq!(failures(&ended, FailureCode::NotProcessed), 8);
    assert!(ended.is_complete(), "{ended:?}");
    pipeline.work(&release.message("batch-1")).await.unwrap();
    assert_eq!(pipeline.world.state().asked, [], "its ledger is sealed");
}

async fn p7_one_whose_end_was_lost_ends(release: &Release, on: Emulator) {
    let pipeline = found(release, on, "running").await;
    let running = arn("run-a-marathon", 1);
    pipeline.step_functions(&running, ExecutionState::Ended { end: End::Finished, at: pipeline.now() });
    pipeline.wait(40);
    assert_eq!(pipeline.reconcile().await.failed, 0);
    let ended = pipeline.find(&running).await;
    assert_eq!((ended.status(), ended.tally().map(|t| t.succeeded)), (Status::PartiallySucceeded, Some(14)));
    assert!(ended.is_complete(), "{ended:?}");
}

async fn p2_its_request_is_the_same_request(release: &Release, on: Emulator) {
    let pipeline = found(release, on, "running").await;
    let before = pipeline.find(&arn("run-a-marathon", 1)).await;
    pipeline.launch(&release.message("requested-by-service")).await.unwrap();
    let [answer] = pipeline.heard().try_into().expect("one answer: it is neither rejected nor asked for again");
    let named = (&answer["detail-type"], &answer["detail"]["executionArn"]);
    assert_eq!(named, (&"GoalActivityAccepted".into(), &before.execution_arn.as_str().into()));
    assert_eq!(pipeline.find(&before.execution_arn).await, before);
    let rows = pipeline.tables.rows().await.executions;
    assert_eq!(rows.iter().filter(|row| row[keys::ITEM] == keys::EXECUTION).count(), 1);
}

async fn p4_one_that_was_cancelled_is_brought_to_its_end(release: &Release, on: Emulator) {
    for event_comes in [true, false] {
        let pipeline = found(release, on, "cancelled").await;
        let cancelled = arn("run-a-marathon", 1);
        assert!(!pipeline.tasks().await.is_empty());
        if event_comes {
            pipeline.project(&release.message("status-aborted")).await.unwrap();
        } else {
            pipeline.runs(&cancelled);
            pipeline.wait(20);
            assert_eq!(pipeline.reconcile().await.failed, 0);
            assert!(matches!(
                pipeline.world.state().machines[&cancelled],
                ExecutionState::Ended { end: End::Aborted, .. }
            ));
        }
        let ended = pipeline.find(&cancelled).await;
        assert_eq!((ended.status(), ended.tally().map(|t| t.succeeded)), (Status::Aborted, Some(0)));
        assert_eq!(failures(&ended, FailureCode::Cancelled), 22);
        assert!(ended.is_complete(), "{ended:?}");
        assert_eq!(pipeline.tasks().await, []);
        assert_eq!(pipeline.goal_status("run-a-marathon").await, (GoalStatus::Draft, false));
    }
}

async fn p4_one_that_was_cancelled_while_it_waited_is_never_started(release: &Release, on: Emulator) {
    let pipeline = found(release, on, "cancelled-while-waiting").await;
    let cancelled = arn("learn-italian", 1);
    pipeline.runs(&arn("learn-spanish", 1));
    pipeline.wait(20);
    assert_eq!(pipeline.reconcile().await.failed, 0);
    let ended = pipeline.find(&cancelled).await;
    assert_eq!(ended.status(), Status::Aborted);
    assert_eq!(ended.cancellation.as_ref().and_then(|c| c.reason.as_deref()), Some("別の言語にする"));
    assert!(ended.is_complete(), "{ended:?}");
    assert_eq!(pipeline.world.state().started, []);
}

/// The golden goals, each with a different end.
pub(super) const ENDED: [(&str, &str); 5] = [
    ("swim", "succeeded"),
    ("cycle", "partially-succeeded"),
    ("row", "failed"),
    ("climb", "timed-out"),
    ("dance", "aborted"),
];

async fn p7_those_that_had_ended_are_reported_and_archived(release: &Release, on: Emulator) {
    let pipeline = found(release, on, "ended").await;
    pipeline.wait(20);
    let done = pipeline.reconcile().await;
    assert_eq!((done.repaired, done.failed), (5, 0));
    let told = pipeline.delivered().await;
    for (goal, end) in ENDED {
        assert!(pipeline.find(&arn(goal, 1)).await.is_complete(), "{goal}");
        let (before, mut now) = (release.message(&format!("completed-{end}")), told.iter());
        let now = now.find(|event| event["detail"]["goalId"] == goal).unwrap();
        still_says(&now["detail"], &before["detail"]);
    }
    let mut noticed: Vec<_> = pipeline.world.state().notices.iter().map(|n| n.goal_id.to_string()).collect();
    noticed.sort();
    assert_eq!(noticed, ["climb", "cycle", "row"]);
}

async fn p7_a_notice_that_was_not_sent_is_sent(release: &Release, on: Emulator) {
    let pipeline = found(release, on, "notice-claimed").await;
    assert!(!pipeline.find(&arn("row", 1)).await.is_reported());
    pipeline.wait(61);
    pipeline.reconcile().await;
    let notices = pipeline.world.state().notices.iter().filter(|n| n.goal_id.as_str() == "row").count();
    assert_eq!(notices, 1);
    assert!(pipeline.find(&arn("row", 1)).await.is_complete());
}

async fn p7_those_that_were_reported_are_archived(release: &Release, on: Emulator) {
    let pipeline = found(release, on, "reported").await;
    pipeline.wait(20);
    assert_eq!(pipeline.reconcile().await.failed, 0);
    assert_eq!((pipeline.heard(), pipeline.world.state().notices.len()), (vec![], 0), "nobody is told twice");
    let archive = pipeline.world.state().archive.clone();
    let before = release.stored("archived").archive;
    assert_eq!(archive.keys().map(|key| key.as_str()).collect::<Vec<_>>(), before.keys().collect::<Vec<_>>());
    for ((_, now), before) in archive.iter().zip(before.values()) {
        still_says(&serde_json::from_str(now).unwrap(), &serde_json::from_str(before).unwrap());
    }
    for (goal, _) in ENDED {
        assert!(pipeline.find(&arn(goal, 1)).await.is_complete(), "{goal}");
    }
}

async fn its_tasks_are_replaced_by_a_new_generation(release: &Release, on: Emulator) {
    let pipeline = found(release, on, "archived").await;
    let (user, start) = ("5d1f7c1e-ended", "POST /api/goals/{goalId}/start-activity");
    let (code, body) = pipeline.call(user, start, "swim", json!({ "body": r#"{"regenerate":true}"# })).await;
    assert_eq!((code, &body["totalActions"]), (202, &json!(4)), "{body}");
    for request in pipeline.heard() {
        pipeline.launch(&request).await.unwrap();
    }
    let next = arn("swim", 2);
    let input = pipeline.world.state().started.iter().find(|i| i.execution_arn == next).cloned().unwrap();
    pipeline.work(&super::messages::batch(&input, 0, pipeline.now())).await.unwrap();
    pipeline.delivered().await;
    pipeline.project(&status(&next, "SUCCEEDED", pipeline.now())).await.unwrap();
    let of_goal = pipeline.tasks().await.into_iter().filter(|task| task.goal_id.as_str() == "swim");
    let of_goal: Vec<_> = of_goal.collect();
    assert!(!of_goal.is_empty() && of_goal.iter().all(|task| task.execution_arn == next), "{of_goal:?}");
    assert_eq!(pipeline.find(&next).await.status(), Status::Succeeded);
}
