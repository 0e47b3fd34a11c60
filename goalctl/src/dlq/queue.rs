//! Receives, returns, removes and sends messages; `Sqs` implements it on the stack's queues.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Debug;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, Message, MessageSystemAttributeName, QueueAttributeName,
};
use goal_activity_events::Timestamp;
use goal_activity_events::publisher::reason;

use super::letter::{Dlq, MainQueue};
use crate::stack::Stack;

/// The maximum number of messages in one request (SQS API reference).
const IN_ONE_REQUEST: i32 = 10;
/// The wait time for a queue that seems empty: with a wait time SQS queries all its servers, without one only some.
const WAIT_SECONDS: i32 = 1;
/// How long messages stay hidden from others when they are only read. They are returned sooner, unless this tool is
/// interrupted.
pub(crate) const LOOK: Duration = Duration::from_secs(30);
/// The same for messages that are handled.
pub(crate) const WORK: Duration = Duration::from_secs(300);
/// The maximum number of messages searched for given ids: SQS has no lookup of a message by its id.
const SEARCHED: usize = 10_000;

/// SQS's word for a message that is visible already, because its time is over.
const NOT_IN_FLIGHT: &str = "AWS.SimpleQueueService.MessageNotInflight";

/// A received dead letter: hidden from others until it is returned or its visibility timeout expires.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    /// The id that SQS assigned. It stays the same when the message moves to a dead-letter queue.
    pub(crate) message_id: String,
    handle: String,
    /// Its body.
    pub(crate) body: String,
    /// When it was sent to its first queue.
    pub(crate) sent_at: Option<Timestamp>,
    /// How often it was received, by functions and by this tool.
    pub(crate) receives: u32,
    /// The attributes that `EventBridge` adds to an event that it could not deliver.
    pub(crate) attributes: BTreeMap<String, String>,
}

/// The operations on queues.
pub(crate) trait Mail {
    /// Returns the approximate number of messages in the queue, including those in flight.
    async fn count(&self, queue: Dlq) -> Result<u64>;
    /// Receives some messages and hides them from other receivers for that time; empty if the queue has none.
    async fn receive(&self, queue: Dlq, hidden: Duration) -> Result<Vec<Received>>;
    /// Makes these messages visible to other receivers at once. Where that fails they become visible when their time is over.
    async fn give_back(&self, queue: Dlq, letters: &[Received]) -> Result<()>;
    /// Removes a message permanently.
    async fn remove(&self, queue: Dlq, letter: &Received) -> Result<()>;
    /// Sends a message to the queue of a function.
    async fn send(&self, queue: MainQueue, body: &str) -> Result<()>;
}

/// The selection of messages.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Wanted<'a> {
    /// Up to this number of any messages.
    Any(usize),
    /// Those of these ids.
    These(&'a [String]),
}

/// Received messages.
#[derive(Debug)]
pub(crate) struct Taken {
    /// The selected ones, the oldest first.
    pub(crate) letters: Vec<Received>,
    /// Whether the others are back in the queue.
    pub(crate) returned: Result<()>,
}

/// Receives the selected messages, the oldest first, and returns the others to the queue. The selection is complete
/// before a message is handled, so that a message that fails again at once is not handled twice.
pub(crate) async fn take(mail: &impl Mail, queue: Dlq, wanted: Wanted<'_>, hidden: Duration) -> Result<Taken> {
    let mut seen = BTreeMap::new();
    let result = look_through(mail, queue, wanted, hidden, &mut seen).await;
    let mut found: Vec<Received> = seen.into_values().collect();
    found.sort_by(|a: &Received, b| (a.sent_at, &a.message_id).cmp(&(b.sent_at, &b.message_id)));
    if let Err(error) = result {
        return Err(match mail.give_back(queue, &found).await {
            Ok(()) => error,
            Err(left) => error.context(format!("{left:#}")),
        });
    }
    let (letters, others) = match wanted {
        Wanted::Any(most) => {
            let others = found.split_off(found.len().min(most));
            (found, others)
        }
        Wanted::These(ids) => found.into_iter().partition(|l| ids.contains(&l.message_id)),
    };
    Ok(Taken { letters, returned: mail.give_back(queue, &others).await })
}

