//! The HTTP API, as API Gateway calls it (payload format 2.0).

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use goal_activity_testkit::GatewayRequest;
use serde_json::{Value, json};

use super::entry::state;
use super::logs::{Logs, assert_silent};
use super::wrong::{MARKER, NEEDLE, Wrong, every_wrong, no_documents, with_unknown_fields};
use crate::rig::{Answer, Rig, USER};

const START: &str = "POST /api/goals/{goalId}/start-activity";
const HISTORY: &str = "GET /api/goals/{goalId}/workflows";
const ACTIONS: &str = "GET /api/workflows/{executionArn}/actions";
const TIMELINE: &str = "GET /api/workflows/{executionArn}/timeline";
const TASKS: &str = "GET /api/goals/{goalId}/tasks";
const STATUS: &str = "GET /api/workflows/{executionArn}/status";
const CANCEL: &str = "POST /api/workflows/{executionArn}/cancel";
const RETRY: &str = "POST /api/workflows/{executionArn}/retry";
const WORKFLOWS: &str = "GET /api/workflows";
const GOAL: &str = "GET /api/goals/{goalId}";
const PUT_GOAL: &str = "PUT /api/goals/{goalId}";
const ROUTES: [&str; 10] = [GOAL, PUT_GOAL, START, TASKS, HISTORY, STATUS, ACTIONS, TIMELINE, CANCEL, RETRY];
const ARN: &str = "arn:aws:states:us-east-1:000000000000:execution:goal-activity:goal-1-1";

/// A valid request.
fn request(route: &str) -> Value {
    let path = if route.contains("{goalId}") { json!({ "goalId": "goal-1" }) } else { json!({ "executionArn": ARN }) };
    GatewayRequest::new(route, USER).path(path).header("content-type", "application/json").into()
}

fn with(route: &str, pointer: &str, value: Value) -> Value {
    let mut request = request(route);
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    request.pointer_mut(parent).unwrap()[name] = value;
    request
}

/// Asserts that the response is a problem document of RFC 9457 with a reason, and repeats nothing of the input.
async fn refused(rig: &Rig, logs: &Logs, what: &str, request: Value) -> Answer {
    let before = state(rig);
    logs.take();
    let answer = rig.answer(request).await;
    let said = logs.take();
    assert_silent(what, &said);
    assert_silent(what, &answer.body.to_string());
    assert!((400..500).contains(&answer.status), "{what}: {answer:?}");
    assert_eq!(answer.content_type, "application/problem+json", "{what}");
    assert_eq!(answer.body["status"], json!(answer.status), "{what}");
    assert!(!answer.code().is_empty() && answer.body["detail"].as_str().is_some_and(|d| !d.is_empty()), "{what}");
    assert_eq!(answer.body["retryable"], json!(false), "{what}");
    assert_eq!(state(rig), before, "{what} left something behind");
    answer
}

async fn assert_refused(rig: &Rig, what: &str, request: Value, expected: (i64, &str)) {
    let answer = refused(rig, &Logs::collect(), what, request).await;
    assert_eq!((answer.status, answer.code()), expected, "{what}: {answer:?}");
}

async fn with_workflow() -> Rig {
    let rig = Rig::with_goal(9);
    assert_eq!(rig.launched().await.as_str(), ARN);
    rig
}

