//! `goalctl smoke` on the deployed stack. Runs after the other tests, one after the other: one of them stops the worker.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failed expectation is how a test reports"
)]

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use goal_activity_core::keys;
use goal_activity_events::UserId;
use goal_activity_tests::{Permission, Session, Stack};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use tokio::task::spawn_blocking;
use uuid::Uuid;

const PROGRAM: &str = env!("CARGO_BIN_EXE_goalctl-tested");

/// What a run has printed as JSON, and its exit code.
#[derive(Debug)]
struct Ran {
    code: Option<i32>,
    report: Value,
}

impl Ran {
    /// The result of each line of a part, by what it is about.
    fn results(&self, part: &str) -> Vec<(&str, &str)> {
        let lines = self.report[part].as_array().unwrap_or_else(|| panic!("{self:?}"));
        lines.iter().map(|line| (line["what"].as_str().unwrap(), line["result"].as_str().unwrap())).collect()
    }

    fn line(&self, part: &str, what: &str) -> &Value {
        let lines = self.report[part].as_array().unwrap_or_else(|| panic!("{self:?}"));
        lines.iter().find(|line| line["what"] == what).unwrap_or_else(|| panic!("{what}: {self:?}"))
    }

    /// The step that has failed, and its line as text.
    fn failure(&self) -> (&str, String) {
        let failed: Vec<_> = self.results("steps").into_iter().filter(|(_, result)| *result == "failed").collect();
        assert_eq!((self.code, failed.len()), (Some(1), 1), "{self:?}");
        (failed[0].0, self.line("steps", failed[0].0).to_string())
    }

    fn goal(&self) -> &str {
        self.report["goalId"].as_str().unwrap()
    }
}

#[allow(clippy::disallowed_methods, reason = "the tool is given the stack as people give it")]
fn stack_file() -> PathBuf {
    std::env::var("GOAL_ACTIVITY_STACK").unwrap().into()
}

/// The tool with only the test's environment.
fn smoke(arguments: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command.arg("smoke").args(arguments).env_clear().env("HOME", "/nowhere").current_dir("/").stdin(Stdio::null());
    command
}

async fn ran(mut command: Command) -> Ran {
    let output = spawn_blocking(move || command.arg("--json").output()).await.unwrap().unwrap();
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    let report = serde_json::from_str(&out).unwrap_or_else(|e| panic!("{e}: {out} {err}"));
    Ran { code: output.status.code(), report }
}

async fn on_this_machine(arguments: &[&str]) -> Ran {
    let mut command = smoke(arguments);
    command.env("GOAL_ACTIVITY_STACK", stack_file());
    ran(command).await
}

/// Nothing of that smoke test is there any more.
async fn nothing_is_left(stack: &Stack, goal: &str) {
    assert!(goal.starts_with("smoke-"), "{goal}");
    assert_eq!(stack.users(goal).await, [""; 0], "users");
    assert_eq!(stack.rows_of_goal(goal).await, 0, "goals and tasks");
    let rules = stack.eventbridge().list_rules().event_bus_name(stack.output("EventBusName"));
    let name = format!("goalctl-{goal}");
    let rules = rules.name_prefix(&name).send().await.unwrap();
    assert!(rules.rules().is_empty(), "{rules:?}");
    let queues = stack.sqs().list_queues().queue_name_prefix(&name).send().await.unwrap();
    assert!(queues.queue_urls().is_empty(), "{queues:?}");
    let subscribers = stack.subscribers().await;
    assert!(!subscribers.iter().any(|endpoint| endpoint.contains(&name)), "{subscribers:?}");
}

