//! The whole pipeline in one process: the real handlers, in-memory adapters, and the behaviour of AWS in between.

use std::num::NonZeroU32;
use std::sync::{Arc, Once};
use std::time::Duration;

use aws_lambda_events::apigw::ApiGatewayV2httpResponse;
use goal_activity_core::admission::Capacity;
use goal_activity_core::daily::DailyLimit;
use goal_activity_core::execution::Execution;
use goal_activity_core::goal::{Goal, GoalStatus};
use goal_activity_core::limits::{ACTIONS_PER_BATCH, BUDGET_MARGIN};
use goal_activity_core::pause::{DailyCost, Pausing};
use goal_activity_core::ports::{Event, ExecutionInput, Unavailable};
use goal_activity_core::price::Prices;
use goal_activity_core::task::Task;
use goal_activity_events::{BatchMessage, Detail, ExecutionArn, GoalId, SOURCE, TaskToken, Timestamp, Version};
use goal_activity_functions::adapters::memory::{World, samples};
use goal_activity_functions::handlers::api::{Api, GoalsAccess};
use goal_activity_functions::handlers::finalize::{Finalize, FinalizeAnswer};
use goal_activity_functions::handlers::launch::Launch;
use goal_activity_functions::handlers::projector::Projector;
use goal_activity_functions::handlers::reconcile::{Reconcile, Reconciled};
use goal_activity_functions::handlers::worker::{PriceList, Worker};
use goal_activity_functions::runtime::budget::Budget;
use goal_activity_functions::runtime::context::Context;
use goal_activity_functions::runtime::queue::{HandleMessage, Message, MessageError, handle_batch};
use goal_activity_functions::steps::admission::Admission;
use goal_activity_functions::steps::cancel::Cancel;
use goal_activity_functions::steps::ending::{Conclude, EndWorkflow};
use goal_activity_functions::steps::intake::Intake;
use goal_activity_testkit::{EventBridgeEvent, GatewayRequest, SqsRecord, sqs_event};
use serde::Serialize;
use serde_json::{Value, json};

pub(crate) const USER: &str = "user-1";

/// The capacity in tests that do not concern it.
const PLENTY: Capacity = Capacity::new(NonZeroU32::new(1_000).unwrap());

/// Launching is paused while the AI is down, and costs are not limited.
pub(crate) const PAUSING: Pausing = Pausing { on_ai_failure: true, daily_cost: DailyCost::NONE };

/// The Goals table is the pipeline's own.
pub(crate) const OWN_GOALS: GoalsAccess = GoalsAccess { is_listed: true, is_own: true };

/// The pipeline.
pub(crate) struct Rig {
    pub(crate) world: World,
    pub(crate) capacity: Capacity,
    pub(crate) daily_limit: DailyLimit,
    pub(crate) pausing: Pausing,
    pub(crate) goals: GoalsAccess,
}

impl Default for Rig {
    fn default() -> Self {
        see_everything();
        Self {
            world: World::default(),
            capacity: PLENTY,
            daily_limit: DailyLimit::NONE,
            pausing: PAUSING,
            goals: OWN_GOALS,
        }
    }
}

/// Registers a subscriber for all spans from the first one on. Otherwise a callsite that is reached for the first time
/// in one thread, while another begins to collect spans, is cached as disabled permanently.
fn see_everything() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| tracing::subscriber::set_global_default(tracing_subscriber::registry()).expect("the only one"));
}

/// A response of the API.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: i64,
    pub(crate) body: Value,
    pub(crate) location: Option<String>,
    pub(crate) retry_after: Option<String>,
    pub(crate) etag: Option<String>,
    pub(crate) content_type: String,
}

impl Answer {
    pub(crate) fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }

    pub(crate) fn arn(&self) -> ExecutionArn {
        self.body["executionArn"].as_str().expect("an answer with an executionArn").parse().unwrap()
    }
}