/// Receives until there are enough messages, or until the queue returns no new ones.
async fn look_through(
    mail: &impl Mail,
    queue: Dlq,
    wanted: Wanted<'_>,
    hidden: Duration,
    seen: &mut BTreeMap<String, Received>,
) -> Result<()> {
    loop {
        let enough = match wanted {
            Wanted::Any(most) => seen.len() >= most,
            Wanted::These(ids) => ids.iter().all(|id| seen.contains_key(id)) || seen.len() >= SEARCHED,
        };
        if enough {
            return Ok(());
        }
        let before = seen.len();
        for letter in mail.receive(queue, hidden).await? {
            // A message that is received again has a new handle, and only that one is valid.
            seen.insert(letter.message_id.clone(), letter);
        }
        if seen.len() == before {
            return Ok(());
        }
    }
}

/// The stack's queues.
#[derive(Debug, Clone)]
pub(crate) struct Sqs<'a> {
    client: Client,
    stack: &'a Stack,
}

impl<'a> Sqs<'a> {
    /// The queues of that stack.
    pub(crate) fn new(stack: &'a Stack) -> Self {
        Self { client: Client::new(&stack.sdk), stack }
    }
}

impl Mail for Sqs<'_> {
    async fn count(&self, queue: Dlq) -> Result<u64> {
        use QueueAttributeName::{
            ApproximateNumberOfMessages as Visible, ApproximateNumberOfMessagesNotVisible as Hidden,
        };
        let get = self.client.get_queue_attributes().queue_url(self.stack.output(queue.output())?);
        let answer = get.attribute_names(Visible).attribute_names(Hidden).send().await;
        let answer = answer.map_err(|e| failed("count the messages of", queue.name(), e))?;
        let attributes = answer.attributes.unwrap_or_default();
        let number = |name: QueueAttributeName| {
            let number = attributes.get(&name).and_then(|n| n.parse::<u64>().ok());
            number.with_context(|| format!("SQS does not say {} of the {} queue", name.as_str(), queue.name()))
        };
        Ok(number(Visible)?.saturating_add(number(Hidden)?))
    }

    async fn receive(&self, queue: Dlq, hidden: Duration) -> Result<Vec<Received>> {
        let receive = self.client.receive_message().queue_url(self.stack.output(queue.output())?);
        let answer = receive
            .max_number_of_messages(IN_ONE_REQUEST)
            .wait_time_seconds(WAIT_SECONDS)
            .visibility_timeout(seconds(hidden))
            .message_system_attribute_names(MessageSystemAttributeName::All)
            .message_attribute_names("All")
            .send()
            .await
            .map_err(|e| failed("read", queue.name(), e))?;
        answer.messages.unwrap_or_default().into_iter().map(received).collect()
    }

    async fn give_back(&self, queue: Dlq, letters: &[Received]) -> Result<()> {
        let url = self.stack.output(queue.output())?;
        let mut left = Vec::new();
        for some in letters.chunks(IN_ONE_REQUEST.unsigned_abs() as usize) {
            let entries = some.iter().enumerate().map(|(i, letter)| {
                let entry = ChangeMessageVisibilityBatchRequestEntry::builder();
                entry.id(i.to_string()).receipt_handle(&letter.handle).visibility_timeout(0).build()
            });
            let entries = entries.collect::<Result<_, _>>().context("a message cannot be given back")?;
            let give = self.client.change_message_visibility_batch().queue_url(url).set_entries(Some(entries));
            match give.send().await {
                Err(error) => left.push(failed("give messages back to", queue.name(), error).to_string()),
                Ok(answer) => left.extend(
                    answer.failed().iter().filter(|refused| refused.code() != NOT_IN_FLIGHT).map(|refused| {
                        let why = refused.message().unwrap_or_default();
                        format!("cannot give a message back to the {} queue: {}: {why}", queue.name(), refused.code())
                    }),
                ),
            }
        }
        // The others are tried all the same; one reason of each kind is enough.
        left.dedup();
        if left.is_empty() { Ok(()) } else { Err(anyhow!("{}", left.join("; "))) }
    }

    async fn remove(&self, queue: Dlq, letter: &Received) -> Result<()> {
        let delete = self.client.delete_message().queue_url(self.stack.output(queue.output())?);
        let deleted = delete.receipt_handle(&letter.handle).send().await;
        deleted.map(drop).map_err(|e| failed("remove a message of", queue.name(), e))
    }

    async fn send(&self, queue: MainQueue, body: &str) -> Result<()> {
        let send = self.client.send_message().queue_url(self.stack.output(queue.output())?).message_body(body);
        send.send().await.map(drop).map_err(|e| failed("send to", queue.name(), e))
    }
}

