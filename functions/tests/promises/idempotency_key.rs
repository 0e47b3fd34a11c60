use goal_activity_functions::adapters::memory::samples;

use crate::rig::{Rig, USER};

#[tokio::test]
async fn p2_a_start_with_the_same_key_gets_the_first_answer_even_after_the_end() {
    let rig = Rig::with_goal(2);
    let first = rig.start_with_key(USER, "goal-1", "key-1", "").await;
    assert_eq!(first.status, 202, "{first:?}");
    let while_pending = rig.start_with_key(USER, "goal-1", "key-1", "").await;
    rig.deliver_requests().await;
    rig.run(&first.arn()).await;
    let after_the_end = rig.start_with_key(USER, "goal-1", "key-1", "{}").await;
    for again in [while_pending, after_the_end] {
        assert_eq!((again.status, &again.body, &again.location), (202, &first.body, &first.location));
    }
    assert_eq!(rig.world.state().executions.len(), 1);
    assert_eq!(rig.world.state().started.len(), 1);
}

#[tokio::test]
async fn p2_calls_with_the_same_key_at_once_make_one_workflow_and_one_answer() {
    for ahead in 0..8 {
        let rig = Rig::with_goal(2);
        let second = async {
            for _ in 0..ahead {
                tokio::task::yield_now().await;
            }
            rig.start_with_key(USER, "goal-1", "key-1", "").await
        };
        let (first, second) = futures_util::future::join(rig.start_with_key(USER, "goal-1", "key-1", ""), second).await;
        assert_eq!((first.status, first.body), (202, second.body), "{ahead} steps later");
        assert_eq!(rig.world.state().executions.len(), 1, "{ahead} steps later");
    }
}

#[tokio::test]
async fn p2_a_retry_with_the_same_key_is_one_retry() {
    let rig = Rig::with_goal(2);
    rig.script("a-1-1", "fail");
    let arn = rig.launched().await;
    rig.run(&arn).await;
    let retry = || rig.post_with_key(USER, "retry", &arn, "key-1");
    let first = retry().await;
    assert_eq!(first.status, 202, "{first:?}");
    let again = retry().await;
    assert_eq!((again.status, again.body), (202, first.body));
    assert_eq!(rig.world.state().executions.len(), 2);
}

#[tokio::test]
async fn a_key_that_was_used_for_something_else_is_refused() {
    let rig = Rig::with_goal(2);
    rig.add(samples::goal("goal-2", USER, 1));
    rig.start_with_key(USER, "goal-1", "key-1", "").await;
    for (goal, body) in
        [("goal-2", ""), ("goal-1", r#"{ "regenerate": true }"#), ("goal-1", r#"{ "actionIds": ["a-1-1"] }"#)]
    {
        let answer = rig.start_with_key(USER, goal, "key-1", body).await;
        assert_eq!((answer.status, answer.code()), (422, "IDEMPOTENCY_KEY_REUSED"), "{goal} {body}");
    }
}

#[tokio::test]
async fn p9_a_key_is_the_user_s_own() {
    let rig = Rig::with_goal(2);
    rig.add(samples::goal("goal-2", "somebody-else", 1));
    let mine = rig.start_with_key(USER, "goal-1", "key-1", "").await;
    let theirs = rig.start_with_key("somebody-else", "goal-2", "key-1", "").await;
    assert_eq!((mine.status, theirs.status), (202, 202));
    assert_ne!(mine.arn(), theirs.arn());
}

#[tokio::test]
async fn a_refused_start_is_not_remembered() {
    let rig = Rig::with_goal(2);
    let running = rig.launched().await;
    assert_eq!(
        rig.start_with_key(USER, "goal-1", "key-1", r#"{ "regenerate": true }"#).await.code(),
        "ALREADY_RUNNING"
    );
    rig.run(&running).await;
    assert_eq!(rig.start_with_key(USER, "goal-1", "key-1", r#"{ "regenerate": true }"#).await.status, 202);
}

#[tokio::test]
async fn a_key_that_cannot_be_one_is_a_400() {
    let rig = Rig::with_goal(2);
    for key in ["", "two words", "キー", &"k".repeat(256)] {
        let answer = rig.start_with_key(USER, "goal-1", key, "").await;
        assert_eq!((answer.status, answer.code()), (400, "INVALID_REQUEST"), "{key:?}");
    }
    assert_eq!(rig.start_with_key(USER, "goal-1", &"k".repeat(255), "").await.status, 202);
}
