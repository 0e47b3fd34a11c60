use crate::rig::Rig;

#[tokio::test]
async fn p10_messages_carry_ids_only_whatever_the_texts() {
    let rig = Rig::with_goal(64);
    let text = "長い説明".repeat(5_000);
    {
        let mut state = rig.world.state();
        let goal = state.goals.values_mut().next().unwrap();
        goal.head.description.clone_from(&text);
        goal.actions.iter_mut().for_each(|a| a.description.clone_from(&text));
    }
    let arn = rig.launched().await;
    let input = serde_json::to_string(&rig.world.state().started[0]).unwrap();
    assert!(input.len() < 8 * 1024, "{} bytes", input.len());
    for batch in rig.batches(&arn) {
        assert!(serde_json::to_string(&batch).unwrap().len() < 4 * 1024);
    }
    rig.run(&arn).await;
    let completed = serde_json::to_string(&rig.completed()[0]).unwrap();
    assert!(completed.len() < 2 * 1024, "{} bytes", completed.len());
}

#[tokio::test]
async fn p10_the_report_of_64_failures_stays_small() {
    let rig = Rig::with_goal(64);
    for i in 0..64 {
        rig.script(&format!("a-{}-{}", i / 8 + 1, i % 8 + 1), "fail");
    }
    let arn = rig.launched().await;
    rig.run(&arn).await;
    let completed = serde_json::to_string(&rig.completed()[0]).unwrap();
    assert!(completed.len() < 32 * 1024, "{} bytes", completed.len());
    let notice = rig.world.state().notices[0].message("docs/OPERATIONS.md");
    assert!(notice.text.len() < 8 * 1024 && notice.json.len() < 8 * 1024);
}

#[tokio::test]
async fn p10_a_batch_that_is_too_large_is_dead_lettered() {
    let rig = Rig::with_goal(16);
    let arn = rig.launched().await;
    let mut batch = rig.batches(&arn).remove(0);
    batch.action_ids = rig.execution(&arn).action_ids;
    let error = rig.work(&batch).await.unwrap_err().to_string();
    assert!(error.contains("1 to 8 actions, not 16"), "{error}");
    assert!(!error.contains("token"), "a task token must not reach the log");
}

#[tokio::test(start_paused = true)]
async fn p10_a_batch_from_the_future_has_no_more_time_than_any_other() {
    let rig = Rig::with_goal(1);
    rig.script("a-1-1", "latency-ms=10000000");
    let arn = rig.launched().await;
    let [mut batch] = rig.batches(&arn).try_into().unwrap();
    batch.enqueued_at = batch.enqueued_at.plus(std::time::Duration::from_secs(3600));
    let begin = tokio::time::Instant::now();
    rig.work(&batch).await.unwrap();
    assert_eq!(begin.elapsed().as_secs(), 285);
    assert_eq!(rig.world.state().answers.len(), 1);
}
