//! Compares the model's constants with those of the deployment.

use std::path::Path;
use std::time::Duration;

use goal_activity_core::limits::{self, RECONCILE_EVERY};
use serde_json::Value;

use crate::check;
use crate::lambda::Function;
use crate::machine::{BATCH, FINALIZE, FINALIZE_RETRIES, HEARTBEAT, HEARTBEAT_RETRIES, WORKFLOW};
use crate::people::{AGAIN_AFTER, TICK};
use crate::queues::{MAX_RECEIVES, Queue};

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn seconds(value: &Value) -> Duration {
    Duration::from_secs(value.as_u64().expect("a number of seconds"))
}

#[test]
fn what_is_checked_is_what_the_limits_say() {
    assert_eq!(check::AI_ATTEMPTS, limits::AI_ATTEMPTS);
    assert_eq!(check::RUNNING_AT_MOST, limits::MAX_RUNNING_PER_USER);
}

#[test]
fn the_simulated_state_machine_has_the_constants_of_the_definition() {
    let definition: Value = serde_json::from_str(&read("statemachine/goal-activity.asl.json")).unwrap();
    let states = &definition["States"];
    let (enqueue, save) = (&states["RunBatches"]["ItemProcessor"]["States"]["EnqueueBatch"], &states["SaveResults"]);
    assert_eq!(seconds(&definition["TimeoutSeconds"]), WORKFLOW);
    assert_eq!(seconds(&enqueue["TimeoutSeconds"]), BATCH);
    assert_eq!(seconds(&enqueue["HeartbeatSeconds"]), HEARTBEAT);
    assert_eq!(seconds(&save["TimeoutSeconds"]), FINALIZE);
    let retry = &save["Retry"][1];
    assert_eq!(retry["ErrorEquals"][0], "States.TaskFailed");
    assert_eq!((retry["MaxAttempts"].as_u64(), retry["IntervalSeconds"].as_u64()), {
        let (times, first) = FINALIZE_RETRIES;
        (Some(times.into()), Some(first))
    });
    let again = &enqueue["Retry"][0];
    assert_eq!(again["ErrorEquals"][0], "States.HeartbeatTimeout");
    assert_eq!((again["MaxAttempts"].as_u64(), again["IntervalSeconds"].as_u64()), {
        let (times, first) = HEARTBEAT_RETRIES;
        (Some(times.into()), Some(first))
    });
    assert_eq!(enqueue["Retry"][1]["ErrorEquals"][0], "States.TaskFailed");
    assert_eq!(enqueue["Catch"][0]["Next"], "BatchLost");
    assert_eq!(states["RunBatches"]["Next"], "SaveResults");
}

#[test]
fn the_simulated_queues_have_the_settings_of_the_deployment() {
    let template: Value = serde_json::from_str(&read("infra/test/snapshots/aws.json")).unwrap();
    let resources = template["Resources"].as_object().expect("a template").iter();
    let queues: Vec<_> = resources.filter(|(_, r)| r["Type"] == "AWS::SQS::Queue").collect();
    for queue in Queue::ALL {
        let prefix = format!("Messaging{queue:?}Queue");
        let (_, found) = queues.iter().find(|(name, _)| name.starts_with(&prefix)).expect(&prefix);
        let properties = &found["Properties"];
        assert_eq!(seconds(&properties["VisibilityTimeout"]), queue.visibility(), "{queue:?}");
        assert_eq!(seconds(&properties["MessageRetentionPeriod"]), queue.retention(), "{queue:?}");
        assert_eq!(properties["RedrivePolicy"]["maxReceiveCount"], MAX_RECEIVES, "{queue:?}");
    }
}

#[test]
fn the_simulated_reconciler_runs_as_often_as_the_deployed_one() {
    let template: Value = serde_json::from_str(&read("infra/test/snapshots/aws.json")).unwrap();
    let resources = template["Resources"].as_object().expect("a template");
    let named = |name: &str, kind: &str| {
        let found = resources.iter().find(|(id, r)| id.starts_with(name) && r["Type"] == kind);
        &found.expect(name).1["Properties"]
    };
    let schedule = named("FunctionsReconcileSchedule", "AWS::Events::Rule");
    assert_eq!((&schedule["ScheduleExpression"], TICK.as_secs()), (&"rate(1 minute)".into(), 60));
    assert_eq!(schedule["Targets"].as_array().map(Vec::len), Some(2), "the function, and the queue of copies");
    assert_eq!(seconds(&named("MessagingTicks", "AWS::SQS::Queue")["DelaySeconds"]), AGAIN_AFTER);
    assert_eq!(AGAIN_AFTER, RECONCILE_EVERY);
    assert_eq!(TICK, 2 * RECONCILE_EVERY);
}

#[test]
fn the_simulated_functions_have_the_settings_of_the_deployment() {
    let template: Value = serde_json::from_str(&read("infra/test/snapshots/aws.json")).unwrap();
    let resources = template["Resources"].as_object().expect("a template");
    for function in Function::ALL {
        let found = resources
            .iter()
            .find(|(name, r)| r["Type"] == "AWS::Lambda::Function" && name.contains(&format!("{function:?}")));
        let (_, found) = found.unwrap_or_else(|| panic!("{function:?} is not in the template"));
        assert_eq!(seconds(&found["Properties"]["Timeout"]), function.timeout(), "{function:?}");
    }
    let sources: Vec<_> = resources.iter().filter(|(_, r)| r["Type"] == "AWS::Lambda::EventSourceMapping").collect();
    for (queue, function) in [(Queue::Launch, "Launch"), (Queue::Batch, "Worker"), (Queue::Projection, "Projector")] {
        let (_, found) = sources.iter().find(|(name, _)| name.contains(function)).expect(function);
        let properties = &found["Properties"];
        assert_eq!(properties["BatchSize"], queue.batch_size(), "{queue:?}");
        let window = properties.get("MaximumBatchingWindowInSeconds").and_then(Value::as_u64).unwrap_or(0);
        assert_eq!(Duration::from_secs(window), queue.window(), "{queue:?}");
    }
}
