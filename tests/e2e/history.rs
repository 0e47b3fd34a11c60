use goal_activity_tests::{Chart, Stack, eventually};
use serde_json::json;

#[tokio::test]
async fn history_and_timeline_tell_what_has_happened() {
    let stack = Stack::open().await;
    let user = stack.user().await;
    let goal = stack.goal(&user, Chart::of(9)).await;
    let first = user.started(&goal).await;
    user.ended(&first).await;
    let again = user.post(&format!("/api/goals/{goal}/start-activity"), &json!({ "regenerate": true })).await;
    user.ended(&again.arn()).await;

    let history = format!("/api/goals/{goal}/workflows");
    // The index may be slightly behind.
    eventually("both workflows in the history", || async {
        let page = user.get(&format!("{history}?status=SUCCEEDED")).await;
        page.body["items"].as_array().filter(|items| items.len() == 2).map(|_| ())
    })
    .await;
    let newest = user.get(&format!("{history}?limit=1")).await;
    assert_eq!(newest.body["items"][0]["executionArn"], again.arn().as_str(), "{newest:?}");
    let cursor = newest.body["nextCursor"].as_str().expect("a next page");
    let oldest = user.get(&format!("{history}?limit=1&cursor={cursor}")).await;
    assert_eq!(oldest.body["items"][0]["executionArn"], first.as_str(), "{oldest:?}");
    assert_eq!(oldest.body["items"][0]["succeededActions"], 9);
    assert_eq!(oldest.body.get("nextCursor"), None);

    let timeline = user.get(&format!("/api/workflows/{}/timeline", first.as_str().replace(':', "%3A"))).await;
    let items = timeline.body["items"].as_array().expect("items");
    let story: Vec<_> = items.iter().map(|e| e["what"].as_str().expect("what")).collect();
    assert_eq!((story.first(), story.last()), (Some(&"ACCEPTED"), Some(&"ENDED")), "{timeline:?}");
    assert_eq!(story.iter().filter(|what| **what == "BATCH_FINISHED").count(), 2, "{timeline:?}");
}
