use goal_activity_tests::Stack;
use serde_json::Value;

#[tokio::test]
async fn the_description_is_served_as_it_is_committed() {
    let stack = Stack::open().await;
    let nobody = stack.user().await.with_token(None);
    let answer = nobody.get("/api/openapi.json").await;
    let committed: Value = serde_json::from_str(include_str!("../../functions/openapi.json")).unwrap();
    assert_eq!((answer.status, answer.body), (200, committed));
}
