use std::cell::RefCell;

use aws_sdk_sfn::operation::describe_execution::DescribeExecutionOutput;
use aws_sdk_sfn::operation::send_task_failure::SendTaskFailureError;
use aws_sdk_sfn::operation::send_task_success::SendTaskSuccessError;
use aws_sdk_sfn::types::{ExecutionStatus, HistoryEvent};
use aws_sdk_sqs::types::Message;
use goal_activity_events::{BatchAnswer, TaskToken};
use serde_json::{Value, json};

use super::{Batch, FinalizeCall, Interpreter, Machine, all_succeeded, eventually, finalize_answer};

/// One execution, whose workers and finalize function the test plays.
pub(crate) struct Run {
    pub(crate) arn: String,
    machine: Machine,
    answered: RefCell<Vec<String>>,
}

/// How an execution ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExecutionStatus,
    pub(crate) error: Option<String>,
    pub(crate) output: Option<Value>,
}

impl Run {
    pub(crate) fn new(machine: Machine, arn: String) -> Self {
        Self { arn, machine, answered: RefCell::default() }
    }

    pub(crate) fn states(&self) -> &aws_sdk_sfn::Client {
        &self.machine.clients.states
    }

    pub(crate) fn state_machine_arn(&self) -> &str {
        &self.machine.arn
    }

    /// Waits for that many batches and returns them in the order of their indexes.
    pub(crate) async fn batches(&self, count: usize) -> Vec<Batch> {
        let mut batches: Vec<Batch> = Vec::new();
        let what = format!("{count} batches");
        self.eventually(&what, async || {
            batches.extend(self.receive(&self.machine.batch_queue, 1).await.iter().map(Batch::read));
            if batches.len() < count { Err(format!("{} came", batches.len())) } else { Ok(()) }
        })
        .await;
        assert_eq!(batches.len(), count, "more batches than expected: {batches:?}");
        batches.sort_by_key(|batch| batch.message.batch_index);
        batches
    }

    /// Returns the only batch that is expected now.
    pub(crate) async fn batch(&self) -> Batch {
        self.batches(1).await.remove(0)
    }

    /// Returns the batches that have arrived by now.
    pub(crate) async fn batches_now(&self) -> Vec<Batch> {
        self.receive(&self.machine.batch_queue, 0).await.iter().map(Batch::read).collect()
    }

    /// Polls the batch queue for a short time and fails if a message arrives.
    pub(crate) async fn no_batch_comes(&self) {
        let unexpected = self.receive(&self.machine.batch_queue, 2).await;
        assert!(unexpected.is_empty(), "nothing should have been sent, but: {unexpected:?}");
    }

    /// Waits for the call of finalize.
    pub(crate) async fn finalize_call(&self) -> FinalizeCall {
        self.eventually("a call of finalize", async || {
            let mut calls = self.receive(&self.machine.finalize_queue, 1).await;
            assert!(calls.len() <= 1, "more than one call of finalize at once: {calls:?}");
            calls.pop().map(|message| FinalizeCall::read(&message)).ok_or_else(|| "none came".to_owned())
        })
        .await
    }

    /// Sends the answer of a worker that generated the tasks of all the batch's actions.
    pub(crate) async fn succeed(&self, batch: &Batch) {
        self.answer(batch, &all_succeeded(batch)).await.expect("the answer is taken");
    }

    /// Sends that answer for the only batch that is still waited for, to its newest message: an answer that came too late
    /// for one belongs to the next. Returns the message whose answer counted.
    pub(crate) async fn succeed_whichever_message(&self) -> Batch {
        let mut sent = vec![self.batch().await];
        self.eventually("an answer in time", async || {
            let messages = self.receive(&self.machine.batch_queue, 0).await;
            sent.extend(messages.iter().map(Batch::read));
            if let Some(newest) = sent.last() {
                // A token that has timed out is refused.
                let _ = self.answer(newest, &all_succeeded(newest)).await;
            }
            self.entered("SaveResults").await.ok_or_else(|| format!("{} messages", sent.len()))
        })
        .await;
        sent.remove(sent.len() - 1)
    }

