use goal_activity_core::goal::Action;
use goal_activity_core::ports::{GenerateTasks, Generation, GenerationError, GenerationRequest};
use goal_activity_functions::adapters::generators::Offline;

use crate::contract::{Adapter, Ai, Refusal};

keeps_the_contract!(Scripted);

/// The offline generator, whose script is in the action.
struct Scripted;

impl Adapter for Scripted {
    async fn ask(&self, ai: &Ai, request: GenerationRequest<'_>) -> Result<Generation, GenerationError> {
        let script = match ai {
            // A script has one line; JSON and fences work on one line.
            Ai::Answers(text, took) => {
                format!("tokens={}/{}, answer={}", took.input, took.output, text.replace('\n', " "))
            }
            Ai::Throttles(None) => "fail-times=1, tokens=1/1".to_owned(),
            Ai::Throttles(Some(rest)) => format!("fail-times=1, retry-after-ms={}", rest.as_millis()),
            Ai::Breaks => "fail-times=1, unavailable".to_owned(),
            // It has no reasons.
            Ai::Refuses(Refusal::AccessDenied | Refusal::BadRequest | Refusal::NotFound) => "fail".to_owned(),
            Ai::Hangs => "hang".to_owned(),
        };
        let action = Action { constraints: format!("offline: {script}"), ..request.action.clone() };
        Offline.generate(GenerationRequest { action: &action, ..request }).await
    }
}
