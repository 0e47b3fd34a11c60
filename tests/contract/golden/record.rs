//! Records the golden files of this version: `GOLDEN=write cargo xtask test contract`.

use goal_activity_core::execution::Cancellation;
use goal_activity_core::goal::Goal;
use goal_activity_core::keys;
use goal_activity_core::notice::NoticeClaim;
use goal_activity_core::outcome::End;
use goal_activity_core::ports::{CancelExecution, EndExecution, ExecutionInput};
use goal_activity_events::{ClaimSequence, ExecutionArn, Timestamp};
use goal_activity_functions::adapters::memory::samples;
use goal_activity_testkit::{SqsRecord, sqs_event};
use goal_activity_tests::eventually;
use serde_json::{Value, json};

use super::files::{Release, Stored};
use super::messages::{batch, envelope_from, status};
use super::pipeline::Pipeline;
use crate::backend::{Emulator, Tables};

/// The usage of the samples' actions, and their failures.
const USUAL: &str = "offline: tokens=812/403";

#[tokio::test]
#[allow(clippy::disallowed_methods, reason = "recording is asked for this way")]
async fn the_golden_files_of_this_version_are_recorded_when_asked_for() {
    if std::env::var("GOLDEN").is_ok_and(|value| value == "write") {
        let release = Release::this();
        let mut tick = envelope_from("aws.events", "Scheduled Event", &json!({}));
        tick["resources"] = json!(["arn:aws:events:us-east-1:000000000000:rule/goal-activity-Reconcile"]);
        release.write("tick", &tick);
        let copy = SqsRecord::new("2e1424d4-f796-459a-8184-9c92662be6da", tick.to_string());
        release.write("tick-from-queue", &sqs_event([copy]));
        waiting(&release).await;
        running(&release).await;
        ended(&release).await;
    }
}

fn began() -> Timestamp {
    "2026-11-24T09:30:00.123Z".parse().unwrap()
}

async fn recorder() -> Pipeline {
    Pipeline::open(Emulator::MiniStack, began()).await
}

impl Pipeline {
    async fn keep(&self, release: &Release, state: &str) {
        let rows = self.tables.rows().await;
        let archive = self.world.state().archive.iter().map(|(key, line)| (key.to_string(), line.clone())).collect();
        release.write_stored(state, &Stored { at: self.now(), rows, archive });
    }

    /// A goal as the goal app stores it, with these directives for some of its actions.
    async fn goal(&self, id: &str, user: &str, actions: u8, scripts: &[(&str, &str)]) {
        let mut goal = samples::goal(id, user, actions);
        goal.head.title = "フルマラソンを 4 時間以内で走る 🏃".into();
        goal.head.description = "Until next autumn; \"slowly\" at first.".into();
        goal.head.background = "毎週 2 回、5 km".into();
        goal.head.deadline = Some("2027-10-31".into());
        script(&mut goal, scripts);
        self.tables.put_goal(&goal).await;
    }

    /// The user removes the directives from the constraints of the actions.
    async fn without_scripts(&self, goal: &str) {
        for mut row in self.tables.rows().await.goals {
            let item = row[keys::ITEM].as_str().unwrap();
            if row[keys::GOAL_ID] == goal && item.starts_with(keys::ACTION_PREFIX) {
                row["constraints"] = json!("");
                self.tables.put_goal_row(row).await;
            }
        }
    }

    async fn start(&self, goal: &str, user: &str, key: &str) -> Value {
        let rest = json!({ "headers": { "idempotency-key": key }, "body": "{}" });
        let (status, body) = self.call(user, "POST /api/goals/{goalId}/start-activity", goal, rest).await;
        assert_eq!(status, 202, "{body}");
        let heard = self.heard();
        assert_eq!(heard.len(), 1, "{heard:?}");
        heard[0].clone()
    }

    fn started(&self, arn: &ExecutionArn) -> ExecutionInput {
        self.world.state().started.iter().find(|input| input.execution_arn == *arn).unwrap().clone()
    }

    /// Processes all batches of a launched workflow, and has the reports recorded.
    async fn done(&self, arn: &ExecutionArn) {
        self.project(&status(arn, "RUNNING", self.now())).await.unwrap();
        self.wait(2);
        let input = self.started(arn);
        for index in 0..input.action_ids.len().div_ceil(8) {
            self.work(&batch(&input, index, self.now())).await.unwrap();
        }
        for event in self.heard() {
            self.project(&event).await.unwrap();
        }
        self.wait(3);
    }
}

/// Directives for the offline generator, by action.
type Scripts<'a> = &'a [(&'a str, &'a str)];

fn script(goal: &mut Goal, scripts: Scripts<'_>) {
    for action in &mut goal.actions {
        let own = scripts.iter().find(|(id, _)| *id == action.action_id.as_str());
        action.constraints = own.map_or(USUAL.to_owned(), |(_, directive)| format!("{USUAL}, {directive}"));
    }
}

