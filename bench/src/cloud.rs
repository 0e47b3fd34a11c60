//! A stub of the AWS services that the measured functions call, and of an AI: fixed responses about one workflow, each
//! after a set time. It counts the requests.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use goal_activity_core::keys;
use serde::Serialize;
use serde_json::{Value, json};

use crate::scene::{Scene, Stage};
use crate::server::{Request, Response, Server};

/// The latency of every service.
pub(crate) const SERVICE: Duration = Duration::from_millis(1);
/// The tables, by their names in the functions' environment.
pub(crate) const GOALS: &str = "goals";
pub(crate) const TASKS: &str = "tasks";
pub(crate) const EXECUTIONS: &str = "executions";

/// The running stub.
#[derive(Debug)]
pub(crate) struct Cloud {
    server: Server,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    canned: Canned,
    state: Mutex<State>,
}

/// Rows as DynamoDB sends them.
#[derive(Debug)]
struct Canned {
    goal: Vec<Value>,
    executions: [(Stage, Value); 3],
    ledger: Vec<Value>,
    open_batch: Value,
}

#[derive(Debug)]
struct State {
    stage: Stage,
    ai: Duration,
    calls: BTreeMap<String, usize>,
}

impl Cloud {
    /// Starts a stub with this scene.
    pub(crate) fn start(scene: &Scene) -> Result<Self> {
        let execution = |stage| Ok::<_, anyhow::Error>((stage, item(scene.execution(stage))?));
        let canned = Canned {
            goal: scene.goal()?.into_iter().map(item).collect::<Result<_>>()?,
            executions: [execution(Stage::Pending)?, execution(Stage::Running)?, execution(Stage::Succeeded)?],
            ledger: scene.ledger()?.into_iter().map(item).collect::<Result<_>>()?,
            open_batch: item(Scene::open_batch(0)?)?,
        };
        let state = State { stage: Stage::Pending, ai: SERVICE, calls: BTreeMap::new() };
        let shared = Arc::new(Shared { canned, state: Mutex::new(state) });
        let server = Server::start({
            let shared = shared.clone();
            move |request| shared.answer(&request)
        })?;
        Ok(Self { server, shared })
    }

    /// The endpoint of everything.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.server.address())
    }

    /// Sets the state of the workflow and the latency of the AI, and resets the counts.
    pub(crate) fn reset(&self, stage: Stage, ai: Duration) {
        *self.shared.state() = State { stage, ai, calls: BTreeMap::new() };
    }

    /// Returns the requests, by service and operation, since the last reset.
    pub(crate) fn calls(&self) -> BTreeMap<String, usize> {
        self.shared.state().calls.clone()
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(&self, request: &Request) -> Response {
        let came = Instant::now();
        let operation = operation(request);
        let body = serde_json::from_slice(&request.body).unwrap_or_default();
        let (answer, time) = {
            let mut state = self.state();
            *state.calls.entry(operation.clone()).or_default() += 1;
            let time = if operation == "AI" { state.ai } else { SERVICE };
            (self.canned.answer(&operation, &body, &mut state.stage), time)
        };
        let response = match answer {
            Some(answer) => Response::new(200, answer.to_string()).header("content-type", "application/x-amz-json-1.0"),
            None if operation == "S3 PutObject" => Response::new(200, "").header("etag", "\"1\""),
            None => Response::new(400, json!({"__type": "UnknownOperationException"}).to_string()),
        };
        // The time to compute the response is included.
        std::thread::sleep(time.saturating_sub(came.elapsed()));
        response
    }
}

/// The operation: the header of the JSON protocols has `AWSEvents.PutEvents`.
fn operation(request: &Request) -> String {
    let target = request.header("x-amz-target").and_then(|target| target.split_once('.'));
    match (target, request.method.as_str()) {
        (Some((service, operation)), _) => {
            let service = match service {
                "DynamoDB_20120810" => "DynamoDB",
                "AWSStepFunctions" => "StepFunctions",
                "AWSEvents" => "EventBridge",
                "AmazonSQS" => "SQS",
                other => other,
            };
            format!("{service} {operation}")
        }
        (None, "POST") if request.path.ends_with("/chat/completions") => "AI".to_owned(),
        (None, "PUT") => "S3 PutObject".to_owned(),
        (None, method) => format!("{method} {}", request.path),
    }
}

impl Canned {
    /// The response of an operation, if it is supported here.
    fn answer(&self, operation: &str, body: &Value, stage: &mut Stage) -> Option<Value> {
        Some(match operation {
            "DynamoDB GetItem" => self.row(body, *stage).map_or_else(|| json!({}), |row| json!({ "Item": row })),
            "DynamoDB Query" => {
                let rows = self.rows(body);
                json!({ "Items": rows, "Count": rows.len(), "ScannedCount": rows.len() })
            }
            "DynamoDB UpdateItem" => json!({ "Attributes": self.updated(body) }),
            "DynamoDB TransactWriteItems" => {
                if ends_workflow(body) {
                    *stage = Stage::Succeeded;
                }
                json!({})
            }
            "StepFunctions StartExecution" => json!({ "executionArn": body["name"], "startDate": 1.5e9 }),
            "StepFunctions SendTaskSuccess" | "StepFunctions SendTaskHeartbeat" | "SQS ChangeMessageVisibility" => {
                json!({})
            }
            "EventBridge PutEvents" => json!({ "FailedEntryCount": 0, "Entries": [{ "EventId": "1" }] }),
            "AI" => completion(),
            _ => return None,
        })
    }

