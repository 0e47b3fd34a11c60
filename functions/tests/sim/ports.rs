//! The ports as one invocation of a function sees them: the in-memory adapters, with the latencies and faults of a
//! network in front and behind.
//!
//! DynamoDB: single-item writes and `TransactWriteItems` are atomic (developer guide, "Amazon DynamoDB Transactions"),
//! and a call that fails with a timeout or a 5xx may have been done ("Error handling": "the success or failure of the
//! operation is unknown"). Work that needs several calls on AWS needs several here: sealing is one update per batch,
//! removing one delete per task.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{Debug, Display};
use std::time::Duration;

use goal_activity_core::archive::Record;
use goal_activity_core::edit::ChartChange;
use goal_activity_core::execution::Ending;
use goal_activity_core::execution::Mark;
use goal_activity_core::execution::{BatchReports, Cancellation, Execution};
use goal_activity_core::goal::{Goal, GoalHead};
use goal_activity_core::history::{HistoryFilter, HistoryPage, HistoryPosition, Search, SearchPage, SearchPosition};
use goal_activity_core::keys;
use goal_activity_core::ledger::BatchLedger;
use goal_activity_core::notice::{Notice, NoticeClaim};
use goal_activity_core::placement::{TaskRow, TasksByAction, by_action};
use goal_activity_core::ports::{
    Accepted, ActionsWithTasks, AnswerBatch, Answered, CancelExecution, ChartWritten, Claim, ClaimGoal, Claimed, Clock,
    CommitGroup, Committed, DescribeExecution, EndExecution, Event, ExecutionInput, ExecutionState, FindExecution,
    FindWorkflows, GenerateTasks, Generation, GenerationError, GenerationRequest, ListGoals, ListOpen, ListTasks,
    ListWorkflows, LoadGoal, LoadGoalHead, Notify, OpenExecution, Opened, PortResult, PublishEvent, ReadLedger,
    RecordProgress, RemoveTasks, RequestKey, SealLedger, StartExecution, StopExecution, StopReason, Stored, TaskPage,
    Unavailable, UserLoad, WorkLedger, WriteChart,
};
use goal_activity_core::ports::{DeleteMessage, HideMessage};
use goal_activity_core::task::Task;
use goal_activity_events::{ActionId, BatchAnswer, ExecutionArn, GoalId, TaskToken, Timestamp, UserId};
use goal_activity_functions::adapters::memory::World;
use tokio::time::sleep;

use crate::ai;
use crate::app;
use crate::bus;
use crate::charts;
use crate::check::{self, Write};
use crate::flaw::{self, Flaw};
use crate::lambda::Run;
use crate::machine;
use crate::profile::{Manner, OPERATION};
use crate::queues;
use crate::scale::account;
use crate::world::Sim;

/// How many tasks are removed in one call.
const REMOVED_AT_ONCE: usize = 8;

/// All ports of one invocation.
#[derive(Clone)]
pub(crate) struct Ports {
    pub(crate) sim: Sim,
    pub(crate) run: Run,
}

/// How a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Fails,
    Hangs,
    Throttled,
    FailsThoughDone,
    DoneTwice,
    DiesBefore,
    DiesAfter,
}

/// A response for the trace, if it is short.
fn answer(done: &impl Debug) -> String {
    let text = format!("{done:?}");
    if text.len() <= 60 { text } else { "Ok(..)".to_owned() }
}

impl Ports {
    fn tables(&self) -> &World {
        &self.sim.tables
    }

    /// Whether, and how, this call fails.
    fn fault(&self, call: &str) -> Option<Fault> {
        let (sim, p) = (&self.sim, &self.sim.profile);
        let nth = {
            let mut core = sim.core();
            core.calls += 1;
            core.calls - 1
        };
        if p.nth == Some(nth) {
            let all = [Fault::Fails, Fault::FailsThoughDone, Fault::DoneTwice, Fault::DiesBefore, Fault::DiesAfter];
            sim.count("fault: the one call");
            return sim.core().rng.choice(all);
        }
        if let Some(outage) = p.outage.filter(|o| o.has(call, sim.elapsed())) {
            match outage.manner {
                Manner::Fails if sim.goes_wrong(1.0, "a service is out") => {
                    return Some(if sim.chance(0.05) { Fault::FailsThoughDone } else { Fault::Fails });
                }
                Manner::Hangs if sim.goes_wrong(1.0, "a service hangs") => return Some(Fault::Hangs),
                Manner::Throttles if sim.goes_wrong(0.8, "a service throttles") => return Some(Fault::Throttled),
                _ => {}
            }
        }
        let odds = [
            (p.fail, Fault::Fails, "a call fails"),
            (p.applied, Fault::FailsThoughDone, "a call fails though it was done"),
            (p.twice, Fault::DoneTwice, "a call is done twice"),
            (p.crash / 2.0, Fault::DiesBefore, "a function dies before a call"),
            (p.crash / 2.0, Fault::DiesAfter, "a function dies after a call"),
        ];
        odds.into_iter().find(|(odds, _, what)| sim.goes_wrong(*odds, what)).map(|(_, fault, _)| fault)
    }