#[tokio::test]
async fn ids_in_a_path_that_are_none_are_400_on_every_route() {
    let rig = with_workflow().await;
    let long = "x".repeat(100_000);
    let tricks = [
        "",
        " ",
        ".",
        "..",
        "../goal-1",
        "goal-1/",
        "goal-1%2F",
        "goal-1%252F",
        "goal-1%00",
        "goal-1%2500",
        "%",
        "%2",
        "%zz",
        "%FF",
        "%C0%AF",
        "%ED%A0%80",
        "%u0067",
        "goal-1#",
        "goal-1?x=1",
        "goal-1%23",
        "goal-1%0D%0A",
        "goal-1\u{0}",
        "goal-1\n",
        "goal－1",
        "ゴール",
        "goal-1;x",
        "goal-1+",
        "'; --",
        "{goalId}",
        "[object Object]",
        MARKER,
        &long,
    ];
    for route in ROUTES {
        let name = if route.contains("{goalId}") { "goalId" } else { "executionArn" };
        for trick in tricks {
            let pointer = format!("/pathParameters/{name}");
            let short: String = trick.chars().take(40).collect();
            assert_refused(
                &rig,
                &format!("{route}: {short:?}"),
                with(route, &pointer, json!(trick)),
                (400, "INVALID_REQUEST"),
            )
            .await;
        }
        assert_refused(&rig, route, with(route, "/pathParameters", json!({})), (400, "INVALID_REQUEST")).await;
        assert_refused(&rig, route, with(route, "/pathParameters", Value::Null), (400, "INVALID_REQUEST")).await;
    }
}

#[tokio::test]
async fn an_id_in_a_path_may_be_encoded_once_more() {
    let rig = with_workflow().await;
    for arn in [ARN.to_owned(), ARN.replace(':', "%3A"), ARN.replace(':', "%3a"), ARN.replace('-', "%2D")] {
        let answer = rig.answer(with(STATUS, "/pathParameters/executionArn", json!(arn))).await;
        assert_eq!(answer.status, 200, "{arn}: {answer:?}");
    }
    // But not encoded twice: the meaning would be ambiguous.
    let twice = ARN.replace(':', "%253A");
    assert_refused(&rig, "twice", with(STATUS, "/pathParameters/executionArn", json!(twice)), (400, "INVALID_REQUEST"))
        .await;
}

#[tokio::test]
async fn p9_arns_of_others_are_404_and_ids_of_other_things_400() {
    let rig = with_workflow().await;
    for route in [STATUS, CANCEL, RETRY] {
        for (part, other, expected) in [
            ("goal-1-1", "goal-1-2", (404, "UNKNOWN_EXECUTION")),
            ("000000000000", "111111111111", (404, "UNKNOWN_EXECUTION")),
            ("us-east-1", "eu-west-1", (404, "UNKNOWN_EXECUTION")),
            ("arn:aws:", "arn:aws-us-gov:", (404, "UNKNOWN_EXECUTION")),
            (":goal-activity:", ":another-machine:", (404, "UNKNOWN_EXECUTION")),
            ("us-east-1", "US-EAST-1", (404, "UNKNOWN_EXECUTION")),
            (":execution:", ":express:", (400, "INVALID_REQUEST")),
            (":execution:", ":stateMachine:", (400, "INVALID_REQUEST")),
            (":states:", ":lambda:", (400, "INVALID_REQUEST")),
            ("000000000000", "", (400, "INVALID_REQUEST")),
            ("goal-1-1", "goal-1-1:x", (400, "INVALID_REQUEST")),
            ("goal-1-1", "", (400, "INVALID_REQUEST")),
            ("goal-1-1", "REQUEST", (404, "UNKNOWN_EXECUTION")),
        ] {
            let foreign = ARN.replacen(part, other, 1);
            assert_refused(&rig, &foreign, with(route, "/pathParameters/executionArn", json!(foreign)), expected).await;
        }
    }
}

#[tokio::test]
async fn a_caller_without_a_token_is_401_on_every_route() {
    let rig = with_workflow().await;
    for route in ROUTES.into_iter().chain([WORKFLOWS]) {
        for (pointer, value) in [
            ("/requestContext", json!({})),
            ("/requestContext/authorizer", Value::Null),
            ("/requestContext/authorizer", json!({ "lambda": { "sub": USER } })),
            ("/requestContext/authorizer/jwt", Value::Null),
            ("/requestContext/authorizer/jwt/claims", json!({})),
            ("/requestContext/authorizer/jwt/claims", json!({ "SUB": USER, "username": USER })),
            ("/requestContext/authorizer/jwt/claims/sub", Value::Null),
            ("/requestContext/authorizer/jwt/claims/sub", json!([USER])),
            ("/requestContext/authorizer/jwt/claims/sub", json!(7)),
            ("/requestContext/authorizer/jwt/claims/sub", json!("")),
            ("/requestContext/authorizer/jwt/claims/sub", json!(MARKER)),
            ("/requestContext/authorizer/jwt/claims/sub", json!(format!("{USER}\n"))),
            ("/requestContext/authorizer/jwt/claims/sub", json!("u".repeat(256))),
        ] {
            let what = format!("{route}: {pointer} {value}");
            assert_refused(&rig, &what, with(route, pointer, value), (401, "UNAUTHENTICATED")).await;
        }
    }
}

