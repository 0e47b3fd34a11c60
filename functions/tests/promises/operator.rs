//! An operator acts on any user's workflow, by invoking the function `api`: the same rules and answers, with who and why.

use std::num::NonZeroU32;

use goal_activity_core::admission::Capacity;
use goal_activity_core::execution::Status;
use goal_activity_core::operator::{FIND, WAITING};
use goal_activity_core::pause::Pause;
use goal_activity_events::{ExecutionArn, Timestamp};
use goal_activity_functions::adapters::memory::samples;
use goal_activity_testkit::GatewayRequest;
use serde_json::{Value, json};

use crate::rig::{Answer, Rig, USER};

const OPERATOR: &str = "arn:aws:sts::123456789012:assumed-role/Operators/ada@example.com";
const STATUS: &str = "GET /api/workflows/{executionArn}/status";
const ACTIONS: &str = "GET /api/workflows/{executionArn}/actions";
const TIMELINE: &str = "GET /api/workflows/{executionArn}/timeline";
const CANCEL: &str = "POST /api/workflows/{executionArn}/cancel";
const RETRY: &str = "POST /api/workflows/{executionArn}/retry";
const HISTORY: &str = "GET /api/goals/{goalId}/workflows";
const TASKS: &str = "GET /api/goals/{goalId}/tasks";

/// An operator's invocation.
fn invocation(route: &str, path: Value, more: Value) -> Value {
    let mut call = json!({ "by": OPERATOR, "route": route, "path": path });
    call.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({ "operator": call })
}

async fn operate(rig: &Rig, route: &str, path: Value, more: Value) -> Answer {
    rig.answer(invocation(route, path, more)).await
}

async fn about(rig: &Rig, route: &str, arn: &ExecutionArn, reason: Option<&str>) -> Answer {
    let more = reason.map_or(json!({}), |reason| json!({ "reason": reason }));
    operate(rig, route, json!({ "executionArn": arn }), more).await
}

#[tokio::test]
async fn an_operator_reads_what_its_user_reads() {
    let rig = Rig::with_goal(9);
    let arn = rig.launched().await;
    rig.run(&arn).await;
    for (route, path) in [
        (STATUS, json!({ "executionArn": arn })),
        (ACTIONS, json!({ "executionArn": arn })),
        (TIMELINE, json!({ "executionArn": arn })),
        (HISTORY, json!({ "goalId": "goal-1" })),
        (TASKS, json!({ "goalId": "goal-1" })),
    ] {
        let user = rig.call(USER, route, path.clone(), json!({}), "").await;
        let operator = operate(&rig, route, path, json!({})).await;
        assert_eq!((operator.status, &operator.body), (200, &user.body), "{route}");
    }
    let page = operate(&rig, TASKS, json!({ "goalId": "goal-1" }), json!({ "query": { "limit": "2" } })).await;
    assert_eq!(page.body["items"].as_array().map(Vec::len), Some(2));
    assert!(page.body["nextCursor"].is_string());
    let unknown = "arn:aws:states:us-east-1:000000000000:execution:m:x-1".parse().unwrap();
    assert_eq!(about(&rig, STATUS, &unknown, None).await.code(), "UNKNOWN_EXECUTION");
    let missing = operate(&rig, HISTORY, json!({ "goalId": "nowhere" }), json!({})).await;
    assert_eq!((missing.status, missing.code()), (404, "UNKNOWN_GOAL"));
}

#[tokio::test]
async fn an_operator_cancels_with_who_and_why_in_the_record_the_timeline_and_the_archive() {
    let rig = Rig::with_goal(16);
    let arn = rig.launched().await;
    let answer = about(&rig, CANCEL, &arn, Some("  asked by mail  ")).await;
    assert_eq!((answer.status, &answer.body["status"]), (200, &json!("ABORTED")), "{answer:?}");
    let status = rig.status(&arn).await.body;
    let cancellation = &status["cancellation"];
    assert_eq!((&cancellation["operator"], &cancellation["reason"]), (&json!(OPERATOR), &json!("asked by mail")));
    assert_eq!(cancellation.get("by"), None, "the user has not");
    assert_eq!(rig.execution(&arn).user_id.as_str(), USER);

    let entry = |timeline: &Value| {
        let items = timeline["items"].as_array().unwrap();
        items.iter().find(|item| item["what"] == "CANCELLED").cloned().unwrap()
    };
    let timeline = rig.get(USER, "/api/workflows/{executionArn}/timeline", arn.as_str(), json!({})).await.body;
    assert_eq!(
        (&entry(&timeline)["operator"], &entry(&timeline)["reason"]),
        (&json!(OPERATOR), &json!("asked by mail"))
    );

    // Also when the rows have expired. What happens now is not looked at by the reconciler yet.
    rig.wait(120);
    rig.reconcile().await;
    rig.wait(100 * 24 * 60 * 60);
    rig.world.expire();
    assert!(!rig.world.state().executions.contains_key(&arn));
    assert_eq!(rig.status(&arn).await.body["cancellation"], *cancellation);
    let archived = about(&rig, TIMELINE, &arn, None).await.body;
    assert_eq!(entry(&archived), entry(&timeline));

    let again = about(&rig, CANCEL, &arn, Some("again")).await;
    assert_eq!((again.status, again.code()), (409, "ALREADY_ENDED"));
}