    fn latency(&self) -> Duration {
        match self.sim.goes_wrong(self.sim.profile.stall, "a call stalls") {
            true => self.sim.some_millis(1_000, 100_000),
            false => self.sim.some_millis(1, 30),
        }
    }

    /// One external call. `Debug` of its response is written to the trace if it is short.
    pub(crate) async fn call<T: Debug, F: Future<Output = PortResult<T>>>(
        &self,
        name: &'static str,
        about: impl Display,
        work: impl Fn() -> F,
    ) -> PortResult<T> {
        self.run.alive().await;
        account::call(&self.sim, name).await?;
        let fault = self.fault(name);
        sleep(self.latency()).await;
        self.run.alive().await;
        let note = |what: &dyn Fn() -> String| self.sim.note(&self.run, || format!("{name} {about}: {}", what()));
        match fault {
            Some(Fault::DiesBefore) => self.run.die(&self.sim, &format!("before {name} {about}")).await,
            Some(Fault::Fails) => {
                note(&|| "FAILS".to_owned());
                return Err(Unavailable::new(name, "simulated"));
            }
            Some(Fault::Throttled) => {
                sleep(self.sim.some_millis(500, 3_000)).await;
                self.run.alive().await;
                note(&|| "is THROTTLED".to_owned());
                return Err(Unavailable::new(name, "throttled"));
            }
            Some(Fault::Hangs) => {
                // No response arrives; sometimes the request has arrived.
                if self.sim.chance(0.1) {
                    let _lost = work().await;
                }
                sleep(OPERATION).await;
                self.run.alive().await;
                note(&|| "HANGS".to_owned());
                return Err(Unavailable::new(name, "no answer in time"));
            }
            _ => {}
        }
        let mut done = work().await;
        match fault {
            Some(Fault::DiesAfter) => self.run.die(&self.sim, &format!("after {name} {about}")).await,
            Some(Fault::FailsThoughDone) => {
                note(&|| "done, but FAILS".to_owned());
                return Err(Unavailable::new(name, "simulated, though it was done"));
            }
            Some(Fault::DoneTwice) => {
                sleep(self.latency()).await;
                done = work().await;
                note(&|| "done TWICE".to_owned());
            }
            _ => {}
        }
        note(&|| answer(&done));
        if self.sim.chance(0.3) {
            sleep(self.latency()).await;
        }
        self.run.alive().await;
        done
    }

    fn wrote(&self, arn: &ExecutionArn, write: &Write<'_>) {
        check::observe(&self.sim, arn, write);
    }
}

impl Clock for Ports {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.sim.millis() + self.run.skew())
    }
}

impl LoadGoal for Ports {
    async fn load_goal(&self, goal: &GoalId) -> PortResult<Stored<Goal>> {
        let read = || async {
            let found = self.tables().load_goal(goal).await?;
            Ok(found.map(|g| flaw::goal_as_read(&self.sim, &self.run, g)))
        };
        self.call("load_goal", goal, read).await
    }
}

impl LoadGoalHead for Ports {
    async fn load_goal_head(&self, goal: &GoalId) -> PortResult<Stored<GoalHead>> {
        let read = || async {
            let found = self.tables().load_goal_head(goal).await?;
            Ok(found.map(|h| flaw::head_as_read(&self.sim, h)))
        };
        self.call("load_goal_head", goal, read).await
    }
}

impl ActionsWithTasks for Ports {
    async fn actions_with_tasks(&self, goal: &GoalId) -> PortResult<TasksByAction> {
        let read = || async {
            let mut found = by_action(&app::rows(self.tables().task_rows(goal).await?));
            if self.sim.has(Flaw::FinishedTasksReplaced) {
                for tasks in found.values_mut() {
                    tasks.finished = false;
                }
            }
            if self.sim.has(Flaw::CellsUnprotected) && self.run.chart().is_some() {
                found.clear();
            }
            // Ordered, for the trace.
            Ok(found.into_iter().collect::<BTreeMap<_, _>>())
        };
        Ok(self.call("actions_with_tasks", goal, read).await?.into_iter().collect())
    }
}

