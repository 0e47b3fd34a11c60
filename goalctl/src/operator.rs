//! The API as an operator calls it: the function `api` invoked with AWS credentials, without a token.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result};
use goal_activity_core::operator::{Invocation, OperatorArn, OperatorCall};
use goal_activity_events::PriorityClass;
use goal_activity_events::publisher::reason;
use serde_json::{Value, json};

use crate::api::Resource;
use crate::client::{Listed, pages};
use crate::failure::Failure;
use crate::function::Function;
use crate::persistence::Persistence;
use crate::stack::Stack;

/// How long the function may take, with its start: it gives up after 10 s.
const TIME: Duration = Duration::from_secs(20);
const OTHER_VERSION: &str = "see its log; one of another version than goalctl's does not know operators";
const DEPLOY: &str = "the deployed version does not know this: deploy this goalctl's own";

/// An operator of one stack.
#[derive(Debug)]
pub(crate) struct Operator {
    function: Function,
    arn: OperatorArn,
}

impl Operator {
    /// The operator whose AWS credentials are used.
    pub(crate) async fn open(stack: &Stack) -> Result<Self> {
        let function = Function::new(stack, "API", stack.output("ApiFunctionName")?, TIME);
        let identity = aws_sdk_sts::Client::new(&stack.sdk).get_caller_identity().send().await;
        // It needs no permission.
        let identity = identity
            .map_err(|error| Failure::unavailable("AWS does not say whose credentials these are", reason(&error)))?;
        let arn = identity.arn().context("AWS names no ARN for these credentials")?;
        Ok(Self { function, arn: arn.parse::<OperatorArn>().with_context(|| format!("{arn:?} is no operator"))? })
    }

    fn call(&self, route: String) -> OperatorCall {
        let by = self.arn.clone();
        OperatorCall {
            by,
            reason: None,
            route,
            path: BTreeMap::new(),
            query: BTreeMap::new(),
            idempotency_key: None,
            priority_class: PriorityClass::default(),
        }
    }

    fn call_of(&self, method: &str, resource: &Resource<'_>) -> OperatorCall {
        let (name, value) = resource.parameter();
        let path = BTreeMap::from([(name.to_owned(), value.to_owned())]);
        OperatorCall { path, ..self.call(format!("{method} {}", resource.route())) }
    }