#[tokio::test]
async fn bodies_that_break_the_contract_are_400() {
    let start = json!({ "actionIds": ["a-1-1", "a-1-2"], "regenerate": true });
    let cancel = json!({ "reason": "changed my mind" });
    let texts = [
        "text",
        "long text",
        "control characters",
        "escaped digits",
        "parser's words",
        "empty text",
        "null",
        "removed",
    ];
    let fine: [(&str, &[&str]); 3] =
        [("/actionIds", &["null", "removed"]), ("/regenerate", &["null", "removed"]), ("/reason", &texts)];
    let logs = Logs::collect();
    for (route, document) in [(START, start), (CANCEL, cancel)] {
        for Wrong { place, kind, text } in every_wrong(&document).into_iter().chain(no_documents(&document)) {
            for encoded in [false, true] {
                let what = format!("{route}: {place}: {kind}, base64: {encoded}");
                let rig = if route == START { Rig::with_goal(9) } else { with_workflow().await };
                let body = if encoded { STANDARD.encode(&text) } else { text.clone() };
                let body_bytes = body.len();
                let mut request = with(route, "/body", json!(body));
                request["isBase64Encoded"] = json!(encoded);
                let is_fine = fine.iter().any(|(p, kinds)| *p == place && kinds.contains(&kind))
                    || place.is_empty() && ["empty", "blank", "empty object", "byte order mark"].contains(&kind);
                if is_fine {
                    logs.take();
                    assert!(matches!(rig.answer(request).await.status, 200 | 202), "{what}");
                    assert_silent(&what, &logs.take());
                } else {
                    let too_large = route == START && body_bytes > 10 * 1024;
                    let expected = if too_large { (413, "BODY_TOO_LARGE") } else { (400, "INVALID_REQUEST") };
                    let answer = refused(&rig, &logs, &what, request).await;
                    assert_eq!((answer.status, answer.code()), expected, "{what}");
                }
            }
        }
        let rig = if route == START { Rig::with_goal(9) } else { with_workflow().await };
        let answer = rig.answer(with(route, "/body", json!(with_unknown_fields(&document)))).await;
        assert!(matches!(answer.status, 200 | 202), "{answer:?}");
        assert_silent("unknown fields", &answer.body.to_string());
    }
}

#[tokio::test]
async fn charts_that_break_the_contract_are_400_and_repeat_nothing() {
    let action = json!({
        "actionId": "mine", "position": 2, "title": "a", "description": "b", "background": "c", "constraints": "d",
        "type": "habit",
    });
    let chart = json!({
        "title": "t", "description": "b", "background": "c", "constraints": "d", "deadline": "e",
        "subGoals": [{ "position": 3, "title": "s", "description": "f", "actions": [action] }],
    });
    let logs = Logs::collect();
    let (mut written, mut refusals) = (0, 0);
    for Wrong { place, kind, text } in every_wrong(&chart).into_iter().chain(no_documents(&chart)) {
        let (what, rig) = (format!("{place}: {kind}"), Rig::with_goal(9));
        let large = text.len() > 256 * 1024;
        let request = with(PUT_GOAL, "/body", json!(text));
        logs.take();
        let is_text = ["/title", "/description", "/background", "/constraints", "/deadline"];
        let is_text = is_text.iter().any(|name| place.ends_with(name));
        let answer = rig.answer(request.clone()).await;
        assert_silent(&what, &logs.take());
        if answer.status == 200 {
            // An object without known fields is an empty cell.
            let optional = ["null", "removed", "object", "deep object", "byte order mark"].contains(&kind);
            let optional = optional || kind.starts_with("empty");
            assert!(is_text || optional, "{what}: {answer:?}");
            written += 1;
            continue;
        }
        let refused = refused(&Rig::with_goal(9), &logs, &what, request).await;
        let expected = if large { (413, "BODY_TOO_LARGE") } else { (400, "INVALID_REQUEST") };
        assert_eq!((refused.status, refused.code()), expected, "{what}");
        refusals += 1;
    }
    assert!(written > 20 && refusals > 100, "{written} written, {refusals} refused");
    let rig = Rig::with_goal(9);
    let answer = rig.answer(with(PUT_GOAL, "/body", json!(with_unknown_fields(&chart)))).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_silent("unknown fields", &answer.body.to_string());
}

