//! Checks of the definition alone, without an interpreter.

use goal_activity_core::limits::{
    ACTIONS_PER_BATCH, BATCH_SECONDS, DEADLINE_MARGIN, HEARTBEAT_SECONDS, MAX_ACTIONS, WORKFLOW_SECONDS, batch_count,
};
use goal_activity_statemachine::{DEFINITION, SUBSTITUTIONS};
use serde_json::{Map, Value, json};

#[test]
fn the_numbers_are_those_of_the_rest_of_the_system() {
    let (definition, map) = (definition(), state("RunBatches"));
    assert_eq!(definition["TimeoutSeconds"], WORKFLOW_SECONDS);
    let partition = format!("States.ArrayPartition($.actionIds, {ACTIONS_PER_BATCH})");
    assert_eq!(state("FormBatches")["Parameters"]["batches.$"], partition.as_str());
    assert_eq!(map["MaxConcurrency"], batch_count(MAX_ACTIONS), "all batches at once");
    assert_eq!(state("EnqueueBatch")["TimeoutSeconds"], BATCH_SECONDS);
    assert_eq!(state("EnqueueBatch")["HeartbeatSeconds"], HEARTBEAT_SECONDS);
}

#[test]
fn the_language_is_the_one_that_both_interpreters_speak() {
    assert_eq!(definition()["QueryLanguage"], "JSONPath");
    assert!(!DEFINITION.contains("{%"), "a JSONata expression");
}

#[test]
fn the_deployment_fills_in_exactly_the_known_substitutions() {
    let mut found: Vec<&str> = DEFINITION.split("${").skip(1).filter_map(|rest| rest.split('}').next()).collect();
    found.sort_unstable();
    found.dedup();
    assert_eq!(found, SUBSTITUTIONS);
}

#[test]
fn every_state_says_why_it_is_there() {
    for (name, state) in states() {
        assert!(state["Comment"].as_str().is_some_and(|why| why.len() > 20), "{name} has no comment");
    }
}

#[test]
fn the_tasks_are_the_two_calls_that_the_deployment_grants() {
    let resources: Vec<(String, Value)> = tasks().map(|(name, task)| (name, task["Resource"].clone())).collect();
    let expected = [
        ("EnqueueBatch".to_owned(), json!("arn:${Partition}:states:::sqs:sendMessage.waitForTaskToken")),
        ("SaveResults".to_owned(), json!("arn:${Partition}:states:::lambda:invoke")),
    ];
    assert_eq!(resources, expected);
    // The cases replace the call of this state, so its own parameters are checked here.
    let parameters = json!({
        "FunctionName": "${FinalizeFunctionArn}",
        "Payload": { "executionArn.$": "$$.Execution.Id", "goalId.$": "$.goalId" },
    });
    assert_eq!(state("SaveResults")["Parameters"], parameters);
}

#[test]
fn every_retry_is_bounded_and_backs_off() {
    for (name, task) in tasks() {
        for retrier in task["Retry"].as_array().unwrap_or_else(|| panic!("{name} is never retried")) {
            assert!((1..=6).contains(&number(retrier, "MaxAttempts")), "{name}: {retrier}");
            assert!(number(retrier, "MaxDelaySeconds") <= 20, "{name}: {retrier}");
            assert!(number(retrier, "BackoffRate") >= 2, "{name}: {retrier}");
            assert_eq!(retrier["JitterStrategy"], "FULL", "{name}: {retrier}");
        }
    }
}

/// The order matters: the first retrier that matches is used, and `States.TaskFailed` matches every error but
/// `States.Timeout`. A batch whose time is over is `States.Timeout`, which neither matches.
#[test]
fn a_batch_is_sent_again_after_silence_and_after_any_failed_send_but_not_when_its_time_is_over() {
    let enqueue = state("EnqueueBatch");
    let retried: Vec<_> = retriers(&enqueue).map(|r| (json!(errors(&r)), number(&r, "MaxAttempts"))).collect();
    assert_eq!(retried, [(json!(["States.HeartbeatTimeout"]), 2), (json!(["States.TaskFailed"]), 5)]);
    assert_eq!(enqueue["Catch"][0]["ErrorEquals"], json!(["States.ALL"]), "any other error loses the batch");
}

