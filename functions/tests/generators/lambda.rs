use goal_activity_core::answer::Tolerance;
use goal_activity_core::goal::{Action, ActionKind};
use goal_activity_core::ports::{GenerateTasks, GenerationRequest, Tokens};
use goal_activity_events::FailureCode;
use goal_activity_functions::adapters::generators::{Generator, Question};
use goal_activity_functions::runtime::config::{self, GeneratorKind};
use goal_activity_testkit::stub::{Response, Stub};
use serde_json::{Value, json};

use crate::contract::Refusal;
use crate::logs::Logs;
use crate::wire::{self, Over, PRIVATE, Provider, TOKENS, ask, aws_at, failure, generator, goal, good, request};

/// A function that answers by the contract.
pub(crate) struct Function;

keeps_the_contract!(Over(Function));
bears_the_network!(Function);

#[tokio::test]
async fn what_is_shown_of_an_invocation_is_what_the_function_gets() {
    let stub = Stub::answering(Function.answer(&good(), TOKENS)).await;
    let generator = generator(&Function, &stub).await;
    let shown = generator.question(&request(&goal()));
    ask(&generator).await.unwrap();
    assert_eq!(shown, Question::Payload(stub.one().body));
}

#[tokio::test]
async fn a_function_is_called_in_the_region_of_its_arn() {
    for (function, region) in [
        ("generate-tasks:live", "eu-west-1"),
        ("arn:aws:lambda:ap-northeast-1:000000000000:function:generate-tasks", "ap-northeast-1"),
    ] {
        let stub = Stub::answering(Function.answer(&good(), TOKENS)).await;
        let function = config::ExistingFunction { function: function.into(), tolerance: Tolerance::default() };
        let generator = Generator::new(&aws_at(&stub.url()).await, GeneratorKind::Lambda(function));
        ask(&generator).await.unwrap();
        let signed = stub.one();
        let scope = format!("/{region}/lambda/aws4_request");
        assert!(
            signed.header("authorization").is_some_and(|by| by.contains(&scope)),
            "{:?}",
            signed.header("authorization")
        );
    }
}

/// A function's result, as Lambda returns it.
fn returned(payload: impl ToString) -> Response {
    Response::new(200, payload).header("content-type", "application/json").header("x-amz-executed-version", "$LATEST")
}

/// Lambda's response when a function throws.
fn threw(error: &Value) -> Response {
    returned(error).header("x-amz-function-error", "Unhandled")
}

/// An error of Lambda itself.
fn error(status: u16, code: &str, message: &str) -> Response {
    let body = json!({ "Type": "User", "Message": message, "message": message });
    Response::new(status, body).header("content-type", "application/json").header("x-amzn-errortype", code)
}

impl Provider for Function {
    fn settings(&self, _: &str) -> GeneratorKind {
        GeneratorKind::Lambda(config::ExistingFunction {
            function: "generate-tasks:live".into(),
            tolerance: Tolerance::default(),
        })
    }

    fn answer(&self, answer: &Value, _: Tokens) -> Response {
        let mut answer = answer.clone();
        answer["actionId"] = "a-1-1".into();
        answer["status"] = "success".into();
        returned(answer)
    }

    fn counts_tokens(&self) -> bool {
        false
    }

    fn throttled(&self) -> Response {
        error(429, "TooManyRequestsException", &format!("Rate Exceeded for {PRIVATE}"))
    }

    fn broken(&self) -> Response {
        let stack = [format!("TypeError: {PRIVATE}"), "at Runtime.handler (/var/task/index.js:3:9)".to_owned()];
        threw(&json!({ "errorType": "TypeError", "errorMessage": format!("no tasks for {PRIVATE}"), "trace": stack }))
    }

    fn refused(&self, why: Refusal) -> Response {
        match why {
            Refusal::AccessDenied => {
                error(403, "AccessDeniedException", "not authorized to perform: lambda:InvokeFunction")
            }
            Refusal::BadRequest => {
                error(400, "InvalidRequestContentException", &format!("Could not parse request body: {PRIVATE}"))
            }
            Refusal::NotFound => error(404, "ResourceNotFoundException", "Function not found: generate-tasks"),
        }
    }
}