fn seconds(time: Duration) -> i32 {
    i32::try_from(time.as_secs()).unwrap_or(i32::MAX)
}

fn failed<E, R>(what: &str, queue: &str, error: SdkError<E, R>) -> anyhow::Error
where
    E: Error + ProvideErrorMetadata + 'static,
    R: Debug + 'static,
{
    anyhow!("cannot {what} the {queue} queue: {}", reason(&error))
}

fn received(message: Message) -> Result<Received> {
    use MessageSystemAttributeName::{ApproximateReceiveCount as Receives, SentTimestamp as Sent};
    let system = message.attributes.unwrap_or_default();
    let attributes = message.message_attributes.unwrap_or_default();
    Ok(Received {
        message_id: message.message_id.context("SQS gave a message without an id")?,
        handle: message.receipt_handle.context("SQS gave a message without a handle")?,
        body: message.body.unwrap_or_default(),
        sent_at: system.get(&Sent).and_then(|t| t.parse().ok()).map(Timestamp::from_millis),
        receives: system.get(&Receives).and_then(|n| n.parse().ok()).unwrap_or(0),
        attributes: attributes.into_iter().filter_map(|(name, value)| Some((name, value.string_value?))).collect(),
    })
}

#[cfg(test)]
pub(crate) mod fake {
    //! Queues in memory.

    use std::cell::{Cell, RefCell};
    use std::collections::HashSet;

    use anyhow::ensure;

    use super::*;

    /// One dead-letter queue, and what was sent to the functions.
    #[derive(Debug, Default)]
    pub(crate) struct Post {
        /// The messages in the queue, in flight or not.
        pub(crate) letters: RefCell<Vec<Received>>,
        /// The ids of the messages in flight.
        pub(crate) hidden: RefCell<HashSet<String>>,
        /// The sent messages.
        pub(crate) sent: RefCell<Vec<(MainQueue, String)>>,
        /// `true` if messages are never hidden, as when the visibility timeout has always expired already.
        pub(crate) forgetful: bool,
        /// The calls that fail.
        pub(crate) broken: Vec<&'static str>,
        /// After how many more receives they fail as well.
        pub(crate) receives_left: Cell<Option<u32>>,
    }

    impl Post {
        /// A queue of these messages; the first is the youngest.
        pub(crate) fn of(bodies: &[(&str, &str)]) -> Self {
            let letters = bodies.iter().rev().enumerate().map(|(age, (id, body))| Received {
                message_id: (*id).to_owned(),
                handle: format!("handle of {id}"),
                body: (*body).to_owned(),
                sent_at: i64::try_from(age).ok().map(Timestamp::from_millis),
                receives: 3,
                attributes: BTreeMap::new(),
            });
            Self { letters: RefCell::new(letters.rev().collect()), ..Self::default() }
        }

        /// The ids in the queue.
        pub(crate) fn ids(&self) -> Vec<String> {
            self.letters.borrow().iter().map(|l| l.message_id.clone()).collect()
        }

        fn call(&self, name: &'static str) -> Result<()> {
            ensure!(!self.broken.contains(&name), "{name} is broken");
            Ok(())
        }
    }

    impl Mail for Post {
        async fn count(&self, _: Dlq) -> Result<u64> {
            Ok(self.letters.borrow().len() as u64)
        }

        async fn receive(&self, _: Dlq, _: Duration) -> Result<Vec<Received>> {
            let left = self.receives_left.get();
            ensure!(left != Some(0), "receive is broken by now");
            self.receives_left.set(left.map(|n| n - 1));
            let (letters, mut hidden) = (self.letters.borrow(), self.hidden.borrow_mut());
            let visible = letters.iter().filter(|l| self.forgetful || !hidden.contains(&l.message_id));
            let some: Vec<Received> = visible.take(3).cloned().collect();
            hidden.extend(some.iter().map(|l| l.message_id.clone()));
            Ok(some)
        }