impl Rig {
    /// A pipeline with one goal of that many actions, owned by [`USER`].
    pub(crate) fn with_goal(actions: u8) -> Self {
        let rig = Self::default();
        rig.add(samples::goal("goal-1", USER, actions));
        rig
    }

    pub(crate) fn add(&self, goal: Goal) {
        self.world.state().goals.insert(goal.head.goal_id.clone(), goal);
    }

    /// Writes a directive for the offline generator into an action.
    pub(crate) fn script(&self, action: &str, directive: &str) {
        let mut state = self.world.state();
        let goal = state.goals.get_mut(&goal_id("goal-1")).unwrap();
        let action = goal.actions.iter_mut().find(|a| a.action_id.as_str() == action).unwrap();
        action.constraints = format!("offline: {directive}");
    }

    fn context(&self) -> Context {
        Context::new(self.world.clone(), Arc::new(self.world.clone()))
    }

    fn intake(&self) -> Intake<World> {
        let (daily_limit, context) = (self.daily_limit, self.context());
        let (state_machine, capacity) = (samples::state_machine(), self.capacity);
        Intake { db: self.world.clone(), state_machine, capacity, daily_limit, context }
    }

    /// Calls the API as a user.
    pub(crate) async fn call(&self, user: &str, route: &str, path: Value, query: Value, body: &str) -> Answer {
        self.answer(GatewayRequest::new(route, user).path(path).query(query).body(body).into()).await
    }

    /// Passes the gateway's event to the API, and returns the response unchanged.
    pub(crate) async fn raw_answer(&self, event: Value) -> ApiGatewayV2httpResponse {
        let world = || self.world.clone();
        let cancel = Cancel { sfn: world(), ending: self.ending() };
        let api = Api { db: world(), intake: self.intake(), bus: world(), cancel, archive: world(), goals: self.goals };
        api.handle(event, budget(10)).await
    }

    /// Passes the gateway's event to the API.
    pub(crate) async fn answer(&self, event: Value) -> Answer {
        let response = self.raw_answer(event).await;
        let header = |name| response.headers.get(name).map(|l| l.to_str().unwrap().to_owned());
        assert_eq!(header("cache-control").as_deref(), Some("no-store"), "an answer is its user's own");
        let (location, retry_after, etag) = (header("location"), header("retry-after"), header("etag"));
        let content_type = header("content-type").unwrap_or_default();
        let text = serde_json::to_value(&response.body).unwrap();
        let body = serde_json::from_str(text.as_str().unwrap_or_default()).unwrap_or(Value::Null);
        Answer { status: response.status_code, body, location, retry_after, etag, content_type }
    }

    pub(crate) async fn start_as(&self, user: &str, goal: &str, body: &str) -> Answer {
        let route = "POST /api/goals/{goalId}/start-activity";
        self.call(user, route, json!({ "goalId": goal }), json!({}), body).await
    }

    /// Starts with an idempotency key.
    pub(crate) async fn start_with_key(&self, user: &str, goal: &str, key: &str, body: &str) -> Answer {
        let request = GatewayRequest::new("POST /api/goals/{goalId}/start-activity", user);
        let request = request.path(json!({ "goalId": goal })).header("Idempotency-Key", key).body(body);
        self.answer(request.into()).await
    }

    /// Reads one of the routes of a goal or a workflow.
    pub(crate) async fn get(&self, user: &str, route: &str, id: &str, query: Value) -> Answer {
        let (name, _) =
            route.split_once('}').and_then(|(start, rest)| Some((start.rsplit_once('{')?.1, rest))).unwrap();
        self.call(user, &format!("GET {route}"), json!({ name: id }), query, "").await
    }

    /// Writes a goal's chart.
    pub(crate) async fn put_goal(&self, user: &str, goal: &str, chart: &Value) -> Answer {
        let (route, path) = ("PUT /api/goals/{goalId}", json!({ "goalId": goal }));
        self.call(user, route, path, json!({}), &chart.to_string()).await
    }