#[tokio::test]
async fn what_editors_and_generated_clients_write_is_read() {
    let start = r#"{ "actionIds": null, "regenerate": null }"#;
    let chart = r#"{"title": "t", "revision": null, "description": null, "deadline": null, "subGoals":
        [{"position": null, "title": "s", "actions": null}, {"title": "r", "actions": [{"actionId": null, "title": "a"}]}]}"#;
    for (route, body) in [(START, start), (CANCEL, r#"{ "reason": null }"#), (PUT_GOAL, chart), (START, "")] {
        for (kind, body) in [
            ("plain", body.to_owned()),
            ("marked", format!("\u{feff}{body}")),
            ("CRLF", body.replace('\n', "\r\n") + "\r\n"),
        ] {
            for encoded in [false, true] {
                let rig = if route == CANCEL { with_workflow().await } else { Rig::with_goal(9) };
                let mut request =
                    with(route, "/body", json!(if encoded { STANDARD.encode(&body) } else { body.clone() }));
                request["isBase64Encoded"] = json!(encoded);
                let answer = rig.answer(request).await;
                assert!(matches!(answer.status, 200 | 202), "{route}, {kind}, base64: {encoded}: {answer:?}");
            }
        }
    }
}

#[tokio::test]
async fn bodies_of_bytes_that_are_no_text_are_400() {
    let rig = with_workflow().await;
    let truncated = STANDARD.encode(r#"{"reason": "x"}"#);
    for (what, body, encoded) in [
        ("not UTF-8", STANDARD.encode(b"{\"reason\": \"\xff\"}"), true),
        ("not UTF-8 in an unknown field", STANDARD.encode(b"{\"x\": \"\xed\xa0\x80\"}"), true),
        ("UTF-16", STANDARD.encode([0xff, 0xfe, b'{', 0, b'}', 0]), true),
        ("gzip", STANDARD.encode([0x1f, 0x8b, 8, 0, 0, 0, 0, 0]), true),
        ("not base64", format!("{{{NEEDLE}}}"), true),
        ("base64 cut short", truncated[..truncated.len() - 1].to_owned(), true),
        ("base64 that is not marked so", truncated, false),
        ("a form", format!("reason={NEEDLE}"), false),
    ] {
        for route in [START, CANCEL] {
            let mut request = with(route, "/body", json!(body));
            request["isBase64Encoded"] = json!(encoded);
            assert_refused(&rig, &format!("{route}: {what}"), request, (400, "INVALID_REQUEST")).await;
        }
    }
}

#[tokio::test]
async fn the_reason_of_a_400_says_which_field() {
    let rig = Rig::with_goal(9);
    let many: Vec<_> = (0..65).map(|_| "a-1-1").collect();
    for (body, words) in [
        (json!({ "actionIds": [MARKER] }).to_string(), "actionIds[0]: not a valid action id: 1 to 64 letters"),
        (json!({ "actionIds": MARKER }).to_string(), "actionIds: expected a sequence"),
        (json!({ "regenerate": MARKER }).to_string(), "regenerate: expected a boolean"),
        (json!({ "actionIds": [] }).to_string(), "actionIds is empty; leave it out"),
        (json!({ "actionIds": many }).to_string(), "actionIds has 65 entries, more than 64"),
        (r#"{"regenerate": true, "regenerate": false}"#.into(), "duplicate field `regenerate`"),
        ("[]".into(), "expected an object"),
        ("{".into(), "EOF while parsing an object at line 1 column 1"),
    ] {
        let answer = refused(&rig, &Logs::collect(), &body, with(START, "/body", json!(body))).await;
        let detail = answer.body["detail"].as_str().unwrap();
        assert!(detail.contains(words), "{body}: {detail}");
    }
}

#[tokio::test]
async fn a_list_of_a_million_actions_is_refused_at_once() {
    let rig = Rig::with_goal(64);
    let ids: Vec<_> = (0..1_000_000).map(|i| format!("a-{}-{}", i % 8 + 1, i / 8 % 8 + 1)).collect();
    let body = json!({ "actionIds": ids }).to_string();
    assert_refused(&rig, "a million ids", with(START, "/body", json!(body)), (413, "BODY_TOO_LARGE")).await;
}

#[tokio::test]
async fn query_parameters_that_are_none_are_400() {
    let rig = Rig::with_goal(9);
    let arn = rig.launched().await;
    rig.run(&arn).await;
    let cursor = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let limits =
        ["", " ", "0", "-1", "1.5", "1e2", "0x10", "1001", "65536", "99999999999999999999", "1,2", "10 ", "١٠", MARKER];
    let cursors = [
        String::new(),
        MARKER.into(),
        "=".into(),
        "AA==".into(),
        cursor(""),
        cursor(MARKER),
        cursor("1#1"),
        cursor("1#1#1"),
        cursor("1#1#00"),
        cursor("1#1#99"),
        cursor("9#9#01"),
        cursor(" 1#1#01"),
        cursor("\"\""),
        cursor("[\"1#1#01\"]"),
        cursor("\"1#1#01\" \"1#1#02\""),
        cursor(&format!("{:?}", "1#1#01".repeat(1000))),
        URL_SAFE_NO_PAD.encode([0xff, 0xfe]),
    ];
    let wrong = limits.iter().map(|l| json!({ "limit": l })).chain(cursors.iter().map(|c| json!({ "cursor": c })));
    for query in wrong {
        let what = query.to_string();
        assert_refused(&rig, &what, with(TASKS, "/queryStringParameters", query), (400, "INVALID_REQUEST")).await;
    }
    for query in
        [json!(null), json!({}), json!({ MARKER: MARKER }), json!({ "cursor": cursor("\"8#8#10\""), "limit": "1000" })]
    {
        let answer = rig.answer(with(TASKS, "/queryStringParameters", query.clone())).await;
        assert_eq!(answer.status, 200, "{query}: {answer:?}");
    }
}

/// A cursor is a place in time: with that of another user, or one that is made up, a user sees own workflows only.
#[tokio::test]
async fn p9_cursors_and_filters_of_the_lists_of_workflows_reach_nothing_of_others() {
    let rig = with_workflow().await;
    let cursor = |place: Value| URL_SAFE_NO_PAD.encode(place.to_string());
    let place = |at: &str, arn: &str| json!({ "startDate": at, "executionArn": arn });
    let malformed = [
        json!({}),
        json!([]),
        json!(MARKER),
        json!({ "startDate": "2026-11-24T09:00:00Z" }),
        place("x", ARN),
        place("2026-11-24T09:00:00Z", ""),
        place("2026-11-24T09:00:00Z", MARKER),
        place("2026-11-24T09:00:00Z", "arn:aws:states:us-east-1:000000000000:stateMachine:goal-activity"),
    ];
    let odd = [json!({ "status": "succeeded" }), json!({ "status": "SUCCEEDED,FAILED" }), json!({ "status": "" })];
    let times = [
        "",
        "now",
        "2026-11-31",
        "24.11.2026",
        "2026-11-24T09:00:00",
        "1795510800000",
        "-2026-11-24T09:00:00Z",
        MARKER,
    ];
    let times = times.map(|at| json!({ "from": at })).into_iter().chain(times.map(|at| json!({ "to": at })));
    let cursors = malformed.into_iter().map(|place| json!({ "cursor": cursor(place) }));
    for query in cursors.chain(odd).chain(times).chain([json!({ "limit": "101" }), json!({ "limit": "0" })]) {
        for route in [WORKFLOWS, HISTORY] {
            let what = format!("{route} {query}");
            let request = with(route, "/queryStringParameters", query.clone());
            assert_refused(&rig, &what, request, (400, "INVALID_REQUEST")).await;
        }
    }
    let [first, last] = ["0000-01-01T00:00:00Z", "9999-12-31T23:59:59Z"];
    let elsewhere = "arn:aws:states:us-east-1:000000000000:execution:goal-activity:other-1";
    for at in [first, last, "1970-01-01T00:00:00Z", "2026-11-24T09:00:00+14:00"] {
        for arn in [ARN, elsewhere] {
            let mut place = place(at, arn);
            place["userId"] = json!("somebody-else");
            let queries =
                [json!({}), json!({ "from": first, "to": last }), json!({ "from": last }), json!({ "to": first })];
            for mut query in queries {
                query["cursor"] = json!(cursor(place.clone()));
                for (route, user) in [(WORKFLOWS, USER), (WORKFLOWS, "somebody-else"), (HISTORY, USER)] {
                    let mut request = with(route, "/queryStringParameters", query.clone());
                    request["requestContext"]["authorizer"]["jwt"]["claims"]["sub"] = json!(user);
                    let answer = rig.answer(request).await;
                    assert_eq!(answer.status, 200, "{route} {query}: {answer:?}");
                    let is_own = user == USER || answer.body["items"] == json!([]);
                    assert!(is_own, "{route} {query} of {user}: {answer:?}");
                }
            }
        }
    }
}

/// Values that a client can write into headers, cookies and the like are not read, so they never prevent a response.
#[tokio::test]
async fn whatever_else_is_in_a_request_is_left_alone() {
    let rig = with_workflow().await;
    let logs = Logs::collect();
    for (name, value) in [
        ("headers", json!({ "x-name": "Zo\u{eb}", "x\u{0}": MARKER, "content-type": "text/plain" })),
        ("headers", json!({ "content-type": "application/x-www-form-urlencoded" })),
        ("headers", json!(MARKER)),
        ("headers", Value::Null),
        ("cookies", json!([MARKER, 7])),
        ("rawPath", json!(format!("/%ff#{MARKER}?"))),
        ("rawQueryString", json!("%zz&&=")),
        ("stageVariables", json!(MARKER)),
        ("version", json!("1.0")),
    ] {
        logs.take();
        let answer = rig.answer(with(STATUS, &format!("/{name}"), value)).await;
        assert_eq!(answer.status, 200, "{name}: {answer:?}");
        assert_silent(name, &logs.take());
    }
}

#[tokio::test]
async fn what_is_not_even_a_request_is_answered() {
    let rig = with_workflow().await;
    let logs = Logs::collect();
    for event in [
        Value::Null,
        json!(MARKER),
        json!([MARKER]),
        json!({}),
        with(START, "/routeKey", Value::Null),
        with(START, "/routeKey", json!(7)),
        with(START, "/routeKey", json!("GET /")),
        with(START, "/pathParameters", json!(MARKER)),
        with(START, "/pathParameters/goalId", json!([MARKER])),
        with(START, "/body", json!({ MARKER: MARKER })),
        with(START, "/isBase64Encoded", json!(MARKER)),
        with(START, "/queryStringParameters", json!({ "limit": [MARKER] })),
        with(START, "/requestContext", json!(MARKER)),
    ] {
        let what = event.to_string();
        let answer = refused(&rig, &logs, &what, event).await;
        assert!(matches!((answer.status, answer.code()), (400, "INVALID_REQUEST") | (404, "NOT_FOUND")), "{answer:?}");
    }
}
