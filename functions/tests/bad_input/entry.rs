//! Delivery to the functions that read a queue.

use std::time::Duration;

use goal_activity_functions::runtime::budget::Budget;
use goal_activity_functions::runtime::queue::{HandleMessage, handle_batch};
use goal_activity_testkit::{SqsRecord, sqs_event};
use serde_json::{Value, json};

use super::logs::{Logs, assert_silent};
use super::wrong::{Wrong, every_wrong, no_documents};
use crate::rig::Rig;

/// Longer than a worker may process a batch.
const LONGEST: Duration = Duration::from_secs(297);

/// The outcome of a message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It was handled, with these log lines.
    Taken(String),
    /// It is returned to its queue as malformed, with these log lines.
    DeadLettered(String),
}

/// Delivers a message as Lambda does. Bad input is never answered as an outage: it would only be retried.
pub(crate) async fn deliver(rig: &Rig, logs: &Logs, function: &impl HandleMessage, body: &Value) -> Fate {
    logs.take();
    let event = serde_json::from_value(sqs_event([SqsRecord::new("message-1", body.clone())])).unwrap();
    let response = handle_batch(function, &rig.world, event, Budget::of(LONGEST)).await;
    let said = logs.take();
    let failed: Vec<_> = response.batch_item_failures.iter().map(|f| f.item_identifier.as_str()).collect();
    if failed.is_empty() {
        return Fate::Taken(said);
    }
    assert_eq!(failed, ["message-1"]);
    assert!(said.contains("malformed message"), "neither taken nor malformed: {said}");
    Fate::DeadLettered(said)
}

/// The state that bad input must not change.
pub(crate) fn state(rig: &Rig) -> String {
    let s = rig.world.state();
    let tables = format!("{:?}{:?}{:?}{:?}{:?}", s.goals, s.tasks, s.executions, s.ledgers, s.requests);
    format!("{tables}{:?}{:?}{:?}{:?}", s.started, s.machines, s.notices, s.answers)
}

/// Delivers every invalid variant of the document. Accepted variants must be in `fine`, which names places and kinds;
/// all others are dead-lettered with a reason and change nothing.
pub(crate) async fn assert_dead_lettered<F: HandleMessage>(
    rig: impl AsyncFn() -> Rig,
    function: impl Fn(&Rig) -> F,
    document: &Value,
    fine: &[(&str, &[&str])],
) {
    let logs = Logs::collect();
    for Wrong { place, kind, text } in every_wrong(document).into_iter().chain(no_documents(document)) {
        let what = format!("{place}: {kind}");
        let rig = rig().await;
        let before = state(&rig);
        let fate = deliver(&rig, &logs, &function(&rig), &json!(text)).await;
        let is_fine = fine.iter().any(|(p, kinds)| *p == place && kinds.contains(&kind));
        match &fate {
            Fate::Taken(said) => {
                assert!(is_fine, "{what} was taken: {said}");
                assert_silent(&what, said);
            }
            Fate::DeadLettered(said) => {
                assert!(!is_fine, "{what} was not taken: {said}");
                assert_silent(&what, said);
                assert_eq!(state(&rig), before, "{what} left something behind");
            }
        }
        assert_silent(&what, &format!("{:?}", rig.events()));
    }
}
