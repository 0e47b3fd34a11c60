//! Reading an SQS batch: all messages are handled in parallel, some of them together, and only those that failed, or were
//! not done when the time was over, are returned to the queue. Lambda deletes the others when the invocation ends.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};
use futures_util::FutureExt;
use futures_util::future::join_all;
use goal_activity_core::inbound::{self, Malformed};
use goal_activity_core::limits::{FIRST_REST, GIVE_BACK, LONGEST_REST};
use goal_activity_core::ports::{HideMessage, PortResult, Unavailable};
use goal_activity_events::Envelope;
use tokio::time::timeout;

use crate::runtime::budget::Budget;

/// Why a message was not handled. In either case it is returned to the queue, and after too many receives moved to its
/// dead-letter queue: a malformed one because operators must see it, an unavailable one because it may succeed next
/// time.
#[derive(Debug, thiserror::Error)]
pub enum MessageError {
    /// It can never be read.
    #[error("malformed message, it will end in the dead-letter queue: {0}")]
    Malformed(String),
    /// It may succeed next time.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

impl From<Malformed> for MessageError {
    fn from(error: Malformed) -> Self {
        Self::Malformed(error.to_string())
    }
}

/// A message as it was received.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    /// Its body.
    pub body: &'a str,
    /// The SQS receipt handle.
    pub receipt_handle: &'a str,
}

impl Message<'_> {
    /// Reads the event in it. Returns `None` for an event of a foreign source: it is logged and dropped, because it is
    /// not a defect and must not raise an alarm.
    pub fn event(&self) -> Result<Option<Envelope>, MessageError> {
        let envelope = Envelope::parse(self.body).map_err(Malformed::from)?;
        if inbound::is_foreign(&envelope) {
            tracing::warn!(eventId = %envelope.id, "event of a foreign source dropped");
            return Ok(None);
        }
        Ok(Some(envelope))
    }
}

/// Handles one message.
pub trait HandleMessage: Sync {
    /// Handles it idempotently. The future may be dropped at any await.
    fn handle(&self, message: Message<'_>) -> impl Future<Output = Result<(), MessageError>> + Send;

    /// What the message is about, where messages about the same are better handled together than each by itself.
    fn subject(&self, _: Message<'_>) -> Option<String> {
        None
    }

    /// Handles messages about the same subject, at least two, in any order and some twice. Where it fails, each of them is
    /// handled by itself, whether it was done or not.
    fn handle_together(&self, messages: &[Message<'_>]) -> impl Future<Output = Result<(), MessageError>> + Send {
        async move {
            for message in messages {
                self.handle(*message).await?;
            }
            Ok(())
        }
    }

    /// Called for a message that is handled while others of its invocation are not. Deletes it if it may otherwise come back
    /// before the invocation ends.
    fn done_early(&self, _: Message<'_>) -> impl Future<Output = PortResult<()>> + Send {
        async move { Ok(()) }
    }

    /// The maximum delay of a message after a failure. Shorter if its work has a deadline.
    fn longest_rest(&self) -> Duration {
        LONGEST_REST
    }
}

/// Handles all messages of a batch in parallel, each until the budget is over, and returns those that failed. A call
/// that hangs for one message takes no time from the others. Messages about the same subject are handled together, and where
/// that fails each by itself: one that cannot be handled costs no other.
pub async fn handle_batch(
    handler: &impl HandleMessage,
    queue: &impl HideMessage,
    event: SqsEvent,
    budget: Budget,
) -> SqsBatchResponse {
    let received = event.records.len();
    let (unfinished, panicked) = (AtomicUsize::new(received), AtomicBool::new(false));
    let invocation = Invocation { handler, queue, budget, unfinished, panicked };
    let groups = groups(handler, event.records);
    let mut failures = Vec::new();
    let mut panic = None;
    for done in join_all(groups.iter().map(|group| invocation.handle_group(group))).await.into_iter().flatten() {
        match done {
            Ok(failure) => failures.extend(failure),
            Err(first) => panic = panic.or(Some(first)),
        }
    }
    // Only now that the others are done: they would be ended by it, and again with those that come back with this one.
    if let Some(panic) = panic {
        resume_unwind(panic);
    }
    let mut response = SqsBatchResponse::default();
    response.batch_item_failures = failures;
    tracing::debug!(received, returned = response.batch_item_failures.len(), "messages handled");
    response
}

/// The messages, those about the same subject together, in the order of the first of each.
fn groups(handler: &impl HandleMessage, records: Vec<SqsMessage>) -> Vec<Vec<SqsMessage>> {
    let mut groups: Vec<(Option<String>, Vec<SqsMessage>)> = Vec::new();
    for record in records {
        // A panic here is one of that message, which is then handled alone.
        let subject = catch_unwind(AssertUnwindSafe(|| handler.subject(message(&record)))).unwrap_or_default();
        match groups.iter_mut().find(|(known, _)| subject.is_some() && *known == subject) {
            Some((_, group)) => group.push(record),
            None => groups.push((subject, vec![record])),
        }
    }
    groups.into_iter().map(|(_, group)| group).collect()
}

/// A panic, until the other messages are done.
type Panic = Box<dyn Any + Send>;

/// One invocation of a function for messages of its queue.
struct Invocation<'a, Handler, Queue> {
    handler: &'a Handler,
    queue: &'a Queue,
    budget: Budget,
    /// How many of the messages are not handled yet.
    unfinished: AtomicUsize,
    panicked: AtomicBool,
}

impl<Handler: HandleMessage, Queue: HideMessage> Invocation<'_, Handler, Queue> {
    /// Handles messages about the same subject. Returns for each whether it goes back, and every panic.
    async fn handle_group(&self, group: &[SqsMessage]) -> Vec<Result<Option<BatchItemFailure>, Panic>> {
        let mut panic = None;
        if group.len() > 1 {
            match self.caught(self.handle_together(group)).await {
                Ok(true) => {
                    let is_last = self.finished(group.len());
                    return join_all(group.iter().map(async |record| Ok(self.settle(record, Ok(()), is_last).await)))
                        .await;
                }
                Ok(false) => {}
                Err(together) => panic = Some(Err(together)),
            }
        }
        let each = join_all(group.iter().map(|record| self.handle_alone(record))).await;
        each.into_iter().chain(panic).collect()
    }

