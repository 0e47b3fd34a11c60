//! Performs the plan for a dead letter.

use std::cell::RefCell;
use std::collections::HashSet;

use anyhow::{Result, anyhow};
use goal_activity_core::execution::Execution;
use goal_activity_core::goal::{Goal, GoalClaim};
use goal_activity_core::port_set;
use goal_activity_core::ports::{ActionsWithTasks, Clock, FindExecution, LoadGoal, Stored};
use goal_activity_events::publisher::{OutgoingEvent, Publisher, PutEvents};
use goal_activity_events::{ActionId, EventId, ExecutionArn, GoalActivityRequested, GoalId, StateMachineArn};
use serde::Serialize;

use super::decide::{Plan, plan, unless_rejected};
use super::letter::{Contents, Dlq, MainQueue};
use super::queue::{Mail, Received};

/// The `source` of the events that this tool emits.
const SOURCE: &str = "goalctl";

/// The outcome of one dead letter. Part of the JSON output: names are never changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "result")]
pub(crate) enum Outcome {
    /// Sent again unchanged, and removed.
    Sent { queue: MainQueue },
    /// A new request for its failed actions is emitted, and it is removed.
    Requested { event_id: EventId, goal_id: GoalId, action_ids: Vec<ActionId> },
    /// Removed, because there was nothing to do for it or because this was requested.
    Removed {
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// Still in the queue: a retry cannot succeed.
    Refused { reason: String },
    /// Still in the queue: a service did not respond.
    Failed { reason: String },
    /// There is no such message.
    NotFound { reason: String },
}

impl Outcome {
    /// Returns `true` if the requested operation is done.
    pub(crate) fn is_done(&self) -> bool {
        match self {
            Self::Sent { .. } | Self::Requested { .. } | Self::Removed { .. } => true,
            Self::Refused { .. } | Self::Failed { .. } | Self::NotFound { .. } => false,
        }
    }
}

port_set! {
    /// The ports that a retry reads through.
    pub(crate) trait RetryDb: LoadGoal + ActionsWithTasks + FindExecution
}

/// The dependencies of a retry.
#[derive(Debug)]
pub(crate) struct Retry<'a, Mailbox, Db, Events, Time> {
    pub(crate) mail: &'a Mailbox,
    pub(crate) db: Db,
    pub(crate) bus: Publisher<Events>,
    pub(crate) clock: Time,
    /// The stack's state machine.
    pub(crate) machine: StateMachineArn,
    /// The goals for which a workflow was requested in this run. The goal's row shows it only after a delay.
    pub(crate) requested: RefCell<HashSet<GoalId>>,
}

