//! Everything the functions need done outside, done in memory with the same promises. For tests.

mod archive;
mod bus;
mod capacity;
mod chart;
mod claims;
mod ending;
mod ledger;
mod machine;
mod reading;
pub mod samples;
mod written;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use goal_activity_core::admission::{Held, Shard};
use goal_activity_core::archive::ArchiveKey;
use goal_activity_core::daily::Day;
use goal_activity_core::execution::{Execution, Listing};
use goal_activity_core::facts::{CountFacts, Fact};
use goal_activity_core::goal::Goal;
use goal_activity_core::history::{
    FoundWorkflow, HistoryFilter, HistoryPage, HistoryPosition, Search, SearchPage, SearchPosition, WorkflowSummary,
};
use goal_activity_core::keys;
use goal_activity_core::ledger::BatchLedger;
use goal_activity_core::notice::Notice;
use goal_activity_core::notice::NoticeClaim;
use goal_activity_core::pause::Pause;
use goal_activity_core::placement::{TasksByAction, by_action};
use goal_activity_core::ports::{
    Accepted, ActionsWithTasks, Clock, Event, ExecutionInput, ExecutionState, FindExecution, FindWorkflows,
    ListWorkflows, PortResult, RequestKey, Unavailable,
};
use goal_activity_core::rows::Row;
use goal_activity_core::task::Task;
use goal_activity_events::{ActionId, BatchAnswer, ExecutionArn, GoalId, TaskToken, Timestamp, UserId};
use tokio::time::sleep;

pub use written::Written;

/// A whole outside world in memory. Clones share it, so that one world stands for all ports.
#[derive(Debug, Clone, Default)]
pub struct World(Arc<Mutex<State>>);

/// A request that was accepted, and until when that is remembered.
#[derive(Debug, Clone)]
pub struct MemoryOfRequest {
    /// As what it was accepted.
    pub accepted: Accepted,
    /// When it is forgotten.
    pub expires_at: Timestamp,
}

/// What the row of a shard of the capacity says besides who holds some.
#[derive(Debug, Clone, Default)]
pub struct Control {
    /// Launching is paused.
    pub pause: Option<Pause>,
    /// What the ended workflows of a day have cost, in millionths of a US dollar.
    pub costs: BTreeMap<Day, u64>,
    /// For which amount launching was paused on a day.
    pub paused_for: BTreeMap<Day, u64>,
    /// When the workflow began that began last of those that the AI worked for.
    pub worked_since: Option<Timestamp>,
    /// Until when the shard's share of the AI's quota is used up.
    pub quota_used_until: Option<Timestamp>,
}

/// What is in a world. Public, so that tests can prepare and inspect it.
#[derive(Debug, Default)]
pub struct State {
    /// The present moment, in milliseconds.
    pub now: i64,
    /// The Goals table.
    pub goals: HashMap<GoalId, Goal>,
    /// Rows of Goals as other programs have written them. They count in the place of the goal's own of the same key.
    pub goal_rows: HashMap<GoalId, BTreeMap<String, Row>>,
    /// Rows of Tasks as other programs have written them, by goal and position. They count in the place of a task there.
    pub task_rows: BTreeMap<(GoalId, String), Row>,
    /// The Tasks table, by goal and position.
    pub tasks: BTreeMap<(GoalId, String), Task>,
    /// The read models.
    pub executions: HashMap<ExecutionArn, Execution>,
    /// The executions of each user that count towards the limit.
    pub running: HashMap<UserId, HashSet<ExecutionArn>>,
    /// How many actions each user has asked for, by day.
    pub started_actions: HashMap<UserId, BTreeMap<Day, u32>>,
    /// The executions that wait to be launched.
    pub waiting: BTreeSet<ExecutionArn>,
    /// Where the reconciler finds the others.
    pub listed: BTreeMap<ExecutionArn, Listing>,
    /// What executions hold of the capacity.
    pub held: Vec<Held>,
    /// What the rows of the shards of the capacity say besides.
    pub control: BTreeMap<Shard, Control>,
    /// The ledger, by execution and batch.
    pub ledgers: HashMap<(ExecutionArn, u32), BatchLedger>,
    /// The requests of other services that were accepted, by key.
    pub requests: HashMap<String, MemoryOfRequest>,
    /// The claims of notices to the operators that stand.
    pub notice_claims: HashMap<ExecutionArn, NoticeClaim>,
    /// The archive: a line for each ended workflow.
    pub archive: BTreeMap<ArchiveKey, String>,
    /// Where workflows are archived.
    pub archived_as: HashMap<ExecutionArn, ArchiveKey>,
    /// From when on the row of a workflow may be deleted.
    pub expiring: HashMap<ExecutionArn, Timestamp>,
    /// From when on the row of a batch's ledger may be.
    pub expiring_ledgers: HashMap<(ExecutionArn, u32), Timestamp>,
    /// The executions that were started, in order.
    pub started: Vec<ExecutionInput>,
    /// What Step Functions knows of executions.
    pub machines: HashMap<ExecutionArn, ExecutionState>,
    /// The events on the bus.
    pub events: Vec<Event>,
    /// The notices that were sent.
    pub notices: Vec<Notice>,
    /// The answers that the state machine took.
    pub answers: Vec<BatchAnswer>,
    /// The tokens that the state machine does not wait for.
    pub stale_tokens: Vec<TaskToken>,
    /// The tokens for which a worker has sent a heartbeat.
    pub heartbeats: Vec<TaskToken>,
    /// How long received messages were hidden, by receipt handle.
    pub hidden: Vec<(String, Duration)>,
    /// The received messages that were deleted, by receipt handle.
    pub deleted: Vec<String>,
    /// The actions that the AI was asked for, in order.
    pub asked: Vec<ActionId>,
    /// The calls that were made, by name, in order.
    pub calls: Vec<&'static str>,
    /// The facts that were counted, in order.
    pub facts: Vec<Fact>,
    /// The calls that will fail, once each, by name.
    pub outages: VecDeque<&'static str>,
    /// The calls that take so long and then fail, by name.
    pub hanging: HashMap<&'static str, Duration>,
    /// The calls that let others go first so many times more, by name.
    pub slow: HashMap<&'static str, u32>,
    /// The executions that Step Functions does not answer about.
    pub stuck: HashSet<ExecutionArn>,
}