#[tokio::test]
async fn the_function_is_invoked_with_exactly_what_was_agreed() {
    let stub = Stub::answering(Function.answer(&good(), TOKENS)).await;
    let generator = generator(&Function, &stub).await;
    let mut goal = wire::goal();
    goal.head.deadline = Some("2027-03-31".into());
    let action = Action {
        title: "毎朝走る \"5 km\"".into(),
        description: "雨の日は休む".into(),
        kind: ActionKind::Habit,
        ..goal.actions[0].clone()
    };
    for deadline in [goal.head.deadline.clone(), None] {
        goal.head.deadline = deadline;
        let request = GenerationRequest::first(&goal.head, Some(&goal.sub_goals[0]), &action);
        generator.generate(request).await.unwrap();
    }
    let seen = stub.seen();
    assert_eq!(seen[0].line, "POST /2015-03-31/functions/generate-tasks%3Alive/invocations");
    assert!(seen[0].header("x-amz-invocation-type").is_none_or(|how| how == "RequestResponse"), "not asynchronously");
    let of_action = json!({
        "actionId": "a-1-1", "title": "毎朝走る \"5 km\"", "description": "雨の日は休む", "type": "habit", "background": "",
        "constraints": null, "subGoalTitle": goal.sub_goals[0].title, "subGoalDescription": goal.sub_goals[0].description,
    });
    let mut expected = of_action.clone();
    expected["actionContext"] = of_action;
    expected["goalContext"] = json!({
        "goalId": "goal-1", "title": goal.head.title, "description": goal.head.description, "deadline": "2027-03-31",
        "background": goal.head.background, "constraints": null,
    });
    assert_eq!(seen[0].body, expected);
    expected["goalContext"]["deadline"] = "".into();
    assert_eq!(seen[1].body, expected);
}

#[tokio::test]
async fn an_answer_within_a_text_or_behind_a_gateway_is_unwrapped_once() {
    let mut answer = good();
    (answer["actionId"], answer["status"]) = ("a-1-1".into(), "success".into());
    let body = answer.to_string();
    let coded = base64(&body);
    let good = [
        json!(body),
        json!({ "statusCode": 200, "headers": {}, "body": body }),
        json!({ "statusCode": 200, "body": coded, "isBase64Encoded": true }),
        json!({ "statusCode": 200, "body": answer }),
    ];
    for payload in good {
        let stub = Stub::answering(returned(payload.clone())).await;
        let read = ask(&generator(&Function, &stub).await).await;
        assert_eq!(read.map(|generation| generation.drafts.count()), Ok(1), "{payload}");
    }
    let twice = json!({ "statusCode": 200, "body": json!(body).to_string() });
    for payload in [twice, json!({ "statusCode": 200, "body": PRIVATE }), json!({ "statusCode": 200 })] {
        let failed = failure(&Function, returned(payload.clone())).await;
        assert_eq!((failed.code, failed.transient), (FailureCode::AiInvalidAnswer, true), "{payload}");
        assert!(!failed.message.contains(PRIVATE), "{failed}");
    }
    for (status, code) in
        [(400, FailureCode::AiRejected), (429, FailureCode::AiThrottled), (500, FailureCode::AiUnavailable)]
    {
        let payload = json!({ "statusCode": status, "body": json!({ "error": PRIVATE }).to_string() });
        assert_eq!(failure(&Function, returned(payload)).await.code, code, "{status}");
    }
}

fn base64(text: &str) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(text)
}

#[tokio::test]
async fn a_function_without_success_says_where_to_look() {
    let logs = Logs::collect();
    for (error, words) in [
        (json!(format!("subGoalTitle is required, not {PRIVATE}")), vec!["`subGoalTitle`"]),
        (
            json!({ "code": "VALIDATION_ERROR", "field": "deadline", "message": PRIVATE }),
            vec!["VALIDATION_ERROR", "`deadline`"],
        ),
        (json!(format!("{PRIVATE} is too vague")), vec![]),
    ] {
        let payload = json!({ "actionId": "a-1-1", "status": "failed", "tasks": [], "error": error });
        let failed = failure(&Function, returned(payload).header("x-amzn-requestid", "4e3f7c5a")).await;
        assert_eq!((failed.code, failed.transient), (FailureCode::AiUnavailable, true));
        let lines = logs.lines();
        for word in words.into_iter().chain(["4e3f7c5a"]) {
            assert!(failed.message.contains(word), "{word}: {failed}");
            assert!(lines.contains(word.trim_matches('`')), "{word}: {lines}");
        }
        assert!(lines.contains("generate-tasks:live"), "{lines}");
        assert!(!failed.message.contains(PRIVATE) && !lines.contains(PRIVATE), "{failed} {lines}");
    }
}