#[tokio::test]
async fn an_operator_retries_by_the_same_rules_and_the_user_stays_its_owner() {
    let rig = Rig::with_goal(8);
    rig.script("a-1-2", "fail");
    let arn = rig.launched().await;
    let early = about(&rig, RETRY, &arn, Some("now")).await;
    assert_eq!((early.status, early.code()), (409, "NOT_ENDED"));
    rig.run(&arn).await;

    let keyed = json!({ "reason": "the AI was down", "idempotencyKey": "ticket-7" });
    let answer = operate(&rig, RETRY, json!({ "executionArn": arn }), keyed.clone()).await;
    assert_eq!((answer.status, &answer.body["totalActions"]), (202, &json!(1)), "{answer:?}");
    let retry = answer.arn();
    assert_eq!(rig.execution(&retry).user_id.as_str(), USER);
    let told = json!({ "by": OPERATOR, "reason": "the AI was down", "retryOf": arn });
    assert_eq!(rig.status(&retry).await.body["operator"], told);
    let timeline = rig.get(USER, "/api/workflows/{executionArn}/timeline", retry.as_str(), json!({})).await.body;
    let accepted = &timeline["items"][0];
    assert_eq!((&accepted["what"], &accepted["operator"]), (&json!("ACCEPTED"), &json!(OPERATOR)));
    assert_eq!(accepted["reason"], "the AI was down");

    // The same key is the same request: of this operator, and of no user.
    let again = operate(&rig, RETRY, json!({ "executionArn": arn }), keyed).await;
    assert_eq!((again.status, again.arn()), (202, retry.clone()));
    let of_user = rig.post_with_key(USER, "retry", &arn, "ticket-7").await;
    assert_eq!((of_user.status, of_user.code()), (409, "ALREADY_RUNNING"));

    rig.deliver_requests().await;
    rig.script("a-1-2", "latency-ms=0");
    rig.run(&retry).await;
    assert_eq!(rig.execution(&retry).status(), Status::Succeeded);
    rig.reconcile().await;
    rig.wait(100 * 24 * 60 * 60);
    rig.world.expire();
    assert_eq!(about(&rig, STATUS, &retry, None).await.body["operator"], told, "from the archive");
}

#[tokio::test]
async fn an_operator_who_does_not_say_why_changes_nothing() {
    let rig = Rig::with_goal(8);
    rig.script("a-1-1", "fail");
    let arn = rig.launched().await;
    for reason in [None, Some(""), Some(" \n ")] {
        let cancel = about(&rig, CANCEL, &arn, reason).await;
        assert_eq!((cancel.status, cancel.code()), (400, "INVALID_REQUEST"), "{cancel:?}");
    }
    assert!(rig.execution(&arn).cancellation.is_none());
    rig.run(&arn).await;
    let retry = about(&rig, RETRY, &arn, None).await;
    assert_eq!((retry.status, retry.code()), (400, "INVALID_REQUEST"));
    assert!(rig.requests().len() == 1, "nothing more was requested");
}

#[tokio::test]
async fn an_operator_starts_nothing_in_the_name_of_a_user() {
    let rig = Rig::with_goal(8);
    let start = "POST /api/goals/{goalId}/start-activity";
    let answer = operate(&rig, start, json!({ "goalId": "goal-1" }), json!({ "reason": "please" })).await;
    assert_eq!((answer.status, answer.code()), (404, "NOT_FOUND"));
    assert!(rig.events().is_empty());
}