impl ListTasks for Ports {
    async fn list_tasks(&self, goal: &GoalId, after: Option<&str>, limit: u16) -> PortResult<TaskPage> {
        self.call("list_tasks", goal, || self.tables().list_tasks(goal, after, limit)).await
    }
}

impl ListWorkflows for Ports {
    async fn list_workflows(
        &self,
        filter: &HistoryFilter,
        after: Option<&HistoryPosition>,
        limit: u16,
    ) -> PortResult<HistoryPage> {
        self.call("list_workflows", &filter.goal, || self.tables().list_workflows(filter, after, limit)).await
    }
}

impl FindWorkflows for Ports {
    async fn find_workflows(
        &self,
        search: &Search,
        after: Option<&SearchPosition>,
        limit: u16,
    ) -> PortResult<SearchPage> {
        self.call("find_workflows", "", || self.tables().find_workflows(search, after, limit)).await
    }
}

impl FindExecution for Ports {
    async fn find_execution(&self, arn: &ExecutionArn) -> PortResult<Option<Execution>> {
        let read = || async {
            let found = self.tables().find_execution(arn).await?;
            Ok(found.map(|e| flaw::execution_as_read(&self.sim, &self.run, e)))
        };
        self.call("find_execution", arn.name(), read).await
    }
}

impl ClaimGoal for Ports {
    async fn claim_goal(&self, claim: &Claim) -> PortResult<Claimed> {
        let arn = &claim.execution.execution_arn;
        let first = std::sync::Mutex::new(None);
        let write = || async {
            // The SDK sends a transaction again under the same client request token: then it answers as it did before.
            if let Some(before) = first.lock().unwrap().clone() {
                return Ok(before);
            }
            let claimed = flaw::claim(&self.sim, claim).await?;
            *first.lock().unwrap() = Some(claimed.clone());
            self.wrote(arn, &Write::Claim(claim, &claimed));
            check::room(&self.sim, claim, &claimed);
            Ok(claimed)
        };
        self.call("claim_goal", arn.name(), write).await
    }

    async fn user_load(&self, user: &UserId) -> PortResult<UserLoad> {
        let read = || async {
            let load = self.tables().user_load(user).await?;
            let load = UserLoad { open: flaw::open_as_read(&self.sim, load.open), ..load };
            if !self.sim.has(Flaw::LimitIgnored) {
                check::counted(&self.sim, user, load.open.len());
            }
            if !self.sim.has(Flaw::DayCountsWorkflows) {
                check::counted_by_day(&self.sim, user, &load);
            }
            Ok(load)
        };
        self.call("user_load", user, read).await
    }

    async fn accepted_before(&self, request: &RequestKey, now: Timestamp) -> PortResult<Option<Accepted>> {
        let read = || async {
            let now = if self.sim.has(Flaw::RequestRemembersTooLong) { Timestamp::from_millis(0) } else { now };
            let found = self.tables().accepted_before(request, now).await?;
            let found = found.filter(|_| !flaw::forgets(&self.sim, request));
            Ok(found.map(|accepted| flaw::accepted_as_read(&self.sim, request, accepted)))
        };
        self.call("accepted_before", keys::request(request), read).await
    }
}

impl ListGoals for Ports {
    async fn list_goals(&self, user: &UserId) -> PortResult<Vec<GoalId>> {
        self.call("list_goals", user, || self.tables().list_goals(user)).await
    }
}

impl WriteChart for Ports {
    async fn write_chart(&self, change: &ChartChange, at: Timestamp) -> PortResult<ChartWritten> {
        let goal = &change.goal.head.goal_id;
        let first = std::sync::Mutex::new(None);
        let write = || async {
            if let Some(before) = *first.lock().unwrap() {
                return Ok(before);
            }
            flaw::before_writing(&self.sim).await;
            let before = self.tables().state().goals.get(goal).cloned();
            let written = flaw::write_chart(self, change, at).await?;
            *first.lock().unwrap() = Some(written);
            if written == ChartWritten::Yes {
                charts::written(&self.sim, &self.run, before.as_ref(), goal);
            }
            Ok(written)
        };
        self.call("write_chart", goal, write).await
    }
}

