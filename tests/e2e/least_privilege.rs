use goal_activity_client::api::{Problem, ProblemCode, Status};
use goal_activity_events::GoalId;
use goal_activity_testkit::GatewayRequest;
use goal_activity_tests::{Chart, Permission, Session, Stack, User, eventually};
use serde_json::{Value, json};

/// The actions that a function must not be able to do, and the stack's resources for them.
const LINES_BETWEEN_FUNCTIONS: [(&str, &str, &str); 20] = [
    ("Api", "states:StartExecution", "StateMachineArn"),
    ("Api", "states:SendTaskSuccess", "StateMachineArn"),
    ("Api", "sqs:SendMessage", "BatchQueueUrl"),
    ("Api", "dynamodb:Scan", "GoalsTableName"),
    ("Api", "s3:PutObject", "ArchiveBucketName"),
    ("Launch", "states:SendTaskSuccess", "StateMachineArn"),
    ("Launch", "sqs:ReceiveMessage", "BatchQueueUrl"),
    ("Launch", "dynamodb:PutItem", "TasksTableName"),
    ("Worker", "dynamodb:PutItem", "GoalsTableName"),
    ("Worker", "dynamodb:UpdateItem", "GoalsTableName"),
    ("Worker", "dynamodb:DeleteItem", "GoalsTableName"),
    ("Worker", "states:StartExecution", "StateMachineArn"),
    ("Worker", "sns:Publish", "AlertTopicArn"),
    ("Worker", "s3:PutObject", "ArchiveBucketName"),
    ("Finalize", "dynamodb:Query", "GoalsTableName"),
    ("Finalize", "dynamodb:Query", "TasksTableName"),
    ("Projector", "dynamodb:PutItem", "TasksTableName"),
    ("Projector", "sqs:ReceiveMessage", "LaunchQueueUrl"),
    ("Projector", "s3:GetObject", "ArchiveBucketName"),
    ("Reconcile", "s3:GetObject", "ArchiveBucketName"),
];

/// The ARN of the resource that an output of the stack names.
fn arn(stack: &Stack, output: &str) -> String {
    let value = stack.output(output);
    let name = value.rsplit('/').next().unwrap();
    match output {
        _ if output.ends_with("Arn") => value.to_owned(),
        _ if output.ends_with("QueueUrl") => format!("arn:aws:sqs:us-east-1:000000000000:{name}"),
        _ if output.ends_with("BucketName") => format!("arn:aws:s3:::{name}/executions/none"),
        _ => format!("arn:aws:dynamodb:us-east-1:000000000000:table/{name}"),
    }
}

async fn refused<'p>(session: &Session, permissions: impl IntoIterator<Item = &'p Permission>) -> Vec<&'p Permission> {
    let mut refused = Vec::new();
    for permission in permissions {
        if !session.may(permission).await {
            refused.push(permission);
        }
    }
    refused
}

#[tokio::test]
async fn no_function_may_do_what_is_the_work_of_others() {
    let stack = Stack::open().await;
    for (function, action, output) in LINES_BETWEEN_FUNCTIONS {
        let session = stack.assume(&stack.role_of(&format!("{function}Function")).await).await;
        let foreign = Permission { action: action.to_owned(), resource: arn(&stack, output) };
        assert!(!session.may(&foreign).await, "{function} may {foreign:?}");
    }
}

#[tokio::test]
async fn every_role_may_do_what_it_was_granted_and_nothing_that_only_others_were() {
    let stack = Stack::open().await;
    let roles = stack.roles().await;
    let mut all: Vec<_> = roles.iter().flat_map(|role| &role.permissions).collect();
    all.sort();
    all.dedup();
    for role in &roles {
        let session = stack.assume(role).await;
        let not_granted: Vec<_> = all.iter().copied().filter(|p| !role.permissions.contains(p)).collect();
        assert_eq!(refused(&session, all.iter().copied()).await, not_granted, "{}", role.name);
    }
}

#[tokio::test]
async fn a_role_without_one_of_its_permissions_is_refused_exactly_that() {
    let stack = Stack::open().await;
    for role in stack.roles().await {
        let copy = stack.copy_of(&role).await;
        let session = stack.assume(&copy).await;
        for removed in &role.permissions {
            let left: Vec<_> = role.permissions.iter().filter(|p| *p != removed).cloned().collect();
            stack.allow(&copy, &left).await;
            assert_eq!(refused(&session, &role.permissions).await, [removed], "{}", role.name);
        }
    }
}

/// A start as forwarded by the gateway.
pub(crate) fn start(user: &User, goal: &GoalId) -> Value {
    let request = GatewayRequest::new("POST /api/goals/{goalId}/start-activity", user.id.as_str());
    request.path(json!({ "goalId": goal })).body("{}").into()
}

#[tokio::test]
async fn an_api_that_may_not_emit_events_starts_no_workflow_until_it_may() {
    let stack = Stack::open().await;
    let user = stack.user().await;
    let goal = stack.goal(&user, Chart::of(1)).await;
    let role = stack.copy_of(&stack.role_of("ApiFunction").await).await;
    let api = stack.deploy_again("ApiFunction", &role).await;
    let (emit, others): (Vec<_>, Vec<_>) =
        role.permissions.iter().cloned().partition(|p| p.action == "events:PutEvents");
    assert_eq!(emit.len(), 1, "{emit:?}");

    stack.allow(&role, &others).await;
    let answer = stack.invoke(&api, &start(&user, &goal)).await;
    let problem: Problem = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
    assert_eq!(answer["statusCode"], 503, "{answer}");
    assert_eq!((problem.status, problem.code.known()), (503, Some(ProblemCode::Unavailable)), "{answer}");
    let arn = problem.execution_arn.unwrap();
    assert_eq!(user.status(&arn).await.ok().status, Status::Pending);
    assert!(stack.executions_of(&goal).await.is_empty());

    stack.allow(&role, &role.permissions).await;
    // The claim remains: a start that finds it still pending after some seconds announces it again.
    eventually("a workflow that is announced after all", || async {
        stack.invoke(&api, &start(&user, &goal)).await;
        (user.status(&arn).await.ok().status != Status::Pending).then_some(())
    })
    .await;
    assert_eq!(user.ended(&arn).await.status, Status::Succeeded);
}