fn first_of(goal: &str) -> ExecutionArn {
    ExecutionArn::derive(&samples::state_machine(), &goal.parse().unwrap(), ClaimSequence(1))
}

/// One workflow holds all capacity, another one of the same user waits.
async fn waiting(release: &Release) {
    let pipeline = recorder().await;
    let (user, first, second) = ("5d1f7c1e-waiting", "learn-piano", "learn-spanish");
    pipeline.goal(first, user, 16, &[]).await;
    pipeline.goal(second, user, 9, &[]).await;
    let request = pipeline.start(first, user, "9b1f-first").await;
    pipeline.launch(&request).await.unwrap();
    pipeline.wait(1);
    let request = pipeline.start(second, user, "9b1f-second").await;
    pipeline.launch(&request).await.unwrap();
    release.write("requested-by-api", &request);
    pipeline.keep(release, "waiting").await;

    let (first, second) = (first_of(first), first_of(second));
    pipeline.done(&first).await;
    pipeline.project(&status(&first, "SUCCEEDED", pipeline.now())).await.unwrap();
    let end = pipeline.heard().remove(0);
    release.write("end-of-first", &end);
    pipeline.launch(&end).await.unwrap();
    release.write("execution-input", &pipeline.started(&second));
    pipeline.keep(release, "launched").await;

    let cancellation = Cancellation::by_user(user.parse().unwrap(), pipeline.now(), Some("別の言語にする"));
    let third = "learn-italian";
    pipeline.goal(third, user, 3, &[]).await;
    pipeline.start(third, user, "9b1f-third").await;
    let settlements = pipeline.tables.db();
    assert!(settlements.record_cancellation(&first_of(third), &cancellation).await.unwrap());
    pipeline.keep(release, "cancelled-while-waiting").await;
}