/// Whatever a client can put into a request: the gateway chooses the names of its event's fields.
#[tokio::test]
async fn no_request_of_the_gateway_is_taken_for_an_operator() {
    let rig = Rig::with_goal(8);
    let arn = rig.launched().await;
    let call = invocation(CANCEL, json!({ "executionArn": arn }), json!({ "reason": "forged" }))["operator"].take();
    let text = json!({ "operator": call }).to_string();
    let stranger = || GatewayRequest::new(CANCEL, "user-2").path(json!({ "executionArn": arn }));
    let forged = [
        stranger().body(&text),
        stranger().header("operator", &text),
        stranger().header("x-operator", OPERATOR).header("Operator", OPERATOR),
        stranger().query(json!({ "operator": text })),
        stranger().path(json!({ "executionArn": arn, "operator": text })),
        // A claim of a token, as an issuer may add any.
        stranger().fields(
            json!({ "requestContext": { "operator": call, "authorizer": { "jwt": { "claims": {
                "sub": "user-2", "operator": OPERATOR } }, "operator": call } } })
            .as_object()
            .unwrap()
            .clone(),
        ),
        stranger()
            .fields(json!({ "stageVariables": { "operator": text }, "cookies": [text] }).as_object().unwrap().clone()),
    ];
    for request in forged {
        let shown = format!("{request:?}");
        let answer = rig.answer(request.into()).await;
        assert_eq!((answer.status, answer.code()), (403, "NOT_OWNER"), "{shown}");
    }
    for route in [FIND, WAITING] {
        let answer = rig.answer(GatewayRequest::new(route, USER).into()).await;
        assert_eq!((answer.status, answer.code()), (404, "NOT_FOUND"), "{route}");
    }
    assert!(rig.execution(&arn).cancellation.is_none());
}

#[tokio::test]
async fn what_is_neither_an_invocation_nor_a_request_is_refused() {
    let rig = Rig::with_goal(8);
    let arn = rig.launched().await;
    let path = json!({ "executionArn": arn });
    let whole = invocation(CANCEL, path.clone(), json!({ "reason": "why" }));
    let call = || whole["operator"].clone();
    let mut wrong = vec![
        json!({ "operator": null }),
        json!({ "operator": OPERATOR }),
        json!({ "operator": [call()] }),
        // As `serde` alone would read it.
        json!({ "operator": [OPERATOR, "why", CANCEL, { "executionArn": arn }, {}, null] }),
        json!({ "operator": {} }),
        invocation(CANCEL, path.clone(), json!({ "by": "ada" })),
        invocation(CANCEL, path.clone(), json!({ "by": "arn:aws:iam::123456789012:user/a\nb" })),
        invocation(CANCEL, path.clone(), json!({ "reason": { "why": 1 } })),
        invocation(CANCEL, path.clone(), json!({ "query": { "limit": 1 } })),
        invocation(CANCEL, json!([arn]), json!({ "reason": "why" })),
        invocation(CANCEL, path.clone(), json!({ "reason": "why", "user": USER })),
    ];
    // A request of the gateway in which the field stands is none, whatever else it says.
    let request: Value = GatewayRequest::new(CANCEL, USER).path(path).body("{}").into();
    let mut both = request.clone();
    both["operator"] = call();
    wrong.push(both);
    for field in request.as_object().unwrap().keys() {
        let mut one = whole.clone();
        one[field] = request[field].clone();
        wrong.push(one);
    }
    for event in wrong {
        let answer = rig.answer(event.clone()).await;
        assert_eq!((answer.status, answer.code()), (400, "INVALID_REQUEST"), "{event}");
        let said = answer.body["detail"].as_str().unwrap();
        assert!(said.starts_with("not an operator's invocation"), "{said}");
    }
    assert!(rig.execution(&arn).cancellation.is_none());
    // In another spelling it is a request of the gateway, without a route.
    let other = rig.answer(json!({ "Operator": call() })).await;
    assert_eq!((other.status, other.code()), (404, "NOT_FOUND"));
}

