//! The API's responses, route by route, to invalid requests.

use aws_lambda_events::encodings::Body;
use serde_json::json;

use crate::rig::{Rig, USER, goal_id};

#[tokio::test]
async fn the_description_is_the_committed_text_to_the_letter() {
    let response = Rig::default().raw_answer(json!({ "routeKey": "GET /api/openapi.json" })).await;
    assert_eq!(response.status_code, 200);
    assert_eq!(response.headers["content-type"], "application/json");
    assert_eq!(response.body, Some(Body::Text(include_str!("../../openapi.json").to_owned())));
}

#[tokio::test]
async fn a_start_answers_where_to_look_next() {
    let rig = Rig::with_goal(8);
    let answer = rig.start().await;
    assert_eq!(answer.status, 202);
    assert_eq!((&answer.body["status"], &answer.body["totalActions"]), (&json!("PENDING"), &json!(8)));
    assert_eq!(
        answer.location.unwrap(),
        "/api/workflows/arn%3Aaws%3Astates%3Aus%2Deast%2D1%3A000000000000%3Aexecution%3Agoal%2Dactivity%3Agoal%2D1%2D1/status"
    );
}

#[tokio::test]
async fn starts_that_cannot_be_are_refused_with_a_code() {
    let rig = Rig::with_goal(0);
    assert_eq!(rig.start_as(USER, "goal-1", "").await.code(), "NO_ACTIONS");
    assert_eq!(rig.start_as(USER, "nowhere", "").await.code(), "UNKNOWN_GOAL");
    let rig = Rig::with_goal(8);
    for (body, code) in [
        (r#"{"actionIds":["a-9-9"]}"#, "UNKNOWN_ACTION"),
        (r#"{"actionIds":[]}"#, "INVALID_REQUEST"),
        (r#"{"actionIds":"a-1-1"}"#, "INVALID_REQUEST"),
        (r#"{"actionIds":["a b"]}"#, "INVALID_REQUEST"),
        (r#"{"regenerate":"yes"}"#, "INVALID_REQUEST"),
        ("[]", "INVALID_REQUEST"),
        ("{", "INVALID_REQUEST"),
    ] {
        let answer = rig.start_as(USER, "goal-1", body).await;
        assert_eq!((answer.status, answer.code()), (400, code), "{body}");
        assert_eq!(answer.body["retryable"], json!(false));
    }
    rig.world.state().goals.get_mut(&goal_id("goal-1")).unwrap().head.status =
        goal_activity_core::goal::GoalStatus::Paused;
    assert_eq!(rig.start().await.code(), "GOAL_CLOSED");
}

#[tokio::test]
async fn unknown_fields_are_ignored_and_an_empty_body_is_fine() {
    for body in ["", "  ", "{}", r#"{"colour":"blue","regenerate":false}"#] {
        assert_eq!(Rig::with_goal(8).start_as(USER, "goal-1", body).await.status, 202, "{body:?}");
    }
}

#[tokio::test]
async fn a_second_start_has_nothing_to_do() {
    let rig = Rig::with_goal(8);
    let arn = rig.launched().await;
    rig.run(&arn).await;
    let answer = rig.start().await;
    assert_eq!((answer.status, answer.code()), (409, "NOTHING_TO_DO"));
}

#[tokio::test]
async fn malformed_paths_are_400_and_unknown_ones_404() {
    let rig = Rig::with_goal(8);
    let arn = "arn:aws:states:us-east-1:000000000000:execution:goal-activity:goal-9-1";
    let encoded = arn.replace(':', "%3A");
    let cases = [
        ("not-an-arn", 400),
        ("%FF", 400),
        ("", 400),
        ("arn:aws:lambda:us-east-1:000000000000:execution:goal-activity:x", 400),
        (arn, 404),
        (&encoded, 404),
    ];
    for (arn, status) in cases {
        let route = "GET /api/workflows/{executionArn}/status";
        let answer = rig.call(USER, route, json!({ "executionArn": arn }), json!({}), "").await;
        assert_eq!(answer.status, status, "{arn:?}");
    }
    for goal in ["a b", "a#b", "a/b", "", "ゴール"] {
        assert_eq!(rig.start_as(USER, goal, "").await.status, 400, "{goal:?}");
    }
    assert_eq!(rig.call(USER, "GET /nowhere", json!({}), json!({}), "").await.status, 404);
}

#[tokio::test]
async fn pages_of_tasks_have_limits() {
    let rig = Rig::with_goal(8);
    let route = "GET /api/goals/{goalId}/tasks";
    for query in [
        json!({ "limit": "0" }),
        json!({ "limit": "1001" }),
        json!({ "limit": "x" }),
        json!({ "cursor": "!" }),
        json!({ "cursor": "" }),
        json!({ "cursor": "YWJj" }),
    ] {
        let answer = rig.call(USER, route, json!({ "goalId": "goal-1" }), query.clone(), "").await;
        assert_eq!(answer.status, 400, "{query}");
    }
    let empty = rig.call(USER, route, json!({ "goalId": "goal-1" }), json!({}), "").await;
    assert_eq!((empty.status, empty.body), (200, json!({ "items": [] })));
}

#[tokio::test]
async fn what_is_unavailable_is_a_retryable_503_that_hides_its_reason() {
    let rig = Rig::with_goal(8);
    for call in ["load_goal", "actions_with_tasks", "claim_goal"] {
        rig.world.break_once(call);
        let answer = rig.start().await;
        assert_eq!((answer.status, answer.body["retryable"].as_bool()), (503, Some(true)), "{call}");
        assert_eq!(answer.content_type, "application/problem+json");
        assert!(!answer.body.to_string().contains("broken by the test"));
    }
    assert_eq!(rig.start().await.status, 202);
}