/// One batch is done, one in part, one was only opened; requested by another service.
async fn running(release: &Release) {
    let pipeline = recorder().await;
    let (user, goal) = ("auth0|5d1f7c1e-running", "run-a-marathon");
    let hanging = ["a-2-8", "a-3-1", "a-3-2", "a-3-3", "a-3-4", "a-3-5", "a-3-6", "a-3-7"].map(|id| (id, "hang"));
    let scripts: Vec<_> = hanging.into_iter().chain([("a-1-3", "fail"), ("a-1-5", "fail-times=1")]).collect();
    pipeline.goal(goal, user, 23, &scripts).await;
    let arn = first_of(goal);
    let request = json!({
        "version": "1", "eventId": "planner-2026-11-24/17", "occurredAt": "2026-11-24T09:29:58Z", "goalId": goal,
        "userId": user, "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    });
    let request = envelope_from("com.example.planner", "GoalActivityRequested", &request);
    release.write("requested-by-service", &request);
    pipeline.launch(&request).await.unwrap();
    let mut stranger = request.clone();
    stranger["detail"]["goalId"] = json!("unknown-goal");
    stranger["detail"]["eventId"] = json!("planner-2026-11-24/18");
    pipeline.launch(&stranger).await.unwrap();
    release.write("rejected", &pipeline.heard().remove(0));

    let running = status(&arn, "RUNNING", pipeline.now());
    release.write("status-running", &running);
    pipeline.project(&running).await.unwrap();
    let input = pipeline.started(&arn);
    let batches = [0, 1, 2].map(|index| batch(&input, index, pipeline.now()));
    pipeline.wait(2);
    pipeline.work(&batches[0]).await.unwrap();
    for (index, outcomes) in [(1, 7), (2, 0)] {
        let begun = eventually("the outcomes of a batch", || async {
            let rows = pipeline.tables.rows().await.executions;
            let row = rows.iter().find(|row| row[keys::ITEM] == keys::batch(index));
            let count = row.map(|row| row["outcomes"].as_object().unwrap().len());
            (count == Some(outcomes)).then_some(())
        });
        // Its worker dies then.
        tokio::select! {
            () = begun => {}
            done = pipeline.work(&batches[usize::try_from(index).unwrap()]) => panic!("{done:?}"),
        }
        release.write(&format!("batch-{index}"), &batches[usize::try_from(index).unwrap()]);
    }
    let progress = pipeline.heard();
    release.write("batch-progressed", progress.last().unwrap());
    for event in progress {
        pipeline.project(&event).await.unwrap();
    }
    pipeline.wait(20);
    release.write("status-succeeded", &status(&arn, "SUCCEEDED", pipeline.now()));
    release.write("status-timed-out", &status(&arn, "TIMED_OUT", pipeline.now()));
    pipeline.without_scripts(goal).await;
    pipeline.keep(release, "running").await;

    let cancellation = Cancellation::by_user(user.parse().unwrap(), pipeline.now(), Some("not now"));
    assert!(pipeline.tables.db().record_cancellation(&arn, &cancellation).await.unwrap());
    release.write("status-aborted", &status(&arn, "ABORTED", pipeline.now()));
    pipeline.keep(release, "cancelled").await;
}

/// One workflow of each end: first not published or notified, then both, then archived, and then there is a second one.
async fn ended(release: &Release) {
    let pipeline = recorder().await;
    let user = "5d1f7c1e-ended";
    let failing = ["a-1-1", "a-1-2", "a-1-3"].map(|id| (id, "fail"));
    let stories: [(&str, u8, Scripts<'_>, End); 5] = [
        ("swim", 4, &[], End::Finished),
        ("cycle", 9, &failing[..2], End::Finished),
        ("row", 3, &failing, End::Finished),
        ("climb", 9, &[], End::TimedOut),
        ("dance", 4, &[], End::Aborted),
    ];
    let settle = pipeline.ending();
    for (goal, actions, scripts, end) in stories {
        pipeline.goal(goal, user, actions, scripts).await;
        let request = pipeline.start(goal, user, &format!("key-{goal}")).await;
        pipeline.launch(&request).await.unwrap();
        let arn = first_of(goal);
        match end {
            End::TimedOut => {
                // Of its two batches one is never sent.
                pipeline.project(&status(&arn, "RUNNING", pipeline.now())).await.unwrap();
                pipeline.work(&batch(&pipeline.started(&arn), 1, pipeline.now())).await.unwrap();
                pipeline.heard();
                pipeline.wait(900);
            }
            End::Finished | End::Aborted => pipeline.done(&arn).await,
        }
        if end == End::Aborted {
            let wish = Cancellation::by_user(user.parse().unwrap(), pipeline.now(), None);
            assert!(pipeline.tables.db().record_cancellation(&arn, &wish).await.unwrap());
        }
        settle.end(&arn, end, pipeline.now()).await.unwrap().unwrap();
        // The next one has all capacity.
        let end = envelope_from("goal-activity", "WorkflowCompleted", &completed(&pipeline, &arn).await);
        pipeline.launch(&end).await.unwrap();
        pipeline.wait(5);
    }
    pipeline.keep(release, "ended").await;

    let arns: Vec<_> = stories.iter().map(|(goal, ..)| first_of(goal)).collect();
    // The sender of the notice dies.
    pipeline.ending().publish_and_mark(&pipeline.find(&arns[2]).await).await.unwrap();
    assert!(pipeline.tables.db().claim_notice(&arns[2], &NoticeClaim::new(pipeline.now())).await.unwrap());
    pipeline.keep(release, "notice-claimed").await;
    pipeline.wait(90);
    for arn in &arns {
        assert!(pipeline.conclude().report(&pipeline.find(arn).await).await.unwrap());
    }
    let told = pipeline.heard();
    for status in ["SUCCEEDED", "PARTIALLY_SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"] {
        let event = told.iter().find(|event| event["detail"]["status"] == status).unwrap();
        release.write(&format!("completed-{}", status.to_lowercase().replace('_', "-")), event);
    }
    pipeline.keep(release, "reported").await;

    for arn in &arns {
        pipeline.conclude().archive(&pipeline.find(arn).await).await.unwrap();
    }
    history(release, &pipeline, user, &arns[1]).await;
}

async fn completed(pipeline: &Pipeline, arn: &ExecutionArn) -> Value {
    let event = goal_activity_core::outcome::completed_event(&pipeline.find(arn).await).unwrap();
    serde_json::to_value(event).unwrap()
}

/// The failed actions are retried, the user works on tasks, and a client has read the first pages of everything.
async fn history(release: &Release, pipeline: &Pipeline, user: &str, arn: &ExecutionArn) {
    let edits = ["in_progress", "skipped", "completed"];
    let of_goal = |row: &&Value| row[keys::GOAL_ID] == "cycle";
    let rows = pipeline.tables.rows().await.tasks;
    for (mut row, status) in rows.iter().filter(of_goal).cloned().zip(edits) {
        row["status"] = json!(status);
        row["updatedAt"] = json!(pipeline.now());
        if status == "completed" {
            row["completedAt"] = json!(pipeline.now());
        }
        pipeline.tables.put_task_row(row).await;
    }
    let (status, retried) =
        pipeline.call(user, "POST /api/workflows/{executionArn}/retry", arn.as_str(), json!({})).await;
    assert_eq!(status, 202, "{retried}");
    let first = json!({ "queryStringParameters": { "limit": "1" } });
    let (_, workflows) = pipeline.call(user, "GET /api/goals/{goalId}/workflows", "cycle", first.clone()).await;
    let (_, tasks) = pipeline.call(user, "GET /api/goals/{goalId}/tasks", "cycle", first).await;
    release.write("cursors", &json!({ "workflows": workflows["nextCursor"], "tasks": tasks["nextCursor"] }));
    pipeline.keep(release, "archived").await;
}