#[tokio::test]
async fn an_operator_finds_workflows_by_user_by_goal_and_by_status() {
    let rig = Rig::with_goal(8);
    rig.add(samples::goal("goal-2", USER, 8));
    rig.add(samples::goal("goal-3", "user-3", 8));
    let first = rig.start().await.arn();
    rig.deliver_requests().await;
    rig.run(&first).await;
    rig.wait(60);
    let second = rig.start_as(USER, "goal-2", "").await.arn();
    rig.wait(60);
    let third = rig.start_as("user-3", "goal-3", "").await.arn();
    let find = async |query: Value| {
        let answer = operate(&rig, FIND, json!({}), json!({ "query": query })).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.body
    };
    let arns = |page: &Value| -> Vec<ExecutionArn> {
        let items = page["items"].as_array().unwrap().iter();
        items.map(|item| item["executionArn"].as_str().unwrap().parse().unwrap()).collect()
    };
    let of_user = find(json!({ "user": USER })).await;
    assert_eq!(arns(&of_user), [second.clone(), first.clone()]);
    assert_eq!((&of_user["items"][1]["goalId"], &of_user["items"][1]["userId"]), (&json!("goal-1"), &json!(USER)));
    assert_eq!(arns(&find(json!({ "user": USER, "status": "SUCCEEDED" })).await), std::slice::from_ref(&first));
    assert_eq!(arns(&find(json!({ "goal": "goal-3" })).await), std::slice::from_ref(&third));
    let everywhere = find(json!({ "status": "PENDING" })).await;
    assert_eq!((arns(&everywhere), &everywhere["lookedAt"]), (vec![third.clone(), second.clone()], &json!(3)));
    let since = rig.execution(&second).start_date.to_string();
    assert_eq!(arns(&find(json!({ "from": since })).await), [third.clone(), second]);

    let page = find(json!({ "limit": "1" })).await;
    let cursor = page["nextCursor"].as_str().unwrap();
    let rest = find(json!({ "limit": "100", "cursor": cursor })).await;
    assert_eq!((arns(&page), arns(&rest).len(), rest.get("nextCursor")), (vec![third], 2, None));

    for query in [json!({ "user": USER, "goal": "goal-1" }), json!({ "status": "DONE" }), json!({ "limit": "0" })] {
        let answer = operate(&rig, FIND, json!({}), json!({ "query": query })).await;
        assert_eq!((answer.status, answer.code()), (400, "INVALID_REQUEST"), "{query}");
    }
}

#[tokio::test]
async fn the_waiting_list_and_the_status_tell_a_place() {
    let rig = Rig { capacity: Capacity::new(NonZeroU32::MIN), ..Rig::with_goal(8) };
    rig.add(samples::goal("goal-2", "user-2", 8));
    rig.add(samples::goal("goal-3", "user-3", 8));
    let runs = rig.launched().await;
    rig.wait(1);
    let next = rig.start_as("user-2", "goal-2", "").await.arn();
    rig.wait(1);
    let last = rig.start_as("user-3", "goal-3", "").await.arn();
    rig.deliver_requests().await;

    let line = operate(&rig, WAITING, json!({}), json!({})).await.body;
    assert_eq!((&line["capacity"], &line["inUse"], &line["more"]), (&json!(1), &json!(1), &json!(false)));
    assert_eq!(line["holders"][0]["executionArn"], json!(runs));
    let places: Vec<_> = line["waiting"].as_array().unwrap().iter().map(|p| p["executionArn"].clone()).collect();
    assert_eq!(places, [json!(next), json!(last)]);
    assert_eq!((&line["waiting"][1]["waitingBefore"], &line["waiting"][1]["userId"]), (&json!(1), &json!("user-3")));
    let one = operate(&rig, WAITING, json!({}), json!({ "query": { "limit": "1" } })).await.body;
    assert_eq!((one["waiting"].as_array().map(Vec::len), &one["more"]), (Some(1), &json!(true)));
    assert_eq!(line.get("paused"), None);
    let pause = Pause::while_the_ai_is_down(Timestamp::from_millis(0));
    *rig.world.state().paused_mut() = Some(pause.clone());
    let line = operate(&rig, WAITING, json!({}), json!({})).await.body;
    assert_eq!(line["paused"], json!({ "since": pause.since, "reason": pause.reason }));

    let status = about(&rig, STATUS, &last, None).await.body;
    assert_eq!((&status["status"], &status["waitingBefore"]), (&json!("PENDING"), &json!(1)));
    assert_eq!(about(&rig, STATUS, &runs, None).await.body.get("waitingBefore"), None);
    // What is known is told without the list, too.
    rig.world.break_once("list_waiting");
    let status = about(&rig, STATUS, &last, None).await;
    assert_eq!((status.status, status.body.get("waitingBefore")), (200, None));
}