    fn row(&self, body: &Value, stage: Stage) -> Option<&Value> {
        let wanted = body["Key"][keys::ITEM]["S"].as_str()?;
        if wanted == keys::EXECUTION {
            return self.executions.iter().find(|(at, _)| *at == stage).map(|(_, row)| row);
        }
        self.goal.iter().chain(&self.ledger).find(|row| row[keys::ITEM]["S"] == wanted)
    }

    fn rows(&self, body: &Value) -> &[Value] {
        match body["TableName"].as_str() {
            Some(GOALS) => &self.goal,
            Some(EXECUTIONS) if body["IndexName"].is_null() => &self.ledger,
            _ => &[],
        }
    }

    /// The attributes that an update returns: an opened batch has no outcomes yet, a sealed one all of them.
    fn updated(&self, body: &Value) -> Value {
        let update = body["UpdateExpression"].as_str().unwrap_or_default();
        let opens = update.contains("if_not_exists(") && named(body).any(|name| name == "outcomes");
        match self.row(body, Stage::Running) {
            Some(_) if opens => self.open_batch.clone(),
            Some(row) if body["ReturnValues"] == "ALL_NEW" => {
                let mut row = row.clone();
                if named(body).any(|name| name == "sealed") {
                    row["sealed"] = json!({ "BOOL": true });
                }
                row
            }
            _ => json!({}),
        }
    }
}

/// Returns `true` if a transaction writes the end of the workflow.
fn ends_workflow(body: &Value) -> bool {
    let mut items = body["TransactItems"].as_array().into_iter().flatten();
    items.any(|item| named(&item["Update"]).any(|name| name == "end"))
}

/// The attributes that a write names.
fn named(write: &Value) -> impl Iterator<Item = &Value> {
    write["ExpressionAttributeNames"].as_object().into_iter().flat_map(|names| names.values())
}

/// An AI's answer with five tasks.
fn completion() -> Value {
    let task = json!({
        "title": "Read the first chapter", "estimatedMinutes": 45, "priority": "high",
        "description": "Read it slowly, mark what is new, and write down three questions.",
    });
    let content = json!({ "tasks": vec![task; 5] }).to_string();
    json!({
        "choices": [{ "index": 0, "finish_reason": "stop", "message": { "role": "assistant", "content": content } }],
        "usage": { "prompt_tokens": 900, "completion_tokens": 500, "total_tokens": 1400 },
    })
}

/// A row as DynamoDB sends it.
fn item(row: impl Serialize) -> Result<Value> {
    let item: serde_dynamo::Item = serde_dynamo::to_item(row)?;
    serde_json::to_value(item).context("a row of the scene")
}

#[cfg(test)]
mod tests {
    use super::*;
    use goal_activity_local::aws;

    fn ask(cloud: &Cloud, target: &str, body: &Value) -> Value {
        let asked = aws::agent().post(cloud.url()).header("x-amz-target", target).send_json(body);
        asked.unwrap().body_mut().read_json().unwrap()
    }

    #[test]
    fn a_workflow_has_ended_once_its_end_is_written_and_everything_is_counted() {
        let cloud = Cloud::start(&Scene::new().unwrap()).unwrap();
        let status = || {
            let key = json!({"TableName": EXECUTIONS, "Key": {"item": {"S": "EXECUTION"}}});
            ask(&cloud, "DynamoDB_20120810.GetItem", &key)["Item"]["end"]["M"]["status"]["S"].clone()
        };
        let write = |names: &Value| {
            let update = json!({"TransactItems": [{"Update": {"ExpressionAttributeNames": names}}]});
            ask(&cloud, "DynamoDB_20120810.TransactWriteItems", &update)
        };
        cloud.reset(Stage::Running, SERVICE);
        write(&json!({"#n0": "startedAt"}));
        assert_eq!(status(), Value::Null);
        write(&json!({"#n0": "startedAt", "#n1": "end"}));
        assert_eq!(status(), "SUCCEEDED");
        let counted =
            BTreeMap::from([("DynamoDB GetItem".to_owned(), 2), ("DynamoDB TransactWriteItems".to_owned(), 2)]);
        assert_eq!(cloud.calls(), counted);
    }

    #[test]
    fn what_is_not_known_here_is_refused_and_not_made_up() {
        let cloud = Cloud::start(&Scene::new().unwrap()).unwrap();
        let refused =
            aws::agent().post(cloud.url()).header("x-amz-target", "AmazonSQS.SendMessage").send_json(json!({}));
        assert_eq!(refused.unwrap().status(), 400);
    }

    #[test]
    fn a_batch_is_opened_empty_and_read_full() {
        let cloud = Cloud::start(&Scene::new().unwrap()).unwrap();
        let key = json!({"TableName": EXECUTIONS, "Key": {"item": {"S": "BATCH#00"}}, "ReturnValues": "ALL_NEW",
            "UpdateExpression": "SET #n0 = if_not_exists(#n0, :v0)", "ExpressionAttributeNames": {"#n0": "outcomes"}});
        let opened = ask(&cloud, "DynamoDB_20120810.UpdateItem", &key);
        assert_eq!(opened["Attributes"]["outcomes"]["M"], json!({}));
        let read = ask(&cloud, "DynamoDB_20120810.GetItem", &key);
        assert_eq!(read["Item"]["outcomes"]["M"].as_object().map(serde_json::Map::len), Some(8));
    }
}