    /// Returns `true` if all of them are handled.
    async fn handle_together(&self, group: &[SqsMessage]) -> bool {
        let messages: Vec<_> = group.iter().map(message).collect();
        match self.budget.run(self.handler.handle_together(&messages)).await {
            Some(Ok(())) => true,
            Some(Err(error)) => {
                tracing::warn!(%error, messages = group.len(), "not handled together: handled one by one");
                false
            }
            // Each says so by itself.
            None => false,
        }
    }

    async fn handle_alone(&self, record: &SqsMessage) -> Result<Option<BatchItemFailure>, Panic> {
        // Nothing is shared between messages but what their calls are made with.
        let outcome = self.caught(handle(self.handler, message(record), self.budget)).await;
        let is_last = self.finished(1);
        Ok(self.settle(record, outcome?, is_last).await)
    }

    /// The work, and its panic as an error.
    async fn caught<T>(&self, work: impl Future<Output = T>) -> Result<T, Panic> {
        let outcome = AssertUnwindSafe(work).catch_unwind().await;
        self.panicked.fetch_or(outcome.is_err(), Ordering::Relaxed);
        outcome
    }

    /// So many more messages are handled. Returns `true` if they are the last ones.
    fn finished(&self, messages: usize) -> bool {
        self.unfinished.fetch_sub(messages, Ordering::Relaxed) == messages
    }

    /// Deletes or gives back a message that was handled. Returns it if it goes back.
    async fn settle(
        &self,
        record: &SqsMessage,
        outcome: Result<(), MessageError>,
        is_last: bool,
    ) -> Option<BatchItemFailure> {
        match outcome {
            Ok(()) => {
                // Lambda deletes nothing of an invocation that panics.
                if !is_last || self.panicked.load(Ordering::Relaxed) {
                    delete_early(self.handler, record).await;
                }
                None
            }
            Err(error) => {
                give_back(self.queue, record, &error, self.handler.longest_rest()).await;
                let mut failure = BatchItemFailure::default();
                failure.item_identifier = record.message_id.clone().unwrap_or_default();
                Some(failure)
            }
        }
    }
}

fn message(record: &SqsMessage) -> Message<'_> {
    Message {
        body: record.body.as_deref().unwrap_or_default(),
        receipt_handle: record.receipt_handle.as_deref().unwrap_or_default(),
    }
}

async fn handle(handler: &impl HandleMessage, message: Message<'_>, budget: Budget) -> Result<(), MessageError> {
    let unfinished = || Unavailable::new("handling a queue message", "the function's time is over");
    budget.run(handler.handle(message)).await.unwrap_or_else(|| Err(unfinished().into()))
}

