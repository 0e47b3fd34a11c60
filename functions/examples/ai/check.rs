//! `ai check`: one action.

use std::collections::BTreeMap;

use goal_activity_core::ports::Tokens;
use goal_activity_core::task::{Priority, Task};
use goal_activity_events::{FailureCode, Repair, Repairs, Usage};
use goal_activity_functions::adapters::generators::Question;
use goal_activity_functions::handlers::worker::attempts::Attempt;
use goal_activity_functions::runtime::config::Generators;
use serde_json::{Value, json};

use crate::Wrong;
use crate::actions::Subject;
use crate::ask::{Ai, Outcome};
use crate::figures::{dollars, seconds};
use crate::lines::{Line, Lines};

/// Asks, and prints what is sent and what comes back. Returns `true` if there are tasks.
pub(crate) async fn run(
    variables: &BTreeMap<String, String>,
    generators: Generators,
    subject: &Subject,
    lines: &Lines,
) -> Result<(bool, Value), Wrong> {
    let ai = Ai::new(generators).await?;
    println!("# The worker's variables\n");
    for (name, value) in variables {
        println!("{name}={value}");
    }
    println!("\n# The request\n\n{}", question(&ai.question(subject)));
    let outcome = ai.ask(subject).await?;
    let lines = lines.take();
    println!("# The attempts\n\n{}", attempts(&outcome, &ai.names()));
    if !lines.is_empty() {
        println!("# The worker's log\n");
        for line in &lines {
            println!("{line}");
        }
        println!();
    }
    match &outcome.result {
        Ok(made) => println!("# {}\n\n{}", count(made.tasks.len()), made.tasks.iter().map(task).collect::<String>()),
        Err(failure) => {
            println!("# No tasks: {}\n\n{}\n", failure.code, failure.message);
            println!("To do: {}\n", to_do(failure.code, &lines));
        }
    }
    println!("{}", spent(&outcome.usage()));
    Ok((outcome.result.is_ok(), json(&outcome, &lines)))
}

/// A number of tasks.
pub(crate) fn count(tasks: usize) -> String {
    format!("{tasks} task{}", if tasks == 1 { "" } else { "s" })
}

/// What is sent, with the prompt as it is written rather than as JSON.
fn question(question: &Question) -> String {
    match question {
        Question::Nothing => "None: the tasks are made without an AI.\n".to_owned(),
        Question::Converse(prompt) => {
            format!("Converse\n\n## system\n\n{}\n\n## user\n\n{}\n", prompt.system.trim(), prompt.user.trim())
        }
        Question::Payload(payload) => format!("Invoke\n\n{payload:#}\n"),
        Question::Completion { url, body } => {
            let mut body = body.clone();
            let messages = body["messages"].take();
            body["messages"] = "below".into();
            let messages = messages.as_array().into_iter().flatten().map(|message| {
                let said = |field: &str| message[field].as_str().unwrap_or_default().trim().to_owned();
                format!("\n## {}\n\n{}\n", said("role"), said("content"))
            });
            format!("POST {url}\n\n{body:#}\n{}", messages.collect::<String>())
        }
    }
}

fn attempts(outcome: &Outcome, (first, second): &(String, Option<String>)) -> String {
    let line = |(attempt, message): &(Attempt, Option<String>)| {
        let Attempt { number, fallback, failure, usage } = attempt;
        let name = second.as_ref().filter(|_| *fallback).unwrap_or(first);
        let came_to = match failure {
            None => "accepted".to_owned(),
            Some(code) => format!("{code}: {}", message.as_deref().unwrap_or("no answer in time")),
        };
        let repaired = kinds(&usage.repairs);
        let repaired =
            if repaired.is_empty() { String::new() } else { format!("   repaired: {}\n", repaired.join(", ")) };
        format!("{number}. {name}: {came_to}\n   {}\n{repaired}", spent(usage))
    };
    let warnings = outcome.result.as_ref().map(|made| made.warnings.as_slice()).unwrap_or_default();
    let warnings = warnings.iter().map(|warning| format!("   warning: {warning}\n"));
    outcome.attempts.iter().map(line).chain(warnings).collect()
}

/// The names of the kinds of repairs that occurred.
pub(crate) fn kinds(repairs: &Repairs) -> Vec<&'static str> {
    Repair::ALL.iter().filter(|kind| repairs.of(**kind) > 0).map(|kind| kind.name()).collect()
}