/// A worker measures the batch's time from here, so that a second message does not get more time than the first.
#[test]
fn the_time_of_a_batch_counts_from_entering_the_state() {
    assert_eq!(state("EnqueueBatch")["Parameters"]["MessageBody"]["enqueuedAt.$"], "$$.State.EnteredTime");
}

/// Otherwise a workflow whose batches and calls all fail would time out before its results are saved.
#[test]
fn the_longest_way_through_ends_before_the_workflow_times_out() {
    let (enqueue, save) = (state("EnqueueBatch"), state("SaveResults"));
    let batches = longest_batch(&enqueue);
    let attempts: u64 = 1 + retriers(&save).map(|retrier| number(&retrier, "MaxAttempts")).sum::<u64>();
    let finalize = retriers(&save).map(|r| longest_waits(&r)).sum::<u64>() + attempts * number(&save, "TimeoutSeconds");
    let longest = batches + finalize;
    assert!(longest < u64::from(WORKFLOW_SECONDS), "{longest} s: {batches} s for the batches, {finalize} s to save");
}

/// The latest time at which the last message of a batch is given up, in seconds from entering the state.
///
/// Step Functions gives every message the full timeout. But a worker's time counts from the first one: it sends
/// heartbeats until its deadline at the latest, whichever message it has. So only the first message can live for its
/// full timeout; messages sent after the deadline are answered at once, or have no heartbeat for one interval.
fn longest_batch(enqueue: &Value) -> u64 {
    let (timeout, heartbeat) = (number(enqueue, "TimeoutSeconds"), number(enqueue, "HeartbeatSeconds"));
    let deadline = timeout - DEADLINE_MARGIN.as_secs();
    let [silence, failed_sends] = retriers(enqueue).collect::<Vec<_>>().try_into().expect("two retriers");
    let messages = 1 + number(&silence, "MaxAttempts");
    let mut given_up = 0;
    for _ in 0..messages {
        // The waits between the messages are added below, all at once.
        let (sent, last_beat) = (given_up, deadline.max(given_up));
        given_up = (last_beat + heartbeat).min(sent + timeout);
    }
    // The time of a failed send is negligible.
    given_up + longest_waits(&silence) + longest_waits(&failed_sends)
}

/// The sum of a retrier's waits when all retries are used and no jitter shortens them.
fn longest_waits(retrier: &Value) -> u64 {
    let (first, rate) = (number(retrier, "IntervalSeconds"), number(retrier, "BackoffRate"));
    let waits = std::iter::successors(Some(first), |wait| Some(wait * rate));
    let attempts = usize::try_from(number(retrier, "MaxAttempts")).unwrap();
    waits.take(attempts).map(|wait| wait.min(number(retrier, "MaxDelaySeconds"))).sum()
}

fn definition() -> Value {
    serde_json::from_str(DEFINITION).expect("the definition is JSON")
}

/// All states, including those inside the Map.
fn states() -> Vec<(String, Value)> {
    let definition = definition();
    let inside = definition["States"]["RunBatches"]["ItemProcessor"]["States"].clone();
    [definition["States"].clone(), inside].iter().filter_map(Value::as_object).flat_map(Map::clone).collect()
}

fn state(name: &str) -> Value {
    states().into_iter().find(|(state, _)| state == name).unwrap_or_else(|| panic!("no state {name}")).1
}

fn tasks() -> impl Iterator<Item = (String, Value)> {
    let mut tasks: Vec<_> = states().into_iter().filter(|(_, state)| state["Type"] == "Task").collect();
    tasks.sort_by(|(one, _), (other, _)| one.cmp(other));
    tasks.into_iter()
}

fn retriers(task: &Value) -> impl Iterator<Item = Value> {
    task["Retry"].as_array().cloned().unwrap_or_default().into_iter()
}

fn errors(retrier: &Value) -> Vec<Value> {
    retrier["ErrorEquals"].as_array().cloned().unwrap_or_default()
}

fn number(of: &Value, field: &str) -> u64 {
    of[field].as_u64().unwrap_or_else(|| panic!("{field} is missing in {of}"))
}