impl State {
    /// What is remembered of a request at that moment.
    fn remembered(&self, request: &RequestKey, now: Timestamp) -> Option<Accepted> {
        let memory = self.requests.get(&keys::request(request))?;
        (memory.expires_at > now).then(|| memory.accepted.clone())
    }

    /// The tasks of a goal, in their order.
    fn tasks_of(&self, goal: &GoalId) -> impl Iterator<Item = &Task> {
        let from = (goal.clone(), String::new());
        self.tasks.range(from..).take_while(move |((g, _), _)| g == goal).map(|(_, task)| task)
    }
}

impl World {
    /// What is in the world.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the next call of that name fail.
    pub fn break_once(&self, call: &'static str) {
        self.state().outages.push_back(call);
    }

    /// Makes all calls of that name hang for so long and then fail, until [`World::mend`].
    pub fn hang(&self, call: &'static str, time: Duration) {
        self.state().hanging.insert(call, time);
    }

    /// Makes the calls of that name work again.
    pub fn mend(&self, call: &'static str) {
        self.state().hanging.remove(call);
    }

    /// Enters a call: lets others go first, as a call over a network does, and fails when it is broken.
    async fn call(&self, name: &'static str) -> PortResult<MutexGuard<'_, State>> {
        let steps = 1 + self.state().slow.get(name).copied().unwrap_or_default();
        for _ in 0..steps {
            tokio::task::yield_now().await;
        }
        let hangs = self.state().hanging.get(name).copied();
        if let Some(time) = hangs {
            self.state().calls.push(name);
            sleep(time).await;
            return Err(Unavailable::new(name, "no answer"));
        }
        let mut state = self.state();
        state.calls.push(name);
        if let Some(i) = state.outages.iter().position(|o| *o == name) {
            state.outages.remove(i);
            return Err(Unavailable::new(name, "broken by the test"));
        }
        Ok(state)
    }
}

impl CountFacts for World {
    fn count(&self, fact: Fact) {
        self.state().facts.push(fact);
    }
}

impl Clock for World {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.state().now)
    }
}

impl ActionsWithTasks for World {
    async fn actions_with_tasks(&self, goal: &GoalId) -> PortResult<TasksByAction> {
        let state = self.call("actions_with_tasks").await?;
        Ok(by_action(&state.task_rows_of(goal)))
    }
}

impl FindExecution for World {
    async fn find_execution(&self, arn: &ExecutionArn) -> PortResult<Option<Execution>> {
        Ok(self.call("find_execution").await?.executions.get(arn).cloned())
    }
}

impl ListWorkflows for World {
    async fn list_workflows(
        &self,
        filter: &HistoryFilter,
        after: Option<&HistoryPosition>,
        limit: u16,
    ) -> PortResult<HistoryPage> {
        let state = self.call("list_workflows").await?;
        let of_goal = state.executions.values().filter(|e| e.goal_id == filter.goal);
        let of_goal = of_goal.filter(|e| filter.user.as_ref().is_none_or(|user| e.user_id == *user));
        let mut asked_for: Vec<_> = of_goal
            .filter(|e| filter.status.is_none_or(|s| e.status() == s))
            .filter(|e| filter.from.is_none_or(|from| e.start_date >= from))
            .filter(|e| filter.to.is_none_or(|to| e.start_date < to))
            .map(WorkflowSummary::from)
            .filter(|w| after.is_none_or(|a| HistoryPosition::from(w) < *a))
            .collect();
        asked_for.sort_by_key(|w| Reverse(HistoryPosition::from(w)));
        let more = asked_for.len() > usize::from(limit);
        asked_for.truncate(limit.into());
        let last = asked_for.last().filter(|_| more).map(HistoryPosition::from);
        Ok(HistoryPage { workflows: asked_for, last })
    }
}

impl FindWorkflows for World {
    async fn find_workflows(
        &self,
        search: &Search,
        after: Option<&SearchPosition>,
        limit: u16,
    ) -> PortResult<SearchPage> {
        let state = self.call("find_workflows").await?;
        let looked_at = u32::try_from(state.executions.len()).unwrap_or(u32::MAX);
        let found = state.executions.values().filter(|e| search.matches(e)).map(FoundWorkflow::from);
        let place = |found: &FoundWorkflow| HistoryPosition::from(&found.summary);
        let mut workflows: Vec<_> = found.filter(|f| after.is_none_or(|a| place(f) < a.place)).collect();
        workflows.sort_by_key(|found| Reverse(place(found)));
        let more = workflows.len() > usize::from(limit);
        workflows.truncate(limit.into());
        let last = workflows.last().filter(|_| more).map(SearchPosition::from);
        Ok(SearchPage { workflows, looked_at, last })
    }
}
