use crate::rig::{Rig, USER};
use serde_json::json;

#[tokio::test]
async fn p8_batches_are_formed_and_tasks_read_back_in_mandala_order() {
    let rig = Rig::with_goal(64);
    let arn = rig.launched().await;
    let batches = rig.batches(&arn);
    assert_eq!(batches.len(), 8);
    for (batch, sub_goal) in batches.iter().zip(1..) {
        let expected: Vec<_> = (1..=8).map(|a| format!("a-{sub_goal}-{a}")).collect();
        assert_eq!(batch.action_ids.iter().map(|a| a.as_str()).collect::<Vec<_>>(), expected);
    }
    for batch in batches.iter().rev() {
        rig.work(batch).await.unwrap();
    }
    rig.run(&arn).await;

    let (mut cursor, mut actions) = (String::new(), Vec::new());
    loop {
        let query = if cursor.is_empty() { json!({ "limit": "7" }) } else { json!({ "limit": "7", "cursor": cursor }) };
        let route = "GET /api/goals/{goalId}/tasks";
        let page = rig.call(USER, route, json!({ "goalId": "goal-1" }), query, "").await;
        assert_eq!(page.status, 200, "{page:?}");
        actions
            .extend(page.body["items"].as_array().unwrap().iter().map(|t| t["actionId"].as_str().unwrap().to_owned()));
        match page.body["nextCursor"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => break,
        }
    }
    assert_eq!(actions.len(), 256);
    actions.dedup();
    let expected: Vec<_> = (0..64).map(|i| format!("a-{}-{}", i / 8 + 1, i % 8 + 1)).collect();
    assert_eq!(actions, expected);
}
