use goal_activity_tests::{Chart, Stack};

#[tokio::test]
async fn without_a_valid_token_every_route_is_401() {
    let stack = Stack::open().await;
    let user = stack.user().await;
    let goal = stack.goal(&user, Chart::of(1)).await;
    let arn = "arn:aws:states:us-east-1:000000000000:execution:goal-activity:none-1".parse().unwrap();
    // The signature's last character carries padding bits only: the first one is changed instead.
    let (rest, signature) = user.token().rsplit_once('.').unwrap();
    let flipped = if signature.starts_with('A') { "B" } else { "A" };
    let forged = format!("{rest}.{flipped}{}", &signature[1..]);
    for token in [None, Some("not-a-token"), Some("a.b.c"), Some(forged.as_str())] {
        let nobody = user.with_token(token);
        assert_eq!(nobody.start(&goal).await.status, 401, "{token:?}");
        assert_eq!(nobody.status(&arn).await.status, 401, "{token:?}");
        assert_eq!(nobody.get(&format!("/api/goals/{goal}/tasks")).await.status, 401, "{token:?}");
    }
    assert_eq!(user.status(&arn).await.status, 404, "with the token itself the route is reached");
}

#[tokio::test]
async fn malformed_requests_are_problems_with_a_code() {
    let stack = Stack::open().await;
    let user = stack.user().await;
    let goal = stack.goal(&user, Chart::of(1)).await;
    let answers = [
        user.get("/api/workflows/not-an-arn/status").await,
        user.get("/api/workflows/arn%253Aaws/status").await,
        user.get(&format!("/api/goals/{goal}/tasks?limit=0")).await,
        user.post(&format!("/api/goals/{goal}/start-activity"), &serde_json::json!({ "actionIds": 7 })).await,
        user.post("/api/goals/a%20b%23c/start-activity", &serde_json::json!({})).await,
    ];
    for answer in answers {
        assert_eq!((answer.status, answer.content_type.as_str()), (400, "application/problem+json"), "{answer:?}");
        assert_eq!((&answer.body["code"], &answer.body["retryable"]), (&"INVALID_REQUEST".into(), &false.into()));
    }
}