    pub(crate) async fn answer(&self, batch: &Batch, answer: &BatchAnswer) -> Result<(), SendTaskSuccessError> {
        self.send_success(&batch.message.task_token, &json!(answer)).await
    }

    /// Makes a batch fail; to an interpreter this is a failed send.
    pub(crate) async fn fail(&self, batch: &Batch, error: &str) {
        let token = &batch.message.task_token;
        self.is_waited_for(token).await;
        self.send_failure(token, error, "the test says so").await.expect("the failure is taken");
    }

    /// Makes every message of the only batch fail until the batch is lost. Returns how many there were.
    pub(crate) async fn fail_batch_for_good(&self, error: &str) -> usize {
        // The maximum length of a cause: none of it may remain in the state.
        let cause = "because ".repeat(4096);
        let mut sent = Vec::new();
        self.eventually("the loss of the batch", async || {
            let messages = self.receive(&self.machine.batch_queue, 1).await;
            sent.extend(messages.iter().map(Batch::read));
            if let Some(batch) = sent.last() {
                // As in `fail_finalize_for_good`.
                let _ = self.send_failure(&batch.message.task_token, error, &cause).await;
            }
            self.entered("SaveResults").await.ok_or_else(|| format!("{} messages", sent.len()))
        })
        .await;
        sent.len() + self.receive(&self.machine.batch_queue, 0).await.len()
    }

    /// Sends a heartbeat as a worker.
    pub(crate) async fn heartbeat(&self, batch: &Batch) {
        let beat = self.states().send_task_heartbeat().task_token(batch.message.task_token.reveal());
        beat.send().await.expect("the heartbeat is taken");
    }

    /// Returns from finalize: that many actions have their tasks.
    pub(crate) async fn finalize(&self, succeeded: usize, total: usize) {
        let call = self.finalize_call().await;
        self.answer_finalize(&call, &finalize_answer(succeeded, total)).await;
    }

    pub(crate) async fn answer_finalize(&self, call: &FinalizeCall, answer: &Value) {
        // The Lambda integration's result contains more than the payload; only the payload may be passed on.
        let invoked = json!({ "ExecutedVersion": "$LATEST", "Payload": answer, "StatusCode": 200 });
        self.send_success(&call.token, &invoked).await.expect("finalize's answer is taken");
    }

    pub(crate) async fn fail_finalize(&self, call: &FinalizeCall, error: &str) {
        self.is_waited_for(&call.token).await;
        self.send_failure(&call.token, error, "the test says so").await.expect("finalize's failure is taken");
    }

    /// Makes every call of finalize fail until the execution has ended. Returns how many there were.
    pub(crate) async fn fail_finalize_for_good(&self, error: &str) -> usize {
        let mut calls = Vec::new();
        self.eventually("the end of the execution", async || {
            let messages = self.receive(&self.machine.finalize_queue, 1).await;
            calls.extend(messages.iter().map(FinalizeCall::read));
            if let Some(call) = calls.last() {
                // Repeated when nothing arrived, because Moto may have missed it. A call that has already failed
                // rejects it.
                let _ = self.send_failure(&call.token, error, "the test says so").await;
            }
            if self.status().await == ExecutionStatus::Running { Err(format!("{} calls", calls.len())) } else { Ok(()) }
        })
        .await;
        // On Moto, a retry has the token of the call before it, so the repeated failure may arrive before its message.
        calls.len() + self.receive(&self.machine.finalize_queue, 0).await.len()
    }

    pub(crate) async fn stop(&self) {
        self.states().stop_execution().execution_arn(&self.arn).send().await.expect("the execution is stopped");
    }

    /// Waits for the end, and checks that by then the queues contain no messages that the case did not receive.
    pub(crate) async fn ended(&self) -> Ended {
        let ended = self
            .eventually("the end of the execution", async || {
                let now = self.describe().await;
                match now.status {
                    ExecutionStatus::Running => Err("it is running".to_owned()),
                    status => Ok(Ended {
                        status,
                        error: now.error,
                        output: now.output.map(|text| serde_json::from_str(&text).expect("the output is JSON")),
                    }),
                }
            })
            .await;
        for queue in [&self.machine.batch_queue, &self.machine.finalize_queue] {
            let left = self.receive(queue, 0).await;
            assert!(left.is_empty(), "messages that the case did not expect: {left:?}");
        }
        ended
    }