impl<Mailbox: Mail, Db: RetryDb, Events: PutEvents + Sync, Time: Clock> Retry<'_, Mailbox, Db, Events, Time> {
    /// Retries one dead letter. A failure becomes an outcome and does not stop the run.
    pub(crate) async fn retry(&self, queue: Dlq, letter: &Received, force: bool) -> Outcome {
        let contents = Contents::read(queue, &letter.body, &self.machine);
        let done = async {
            let plan = self.plan(&contents, force).await?;
            self.perform(queue, letter, plan).await
        };
        done.await.unwrap_or_else(|e: anyhow::Error| Outcome::Failed { reason: format!("{e:#}") })
    }

    /// Returns what a retry would do now.
    async fn plan(&self, contents: &Contents, force: bool) -> Result<Plan> {
        let execution = self.execution(contents).await?;
        self.checked(plan(contents, execution.as_ref(), force, self.clock.now())).await
    }

    /// Checks a plan for a new request against the current state of the goal. Returns other plans unchanged.
    pub(crate) async fn checked(&self, plan: Plan) -> Result<Plan> {
        let Plan::Request(request) = plan else { return Ok(plan) };
        if self.requested.borrow().contains(&request.goal_id) {
            let why = "a workflow of its goal was requested just now. Try again when that has ended";
            return Ok(Plan::Refuse(why.to_owned()));
        }
        let goal = self.db.load_goal(&request.goal_id).await?;
        let with_tasks = self.db.actions_with_tasks(&request.goal_id).await?;
        let running = self.running(&goal).await?;
        Ok(unless_rejected(request, goal, running.as_ref(), &with_tasks))
    }

    /// Returns the workflow that has claimed the goal, unless it has ended: then the goal app has written back an old
    /// row.
    async fn running(&self, goal: &Stored<Goal>) -> Result<Option<ExecutionArn>> {
        let Stored::Value(goal) = goal else { return Ok(None) };
        let Some(claimed) = goal.head.claimed_by.as_ref().and_then(GoalClaim::execution) else { return Ok(None) };
        let execution = self.db.find_execution(&claimed).await?;
        Ok(execution.filter(|e| !e.has_ended()).map(|_| claimed))
    }

    /// Returns the execution of a batch. The plans for other messages do not depend on one.
    pub(crate) async fn execution(&self, contents: &Contents) -> Result<Option<Execution>> {
        match contents {
            Contents::Batch(batch) => Ok(self.db.find_execution(&batch.execution_arn).await?),
            _ => Ok(None),
        }
    }

    async fn perform(&self, queue: Dlq, letter: &Received, plan: Plan) -> Result<Outcome> {
        let outcome = match plan {
            Plan::Refuse(reason) => return Ok(Outcome::Refused { reason }),
            Plan::Remove(reason) => Outcome::Removed { reason: Some(reason) },
            Plan::SendTo(main) => {
                self.mail.send(main, &letter.body).await?;
                Outcome::Sent { queue: main }
            }
            Plan::Request(request) => self.request(request).await?,
        };
        // The dead letter is removed last: after a crash in between it still exists, and its second retry changes
        // nothing. A request sent or emitted twice is one request (promise P2), a batch processed twice has each
        // outcome once (P3).
        match self.mail.remove(queue, letter).await {
            Ok(()) => Ok(outcome),
            Err(e) if matches!(outcome, Outcome::Removed { .. }) => Err(e),
            Err(e) => Err(anyhow!("it is retried, but still there (retrying it again does no harm): {e:#}")),
        }
    }

    async fn request(&self, request: GoalActivityRequested) -> Result<Outcome> {
        self.bus.publish(&[OutgoingEvent::from_source(SOURCE, &request)?]).await?;
        self.requested.borrow_mut().insert(request.goal_id.clone());
        let GoalActivityRequested { event_id, goal_id, action_ids, .. } = request;
        Ok(Outcome::Requested { event_id, goal_id, action_ids: action_ids.unwrap_or_default() })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::super::queue::fake::Post;
    use super::*;
    use goal_activity_adapters::memory::{World, samples};
    use goal_activity_events::publisher::Refusal;
    use goal_activity_testkit::EventBridgeEvent;
    use serde_json::{Value, json};

    const ARN: &str = "arn:aws:states:us-east-1:000000000000:execution:goal-activity:g-1";
    const THEN: &str = "2026-11-24T09:30:00.000Z";

    /// A bus that records the events it receives.
    #[derive(Debug, Default)]
    struct Bus {
        taken: Mutex<Vec<OutgoingEvent>>,
        broken: bool,
    }

    impl PutEvents for &Bus {
        async fn put(&self, entries: &[OutgoingEvent]) -> Result<Vec<Option<Refusal>>, String> {
            if self.broken {
                return Err("the bus is broken".to_owned());
            }
            self.taken.lock().unwrap().extend_from_slice(entries);
            Ok(vec![None; entries.len()])
        }
    }

    /// The in-memory adapters after that workflow has failed for `a-1-1`, shortly after it started.
    fn world(status: &str) -> World {
        let failed = json!({ "actionId": "a-1-1", "code": "AI_TIMEOUT", "message": "", "attempts": 3 });
        let mut execution = json!({
            "executionArn": ARN, "goalId": "g", "userId": "u", "requestId": "r", "startDate": THEN, "turn": THEN,
            "actionIds": ["a-1-1", "a-1-2"], "totalActions": 2, "goalBefore": { "withTasks": 0, "leftOut": 0 },
        });
        if status == "RUNNING" {
            execution["startedAt"] = json!(THEN);
        } else {
            execution["end"] =
                json!({ "status": status, "stopDate": THEN, "succeededActions": 1, "failedActions": [failed] });
        }
        let world = World::default();
        world.state().now = THEN.parse::<goal_activity_events::Timestamp>().unwrap().as_millis();
        world.state().goals.insert("g".parse().unwrap(), samples::goal("g", "u", 2));
        world.state().executions.insert(ARN.parse().unwrap(), serde_json::from_value(execution).unwrap());
        world
    }

    fn batch() -> String {
        batch_of(0)
    }

    fn batch_of(index: u32) -> String {
        let batch = json!({
            "version": "1", "executionArn": ARN, "goalId": "g", "userId": "u", "batchIndex": index,
            "actionIds": ["a-1-1", "a-1-2"], "enqueuedAt": THEN, "taskToken": "t",
        });
        batch.to_string()
    }

    async fn retry_all(post: &Post, bus: &Bus, world: &World, force: bool) -> Vec<Outcome> {
        retry_all_of(Dlq::Batch, post, bus, world, force).await
    }

    async fn retry_all_of(queue: Dlq, post: &Post, bus: &Bus, world: &World, force: bool) -> Vec<Outcome> {
        let retry = Retry {
            mail: post,
            db: world.clone(),
            bus: Publisher::new(bus),
            clock: world.clone(),
            machine: ARN.parse::<ExecutionArn>().unwrap().state_machine(),
            requested: RefCell::default(),
        };
        let mut outcomes = Vec::new();
        let letters = post.letters.borrow().clone();
        for letter in &letters {
            outcomes.push(retry.retry(queue, letter, force).await);
        }
        outcomes
    }

    #[tokio::test]
    async fn one_poison_message_does_not_block_the_others() {
        let body = batch();
        let post = Post::of(&[("1", &body), ("2", "poison"), ("3", &body)]);
        let outcomes = retry_all(&post, &Bus::default(), &world("RUNNING"), false).await;
        let sent = Outcome::Sent { queue: MainQueue::Batch };
        assert!(matches!(&outcomes[1], Outcome::Refused { reason } if reason.contains("not a batch")));
        assert_eq!((&outcomes[0], &outcomes[2]), (&sent, &sent));
        assert_eq!(post.ids(), ["2"]);
        assert_eq!(*post.sent.borrow(), [(MainQueue::Batch, body.clone()), (MainQueue::Batch, body)], "as they were");
    }

    #[tokio::test]
    async fn forced_a_malformed_message_goes_as_it_is() {
        let post = Post::of(&[("1", "poison")]);
        let outcomes = retry_all(&post, &Bus::default(), &world("RUNNING"), true).await;
        assert_eq!(outcomes, [Outcome::Sent { queue: MainQueue::Batch }]);
        assert_eq!((post.ids().len(), post.sent.take()), (0, vec![(MainQueue::Batch, "poison".to_owned())]));
    }

    #[tokio::test]
    async fn a_status_event_of_another_state_machine_stays_and_the_stacks_own_is_sent() {
        let status = |execution: &str| {
            let detail = json!({ "executionArn": execution, "status": "FAILED" });
            EventBridgeEvent::of_step_functions(&detail).to_string()
        };
        let (own, foreign) = (status(ARN), status(&ARN.replace(":goal-activity:", ":nightly-report:")));
        let post = Post::of(&[("own", &own), ("foreign", &foreign)]);
        let outcomes = retry_all_of(Dlq::Projection, &post, &Bus::default(), &world("RUNNING"), true).await;
        assert_eq!(outcomes[0], Outcome::Sent { queue: MainQueue::Projection });
        let Outcome::Refused { reason } = &outcomes[1] else { panic!("{outcomes:?}") };
        assert!(
            reason.contains("stateMachine:nightly-report") && reason.contains("stateMachine:goal-activity"),
            "{reason}"
        );
        assert_eq!((post.ids(), post.sent.take()), (vec!["foreign".to_owned()], vec![(MainQueue::Projection, own)]));
    }

    #[tokio::test]
    async fn p2_a_letter_that_could_not_be_removed_asks_again_as_the_same_request() {
        let (bus, world, body) = (Bus::default(), world("PARTIALLY_SUCCEEDED"), batch());
        let post = Post { broken: vec!["remove"], ..Post::of(&[("1", &body)]) };
        let outcomes = retry_all(&post, &bus, &world, false).await;
        assert!(matches!(&outcomes[0], Outcome::Failed { reason } if reason.contains("does no harm")), "{outcomes:?}");
        assert_eq!(post.ids(), ["1"]);

        let post = Post { broken: vec![], ..post };
        let [Outcome::Requested { action_ids, .. }] = &retry_all(&post, &bus, &world, false).await[..] else {
            panic!("the second time it is requested")
        };
        assert_eq!(action_ids.iter().map(ActionId::as_str).collect::<Vec<_>>(), ["a-1-1"]);
        assert!(post.ids().is_empty());
        let events = bus.taken.into_inner().unwrap();
        assert!(events.iter().all(|e| (e.source.as_str(), e.detail_type) == ("goalctl", "GoalActivityRequested")));
        let ids: Vec<Value> =
            events.iter().map(|e| serde_json::from_str::<Value>(&e.detail).unwrap()["eventId"].clone()).collect();
        assert_eq!(ids.len(), 2);
        assert_eq!(ids[0], ids[1]);
    }

    #[tokio::test]
    async fn p1_a_goal_is_requested_once_in_a_run_and_the_other_letters_wait() {
        let post = Post::of(&[("1", &batch_of(0)), ("2", &batch_of(1))]);
        let outcomes = retry_all(&post, &Bus::default(), &world("FAILED"), false).await;
        assert!(matches!(outcomes[0], Outcome::Requested { .. }));
        assert!(matches!(&outcomes[1], Outcome::Refused { reason } if reason.contains("just now")), "{outcomes:?}");
        assert_eq!(post.ids(), ["2"]);
    }

    #[tokio::test]
    async fn p1_while_a_workflow_of_the_goal_runs_no_other_is_requested() {
        let (world, bus, body) = (world("FAILED"), Bus::default(), batch());
        let goal: GoalId = "g".parse().unwrap();
        let running: ExecutionArn = format!("{}2", ARN.strip_suffix('1').unwrap()).parse().unwrap();
        {
            let mut state = world.state();
            let ended = state.executions.values().next().unwrap().clone();
            let open =
                Execution { execution_arn: running.clone(), started_at: Some(ended.start_date), end: None, ..ended };
            state.executions.insert(running.clone(), open);
            state.goals.get_mut(&goal).unwrap().head.claimed_by = Some(running.into());
        }
        let post = Post::of(&[("1", &body)]);
        assert!(matches!(retry_all(&post, &bus, &world, false).await[0], Outcome::Refused { .. }));
        assert_eq!(post.ids(), ["1"]);
        assert!(bus.taken.into_inner().unwrap().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_neither_sent_nor_requested_stays() {
        let body = batch();
        for (post_breaks, bus_breaks, table_breaks, status) in [
            (vec!["send"], false, false, "RUNNING"),
            (vec![], true, false, "FAILED"),
            (vec![], false, true, "RUNNING"),
            (vec![], false, false, "ABORTED"),
        ] {
            let post = Post { broken: post_breaks, ..Post::of(&[("1", &body)]) };
            let (bus, world) = (Bus { broken: bus_breaks, ..Bus::default() }, world(status));
            if table_breaks {
                world.break_once("find_execution");
            }
            let outcomes = retry_all(&post, &bus, &world, false).await;
            assert!(!outcomes[0].is_done(), "{outcomes:?}");
            assert_eq!(post.ids(), ["1"]);
            assert!(bus.taken.into_inner().unwrap().is_empty() && post.sent.take().is_empty());
        }
    }
}