/// Takes [`GIVE_BACK`] at most. A message that stays is handled again, and found to be done.
async fn delete_early(handler: &impl HandleMessage, record: &SqsMessage) {
    let deleted = timeout(GIVE_BACK, handler.done_early(message(record))).await;
    let too_slow = || Unavailable::new("deleting a queue message that is done", "it takes too long");
    if let Err(error) = deleted.unwrap_or_else(|_| Err(too_slow())) {
        let id = record.message_id.as_deref().unwrap_or_default();
        tracing::warn!(messageId = id, %error, "it may come back before the invocation ends");
    }
}

/// Logs a failure and sets when the message returns: otherwise it would return after the queue's visibility timeout,
/// which is long because it is intended for crashes. Takes [`GIVE_BACK`] at most.
async fn give_back(queue: &impl HideMessage, message: &SqsMessage, error: &MessageError, longest: Duration) {
    let id = message.message_id.as_deref().unwrap_or_default();
    let receives: u32 =
        message.attributes.get("ApproximateReceiveCount").and_then(|count| count.parse().ok()).unwrap_or(1);
    let rest = match error {
        // Waiting does not help: the sooner it is in the dead-letter queue, the sooner it is noticed.
        MessageError::Malformed(_) => Duration::ZERO,
        MessageError::Unavailable(_) => rest_after(receives).min(longest),
    };
    match error {
        MessageError::Malformed(_) => tracing::error!(messageId = id, receives, %error, "message not handled"),
        MessageError::Unavailable(_) => tracing::warn!(messageId = id, receives, %error, "message not handled"),
    }
    let hidden = timeout(GIVE_BACK, queue.hide(message.receipt_handle.as_deref().unwrap_or_default(), rest)).await;
    let too_slow = || Unavailable::new("changing how long a queue message is hidden", "it takes too long");
    if let Err(error) = hidden.unwrap_or_else(|_| Err(too_slow())) {
        tracing::warn!(messageId = id, %error, "it comes back after the queue's own visibility timeout");
    }
}

/// Returns the delay of a message that failed at its n-th receive: short for a transient failure, longer for an outage.
fn rest_after(receives: u32) -> Duration {
    let doublings = receives.saturating_sub(1).min(u32::BITS - 1);
    FIRST_REST.saturating_mul(1 << doublings).min(LONGEST_REST)
}

#[cfg(test)]
mod tests {
    use super::*;
    use goal_activity_core::limits::{LEASE, MAX_RECEIVES};
    use goal_activity_testkit::{SqsRecord, sqs_event};
    use std::future::pending;
    use std::sync::Mutex;
    use tokio::time::{Instant, sleep};

    /// Handles each message as its body says. Those with the same text before a slash are about the same.
    struct Picky {
        longest: Duration,
        /// The messages that were done while others were not.
        early: Mutex<Vec<String>>,
        /// What was handled, and together with how many others.
        handled: Mutex<Vec<(String, usize)>>,
    }

    impl Picky {
        fn new(longest: Duration) -> Self {
            Self { longest, early: Mutex::default(), handled: Mutex::default() }
        }

        fn note(&self, message: Message<'_>, others: usize) {
            self.handled.lock().unwrap().push((message.body.to_owned(), others));
        }
    }

    impl HandleMessage for Picky {
        async fn handle(&self, message: Message<'_>) -> Result<(), MessageError> {
            self.note(message, 0);
            match message.body.rsplit('/').next().unwrap_or_default() {
                "bad" => Err(MessageError::Malformed("it says bad".into())),
                "busy" => Err(Unavailable::new("a test", "busy").into()),
                "slow" => {
                    sleep(Duration::from_secs(20)).await;
                    Ok(())
                }
                "hangs" => pending().await,
                "breaks" => panic!("a defect"),
                _ => Ok(()),
            }
        }

        fn subject(&self, message: Message<'_>) -> Option<String> {
            assert!(message.body != "unreadable", "a defect");
            message.body.split_once('/').map(|(subject, _)| subject.to_owned())
        }

        async fn handle_together(&self, messages: &[Message<'_>]) -> Result<(), MessageError> {
            let says = |what: &str| messages.iter().any(|message| message.body.ends_with(what));
            match () {
                () if says("/breaks") => panic!("a defect"),
                () if says("/hangs") => pending().await,
                () if says("/bad") || says("/busy") || says("/alone") => Err(Unavailable::new("a test", "busy").into()),
                () => {
                    for message in messages {
                        self.note(*message, messages.len() - 1);
                    }
                    Ok(())
                }
            }
        }

        async fn done_early(&self, message: Message<'_>) -> PortResult<()> {
            self.early.lock().unwrap().push(message.receipt_handle.to_owned());
            pending().await
        }

        fn longest_rest(&self) -> Duration {
            self.longest
        }
    }