#[tokio::test]
async fn an_answer_for_another_action_or_without_success_is_none() {
    let answer = |action: Value, status: Value| {
        let mut answer = good();
        answer["actionId"] = action;
        answer["status"] = status;
        answer["error"] = format!("{PRIVATE} is too vague").into();
        returned(answer)
    };
    for action in [json!("a-1-2"), json!(""), Value::Null, json!(1)] {
        let failed = failure(&Function, answer(action.clone(), json!("success"))).await;
        assert_eq!((failed.code, failed.transient), (FailureCode::AiInvalidAnswer, true), "{action}");
    }
    for status in [json!(true), Value::Null] {
        let failed = failure(&Function, answer(json!("a-1-1"), status.clone())).await;
        assert_eq!((failed.code, failed.transient), (FailureCode::AiInvalidAnswer, true), "{status}");
    }
    for status in [json!("failed"), json!("SUCCESS"), json!("")] {
        let failed = failure(&Function, answer(json!("a-1-1"), status.clone())).await;
        assert_eq!((failed.code, failed.transient), (FailureCode::AiUnavailable, true), "{status}");
        assert!(!failed.message.contains(PRIVATE), "{failed}");
    }
}

#[tokio::test]
async fn a_function_that_fails_is_known_by_the_name_of_its_error_alone() {
    let timed_out = json!({ "errorMessage": "2026-11-25T10:00:00.000Z 4e3f Task timed out after 60.00 seconds" });
    assert_eq!(failure(&Function, threw(&timed_out)).await.code, FailureCode::AiTimeout);
    let stopped = json!({ "errorType": "Sandbox.Timedout", "errorMessage": "RequestId: 4e3f Error: Task timed out after 60.00 seconds" });
    assert_eq!(failure(&Function, threw(&stopped)).await.code, FailureCode::AiTimeout);
    for name in [json!("Runtime.ExitError"), json!(format!("{PRIVATE} happened")), json!("x".repeat(65)), Value::Null] {
        let failed = failure(&Function, threw(&json!({ "errorType": name, "errorMessage": PRIVATE }))).await;
        assert_eq!((failed.code, failed.transient), (FailureCode::AiUnavailable, true), "{name}");
        assert!(!failed.message.contains(PRIVATE) && failed.message.len() < 200, "{failed}");
        assert_eq!(failed.message.contains("Runtime.ExitError"), name == "Runtime.ExitError");
    }
    assert_eq!(
        failure(&Function, returned("no JSON").header("x-amz-function-error", "Unhandled")).await.code,
        FailureCode::AiUnavailable
    );
}

#[tokio::test]
async fn each_of_lambda_s_errors_is_transient_or_not() {
    let table = [
        (429, "TooManyRequestsException", FailureCode::AiThrottled, true),
        (502, "EC2ThrottledException", FailureCode::AiThrottled, true),
        (500, "ServiceException", FailureCode::AiUnavailable, true),
        (502, "ResourceNotReadyException", FailureCode::AiUnavailable, true),
        (409, "ResourceConflictException", FailureCode::AiUnavailable, true),
        (403, "AccessDeniedException", FailureCode::AiRejected, false),
        (502, "KMSAccessDeniedException", FailureCode::AiRejected, false),
        (404, "ResourceNotFoundException", FailureCode::AiRejected, false),
        (400, "InvalidRequestContentException", FailureCode::AiRejected, false),
        (413, "RequestTooLargeException", FailureCode::AiRejected, false),
    ];
    for (status, name, code, transient) in table {
        let failed = failure(&Function, error(status, name, PRIVATE)).await;
        assert_eq!((failed.code, failed.transient), (code, transient), "{status} {name}");
        assert!(failed.message.contains(name) && !failed.message.contains(PRIVATE), "{failed}");
    }
}
