//! What the function is invoked with: messages of its queue, or by an operator an action to try its AI with.

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use goal_activity_core::limits::GIVE_BACK;
use goal_activity_core::ports::{AnswerBatch, GenerateTasks, PublishEvent};
use goal_activity_core::trial::{Subject, Trial};
use serde::{Deserialize, Serialize};

use super::attempts::ALL_TIME;
use super::trial::try_action;
use super::{Worker, WorkerDb, WorkerQueue};
use crate::runtime::budget::Budget;
use crate::runtime::queue::handle_batch;

/// The payload of an invocation.
#[derive(Debug, Default, Deserialize)]
pub struct Invocation {
    /// Those of the queue.
    #[serde(default, rename = "Records")]
    pub records: Vec<SqsMessage>,
    /// The action to try, from `goalctl ai check`. Nobody but operators may invoke the function themselves.
    #[serde(default, rename = "aiCheck")]
    pub ai_check: Option<Subject>,
}

/// What the function answers.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Answer {
    /// The messages that return to the queue.
    Messages(SqsBatchResponse),
    /// What came of the action.
    Trial(Box<Trial>),
}

/// Does what is asked, until the function's time is over.
pub async fn answer<Db, Sfn, Bus, Ai, Queue>(
    worker: &Worker<Db, Sfn, Bus, Ai, Queue>,
    invocation: Invocation,
    budget: Budget,
) -> Answer
where
    Db: WorkerDb,
    Sfn: AnswerBatch,
    Bus: PublishEvent,
    Ai: GenerateTasks,
    Queue: WorkerQueue,
{
    if let Some(subject) = &invocation.ai_check {
        tracing::info!("tries the AI with an action of an operator");
        let time = ALL_TIME.min(budget.left().saturating_sub(GIVE_BACK));
        return Answer::Trial(Box::new(try_action(&worker.ai, worker.prices, subject, time).await));
    }
    let mut messages = SqsEvent::default();
    messages.records = invocation.records;
    Answer::Messages(handle_batch(worker, &worker.queue, messages, budget).await)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_queue_s_messages_and_an_operator_s_action_are_told_apart() {
        let messages = json!({ "Records": [{ "messageId": "m-1", "body": "{}", "attributes": {} }] });
        let invocation: Invocation = serde_json::from_value(messages).unwrap();
        assert_eq!((invocation.records.len(), invocation.ai_check), (1, None));

        let check = include_str!("../../../../goalctl/src/ai/action.json");
        let check = json!({ "aiCheck": serde_json::from_str::<serde_json::Value>(check).unwrap() });
        let invocation: Invocation = serde_json::from_value(check.clone()).unwrap();
        assert_eq!((invocation.records.len(), invocation.ai_check.is_some()), (0, true));

        let mut wrong = check;
        wrong["aiCheck"]["action"]["position"] = "9#9".into();
        assert!(serde_json::from_value::<Invocation>(wrong).unwrap_err().to_string().contains("1 to 8"));
    }
}
