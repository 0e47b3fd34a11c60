//! Clients of the API. Careful clients send an idempotency key with a start or a retry, and repeat the request until it
//! is answered; some repeat it even after that.

use aws_lambda_events::apigw::ApiGatewayV2httpResponse;
use goal_activity_core::keys;
use goal_activity_core::ports::RequestKey;
use goal_activity_events::{ExecutionArn, GoalId};
use goal_activity_testkit::GatewayRequest;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::charts::Chart;
use crate::lambda::{self, Function, invoke};
use crate::world::Sim;

/// A status with its body. `None` if the function died: the gateway answers 500.
pub(crate) type Answer = Option<(i64, Value)>;

/// A request for a workflow, which may be repeated.
#[derive(Clone)]
pub(crate) struct Ask {
    user: String,
    route: String,
    path: Value,
    body: Value,
    key: Option<String>,
}

impl Ask {
    pub(crate) fn start(sim: &Sim, goal: &GoalId, user: &str, body: Value) -> Self {
        let route = "POST /api/goals/{goalId}/start-activity".to_owned();
        Self { user: user.to_owned(), route, path: json!({ "goalId": goal }), body, key: key(sim) }
    }

    pub(crate) fn retry(sim: &Sim, user: &str, arn: &ExecutionArn) -> Self {
        let route = "POST /api/workflows/{executionArn}/retry".to_owned();
        let path = json!({ "executionArn": arn });
        Self { user: user.to_owned(), route, path, body: json!({}), key: key(sim) }
    }

    /// Returns `true` if it is answered when it is repeated, allowing for the one fault that a run may have left.
    pub(crate) async fn is_answered(&self, sim: &Sim) -> bool {
        for _ in 0..3 {
            let answer = self.call(sim).await;
            if answer.is_some_and(|(status, _)| status != 503) {
                return true;
            }
            sleep(sim.some_millis(1_000, 60_000)).await;
        }
        false
    }

    async fn call(&self, sim: &Sim) -> Answer {
        let answer = call(sim, &self.user, &self.route, &self.path, &self.body, self.key.as_deref()).await;
        if matches!(answer, Some((503, _))) {
            sim.count(UNAVAILABLE);
        }
        answer
    }

    /// The key under which the request is recorded.
    fn request(&self) -> Option<String> {
        let key = self.key.as_ref()?.parse().unwrap();
        Some(keys::request(&RequestKey::User { user_id: self.user.parse().unwrap(), key }))
    }

    /// Repeats it until there is an answer, or the client gives up.
    pub(crate) async fn say(&self, sim: &Sim) {
        if sim.profile.long && self.key.is_some() {
            sim.core().memories.asked.push(self.clone());
        }
        for _ in 0..sim.between(1, 5) {
            let unsaid = match self.say_once(sim).await {
                // Without a key, a repetition could start another workflow.
                None | Some((503, _)) => self.key.is_some(),
                Some((429, _)) => true,
                Some(_) => false,
            };
            if !unsaid {
                break;
            }
            sleep(sim.some_millis(100, 60_000)).await;
        }
        if self.key.is_some() && sim.chance(0.3) {
            sleep(sim.some_millis(1, 300_000)).await;
            self.say_once(sim).await;
        }
    }

    async fn say_once(&self, sim: &Sim) -> Answer {
        let request = self.request();
        let before = request.as_ref().and_then(|r| sim.core().shadow.requests.get(r).cloned());
        let answer = self.call(sim).await;
        match (&answer, before) {
            (Some((202, body)), before) => {
                if before.is_some() {
                    sim.count("requests repeated with their key");
                }
                accepted(sim, request, body);
            }
            // A goal that was deleted or transferred since then does not belong to this user.
            (Some((403 | 404, _)), Some(arn)) if changed(sim, &arn) => {}
            (Some((status, _)), Some(arn)) if *status != 503 => {
                sim.violated("P2", format!("{} was accepted, its repetition is answered {status}", arn.name()));
            }
            _ => {}
        }
        answer
    }
}

/// Returns `true` if the app has changed the goal of a workflow.
fn changed(sim: &Sim, arn: &ExecutionArn) -> bool {
    let goal = sim.tables.state().executions.get(arn).map(|e| e.goal_id.clone());
    goal.is_some_and(|goal| sim.core().app.has_touched(&goal))
}

/// What is counted when the API answers that it is not available.
pub(crate) const UNAVAILABLE: &str = "answers of 503";

fn key(sim: &Sim) -> Option<String> {
    sim.chance(0.4).then(|| format!("key-{}", sim.between(0, u64::MAX)))
}

/// Records what the API has promised. A request with a known key gets its first response every time.
fn accepted(sim: &Sim, request: Option<String>, body: &Value) {
    let arn: ExecutionArn = body["executionArn"].as_str().unwrap().parse().unwrap();
    sim.count("requests accepted by the API");
    let broken = {
        let mut core = sim.core();
        let claimed = request.as_ref().and_then(|r| core.shadow.requests.get(r));
        let another = request.is_some() && claimed != Some(&arn);
        let first = request.and_then(|r| core.answers.insert(r, body.clone()));
        match first {
            _ if another => Some("is not what the request was accepted as"),
            Some(first) => (first != *body).then_some("is told in another way than the first time"),
            None => (!core.accepted.insert(arn.clone())).then_some("is what two requests are accepted as"),
        }
    };
    if let Some(broken) = broken {
        sim.violated("P2", format!("{} {broken}", arn.name()));
    }
}

/// Calls a route of a workflow.
pub(crate) async fn workflow(sim: &Sim, user: &str, method: &str, what: &str, arn: &ExecutionArn) -> Answer {
    let route = format!("{method} /api/workflows/{{executionArn}}/{what}");
    call(sim, user, &route, &json!({ "executionArn": arn }), &json!({}), None).await
}

/// Calls the API.
pub(crate) async fn call(sim: &Sim, user: &str, route: &str, path: &Value, body: &Value, key: Option<&str>) -> Answer {
    let request = GatewayRequest::new(route, user).path(path.clone()).query(json!({})).body(&body.to_string());
    let request = if let Some(key) = key { request.header("idempotency-key", key) } else { request };
    let chart = route.starts_with("PUT").then(|| Chart::from(body));
    let answer = invoke(sim, Function::Api, Vec::new(), None, |p| {
        if let Some(chart) = chart {
            p.run.puts(chart);
        }
        Box::pin(async move {
            let api = lambda::api(&p);
            let response: ApiGatewayV2httpResponse = api.handle(request.into(), Function::Api.budget()).await;
            response
        })
    });
    let response = answer.await?;
    let text = serde_json::to_value(&response.body).unwrap();
    let body = serde_json::from_str(text.as_str().unwrap_or_default()).unwrap_or(Value::Null);
    sim.note(user, || format!("{route}: {}", response.status_code));
    if body["code"] == "DAILY_LIMIT" {
        sim.count("starts refused, for so many actions of the day");
        let wait = response.headers.get("retry-after").and_then(|wait| wait.to_str().ok()?.parse::<u64>().ok());
        if !wait.is_some_and(|seconds| (1..=24 * 60 * 60).contains(&seconds)) {
            sim.violated("P10", format!("{route} is refused for today, and may be asked again after {wait:?} s"));
        }
    }
    if response.status_code >= 500 && response.status_code != 503 {
        sim.violated("P7", format!("{route} answers {}", response.status_code));
    }
    Some((response.status_code, body))
}