/// The user of a workflow.
async fn user_of(stack: &Stack, ran: &Ran) -> UserId {
    let arn = ran.report["executionArn"].as_str().unwrap_or_else(|| panic!("{ran:?}"));
    stack.execution_row(&arn.parse().unwrap()).await["userId"].as_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_sound_stack_is_ok_and_nothing_is_left_behind() {
    let stack = Stack::open().await;
    let ran = on_this_machine(&[]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let steps = ran.results("steps");
    let expected =
        ["ai", "user", "sign-in", "goal", "listen", "bus", "start", "run", "tasks", "events", "archive", "notice"];
    assert_eq!(steps[..12], expected.map(|step| (step, "ok")), "{ran:?}");
    assert_eq!(steps[12..], [("metrics", "notDone")], "the emulator has none: {ran:?}");
    assert!(ran.line("steps", "metrics")["detail"].as_str().unwrap().contains("emulator"), "{ran:?}");
    assert!(ran.results("cleanUp").len() == 5 && ran.results("cleanUp").iter().all(|(_, r)| *r == "ok"), "{ran:?}");
    assert!(ran.line("cleanUp", "remove tasks")["detail"].as_str().unwrap().starts_with("32 from"), "{ran:?}");
    nothing_is_left(&stack, ran.goal()).await;
    let user = user_of(&stack, &ran).await;
    assert!(stack.row_of(&keys::user(&user), keys::USER).await.is_none(), "the user's row");
    assert!(ran.report["stays"][0].as_str().unwrap().contains(ran.goal()), "its record stays: {ran:?}");
}

#[tokio::test]
async fn a_worker_that_receives_nothing_is_named_and_an_interrupted_test_cleans_up() {
    let stack = Stack::open().await;
    stack.receive_batches(false).await;
    let overdue = on_this_machine(&["--timeout", "5"]).await;
    let mut command = smoke(&[]);
    command.env("GOAL_ACTIVITY_STACK", stack_file()).stdout(Stdio::piped());
    let interrupted = spawn_blocking(move || {
        let mut child = command.spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let (mut line, mut all) = (String::new(), String::new());
        while !line.starts_with("ok        start: ") {
            line.clear();
            assert!(out.read_line(&mut line).unwrap() > 0, "no start in {all}");
            all.push_str(&line);
        }
        kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), Signal::SIGINT).unwrap();
        out.read_to_string(&mut all).unwrap();
        (child.wait().unwrap().code(), all)
    })
    .await;
    // Before anything can fail: other tests need the worker.
    stack.receive_batches(true).await;

    let (step, said) = overdue.failure();
    assert_eq!(step, "run", "{overdue:?}");
    assert!(said.contains("not ended within 5 s") && said.contains("0 of 8 actions"), "{said}");
    assert!(said.contains("event source mapping") && said.contains("Disabled") && said.contains("enable it"), "{said}");
    assert_eq!(
        overdue.results("steps")[8..],
        ["tasks", "events", "archive", "notice", "metrics"].map(|s| (s, "notDone"))
    );
    assert!(overdue.results("cleanUp").iter().all(|(_, result)| *result == "ok"), "{overdue:?}");
    nothing_is_left(&stack, overdue.goal()).await;

    let (code, all) = interrupted.unwrap();
    assert!(code == Some(1) && all.contains("not done  run: interrupted\n"), "{code:?} {all}");
    assert!(
        all.contains("ok        cancel: arn:aws:states:") && all.contains("ok        remove user: smoke-"),
        "{all}"
    );
    let goal = all.split([' ', '\n']).find(|word| word.starts_with("smoke-")).unwrap();
    nothing_is_left(&stack, goal).await;
}

/// What `goalctl smoke --help` lists, on the stack's own resources.
fn permissions(stack: &Stack) -> Vec<Permission> {
    let arn = |service: &str, rest: String| format!("arn:aws:{service}:us-east-1:000000000000:{rest}");
    let table = |output: &str| arn("dynamodb", format!("table/{}", stack.output(output)));
    let function = |output: &str| arn("lambda", format!("function:{}", stack.output(output)));
    let pool = arn("cognito-idp", format!("userpool/{}", stack.output("UserPoolId")));
    let (queue, rule) =
        (arn("sqs", "goalctl-smoke-*".into()), format!("rule/{}/goalctl-smoke-*", stack.output("EventBusName")));
    let bus = arn("events", format!("event-bus/{}", stack.output("EventBusName")));
    let (topic, rule) = (stack.output("AlertTopicArn").to_owned(), arn("events", rule));
    let bucket = format!("arn:aws:s3:::{}/executions/*", stack.output("ArchiveBucketName"));
    let any = || "*".to_owned();
    let all: [(&str, &[&str], String); 14] = [
        ("cloudformation", &["DescribeStacks", "GetTemplate"], any()),
        ("lambda", &["GetAccountSettings"], any()),
        ("cognito-idp", &["AdminCreateUser", "AdminSetUserPassword", "AdminInitiateAuth", "AdminDeleteUser"], pool),
        ("lambda", &["InvokeFunction"], function("WorkerFunctionName")),
        ("dynamodb", &["BatchWriteItem", "GetItem"], table("GoalsTableName")),
        ("dynamodb", &["Query", "BatchWriteItem"], table("TasksTableName")),
        ("dynamodb", &["GetItem", "DeleteItem"], table("ExecutionsTableName")),
        (
            "sqs",
            &[
                "CreateQueue",
                "GetQueueAttributes",
                "SetQueueAttributes",
                "ReceiveMessage",
                "DeleteMessage",
                "DeleteQueue",
            ],
            queue,
        ),
        ("events", &["PutRule", "PutTargets", "RemoveTargets", "DeleteRule"], rule),
        // The emulator takes the bus for what the targets are set on, and AWS the rule.
        ("events", &["PutEvents", "PutTargets", "RemoveTargets"], bus),
        ("sns", &["Subscribe"], topic),
        ("sns", &["Unsubscribe"], any()),
        ("s3", &["GetObject"], bucket),
        ("cloudwatch", &["GetMetricStatistics"], any()),
    ];
    let of = |(service, actions, resource): (&str, &[&str], String)| {
        let permission =
            |action: &&str| Permission { action: format!("{service}:{action}"), resource: resource.clone() };
        actions.iter().map(permission).collect::<Vec<_>>()
    };
    all.into_iter().flat_map(of).collect()
}