    /// Reads a resource of any user.
    pub(crate) async fn get(&self, resource: &Resource<'_>, query: Vec<(&'static str, String)>) -> Result<Value> {
        self.send(OperatorCall { query: texts(query), ..self.call_of("GET", resource) }, true).await
    }

    /// Changes a resource of any user. Not repeated when the answer is lost.
    pub(crate) async fn post(&self, resource: &Resource<'_>, reason: &str) -> Result<Value> {
        self.send(OperatorCall { reason: Some(reason.to_owned()), ..self.call_of("POST", resource) }, false).await
    }

    /// Begins a workflow for the user of another one. Repeated when the answer is lost.
    pub(crate) async fn begin(
        &self,
        resource: &Resource<'_>,
        reason: &str,
        (key, priority_class): (&str, PriorityClass),
    ) -> Result<Value> {
        let (reason, idempotency_key) = (Some(reason.to_owned()), Some(key.to_owned()));
        self.send(OperatorCall { reason, idempotency_key, priority_class, ..self.call_of("POST", resource) }, true)
            .await
    }

    /// Reads what only operators can.
    pub(crate) async fn read(&self, route: &str, query: Vec<(&'static str, String)>) -> Result<Value> {
        self.send(OperatorCall { query: texts(query), ..self.call(route.to_owned()) }, true).await
    }

    /// Reads pages of what only operators can.
    pub(crate) async fn items(
        &self,
        route: &str,
        filters: &[(&'static str, String)],
        wanted: Option<usize>,
        most: usize,
    ) -> Result<Listed> {
        pages(filters, wanted, most, async |query: Vec<(&'static str, String)>| self.read(route, query).await).await
    }

    async fn send(&self, operator: OperatorCall, repeatable: bool) -> Result<Value> {
        let payload = json!(Invocation { operator });
        let mut persistence = Persistence::new(repeatable);
        loop {
            let error = match self.once(&payload).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            if !error.downcast_ref().is_some_and(|failure| persistence.tries_again(failure)) {
                return Err(error);
            }
            persistence.pause().await;
        }
    }

    async fn once(&self, payload: &Value) -> Result<Value> {
        let answer = self.function.invoke(payload, OTHER_VERSION).await?.body;
        let status = answer["statusCode"].as_u64().and_then(|status| u16::try_from(status).ok());
        let (Some(status), Some(body)) = (status, answer["body"].as_str()) else {
            let title = format!("the function {} has not answered as the API does", self.function.name);
            return Err(Failure::usage(title, DEPLOY).into());
        };
        if !(200..=299).contains(&status) {
            let failure = Failure::answered(status, body);
            let is_older = failure.code.as_deref() == Some("NOT_FOUND");
            let advice = if is_older { Some(DEPLOY.to_owned()) } else { failure.advice };
            return Err(Failure { advice, ..failure }.into());
        }
        serde_json::from_str(body).map_err(|error| {
            let title = format!("the function {} did not answer in JSON: {error}", self.function.name);
            Failure::usage(title, DEPLOY).into()
        })
    }
}

fn texts(query: Vec<(&'static str, String)>) -> BTreeMap<String, String> {
    query.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use goal_activity_testkit::stub::{Reply, Response, Seen, Stub};

    use crate::Environment;
    use crate::failure::{DONE, NO_ACCESS, NOT_DONE, REFUSED, UNAVAILABLE, USAGE};
    use crate::testing::ran_on;

    use super::*;

    const ARN: &str = "arn:aws:states:us-east-1:000000000000:execution:goal-activity:g-1";
    const OPERATOR: &str = "arn:aws:sts::000000000000:assumed-role/Ops/ada";

    /// The answer of the function.
    fn api(status: u16, body: &Value) -> Response {
        Response::new(200, json!({ "statusCode": status, "headers": {}, "body": body.to_string() }))
    }

    /// The exit code, what is printed, and the payloads of the invocations, when Lambda answers that.
    async fn ran(name: &str, answers: Vec<Response>, arguments: &[&str]) -> (u8, String, String, Vec<Value>) {
        let answers = Mutex::new(answers);
        let aws = Stub::with(move |seen: &Seen| {
            if !seen.line.contains("/functions/") {
                let identity = format!("<GetCallerIdentityResult><Arn>{OPERATOR}</Arn></GetCallerIdentityResult>");
                let answer = format!("<GetCallerIdentityResponse>{identity}</GetCallerIdentityResponse>");
                return Reply::Whole(Response::new(200, answer).header("content-type", "text/xml"));
            }
            let mut answers = answers.lock().unwrap();
            let next = if answers.len() > 1 { answers.remove(0) } else { answers[0].clone() };
            Reply::Whole(next)
        })
        .await;
        // A token that is set is none of an operator's.
        let environment = Environment { token: Some("t".to_owned().into()), ..Environment::default() };
        let outputs = json!({ "ApiFunctionName": "api-1" });
        let arguments = [&["--operator"], arguments].concat();
        let (code, out, err) = ran_on(&format!("op-{name}"), (&*aws.url(), outputs), environment, &arguments).await;
        let invoked = aws.seen().into_iter().filter(|seen| seen.line.contains("/functions/api-1/invocations"));
        let payloads = invoked.map(|seen| seen.body).collect();
        (code, out, err, payloads)
    }

    #[tokio::test]
    async fn a_workflow_is_cancelled_with_who_and_why() {
        let ended =
            api(200, &json!({ "executionArn": ARN, "status": "ABORTED", "stopDate": "2026-11-24T09:30:01.000Z" }));
        let (code, out, err, sent) = ran("cancel", vec![ended], &["cancel", ARN, "--reason", " asked "]).await;
        assert!(code == DONE && out.starts_with("Cancelled at 2026-11-24T09:30:01.000Z"), "{out} {err}");
        let call = json!({ "by": OPERATOR, "reason": "asked", "path": { "executionArn": ARN },
            "route": "POST /api/workflows/{executionArn}/cancel" });
        assert_eq!(sent, [json!({ "operator": call })]);
    }

    #[tokio::test]
    async fn nothing_is_changed_without_a_reason() {
        for command in ["cancel", "retry"] {
            let (code, out, err, sent) =
                ran(&format!("why-{command}"), vec![api(200, &json!({}))], &[command, ARN]).await;
            assert!(code == USAGE && out.is_empty() && err.contains("--reason") && sent.is_empty(), "{err}");
        }
        let (code, _, err, sent) = ran("start", vec![api(202, &json!({}))], &["start", "g"]).await;
        assert!(code == USAGE && err.contains("events emit") && sent.is_empty(), "{err}");
    }

    #[tokio::test(start_paused = true)]
    async fn only_what_may_be_done_twice_is_done_again() {
        let busy = || api(503, &json!({ "code": "UNAVAILABLE", "retryable": true }));
        let lost = || Response::new(500, json!({ "Message": "x" })).header("x-amzn-errortype", "ServiceException");
        let at = "2026-11-24T09:30:00.000Z";
        let body = json!({ "executionArn": ARN, "startDate": at, "status": "PENDING", "totalActions": 1 });
        let started = || api(202, &body);
        let retry = ["retry", ARN, "--reason", "r"];
        let (code, _, err, sent) = ran("retry", vec![busy(), lost(), started()], &retry).await;
        assert_eq!((code, sent.len()), (DONE, 3), "{err}");
        let key = |n: usize| sent[n]["operator"]["idempotencyKey"].as_str().unwrap().to_owned();
        assert!(key(0) == key(1) && key(1) == key(2), "the same request");
        let (code, _, err, sent) = ran("lost", vec![lost(), started()], &["cancel", ARN, "--reason", "r"]).await;
        assert_eq!((code, sent.len()), (UNAVAILABLE, 1), "{err}");
    }

    #[tokio::test]
    async fn errors_are_those_of_the_api_and_of_lambda() {
        let problem =
            json!({ "title": "The workflow has ended", "detail": "d", "code": "ALREADY_ENDED", "status": 409 });
        let (code, _, err, _) = ran("refused", vec![api(409, &problem)], &["cancel", ARN, "--reason", "r"]).await;
        assert!(code == REFUSED && err.contains("The workflow has ended (ALREADY_ENDED)"), "{err}");
        let unknown = json!({ "title": "There is no such route", "code": "NOT_FOUND" });
        let (code, _, err, _) = ran("older", vec![api(404, &unknown)], &["status", ARN]).await;
        assert!(code == NO_ACCESS && err.contains("deploy this goalctl's own"), "{err}");
        let denied = Response::new(403, json!({ "Message": "not authorized" }));
        let denied = denied.header("x-amzn-errortype", "AccessDeniedException");
        let (code, _, err, _) = ran("denied", vec![denied], &["timeline", ARN]).await;
        assert!(code == NO_ACCESS && err.contains("lambda:InvokeFunction") && err.contains("not authorized"), "{err}");
        let crashed = Response::new(200, json!({ "errorType": "Runtime", "errorMessage": "out of memory" }));
        let crashed = crashed.header("x-amz-function-error", "Unhandled");
        let (code, _, err, _) = ran("crashed", vec![crashed], &["timeline", ARN]).await;
        assert!(code == NOT_DONE && err.contains("out of memory"), "{err}");
    }

    #[tokio::test]
    async fn what_was_looked_at_without_an_index_is_said() {
        let item = json!({ "executionArn": ARN, "goalId": "g", "userId": "u", "status": "FAILED", "totalActions": 3,
            "startDate": "2026-11-24T09:30:00.000Z", "failedCount": 3 });
        let page = api(200, &json!({ "items": [item], "lookedAt": 4000, "nextCursor": "c" }));
        let (code, out, err, sent) = ran("find", vec![page.clone()], &["find", "--status", "failed"]).await;
        assert!(code == DONE && out.contains(ARN), "{out} {err}");
        assert!(err.contains("Looked at 4000 workflows, in no order. There may be more"), "{err}");
        assert_eq!(sent[0]["operator"]["query"], json!({ "limit": "20", "status": "FAILED" }));
        let one = api(200, &json!({ "items": [], "lookedAt": 1 }));
        let (_, _, err, _) = ran("one", vec![one], &["find", "--status", "failed"]).await;
        assert!(err.contains("Looked at 1 workflow, in no order. These are all."), "{err}");
        let last = api(200, &json!({ "items": [], "lookedAt": 7 }));
        let all = ["find", "--status", "failed", "--all", "--json"];
        let (_, out, _, sent) = ran("all", vec![page, last], &all).await;
        let found: Value = serde_json::from_str(&out).unwrap();
        assert_eq!((&found["lookedAt"], &found["more"], sent.len()), (&json!(4007), &json!(false), 2), "{found}");
        assert_eq!(ran("none", vec![api(200, &json!({}))], &["find"]).await.0, USAGE, "of what");
    }
}