    /// Reads a goal with its chart.
    pub(crate) async fn show_goal(&self, user: &str, goal: &str) -> Answer {
        self.get(user, "/api/goals/{goalId}", goal, json!({})).await
    }

    pub(crate) async fn start(&self) -> Answer {
        self.start_as(USER, "goal-1", "").await
    }

    pub(crate) async fn status(&self, arn: &ExecutionArn) -> Answer {
        let route = "GET /api/workflows/{executionArn}/status";
        self.call(USER, route, json!({ "executionArn": arn.as_str() }), json!({}), "").await
    }

    /// `launch`.
    pub(crate) fn launcher(&self) -> impl HandleMessage + use<> {
        let world = || self.world.clone();
        let (state_machine, context) = (samples::state_machine(), self.context());
        let (capacity, pausing) = (self.capacity, self.pausing);
        let admission = Admission { db: world(), sfn: world(), state_machine, capacity, pausing, context };
        Launch { intake: self.intake(), admission, bus: world() }
    }

    /// Delivers all these messages to a function at once.
    pub(crate) async fn deliver_all(&self, function: &impl HandleMessage, bodies: &[String]) {
        assert_eq!(self.returned(function, bodies).await, Vec::<String>::new());
    }

    /// The same. Returns the numbers of those that go back to the queue.
    pub(crate) async fn returned(&self, function: &impl HandleMessage, bodies: &[String]) -> Vec<String> {
        let records = bodies.iter().enumerate().map(|(n, body)| SqsRecord::new(n.to_string(), body.as_str()));
        let event = serde_json::from_value(sqs_event(records)).unwrap();
        let response = handle_batch(function, &self.world, event, budget(30)).await;
        response.batch_item_failures.into_iter().map(|failure| failure.item_identifier).collect()
    }

    /// Returns the reports on the bus, as the projector receives them.
    pub(crate) fn reports(&self) -> Vec<String> {
        let report = |e| if let Event::Progressed(detail) = e { Some(envelope(SOURCE, &detail)) } else { None };
        self.events().into_iter().filter_map(report).collect()
    }

    pub(crate) async fn launch(&self, body: &str) -> Result<(), MessageError> {
        self.launcher().handle(received(body)).await
    }

    /// `worker`.
    pub(crate) fn worker(&self) -> impl HandleMessage + use<> {
        let world = || self.world.clone();
        let (prices, context) = (PriceList { first: Some(Prices::default()), fallback: None }, self.context());
        let quota = self.capacity.quota();
        Worker { db: world(), sfn: world(), bus: world(), ai: world(), quota, prices, queue: world(), context }
    }

    pub(crate) async fn work(&self, message: &BatchMessage) -> Result<(), MessageError> {
        self.worker().handle(received(&serde_json::to_string(message).unwrap())).await
    }

    pub(crate) async fn finalize(&self, arn: &ExecutionArn) -> FinalizeAnswer {
        self.try_finalize(arn).await.unwrap()
    }

    pub(crate) async fn try_finalize(&self, arn: &ExecutionArn) -> Result<FinalizeAnswer, Unavailable> {
        let finalize = Finalize { db: self.world.clone() };
        let request = serde_json::from_value(json!({ "executionArn": arn })).unwrap();
        finalize.finalize(request, budget(30)).await
    }

    /// `projector`.
    pub(crate) fn projector(&self) -> impl HandleMessage + use<> {
        Projector { db: self.world.clone(), conclude: self.conclude() }
    }

    pub(crate) async fn project(&self, body: &str) -> Result<(), MessageError> {
        self.projector().handle(received(body)).await
    }

    fn ending(&self) -> EndWorkflow<World, World> {
        EndWorkflow { db: self.world.clone(), bus: self.world.clone(), context: self.context() }
    }

    fn conclude(&self) -> Conclude<World, World, World, World> {
        Conclude { ending: self.ending(), topic: self.world.clone(), archive: self.world.clone() }
    }

    /// One run of the reconciler.
    pub(crate) async fn reconcile(&self) -> Reconciled {
        Box::pin(self.reconcile_within(budget(60))).await
    }

