use futures_util::future::join_all;
use goal_activity_client::api::{ProblemCode, Status};
use goal_activity_tests::{Chart, Stack};

#[tokio::test]
async fn p1_20_simultaneous_starts_of_one_goal_make_one_execution() {
    let stack = Stack::open().await;
    let user = stack.user().await;
    let goal = stack.goal(&user, Chart::of(8)).await;
    let answers = join_all((0..20).map(|_| user.start(&goal))).await;
    let accepted: Vec<_> = answers.iter().filter(|a| a.status == 202).collect();
    assert_eq!(accepted.len(), 1, "{answers:?}");
    let arn = accepted[0].ok().execution_arn;
    for refused in answers.iter().filter(|a| a.status != 202) {
        let problem = refused.refused(409, ProblemCode::AlreadyRunning);
        assert_eq!(problem.execution_arn.as_ref(), Some(&arn));
    }
    assert_eq!(user.ended(&arn).await.status, Status::Succeeded);
    assert_eq!(stack.executions_of(&goal).await, [arn]);
}