    /// The messages hidden and for how long, and the duration of that call.
    #[derive(Default)]
    struct Queue(Mutex<Vec<(String, u64)>>, Duration);

    impl HideMessage for Queue {
        async fn hide(&self, receipt_handle: &str, wait: Duration) -> PortResult<()> {
            self.0.lock().unwrap().push((receipt_handle.to_owned(), wait.as_secs()));
            sleep(self.1).await;
            Err(Unavailable::new("a test", "a queue that cannot hide changes nothing else"))
        }
    }

    fn event(messages: &[(&str, u32)]) -> SqsEvent {
        let record = |(i, (body, receives)): (usize, &(&str, u32))| {
            SqsRecord::new(i.to_string(), *body).handle(format!("handle-{i}")).receives(*receives)
        };
        serde_json::from_value(sqs_event(messages.iter().enumerate().map(record))).unwrap()
    }

    async fn failed(queue: &Queue, longest: Duration, messages: &[(&str, u32)]) -> Vec<String> {
        let budget = Budget::of(Duration::from_secs(27));
        let response = handle_batch(&Picky::new(longest), queue, event(messages), budget).await;
        response.batch_item_failures.into_iter().map(|f| f.item_identifier).collect()
    }

    #[tokio::test]
    async fn only_failed_messages_go_back_each_when_it_makes_sense() {
        let queue = Queue::default();
        let messages = [("good", 1), ("bad", 1), ("busy", 1), ("busy", 2), ("good", 1), ("bad", 7), ("busy", 7)];
        assert_eq!(failed(&queue, LONGEST_REST, &messages).await, ["1", "2", "3", "5", "6"]);
        let rests = [("handle-1", 0), ("handle-2", 5), ("handle-3", 10), ("handle-5", 0), ("handle-6", 300)];
        assert_eq!(queue.0.into_inner().unwrap(), rests.map(|(h, w)| (h.to_owned(), w)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_panic_ends_the_invocation_when_the_other_messages_are_done() {
        for messages in [&["breaks", "good", "slow", "bad"][..], &["slow", "slow", "breaks", "breaks", "bad"]] {
            let (queue, picky, began) = (Queue::default(), Picky::new(LONGEST_REST), Instant::now());
            let messages: Vec<_> = messages.iter().map(|body| (*body, 1)).collect();
            let work = handle_batch(&picky, &queue, event(&messages), Budget::of(Duration::from_secs(27)));
            let panic = AssertUnwindSafe(work).catch_unwind().await.unwrap_err();
            assert_eq!(panic.downcast_ref::<&str>(), Some(&"a defect"));
            assert_eq!(began.elapsed(), Duration::from_secs(20) + GIVE_BACK);
            let done = messages.iter().zip(0..).filter(|((body, _), _)| ["good", "slow"].contains(body));
            let mut early = picky.early.into_inner().unwrap();
            early.sort_unstable();
            assert_eq!(early, done.map(|(_, n)| format!("handle-{n}")).collect::<Vec<_>>(), "Lambda deletes none");
            assert_eq!(queue.0.into_inner().unwrap().len(), 1);
        }
    }

    #[tokio::test]
    async fn what_has_a_deadline_rests_shorter() {
        let queue = Queue::default();
        failed(&queue, LEASE, &[("busy", 3), ("busy", 9)]).await;
        assert_eq!(queue.0.into_inner().unwrap().iter().map(|(_, rest)| *rest).collect::<Vec<_>>(), [20, 60]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_that_hangs_holds_no_other_and_is_given_back_in_time() {
        let (began, queue) = (Instant::now(), Queue(Mutex::default(), Duration::from_secs(60)));
        let messages = [("hangs", 1), ("slow", 1), ("slow", 1), ("hangs", 2), ("good", 1)];
        assert_eq!(failed(&queue, LONGEST_REST, &messages).await, ["0", "3"]);
        // The queue hangs as well, and everything ends before a function of 30 s is killed.
        assert_eq!(began.elapsed(), Duration::from_secs(27) + GIVE_BACK);
        assert_eq!(queue.0.into_inner().unwrap(), [("handle-0".to_owned(), 5), ("handle-3".to_owned(), 10)]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_done_before_the_last_one_is_told_so_and_what_failed_is_not() {
        let queue = Queue::default();
        let picky = Picky::new(LONGEST_REST);
        let budget = || Budget::of(Duration::from_secs(27));
        let began = Instant::now();
        handle_batch(&picky, &queue, event(&[("good", 1), ("slow", 1), ("bad", 1), ("good", 1)]), budget()).await;
        assert_eq!(*picky.early.lock().unwrap(), ["handle-0", "handle-3"]);
        assert_eq!(began.elapsed(), Duration::from_secs(20), "a deletion that hangs holds up nothing");
        // The last one is deleted by Lambda, at once.
        let alone = Picky::new(LONGEST_REST);
        handle_batch(&alone, &queue, event(&[("slow", 1)]), budget()).await;
        handle_batch(&alone, &queue, event(&[("bad", 1), ("slow", 1)]), budget()).await;
        assert_eq!(*alone.early.lock().unwrap(), Vec::<String>::new());
        let began = Instant::now();
        handle_batch(&alone, &queue, event(&[("good", 1), ("good", 1)]), budget()).await;
        assert_eq!(began.elapsed(), GIVE_BACK);
    }

    #[tokio::test(start_paused = true)]
    async fn messages_about_the_same_are_handled_together_and_where_that_fails_each_by_itself() {
        let good: &[&str] = &["a/1", "b/1", "good", "a/2", "good", "b/2", "a/3", "c/1"];
        let (queue, picky) = (Queue::default(), Picky::new(LONGEST_REST));
        let messages: Vec<_> = good.iter().map(|body| (*body, 1)).collect();
        handle_batch(&picky, &queue, event(&messages), Budget::of(Duration::from_secs(27))).await;
        let mut handled = picky.handled.into_inner().unwrap();
        handled.sort();
        let expected =
            [("a/1", 2), ("a/2", 2), ("a/3", 2), ("b/1", 1), ("b/2", 1), ("c/1", 0), ("good", 0), ("good", 0)];
        assert_eq!(handled, expected.map(|(body, others)| (body.to_owned(), others)));

        // One by one: all are handled, and those that fail go back. Without any time left, those that need none.
        for (third, failed_ids) in [("a/alone", &[][..]), ("a/bad", &["2"]), ("a/busy", &["2"]), ("a/hangs", &["2"])] {
            let messages = [("a/1", 1), ("a/2", 1), (third, 1), ("b/1", 1)];
            assert_eq!(failed(&queue, LONGEST_REST, &messages).await, failed_ids, "{third}");
        }
    }

    #[tokio::test]
    async fn a_panic_over_what_a_message_is_about_costs_no_other() {
        let (queue, picky) = (Queue::default(), Picky::new(LONGEST_REST));
        let messages = [("a/good", 1), ("unreadable", 1), ("a/good", 1), ("bad", 1)];
        let budget = Budget::of(Duration::from_secs(27));
        let response = handle_batch(&picky, &queue, event(&messages), budget).await;
        let failed: Vec<_> =
            response.batch_item_failures.iter().map(|failure| failure.item_identifier.as_str()).collect();
        assert_eq!(failed, ["3"]);
        let handled = picky.handled.into_inner().unwrap();
        assert!(
            handled.contains(&("unreadable".to_owned(), 0)) && handled.contains(&("a/good".to_owned(), 1)),
            "{handled:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_panic_over_messages_together_costs_none_of_the_others_and_ends_the_invocation() {
        for (body, panics) in [("a/breaks", true), ("a/1", false)] {
            let (queue, picky) = (Queue::default(), Picky::new(LONGEST_REST));
            let messages = [("a/1", 1), (body, 1), ("b/1", 1), ("a/2", 1)];
            let work = handle_batch(&picky, &queue, event(&messages), Budget::of(Duration::from_secs(27)));
            let done = AssertUnwindSafe(work).catch_unwind().await;
            assert_eq!(done.is_err(), panics, "{body}");
            let mut early = picky.early.into_inner().unwrap();
            early.sort_unstable();
            // Lambda deletes none of an invocation that panics; otherwise what is done last.
            let expected =
                if panics { ["handle-0", "handle-2", "handle-3"] } else { ["handle-0", "handle-1", "handle-3"] };
            assert_eq!(early, expected, "{body}");
        }
    }

    #[test]
    fn a_message_outlives_an_outage_of_20_minutes() {
        let rests: Vec<_> = (0..=8).map(|receives| rest_after(receives).as_secs()).collect();
        assert_eq!(rests, [5, 5, 10, 20, 40, 80, 160, 300, 300]);
        assert_eq!(rest_after(u32::MAX), LONGEST_REST);
        let all: Duration = (1..MAX_RECEIVES).map(rest_after).sum();
        assert!(all >= Duration::from_secs(20 * 60), "{all:?}");
    }
}