impl WorkLedger for Ports {
    async fn open_batch(&self, execution: &ExecutionArn, batch_index: u32) -> PortResult<Opened> {
        let write = || async {
            let opened = self.tables().open_batch(execution, batch_index).await?;
            self.wrote(execution, &Write::Open(batch_index));
            if let Opened::Open(ledger) = &opened {
                self.run.knows(execution, ledger.outcomes.keys());
            }
            Ok(flaw::opened(&self.sim, opened))
        };
        self.call("open_batch", format!("{}/{batch_index}", execution.name()), write).await
    }

    async fn commit_group(&self, group: &CommitGroup<'_>) -> PortResult<Vec<Committed>> {
        let first = std::sync::Mutex::new(None);
        let write = || async {
            if let Some(before) = first.lock().unwrap().clone() {
                return Ok(before);
            }
            let committed = flaw::commit(self, group).await?;
            *first.lock().unwrap() = Some(committed.clone());
            check::committed(&self.sim, group, &committed);
            self.wrote(group.execution(), &Write::Commit(group, &committed));
            Ok(committed)
        };
        account::save_tasks(&self.sim, group.commits().map(|commit| commit.tasks.len()).sum()).await?;
        let actions: Vec<_> = group.commits().map(|commit| commit.action.as_str()).collect();
        let about = format!("{}/{} {}", group.execution().name(), group.batch_index(), actions.join(" "));
        self.call("commit_group", about, write).await
    }

    async fn read_batch(&self, execution: &ExecutionArn, batch_index: u32) -> PortResult<BatchLedger> {
        let about = format!("{}/{batch_index}", execution.name());
        self.call("read_batch", about, || self.tables().read_batch(execution, batch_index)).await
    }

    async fn task_rows(&self, goal: &GoalId) -> PortResult<Vec<TaskRow>> {
        let read = || async { Ok(flaw::rows_as_read(&self.sim, app::rows(self.tables().task_rows(goal).await?))) };
        self.call("task_rows", goal, read).await
    }
}

impl SealLedger for Ports {
    /// Batch by batch, as on AWS: other calls may interleave.
    async fn seal_ledger(&self, execution: &ExecutionArn, batches: u32) -> PortResult<Vec<BatchLedger>> {
        let mut ledgers = Vec::new();
        for index in 0..batches {
            let write = || async {
                let ledger = flaw::seal(&self.sim, execution, index).await?;
                self.wrote(execution, &Write::Seal(index));
                Ok(ledger)
            };
            ledgers.push(self.call("seal_batch", format!("{}/{index}", execution.name()), write).await?);
        }
        Ok(ledgers)
    }
}

impl ReadLedger for Ports {
    async fn read_ledger(&self, execution: &ExecutionArn, batches: u32) -> PortResult<Vec<Option<BatchLedger>>> {
        let read = || self.tables().read_ledger(execution, batches);
        self.call("read_ledger", execution.name(), read).await
    }
}

impl RecordProgress for Ports {
    async fn record_started(&self, execution: &ExecutionArn, event: &str, at: Timestamp) -> PortResult<bool> {
        let write = || async {
            let changed = self.tables().record_started(execution, event, at).await?;
            self.wrote(execution, &Write::Other);
            Ok(changed)
        };
        self.call("record_started", execution.name(), write).await
    }

    async fn record_batches(&self, execution: &ExecutionArn, reports: &BatchReports) -> PortResult<bool> {
        let write = || async {
            let changed = flaw::record_batches(&self.sim, execution, reports).await?;
            check::reports_written(&self.sim, reports, changed);
            self.wrote(execution, &Write::Other);
            Ok(changed)
        };
        let told: Vec<_> = reports.iter().map(|r| format!("/{} seq {}", r.batch_index, r.state.sequence)).collect();
        self.call("record_batches", format!("{}{}", execution.name(), told.join(" ")), write).await
    }
}

impl CancelExecution for Ports {
    async fn record_cancellation(&self, execution: &ExecutionArn, cancellation: &Cancellation) -> PortResult<bool> {
        let write = || async {
            let done = self.tables().record_cancellation(execution, cancellation).await?;
            self.wrote(execution, &Write::Other);
            Ok(done)
        };
        self.call("record_cancellation", execution.name(), write).await
    }
}