fn spent(usage: &Usage) -> String {
    let Tokens { input, output } = Tokens { input: usage.input_tokens, output: usage.output_tokens };
    let time = seconds(usage.latency_ms);
    format!("time {time}; tokens read {input}, written {output}; cost {}", dollars(usage.cost_micro_usd))
}

fn task(task: &Task) -> String {
    let priority = match task.priority {
        Priority::High => "high",
        Priority::Medium => "medium",
        Priority::Low => "low",
    };
    format!("- {} ({} min, {priority})\n  {}\n", task.title, task.estimated_minutes, task.description)
}

/// What the deployer can change: what the log says, or what mostly helps.
fn to_do(code: FailureCode, lines: &[Line]) -> String {
    let hint = lines.iter().rev().find_map(Line::hint);
    hint.unwrap_or(match code {
        FailureCode::AiTimeout => {
            "check whether the server runs and the address is right (openaiBaseUrl, bedrockRegion); an AI that is only slow is \
             faster with a smaller model or a lower aiMaxTokens"
        }
        FailureCode::AiThrottled => {
            "raise the quota at the provider, lower concurrentBatches, or give a second AI (fallback)"
        }
        FailureCode::AiUnavailable => {
            "check whether the server runs and the address is right (openaiBaseUrl, bedrockRegion); of a function, see its log"
        }
        FailureCode::AiInvalidAnswer => {
            "see the broken rules above. A limit that was reached: raise aiMaxTokens. Limits of numbers: openaiSchemaLimits=true. No JSON: \
             openaiResponseFormat, bedrockToolChoice. Otherwise another model"
        }
        FailureCode::AiRejected => {
            "check the key, the model's name and the permissions. A model that declines the action needs another one (fallback)"
        }
        _ => "the AI is too slow for the time of a batch: choose a faster one",
    })
    .to_owned()
}

fn json(outcome: &Outcome, lines: &[Line]) -> Value {
    let attempt = |(attempt, message): &(Attempt, Option<String>)| {
        json!({
            "number": attempt.number, "fallback": attempt.fallback, "code": attempt.failure, "message": message,
            "usage": attempt.usage,
        })
    };
    let attempts: Vec<_> = outcome.attempts.iter().map(attempt).collect();
    let mut all = json!({ "attempts": attempts, "usage": outcome.usage(), "log": lines });
    match &outcome.result {
        Ok(made) => {
            all["tasks"] = tasks(&made.tasks);
            all["warnings"] = made.warnings.iter().map(ToString::to_string).collect();
        }
        Err(failure) => {
            all["failure"] =
                json!({ "code": failure.code, "message": failure.message, "toDo": to_do(failure.code, lines) });
        }
    }
    all
}

/// What an AI has said of tasks.
pub(crate) fn tasks(tasks: &[Task]) -> Value {
    let task = |task: &Task| {
        json!({
            "title": task.title, "description": task.description, "estimatedMinutes": task.estimated_minutes,
            "priority": task.priority,
        })
    };
    tasks.iter().map(task).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prompt_is_shown_as_it_is_written() {
        let body = json!({
            "model": "m",
            "messages": [{ "role": "system", "content": "Plan\ntasks." }, { "role": "user", "content": "{\"a\": 1}" }],
        });
        let shown = question(&Question::Completion { url: "http://h/v1/chat/completions".into(), body });
        let rest = "{\n  \"messages\": \"below\",\n  \"model\": \"m\"\n}";
        let messages = "## system\n\nPlan\ntasks.\n\n## user\n\n{\"a\": 1}\n";
        assert_eq!(shown, format!("POST http://h/v1/chat/completions\n\n{rest}\n\n{messages}"));
    }

    #[test]
    fn the_log_s_hint_is_what_to_do_and_every_failure_has_something() {
        let hint = Line { fields: vec![("status", "400".into()), ("hint", "leave it out".into())], ..Line::default() };
        assert_eq!(to_do(FailureCode::AiRejected, &[hint]), "leave it out");
        for code in [FailureCode::AiRejected, FailureCode::AiTimeout, FailureCode::AiInvalidAnswer] {
            assert!(to_do(code, &[]).len() > 20, "{code}");
        }
    }
}
