use goal_activity_client::api::{StartRequest, TimelineEvent};
use goal_activity_tests::{Chart, Stack, eventually};

#[tokio::test]
async fn history_and_timeline_tell_what_has_happened() {
    let stack = Stack::open().await;
    let user = stack.user().await;
    let goal = stack.goal(&user, Chart::of(9)).await;
    let first = user.started(&goal).await;
    user.ended(&first).await;
    let regenerate = StartRequest { regenerate: true, ..StartRequest::default() };
    let second = user.start_with(&goal, &regenerate).await.ok().execution_arn;
    user.ended(&second).await;

    // The index may be slightly behind.
    eventually("both workflows in the history", || async {
        (user.history(&goal, "status=SUCCEEDED").await.ok().items.len() == 2).then_some(())
    })
    .await;
    let newest = user.history(&goal, "limit=1").await.ok();
    assert_eq!(newest.items[0].execution_arn, second, "{newest:?}");
    let cursor = newest.next_cursor.expect("a next page");
    let oldest = user.history(&goal, &format!("limit=1&cursor={cursor}")).await.ok();
    assert_eq!(oldest.items[0].execution_arn, first, "{oldest:?}");
    assert_eq!((oldest.items[0].succeeded_actions, oldest.next_cursor), (Some(9), None));

    let timeline = user.timeline(&first).await.ok();
    let story: Vec<_> = timeline.items.iter().map(|item| item.what.known().expect("a known event")).collect();
    let ends = (story.first(), story.last());
    assert_eq!(ends, (Some(&TimelineEvent::Accepted), Some(&TimelineEvent::Ended)), "{timeline:?}");
    let batches = story.iter().filter(|what| **what == TimelineEvent::BatchFinished).count();
    assert_eq!(batches, 2, "{timeline:?}");
}