impl RemoveTasks for Ports {
    /// Reads first and then removes a few at a time, each on the condition that this execution has generated it.
    async fn remove_tasks_of(&self, goal: &GoalId, execution: &ExecutionArn, actions: &[ActionId]) -> PortResult<()> {
        if self.sim.has(Flaw::TasksLeftBehind) {
            return Ok(());
        }
        let look = || async {
            let own = |t: &&Task| t.goal_id == *goal && t.execution_arn == *execution;
            let mut tasks: Vec<_> = self.tables().state().tasks.values().filter(own).cloned().collect();
            tasks.retain(|t| flaw::is_removed(&self.sim, execution, actions, t));
            Ok(tasks.into_iter().map(|t| t.position).collect::<Vec<_>>())
        };
        let positions = self.call("find_tasks", execution.name(), look).await?;
        for some in positions.chunks(REMOVED_AT_ONCE) {
            let remove = || async {
                for position in some {
                    let key = (goal.clone(), position.clone());
                    let mut state = self.tables().state();
                    if state.tasks.get(&key).is_some_and(|t| t.execution_arn == *execution) {
                        state.tasks.remove(&key);
                    }
                }
                self.wrote(execution, &Write::Remove);
                Ok(())
            };
            self.call("remove_tasks", execution.name(), remove).await?;
        }
        Ok(())
    }
}

impl ListOpen for Ports {
    /// A global secondary index is eventually consistent (developer guide): new items may be missing.
    async fn list_open(
        &self,
        shard: &str,
        after: Option<&OpenExecution>,
        limit: u16,
    ) -> PortResult<Vec<OpenExecution>> {
        let listed = || async {
            let mut open = self.tables().list_open(shard, after, limit).await?;
            open.retain(|o| flaw::is_listed(&self.sim, o));
            if self.sim.goes_wrong(self.sim.profile.stale, "an index is behind") {
                open.retain(|o| self.sim.now().since(o.start_date) > Duration::from_secs(5));
            }
            Ok(open)
        };
        self.call("list_open", shard, listed).await
    }
}

impl EndExecution for Ports {
    async fn end_execution(&self, execution: &Execution, end: &Ending) -> PortResult<bool> {
        let arn = &execution.execution_arn;
        let first = std::sync::Mutex::new(None);
        let write = || async {
            if let Some(before) = *first.lock().unwrap() {
                return Ok(before);
            }
            let ended = flaw::end(self, execution, end).await?;
            *first.lock().unwrap() = Some(ended);
            self.wrote(arn, &Write::Other);
            Ok(ended)
        };
        self.call("end_execution", format!("{} as {:?}", arn.name(), end.status), write).await
    }

    async fn record_gone(
        &self,
        execution: &ExecutionArn,
        gone: &BTreeSet<ActionId>,
    ) -> PortResult<Option<BTreeSet<ActionId>>> {
        let write = || async {
            let recorded = self.tables().record_gone(execution, gone).await?;
            self.wrote(execution, &Write::Other);
            Ok(recorded)
        };
        self.call("record_gone", execution.name(), write).await
    }

    async fn claim_notice(&self, execution: &ExecutionArn, claim: &NoticeClaim) -> PortResult<bool> {
        let write = || async {
            if flaw::withholds_notice(&self.sim, execution) {
                return Err(Unavailable::new("publish", "simulated"));
            }
            let again = self.tables().state().notice_claims.get(execution) == Some(claim);
            let claimed = self.tables().claim_notice(execution, claim).await?;
            let claimed = claimed && !(again && self.sim.has(Flaw::NoticeClaimedOnce));
            self.wrote(execution, &Write::Other);
            let claimed = claimed || self.sim.has(Flaw::NoticeUnclaimed);
            if claimed {
                check::notice_claimed(&self.sim, &self.run, execution, claim.at());
            }
            Ok(claimed)
        };
        self.call("claim_notice", execution.name(), write).await
    }

    async fn release_notice(&self, execution: &ExecutionArn, claim: &NoticeClaim) -> PortResult<()> {
        let write = || async {
            if self.sim.has(Flaw::NoticeClaimKept) {
                return Ok(());
            }
            self.tables().release_notice(execution, claim).await?;
            check::notice_released(&self.sim, &self.run, execution, claim.at());
            self.wrote(execution, &Write::Other);
            Ok(())
        };
        self.call("release_notice", execution.name(), write).await
    }

    async fn mark_reported(&self, execution: &ExecutionArn, mark: Mark, at: Timestamp) -> PortResult<()> {
        if self.sim.has(Flaw::MarkForgotten) {
            return Ok(());
        }
        let write = || async {
            self.tables().mark_reported(execution, mark, at).await?;
            self.wrote(execution, &Write::Other);
            Ok(())
        };
        self.call("mark_reported", execution.name(), write).await
    }