    pub(crate) async fn status(&self) -> ExecutionStatus {
        self.describe().await.status
    }

    async fn describe(&self) -> DescribeExecutionOutput {
        self.states().describe_execution().execution_arn(&self.arn).send().await.expect("the execution exists")
    }

    pub(crate) async fn history(&self) -> Vec<HistoryEvent> {
        let (mut events, mut next) = (Vec::new(), None);
        loop {
            let page = self.states().get_execution_history().execution_arn(&self.arn).max_results(1000);
            let page = page.set_next_token(next).send().await.expect("the history is there");
            events.extend(page.events);
            next = page.next_token;
            if next.is_none() {
                return events;
            }
        }
    }

    /// Returns the input with which a state was entered, if it was.
    pub(crate) async fn entered(&self, state: &str) -> Option<Value> {
        let history = self.history().await;
        let entered =
            history.iter().filter_map(HistoryEvent::state_entered_event_details).find(|d| d.name() == state)?;
        Some(serde_json::from_str(entered.input().unwrap_or("null")).expect("a state's input is JSON"))
    }

    /// Returns the Map's result for its batches once all are done.
    pub(crate) async fn recorded_batches(&self) -> Value {
        let after_map = self.entered("SaveResults").await.expect("SaveResults was entered");
        after_map["batches"].clone()
    }

    pub(crate) async fn eventually<T>(&self, what: &str, mut look: impl AsyncFnMut() -> Result<T, String>) -> T {
        eventually(what, async || {
            self.wake_moto().await;
            look().await
        })
        .await
    }

    /// Moto misses an answer that arrives between its send and the start of its wait. It checks again at a heartbeat.
    async fn wake_moto(&self) {
        if self.machine.interpreter == Interpreter::Moto {
            let answered = self.answered.borrow().clone();
            for token in answered {
                // The token of a finished task is rejected, which is also fine.
                let _ = self.states().send_task_heartbeat().task_token(token).send().await;
            }
        }
    }

    async fn send_success(&self, token: &TaskToken, output: &Value) -> Result<(), SendTaskSuccessError> {
        let answer = self.states().send_task_success().task_token(token.reveal()).output(output.to_string());
        answer.send().await.map_err(aws_sdk_sfn::error::SdkError::into_service_error)?;
        self.answered.borrow_mut().push(token.reveal().to_owned());
        Ok(())
    }

    async fn send_failure(&self, token: &TaskToken, error: &str, cause: &str) -> Result<(), SendTaskFailureError> {
        let answer = self.states().send_task_failure().task_token(token.reveal()).error(error).cause(cause);
        answer.send().await.map(|_| ()).map_err(aws_sdk_sfn::error::SdkError::into_service_error)
    }

    /// As [`Self::wake_moto`], but before the answer: after a failure, which may be retried with the same token, a
    /// heartbeat would make Moto use that failure for the retry.
    async fn is_waited_for(&self, token: &TaskToken) {
        eventually("the interpreter to wait for the answer", async || {
            let beat = self.states().send_task_heartbeat().task_token(token.reveal()).send().await;
            beat.map(|_| ()).map_err(|refused| format!("{:?}", refused.into_service_error()))
        })
        .await;
    }

    async fn receive(&self, queue: &str, wait_seconds: i32) -> Vec<Message> {
        let queues = &self.machine.clients.queues;
        let received =
            queues.receive_message().queue_url(queue).max_number_of_messages(10).wait_time_seconds(wait_seconds);
        let messages = received.send().await.expect("the queue is read").messages.unwrap_or_default();
        for message in &messages {
            let receipt = message.receipt_handle().expect("a received message has a receipt");
            queues
                .delete_message()
                .queue_url(queue)
                .receipt_handle(receipt)
                .send()
                .await
                .expect("the message is deleted");
        }
        messages
    }
}