    /// The same, within that budget.
    pub(crate) async fn reconcile_within(&self, budget: Budget) -> Reconciled {
        let world = || self.world.clone();
        let reconcile = Reconcile {
            db: world(),
            sfn: world(),
            bus: world(),
            state_machine: samples::state_machine(),
            capacity: self.capacity,
            pausing: self.pausing,
            conclude: self.conclude(),
            context: self.context(),
        };
        reconcile.run(budget).await
    }

    /// Lets time pass.
    pub(crate) fn wait(&self, seconds: i64) {
        self.world.state().now += 1000 * seconds;
    }

    pub(crate) async fn cancel(&self, arn: &ExecutionArn, body: &str) -> Answer {
        self.post(USER, "cancel", arn, body).await
    }

    pub(crate) async fn retry(&self, arn: &ExecutionArn) -> Answer {
        self.post(USER, "retry", arn, "").await
    }

    /// Posts to one of the routes of a workflow.
    pub(crate) async fn post(&self, user: &str, what: &str, arn: &ExecutionArn, body: &str) -> Answer {
        let route = format!("POST /api/workflows/{{executionArn}}/{what}");
        self.call(user, &route, json!({ "executionArn": arn.as_str() }), json!({}), body).await
    }

    /// The same, with an idempotency key.
    pub(crate) async fn post_with_key(&self, user: &str, what: &str, arn: &ExecutionArn, key: &str) -> Answer {
        let request = GatewayRequest::new(&format!("POST /api/workflows/{{executionArn}}/{what}"), user);
        let request = request.path(json!({ "executionArn": arn })).header("idempotency-key", key);
        self.answer(request.into()).await
    }

    /// Starts and launches a workflow for the goal.
    pub(crate) async fn launched(&self) -> ExecutionArn {
        let answer = self.start().await;
        assert_eq!(answer.status, 202, "{answer:?}");
        self.deliver_requests().await;
        answer.arn()
    }

    /// Returns the requests on the bus, as `launch` receives them.
    pub(crate) fn requests(&self) -> Vec<String> {
        let request = |e| if let Event::Requested(detail) = e { Some(envelope(SOURCE, &detail)) } else { None };
        self.events().into_iter().filter_map(request).collect()
    }

    /// Delivers every request on the bus to `launch`.
    pub(crate) async fn deliver_requests(&self) {
        for request in self.requests() {
            self.launch(&request).await.unwrap();
        }
    }

    /// Returns the workflows that were launched, in their order.
    pub(crate) fn all_launched(&self) -> Vec<ExecutionArn> {
        self.world.state().started.iter().map(|input| input.execution_arn.clone()).collect()
    }

    /// Runs a workflow, and delivers its end.
    pub(crate) async fn ends(&self, arn: &ExecutionArn) {
        self.run(arn).await;
        self.deliver_ends().await;
    }

    /// Lets a workflow that has ended have cost that much.
    pub(crate) fn cost(&self, arn: &ExecutionArn, micro_usd: u64) {
        let mut state = self.world.state();
        let end = state.executions.get_mut(arn).and_then(|execution| execution.end.as_mut());
        end.expect("an end").tally.usage.cost_micro_usd = Some(micro_usd);
    }

    /// A run of the reconciler, and what it announces.
    pub(crate) async fn reconcile_and_launch(&self) {
        let before = self.requests().len();
        self.reconcile().await;
        for request in self.requests().iter().skip(before) {
            self.launch(request).await.unwrap();
        }
    }

    /// Delivers every end on the bus to `launch`.
    pub(crate) async fn deliver_ends(&self) {
        for end in self.completed() {
            self.launch(&envelope(SOURCE, &end)).await.unwrap();
        }
    }