        async fn give_back(&self, _: Dlq, letters: &[Received]) -> Result<()> {
            self.call("give_back")?;
            self.hidden.borrow_mut().retain(|id| letters.iter().all(|l| l.message_id != *id));
            Ok(())
        }

        async fn remove(&self, _: Dlq, letter: &Received) -> Result<()> {
            self.call("remove")?;
            self.hidden.borrow_mut().remove(&letter.message_id);
            self.letters.borrow_mut().retain(|l| l.message_id != letter.message_id);
            Ok(())
        }

        async fn send(&self, queue: MainQueue, body: &str) -> Result<()> {
            self.call("send")?;
            self.sent.borrow_mut().push((queue, body.to_owned()));
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::fake::Post;
    use super::*;

    const BODIES: [(&str, &str); 7] = [("a", ""), ("b", ""), ("c", ""), ("d", ""), ("e", ""), ("f", ""), ("g", "")];

    async fn taken(post: &Post, wanted: Wanted<'_>) -> Vec<String> {
        let taken = take(post, Dlq::Batch, wanted, LOOK).await.unwrap();
        taken.returned.unwrap();
        taken.letters.into_iter().map(|l| l.message_id).collect()
    }

    #[tokio::test]
    async fn only_wanted_messages_stay_in_hand() {
        let post = Post::of(&BODIES);
        let wanted = ["b".to_owned(), "f".to_owned(), "none".to_owned()];
        assert_eq!(taken(&post, Wanted::These(&wanted)).await, ["f", "b"], "the oldest first");
        let mut hidden: Vec<_> = post.hidden.borrow().iter().cloned().collect();
        hidden.sort();
        assert_eq!(hidden, ["b", "f"]);
    }

    #[tokio::test]
    async fn a_search_ends_when_all_are_found() {
        let post = Post::of(&BODIES);
        assert_eq!(taken(&post, Wanted::These(&["a".to_owned()])).await, ["a"]);
        let unseen = &BODIES[3..];
        let (letters, hidden) = (post.letters.borrow(), post.hidden.borrow());
        assert!(
            letters
                .iter()
                .filter(|l| unseen.iter().any(|u| u.0 == l.message_id))
                .all(|l| !hidden.contains(&l.message_id))
        );
    }

    #[tokio::test]
    async fn never_more_than_wanted() {
        let post = Post::of(&BODIES);
        assert_eq!(taken(&post, Wanted::Any(4)).await.len(), 4);
        assert_eq!(post.hidden.borrow().len(), 4, "what was received beyond that is given back");
        assert_eq!(taken(&Post::of(&BODIES), Wanted::Any(100)).await.len(), 7);
        assert!(taken(&Post::of(&BODIES), Wanted::Any(0)).await.is_empty());
    }

    #[tokio::test]
    async fn a_pass_ends_even_when_messages_come_again_and_again() {
        let post = Post { forgetful: true, ..Post::of(&BODIES) };
        assert_eq!(taken(&post, Wanted::These(&["none".to_owned()])).await, [""; 0]);
        assert_eq!(taken(&post, Wanted::Any(100)).await, ["c", "b", "a"], "each once");
    }

    #[tokio::test]
    async fn what_cannot_be_given_back_is_told() {
        let broken = || Post { broken: vec!["give_back"], ..Post::of(&BODIES) };
        let taken = take(&broken(), Dlq::Batch, Wanted::Any(4), LOOK).await.unwrap();
        assert_eq!((taken.letters.len(), taken.returned.unwrap_err().to_string().as_str()), (4, "give_back is broken"));
        let post = Post { receives_left: Cell::new(Some(1)), ..broken() };
        let error = format!("{:#}", take(&post, Dlq::Batch, Wanted::Any(9), LOOK).await.unwrap_err());
        assert!(error.contains("receive is broken") && error.contains("give_back is broken"), "{error}");
    }

    #[tokio::test]
    async fn after_a_failure_nothing_stays_in_hand() {
        let post = Post { receives_left: Cell::new(Some(2)), ..Post::of(&BODIES) };
        assert!(take(&post, Dlq::Batch, Wanted::Any(9), LOOK).await.is_err());
        assert!(post.hidden.borrow().is_empty());
    }
}
