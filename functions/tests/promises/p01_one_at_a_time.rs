use crate::rig::Rig;

#[tokio::test]
async fn p1_of_many_starts_of_one_goal_one_is_accepted() {
    let rig = Rig::with_goal(64);
    let answers = futures_util::future::join_all((0..20).map(|_| rig.start())).await;
    let accepted: Vec<_> = answers.iter().filter(|a| a.status == 202).collect();
    assert_eq!(accepted.len(), 1);
    for refused in answers.iter().filter(|a| a.status != 202) {
        assert_eq!((refused.status, refused.code()), (409, "ALREADY_RUNNING"));
        assert_eq!(refused.arn(), accepted[0].arn());
    }
    rig.deliver_requests().await;
    assert_eq!(rig.world.state().started.len(), 1);
}

#[tokio::test]
async fn p1_a_goal_can_be_started_again_once_its_workflow_has_ended() {
    let rig = Rig::with_goal(8);
    rig.script("a-1-1", "fail");
    let first = rig.launched().await;
    rig.run(&first).await;
    rig.script("a-1-1", "");
    let second = rig.launched().await;
    assert_ne!(first, second);
    assert_eq!(rig.execution(&second).total_actions, 1);
    rig.run(&second).await;
    assert_eq!(rig.goal_status(), goal_activity_core::goal::GoalStatus::Active);
}

#[tokio::test]
async fn p1_a_name_left_over_from_a_deleted_goal_is_skipped() {
    let rig = Rig::with_goal(8);
    let first = rig.launched().await;
    rig.run(&first).await;
    // The goal is deleted and created again under the same id: its claims count from the beginning.
    rig.world.state().tasks.clear();
    rig.add(goal_activity_functions::adapters::memory::samples::goal("goal-1", crate::rig::USER, 8));
    let second = rig.launched().await;
    assert_eq!((first.name(), second.name()), ("goal-1-1", "goal-1-2"));
}