    /// Returns the batches that the state machine forms for a launched workflow.
    pub(crate) fn batches(&self, arn: &ExecutionArn) -> Vec<BatchMessage> {
        let state = self.world.state();
        let input = state.started.iter().find(|s| s.execution_arn == *arn).expect("a launched workflow");
        let chunks = input.action_ids.chunks(ACTIONS_PER_BATCH).zip(0..);
        chunks.map(|(ids, index)| batch(input, ids.to_vec(), index, state.now)).collect()
    }

    /// Delivers every report on the bus to the projector.
    pub(crate) async fn deliver_progress(&self) {
        for report in self.reports() {
            self.project(&report).await.unwrap();
        }
    }

    /// Runs a launched workflow to its end.
    pub(crate) async fn run(&self, arn: &ExecutionArn) {
        self.project(&status_change(arn, "RUNNING")).await.unwrap();
        for batch in self.batches(arn) {
            self.work(&batch).await.unwrap();
        }
        self.deliver_progress().await;
        let answer = self.finalize(arn).await;
        let end = if answer.succeeded_actions == 0 { "FAILED" } else { "SUCCEEDED" };
        self.project(&status_change(arn, end)).await.unwrap();
    }

    pub(crate) fn execution(&self, arn: &ExecutionArn) -> Execution {
        self.world.state().executions[arn].clone()
    }

    pub(crate) fn goal_status(&self) -> GoalStatus {
        self.world.state().goals[&goal_id("goal-1")].head.status
    }

    pub(crate) fn tasks(&self) -> Vec<Task> {
        self.world.state().tasks.values().cloned().collect()
    }

    pub(crate) fn events(&self) -> Vec<Event> {
        self.world.state().events.clone()
    }

    pub(crate) fn completed(&self) -> Vec<goal_activity_events::WorkflowCompleted> {
        let completed = |e| if let Event::Completed(c) = e { Some(c) } else { None };
        self.events().into_iter().filter_map(completed).collect()
    }

    pub(crate) fn notices(&self) -> usize {
        self.world.state().notices.len()
    }
}

pub(crate) fn goal_id(id: &str) -> GoalId {
    id.parse().unwrap()
}

/// The budget of an invocation that begins now, of a function with that timeout in seconds.
pub(crate) fn budget(timeout: u64) -> Budget {
    Budget::of(Duration::from_secs(timeout).saturating_sub(BUDGET_MARGIN))
}

/// A message as a function receives it.
fn received(body: &str) -> Message<'_> {
    Message { body, receipt_handle: "receipt" }
}

fn batch(
    input: &ExecutionInput,
    action_ids: Vec<goal_activity_events::ActionId>,
    index: u32,
    now: i64,
) -> BatchMessage {
    BatchMessage {
        version: Version::V1,
        execution_arn: input.execution_arn.clone(),
        goal_id: input.goal_id.clone(),
        user_id: input.user_id.clone(),
        batch_index: index,
        action_ids,
        total_actions: u32::try_from(input.action_ids.len()).ok(),
        regenerate: input.regenerate,
        enqueued_at: Timestamp::from_millis(now),
        task_token: TaskToken::new(format!("token-{}-{index}", input.execution_arn.name())),
        request: input.request.clone(),
        correlation_id: input.correlation_id.parse().ok(),
        traceparent: input.traceparent.parse().ok(),
    }
}

/// An event as EventBridge delivers it to a queue.
pub(crate) fn envelope<D: Detail>(source: &str, detail: &D) -> String {
    EventBridgeEvent::of(source, detail).to_string()
}

pub(crate) fn raw_envelope(source: &str, detail_type: &str, detail: &impl Serialize) -> String {
    EventBridgeEvent::new(source, detail_type, detail).to_string()
}

/// Step Functions' own event about an execution.
pub(crate) fn status_change(arn: &ExecutionArn, status: &str) -> String {
    let detail = json!({
        "executionArn": arn, "stateMachineArn": samples::state_machine(), "name": arn.name(), "status": status,
        "startDate": 1, "stopDate": if status == "RUNNING" { Value::Null } else { json!(2) },
    });
    EventBridgeEvent::of_step_functions(&detail).to_string()
}
