//! The handlers over the real tables; everything else is in memory.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use goal_activity_core::admission::Capacity;
use goal_activity_core::daily::DailyLimit;
use goal_activity_core::execution::Execution;
use goal_activity_core::pause::{DailyCost, Pausing};
use goal_activity_core::ports::{Event, FindExecution};
use goal_activity_core::price::Prices;
use goal_activity_core::quota::Quota;
use goal_activity_events::{ExecutionArn, Timestamp};
use goal_activity_functions::adapters::aws::Tables;
use goal_activity_functions::adapters::memory::{World, samples};
use goal_activity_functions::handlers::api::{Api, GoalsAccess};
use goal_activity_functions::handlers::launch::Launch;
use goal_activity_functions::handlers::projector::Projector;
use goal_activity_functions::handlers::reconcile::{Reconcile, Reconciled};
use goal_activity_functions::handlers::worker::{PriceList, Worker};
use goal_activity_functions::runtime::budget::Budget;
use goal_activity_functions::runtime::context::Context;
use goal_activity_functions::runtime::queue::{HandleMessage, Message, MessageError};
use goal_activity_functions::steps::admission::Admission;
use goal_activity_functions::steps::cancel::Cancel;
use goal_activity_functions::steps::ending::{Conclude, EndWorkflow};
use goal_activity_functions::steps::intake::Intake;
use goal_activity_testkit::GatewayRequest;
use serde_json::{Value, json};

use super::messages;
use crate::backend::{AwsTables, Emulator, Tables as _};

/// Capacity for two batches, so that a workflow waits.
const CAPACITY: Capacity = Capacity::new(NonZeroU32::new(2).expect("more than none"));

/// The Goals table is the pipeline's own.
const GOALS: GoalsAccess = GoalsAccess { is_listed: true, is_own: true };

/// Launching is paused while the AI is down.
const PAUSING: Pausing = Pausing { on_ai_failure: true, daily_cost: DailyCost::NONE };

/// Sufficient for all cases.
const TIME: Duration = Duration::from_secs(60);

/// The pipeline over its own tables.
pub(super) struct Pipeline {
    pub(super) tables: AwsTables,
    pub(super) world: World,
}

impl Pipeline {
    /// An empty pipeline, at that time.
    pub(super) async fn open(emulator: Emulator, at: Timestamp) -> Self {
        let world = World::default();
        world.state().now = at.as_millis();
        Self { tables: AwsTables::alone(emulator).await, world }
    }

    /// Lets time pass.
    pub(super) fn wait(&self, seconds: i64) {
        self.world.state().now += 1000 * seconds;
    }

    /// The current time.
    pub(super) fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.world.state().now)
    }

    fn context(&self) -> Context {
        Context::new(self.world.clone(), Arc::new(self.world.clone()))
    }

    fn db(&self) -> Tables {
        self.tables.db().clone()
    }

    fn intake(&self) -> Intake<Tables> {
        let (state_machine, daily_limit) = (samples::state_machine(), DailyLimit::NONE);
        Intake { db: self.db(), state_machine, capacity: CAPACITY, daily_limit, context: self.context() }
    }

    fn admission(&self) -> Admission<Tables, World> {
        let (sfn, state_machine) = (self.world.clone(), samples::state_machine());
        let (pausing, context) = (PAUSING, self.context());
        Admission { db: self.db(), sfn, state_machine, capacity: CAPACITY, pausing, context }
    }

    pub(super) fn ending(&self) -> EndWorkflow<Tables, World> {
        EndWorkflow { db: self.db(), bus: self.world.clone(), context: self.context() }
    }

    pub(super) fn conclude(&self) -> Conclude<Tables, World, World, World> {
        Conclude { ending: self.ending(), topic: self.world.clone(), archive: self.world.clone() }
    }

    /// `launch`.
    pub(super) async fn launch(&self, message: &Value) -> Result<(), MessageError> {
        let launch = Launch { intake: self.intake(), admission: self.admission(), bus: self.world.clone() };
        launch.handle(received(&message.to_string())).await
    }

    /// `worker`.
    pub(super) async fn work(&self, message: &Value) -> Result<(), MessageError> {
        let world = || self.world.clone();
        let (db, prices, context) =
            (self.db(), PriceList { first: Some(Prices::default()), fallback: None }, self.context());
        let worker =
            Worker { db, sfn: world(), bus: world(), ai: world(), quota: Quota::NONE, prices, queue: world(), context };
        worker.handle(received(&message.to_string())).await
    }

    /// `projector`.
    pub(super) async fn project(&self, message: &Value) -> Result<(), MessageError> {
        let projector = Projector { db: self.db(), conclude: self.conclude() };
        projector.handle(received(&message.to_string())).await
    }

    /// One run of the reconciler.
    pub(super) async fn reconcile(&self) -> Reconciled {
        let reconcile = Reconcile {
            db: self.db(),
            sfn: self.world.clone(),
            bus: self.world.clone(),
            state_machine: samples::state_machine(),
            capacity: CAPACITY,
            pausing: PAUSING,
            conclude: self.conclude(),
            context: self.context(),
        };
        Box::pin(reconcile.run(Budget::of(TIME))).await
    }

    /// Calls the API as that user. Returns status and body.
    pub(super) async fn call(&self, user: &str, route: &str, id: &str, rest: Value) -> (i64, Value) {
        let name = route.split_once('{').and_then(|(_, rest)| Some(rest.split_once('}')?.0)).unwrap_or_default();
        let request =
            GatewayRequest::new(route, user).path(json!({ name: id })).fields(rest.as_object().unwrap().clone());
        let world = || self.world.clone();
        let cancel = Cancel { sfn: world(), ending: self.ending() };
        let api = Api { db: self.db(), intake: self.intake(), bus: world(), cancel, archive: world(), goals: GOALS };
        let response = api.handle(request.into(), Budget::of(TIME)).await;
        let body = serde_json::to_value(&response.body).unwrap();
        (response.status_code, serde_json::from_str(body.as_str().unwrap()).unwrap())
    }

    /// The workflow as it is stored now.
    pub(super) async fn find(&self, arn: &ExecutionArn) -> Execution {
        self.tables.db().find_execution(arn).await.unwrap().expect("a workflow that is recorded")
    }

    /// Returns the new events on the bus, as EventBridge delivers them.
    pub(super) fn heard(&self) -> Vec<Value> {
        let events = std::mem::take(&mut self.world.state().events);
        let envelope = |event: Event| match event {
            Event::Requested(detail) => messages::envelope(&detail),
            Event::Accepted(detail) => messages::envelope(&detail),
            Event::Rejected(detail) => messages::envelope(&detail),
            Event::Progressed(detail) => messages::envelope(&detail),
            Event::Completed(detail) => messages::envelope(&detail),
        };
        events.into_iter().map(envelope).collect()
    }
}

fn received(body: &str) -> Message<'_> {
    Message { body, receipt_handle: "receipt" }
}