async fn as_operator(session: &Session) -> Ran {
    let mut command = smoke(&["--stack", "goal-activity"]);
    command
        .envs(session.environment())
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null");
    ran(command).await
}

#[tokio::test]
async fn the_listed_permissions_are_enough_and_a_missing_one_is_named() {
    let stack = Stack::open().await;
    let role = stack.copy_of(&stack.role_of("ApiFunction").await).await;
    let session = stack.assume(&role).await;
    let all = permissions(&stack);
    stack.allow(&role, &all).await;
    let sound = as_operator(&session).await;
    assert_eq!(sound.code, Some(0), "{sound:?}");
    nothing_is_left(&stack, sound.goal()).await;

    let missing = [
        ("lambda:InvokeFunction", "", "ai"),
        ("cognito-idp:AdminCreateUser", "", "user"),
        ("cognito-idp:AdminInitiateAuth", "", "sign-in"),
        ("dynamodb:BatchWriteItem", "Goals", "goal"),
        ("events:PutRule", "", "listen"),
        ("sns:Subscribe", "", "listen"),
        ("events:PutEvents", "", "bus"),
        ("s3:GetObject", "", "archive"),
    ];
    for (action, on, step) in missing {
        let is_it = |p: &Permission| p.action == action && p.resource.contains(on);
        let (removed, left): (Vec<_>, Vec<_>) = all.iter().cloned().partition(is_it);
        assert_eq!(removed.len(), 1, "{action}");
        stack.allow(&role, &left).await;
        let ran = as_operator(&session).await;
        let (failed, said) = ran.failure();
        assert!(failed == step && said.contains(action), "{action}: {ran:?}");
        let cleaned = ran.results("cleanUp").into_iter().filter(|(_, result)| *result == "failed").count();
        // What may not be written may not be removed either: there is nothing of it.
        assert_eq!(cleaned, usize::from(step == "goal"), "{ran:?}");
        nothing_is_left(&stack, ran.goal()).await;
    }

    let left: Vec<_> = all.iter().filter(|p| p.action != "cognito-idp:AdminDeleteUser").cloned().collect();
    stack.allow(&role, &left).await;
    let ran = as_operator(&session).await;
    let said = ran.line("cleanUp", "remove user").to_string();
    assert!(ran.code == Some(1) && said.contains("cognito-idp:AdminDeleteUser"), "{ran:?}");
    let [user] = stack.users(ran.goal()).await.try_into().unwrap();
    assert!(said.contains(&format!("delete the user {user}")), "what stays is named: {said}");
    stack.delete_user(&user).await;
    nothing_is_left(&stack, ran.goal()).await;
}

/// As on a stack whose users are at another issuer.
#[tokio::test]
async fn without_a_user_pool_the_user_is_the_one_of_the_token_and_stays() {
    let stack = Stack::open().await;
    let user = stack.user().await;
    let mut description: Value = serde_json::from_str(&std::fs::read_to_string(stack_file()).unwrap()).unwrap();
    description["outputs"].as_object_mut().unwrap().remove("UserPoolId");
    description.as_object_mut().unwrap().remove("user");
    let file = std::env::temp_dir().join(format!("goalctl-smoke-{}.json", Uuid::new_v4()));
    std::fs::write(&file, description.to_string()).unwrap();
    let mut with_token = smoke(&[]);
    with_token.env("GOAL_ACTIVITY_STACK", &file).env("GOAL_ACTIVITY_TOKEN", user.token());
    let with_token = ran(with_token).await;
    let mut without = smoke(&[]);
    without.env("GOAL_ACTIVITY_STACK", &file);
    let without = ran(without).await;
    std::fs::remove_file(file).unwrap();

    assert_eq!(with_token.code, Some(0), "{with_token:?}");
    let said = with_token.line("steps", "user")["detail"].as_str().unwrap();
    assert!(said.contains(user.id.as_str()) && said.contains("none is created"), "{said}");
    let cleaned = with_token.results("cleanUp").into_iter().map(|(what, _)| what).collect::<Vec<_>>();
    assert_eq!(cleaned, ["remove tasks", "remove goal", "remove queue and rule"], "a user of others is not removed");
    nothing_is_left(&stack, with_token.goal()).await;
    assert_eq!(user.get("/api/goals/none/tasks").await.status, 404, "the user is still there");
    let (step, said) = without.failure();
    assert!(step == "user" && said.contains("--token") && said.contains("goalctl login"), "{said}");
    assert_eq!(without.report["cleanUp"], json!([]), "{without:?}");
}