    /// Batch by batch, as on AWS: the function may die in between.
    async fn expire_ledger(&self, record: &Record) -> PortResult<()> {
        let arn = &record.execution_arn;
        if self.sim.has(Flaw::LedgerNeverExpires) {
            return Ok(());
        }
        for batch in &record.batches {
            let write = || async {
                self.tables().expire_ledger(&Record { batches: vec![batch.clone()], ..record.clone() }).await?;
                self.wrote(arn, &Write::Other);
                Ok(())
            };
            self.call("expire_batch", format!("{}/{}", arn.name(), batch.batch_index), write).await?;
        }
        Ok(())
    }

    async fn mark_archived(&self, record: &Record, at: Timestamp) -> PortResult<()> {
        let arn = &record.execution_arn;
        let write = || async {
            self.tables().mark_archived(record, at).await?;
            self.wrote(arn, &Write::Other);
            Ok(())
        };
        self.call("mark_archived", arn.name(), write).await
    }
}

impl Notify for Ports {
    async fn notify(&self, execution: &Execution, notice: &Notice) -> PortResult<()> {
        let first = self.sim.core().notified.insert(execution.execution_arn.clone());
        if first && self.sim.goes_wrong(self.sim.profile.notify_fails, "a notice is not sent") {
            return Err(Unavailable::new("notify", "simulated"));
        }
        let send = || async {
            self.tables().notify(execution, notice).await?;
            check::notified(&self.sim, &self.run, execution);
            Ok(())
        };
        self.call("notify", execution.execution_arn.name(), send).await
    }
}

impl PublishEvent for Ports {
    async fn publish(&self, event: Event) -> PortResult<()> {
        check::publishing(&self.sim, &event);
        let put = || async {
            let Some(event) = flaw::published(&self.sim, &event) else { return Ok(()) };
            self.tables().publish(event.clone()).await?;
            check::published(&self.sim, &event);
            bus::put(&self.sim, &event);
            Ok(())
        };
        self.call("publish", bus::title(&event), put).await
    }
}

impl StartExecution for Ports {
    async fn start_execution(&self, input: &ExecutionInput) -> PortResult<()> {
        let start = || async {
            machine::start(&self.sim, input);
            Ok(())
        };
        self.call("start_execution", input.execution_arn.name(), start).await
    }
}

impl StopExecution for Ports {
    async fn stop_execution(&self, execution: &ExecutionArn, why: StopReason) -> PortResult<()> {
        let stop = || async {
            machine::stop(&self.sim, execution);
            Ok(())
        };
        self.call("stop_execution", format!("{} {why:?}", execution.name()), stop).await
    }
}

impl DescribeExecution for Ports {
    async fn describe_execution(&self, execution: &ExecutionArn) -> PortResult<ExecutionState> {
        let describe = || async { Ok(machine::describe(&self.sim, execution)) };
        self.call("describe_execution", execution.name(), describe).await
    }
}

impl AnswerBatch for Ports {
    async fn answer(&self, token: &TaskToken, answer: &BatchAnswer) -> PortResult<Answered> {
        flaw::before_answering(&self.sim, &self.run).await;
        let send = || async { Ok(machine::answer(&self.sim, token)) };
        self.call("answer", format!("{} +{} -{}", token.reveal(), answer.succeeded, answer.failed), send).await
    }

    async fn heartbeat(&self, token: &TaskToken) -> PortResult<Answered> {
        let send = || async { Ok(machine::heartbeat(&self.sim, token)) };
        self.call("heartbeat", token.reveal(), send).await
    }
}

impl DeleteMessage for Ports {
    async fn delete(&self, receipt_handle: &str) -> PortResult<()> {
        let remove = || async {
            if !self.sim.has(Flaw::DoneNotDeleted) {
                queues::delete(&self.sim, receipt_handle);
            }
            Ok(())
        };
        self.call("delete", receipt_handle, remove).await
    }
}

impl HideMessage for Ports {
    async fn hide(&self, receipt_handle: &str, time: Duration) -> PortResult<()> {
        let set = || async {
            let hidden = queues::hide(&self.sim, &self.run, receipt_handle, time);
            if hidden.is_ok() {
                self.run.shows_life(receipt_handle);
            }
            hidden
        };
        self.call("hide", format!("{receipt_handle} for {} s", time.as_secs()), set).await
    }
}

impl GenerateTasks for Ports {
    async fn generate(&self, request: GenerationRequest<'_>) -> Result<Generation, GenerationError> {
        ai::generate(&self.sim, &self.run, request).await
    }
}
