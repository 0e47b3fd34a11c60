use goal_activity_statemachine::DEFINITION;
use serde_json::{Value, json};

use super::interpreter::Clients;
use super::patch::finalize_through_queue;
use super::{Interpreter, Patch, Run};

/// The state machine on an interpreter, with its own queues, so that cases can run at the same time.
pub(crate) struct Machine {
    pub(crate) interpreter: Interpreter,
    pub(crate) clients: Clients,
    pub(crate) batch_queue: String,
    pub(crate) finalize_queue: String,
    pub(crate) arn: String,
}

impl Machine {
    pub(crate) async fn deploy(interpreter: Interpreter, patches: &[Patch]) -> Self {
        let clients = interpreter.clients();
        let batch_queue = clients.create_queue("batch").await;
        Self::deploy_with(interpreter, clients, batch_queue, patches).await
    }

    /// Like [`Self::deploy`], but the batch queue does not exist: every send fails.
    pub(crate) async fn deploy_without_batch_queue(interpreter: Interpreter, patches: &[Patch]) -> Self {
        let clients = interpreter.clients();
        let existing = clients.create_queue("batch").await;
        let missing = existing.replace("/batch-", "/missing-");
        let machine = Self::deploy_with(interpreter, clients, missing, patches).await;
        Self { batch_queue: existing, ..machine }
    }

    async fn deploy_with(interpreter: Interpreter, clients: Clients, batch_queue: String, patches: &[Patch]) -> Self {
        let finalize_queue = clients.create_queue("finalize").await;
        let mut definition = deployed_definition(&batch_queue);
        finalize_through_queue(&mut definition, &finalize_queue);
        for patch in patches {
            patch.apply(&mut definition);
        }
        let arn = clients.create_state_machine(&definition).await.expect("the interpreter takes the definition");
        Self { interpreter, clients, batch_queue, finalize_queue, arn }
    }

    /// Starts a workflow for these actions.
    pub(crate) async fn start(self, action_ids: &[String]) -> Run {
        self.start_with(&input(action_ids)).await
    }

    pub(crate) async fn start_with(self, input: &Value) -> Run {
        let started = self.clients.states.start_execution().state_machine_arn(&self.arn).name("goal-7-1");
        let started = started.input(input.to_string()).send().await.expect("the execution starts");
        Run::new(self, started.execution_arn)
    }
}

/// The definition with the substitutions of the deployment.
pub(crate) fn deployed_definition(batch_queue: &str) -> Value {
    let text = DEFINITION
        .replace("${Partition}", "aws")
        .replace("${BatchQueueUrl}", batch_queue)
        .replace("${FinalizeFunctionArn}", "arn:aws:lambda:us-east-1:123456789012:function:finalize");
    assert!(!text.contains("${"), "a substitution that the deployment does not know");
    serde_json::from_str(&text).expect("the definition is JSON")
}

/// `count` action ids in mandala order, each as long as an id may be.
pub(crate) fn actions(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("{:->64}", format!("action-{}-{}", n / 8 + 1, n % 8 + 1))).collect()
}

/// The input with which `launch` starts a workflow.
pub(crate) fn input(action_ids: &[String]) -> Value {
    json!({
        "version": "1",
        "executionArn": "arn:aws:states:us-east-1:123456789012:execution:the-input-is-not-asked-for-it:goal-7-1",
        "goalId": "goal-7",
        "userId": "user-3",
        "actionIds": action_ids,
        "regenerate": false,
    })
}
