use goal_activity_client::api::ProblemCode;
use goal_activity_events::{ExecutionArn, GoalId};
use goal_activity_tests::{Answer, Chart, Stack, User};
use serde_json::{Value, json};

/// Every route that needs a token, from the API's description, for that goal and workflow.
fn routes(goal: &GoalId, arn: &ExecutionArn) -> Vec<(String, String)> {
    let arn = arn.as_str().replace(':', "%3A");
    let description: Value = serde_json::from_str(include_str!("../../functions/openapi.json")).unwrap();
    let mut routes = Vec::new();
    for (path, operations) in description["paths"].as_object().unwrap() {
        let path = path.replace("{goalId}", goal.as_str()).replace("{executionArn}", &arn);
        let closed = operations.as_object().unwrap().iter().filter(|(_, operation)| operation["security"] != json!([]));
        routes.extend(closed.map(|(method, _)| (method.to_uppercase(), path.clone())));
    }
    assert!(routes.len() >= 7, "{routes:?}");
    routes
}

/// Returns `true` if a path names nothing that belongs to somebody: what it answers is the caller's own.
fn is_own(path: &str) -> bool {
    ["/api/workflows", "/api/goals"].contains(&path)
}

async fn call(user: &User, method: &str, path: &str) -> Answer {
    match method {
        "GET" => user.get(path).await,
        "PUT" => user.put(path, &json!({ "title": "another" })).await,
        _ => user.post(path, &json!({})).await,
    }
}

/// Every route with every kind of caller. One rule: an unauthenticated caller gets 401 and nothing else; an
/// authenticated one gets 403 for a resource of another user and 404 for one that does not exist, without further
/// details.
#[tokio::test]
async fn p9_every_route_lets_in_the_owner_only() {
    let stack = Stack::open().await;
    let (owner, stranger) = (stack.user().await, stack.user().await);
    let goal = stack.goal(&owner, Chart::of(1)).await;
    let arn = owner.started(&goal).await;
    owner.ended(&arn).await;

    let (issuer, token) = (stack.issuer(), owner.token());
    // The signature's last character carries padding bits only: the first one is changed instead.
    let (rest, signature) = token.rsplit_once('.').unwrap();
    let flipped = if signature.starts_with('A') { "B" } else { "A" };
    let long = 100 * 365 * 24 * 60 * 60;
    let nobodies = [
        ("no token", None),
        ("no JWT", Some("not-a-token".to_owned())),
        ("wrong signature", Some(format!("{rest}.{flipped}{}", &signature[1..]))),
        ("expired", Some(issuer.reissue(token, |claims| claims["exp"] = json!(claims["iat"])))),
        (
            "not yet valid",
            Some(issuer.reissue(token, |claims| claims["nbf"] = json!(claims["iat"].as_u64().unwrap() + long))),
        ),
        ("wrong audience", Some(issuer.reissue(token, |claims| claims["client_id"] = json!("another-app")))),
        ("wrong issuer", Some(issuer.reissue(token, |claims| claims["iss"] = json!("https://issuer.example")))),
    ];
    // Of this user, from this issuer and for this API, but not for calling it: only the scope tells.
    let unscoped = [
        ("an ID token", owner.id_token().to_owned()),
        ("no scope", issuer.reissue(token, |claims| claims["scope"] = json!("openid email"))),
    ];
    for (method, path) in routes(&goal, &arn) {
        for (what, token) in &unscoped {
            let answer = call(&owner.with_token(Some(token)), &method, &path).await;
            assert_eq!((answer.status, answer.problem()), (403, None), "{method} {path} with {what}");
        }
        for (who, token) in &nobodies {
            let answer = call(&owner.with_token(token.as_deref()), &method, &path).await;
            assert_eq!(answer.status, 401, "{method} {path} with {who}: {answer:?}");
        }
        if is_own(&path) {
            let seen = call(&stranger, &method, &path).await;
            assert_eq!((seen.status, &seen.body), (200, &json!({ "items": [] })), "{method} {path}");
            continue;
        }
        let refused = call(&stranger, &method, &path).await;
        refused.refused(403, ProblemCode::NotOwner);
        // The same for every resource, so it reveals nothing about it.
        let said = refused.body.to_string();
        assert!(!said.contains("status\":\"") && !said.contains("actionId"), "{said}");
        let let_in = call(&owner, &method, &path).await;
        assert!(matches!(let_in.status, 200 | 409), "{method} {path}: {let_in:?}");
    }
    // A token that is signed again is accepted.
    let renewed = owner.with_token(Some(&issuer.reissue(token, |_| {})));
    assert_eq!(renewed.status(&arn).await.status, 200);
}

#[tokio::test]
async fn what_is_not_there_is_404_for_every_known_user() {
    let stack = Stack::open().await;
    let user = stack.user().await;
    let arn = "arn:aws:states:us-east-1:000000000000:execution:goal-activity:none-1".parse().unwrap();
    let named = routes(&"no-such-goal".parse().unwrap(), &arn).into_iter().filter(|(_, path)| !is_own(path));
    // A goal that is not there is made.
    let named = named.filter(|(method, _)| method != "PUT");
    for (method, path) in named {
        let answer = call(&user, &method, &path).await;
        assert_eq!(answer.status, 404, "{method} {path}: {answer:?}");
    }
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
        assert!(!answer.refused(400, ProblemCode::InvalidRequest).retryable, "{answer:?}");
    }
}
