//! `goalctl` as users and scripts run it: the real program, on the deployed stack.

use goal_activity_client::api::{Aborted, Started, Status, WorkflowStatus};
use std::fmt::Debug;
use std::io::Read;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use goal_activity_events::ExecutionArn;
use goal_activity_tests::{Chart, Stack, User, eventually, read};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::task::spawn_blocking;
use uuid::Uuid;

const PROGRAM: &str = env!("CARGO_BIN_EXE_goalctl-tested");

/// The standard output, standard error and exit code of a run.
#[derive(Debug)]
struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Ran {
    /// What the API has answered, which the tool passes on.
    fn answer<T: Debug + DeserializeOwned + Serialize>(&self) -> T {
        read(&self.json())
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }

    /// Returns the exit code, and the code of the error on standard error.
    fn refusal(&self) -> (Option<i32>, String) {
        assert_eq!(self.out, "", "{self:?}");
        let error: Value = serde_json::from_str(&self.err).unwrap_or_else(|e| panic!("{e}: {self:?}"));
        (self.code, error["error"]["code"].as_str().unwrap_or_default().to_owned())
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }
}

#[allow(clippy::disallowed_methods, reason = "the tool is given the stack as people give it")]
fn stack_file() -> PathBuf {
    std::env::var("GOAL_ACTIVITY_STACK").unwrap().into()
}

/// The tool with only the test's environment.
fn command(user: Option<&User>, arguments: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command.args(arguments).env_clear().env("HOME", "/nowhere").current_dir("/").stdin(Stdio::null());
    if let Some(user) = user {
        command.env("GOAL_ACTIVITY_STACK", stack_file()).env("GOAL_ACTIVITY_TOKEN", user.token());
    }
    command
}

async fn output(mut command: Command) -> Ran {
    spawn_blocking(move || command.output()).await.unwrap().unwrap().into()
}

async fn goalctl(user: &User, arguments: &[&str]) -> Ran {
    output(command(Some(user), arguments)).await
}

#[tokio::test]
async fn the_ai_of_the_deployed_worker_is_tried_without_a_goal() {
    let stack = Stack::open().await;
    let user = stack.user().await;
    let checked = goalctl(&user, &["ai", "check", "--json"]).await;
    let trial = checked.json();
    assert_eq!((checked.code, &trial["attempts"][0]["generator"]), (Some(0), &json!("offline/offline")), "{trial}");
    assert!(trial["tasks"].as_array().is_some_and(|tasks| !tasks.is_empty()), "{trial}");
    assert_eq!(
        (&trial["usage"]["attempts"], &trial["function"]),
        (&json!(1), &json!(stack.output("WorkerFunctionName")))
    );
    let shown = goalctl(&user, &["ai", "check"]).await;
    assert!(shown.code == Some(0) && shown.out.contains("None: the tasks are made without an AI."), "{shown:?}");
}

#[tokio::test]
async fn a_goal_is_started_followed_and_read() {
    let stack = Stack::open().await;
    let user = stack.user().await;
    let goal = stack.goal(&user, Chart::of(9)).await;
    let goal = goal.as_str();

    let started = goalctl(&user, &["start", goal, "--wait", "--json"]).await;
    let end: WorkflowStatus = started.answer();
    let (status, succeeded) = (end.status.known(), end.succeeded_actions);
    assert_eq!((started.code, status, succeeded), (Some(0), Some(Status::Succeeded), 9));
    assert_eq!(started.err, "", "nobody is looking");
    let arn = end.execution_arn.as_str();

    let history = eventually("the workflow in the history", || async {
        let history = goalctl(&user, &["history", goal, "--status", "succeeded", "--json"]).await.json();
        (history["items"][0]["executionArn"] == arn).then_some(history)
    })
    .await;
    assert_eq!((&history["more"], history["items"].as_array().unwrap().len()), (&json!(false), 1));
    let newest: WorkflowStatus = goalctl(&user, &["status", goal, "--json"]).await.answer();
    assert_eq!(newest, end, "the goal's newest workflow");
    let text = goalctl(&user, &["status", arn]).await.out;
    assert!(
        text.starts_with("SUCCEEDED: 9 of 9 actions got their tasks, in ") && text.contains("2/2 batches"),
        "{text}"
    );

    let actions = goalctl(&user, &["actions", arn]).await.out;
    let succeeded = actions.lines().filter(|line| line.starts_with("a-") && line.contains("  succeeded  4 ")).count();
    assert_eq!(succeeded, 9, "{actions}");

    let timeline = goalctl(&user, &["timeline", arn]).await.out;
    let story: Vec<&str> = timeline.lines().skip(3).map(|line| line.rsplit("  ").next().unwrap()).collect();
    assert_eq!((story.first(), story.last()), (Some(&"accepted"), Some(&"ended: SUCCEEDED")), "{timeline}");

    let few = goalctl(&user, &["tasks", goal, "--limit", "5", "--json"]).await.json();
    assert_eq!((few["items"].as_array().unwrap().len(), &few["more"]), (5, &json!(true)));
    let all = goalctl(&user, &["tasks", goal, "--all", "--json"]).await.json();
    assert_eq!(all, json!({ "items": user.tasks(&goal.parse().unwrap()).await, "more": false }));
    let text = goalctl(&user, &["tasks", goal]).await.out;
    assert!(text.ends_with("\n36 tasks\n") && !text.contains('\u{1b}'), "{text}");
}

#[tokio::test]
async fn a_script_learns_that_not_all_was_done_and_retries_it() {
    let stack = Stack::open().await;
    let user = stack.user().await;
    let goal = stack.goal(&user, Chart::of(3).script("a-1-2", "fail")).await;
    let first = goalctl(&user, &["start", goal.as_str(), "--wait"]).await;
    assert_eq!(first.code, Some(1), "{first:?}");
    assert!(first.out.starts_with("PARTIALLY_SUCCEEDED: 2 of 3") && first.out.contains("\na-1-2 "), "{first:?}");
    assert!(first.err.contains("3/3 actions, 1/1 batches, 1 failed"), "progress: {first:?}");

    stack.mend(&goal, "1#2").await;
    let arn = user.tasks(&goal).await[0].execution_arn.clone();
    let second = goalctl(&user, &["retry", arn.as_str(), "--wait", "--json"]).await;
    assert_eq!((second.code, second.answer::<WorkflowStatus>().total_actions), (Some(0), 1), "{second:?}");
    let again = goalctl(&user, &["retry", arn.as_str(), "--json"]).await;
    assert_eq!(again.refusal(), (Some(3), "NOTHING_TO_DO".to_owned()));
}

#[tokio::test]
async fn a_workflow_is_cancelled_once() {
    let stack = Stack::open().await;
    let user = stack.user().await;
    let goal = stack.goal(&user, Chart::of(9).script_all("latency-ms=5000")).await;
    let arn: ExecutionArn = {
        let started = goalctl(&user, &["start", goal.as_str(), "--json"]).await;
        assert_eq!(started.code, Some(0), "{started:?}");
        started.answer::<Started>().execution_arn
    };
    let taken = goalctl(&user, &["start", goal.as_str(), "--json"]).await;
    assert_eq!(taken.refusal(), (Some(3), "ALREADY_RUNNING".to_owned()));
    assert_eq!(goalctl(&user, &["retry", arn.as_str(), "--json"]).await.refusal().1, "NOT_ENDED");

    let cancelled = goalctl(&user, &["cancel", arn.as_str(), "--reason", "the wrong goal", "--json"]).await;
    let status = cancelled.answer::<Aborted>().status;
    assert_eq!((cancelled.code, status.known()), (Some(0), Some(Status::Aborted)), "{cancelled:?}");
    let again = goalctl(&user, &["cancel", arn.as_str(), "--json"]).await;
    assert_eq!(again.refusal(), (Some(3), "ALREADY_ENDED".to_owned()));
    let watched = goalctl(&user, &["status", arn.as_str(), "--watch"]).await;
    assert_eq!(watched.code, Some(1), "{watched:?}");
    assert!(watched.out.starts_with("ABORTED") && watched.out.contains("the wrong goal"), "{watched:?}");
}

#[tokio::test]
async fn p2_many_workflows_are_retried_by_one_command_and_twice_is_once() {
    let stack = Stack::open().await;
    let user = stack.user().await;
    let mut goals = Vec::new();
    for _ in 0..3 {
        let goal = stack.goal(&user, Chart::of(2).script("a-1-1", "fail")).await;
        let arn = user.started(&goal).await;
        assert_eq!(user.ended(&arn).await.status, Status::PartiallySucceeded);
        goals.push(goal);
    }
    let good = stack.goal(&user, Chart::of(1)).await;
    user.ended(&user.started(&good).await).await;
    let many = ["retry", "--failed", "--since", "2026-01-01"];
    let plan = goalctl(&user, &[&many[..], &["--dry-run", "--json"]].concat()).await;
    let planned = plan.json();
    assert_eq!((plan.code, planned["workflows"].as_array().map(Vec::len)), (Some(0), Some(3)), "{planned}");
    assert_eq!((&planned["actions"], &planned["byStatus"]), (&json!(3), &json!({ "PARTIALLY_SUCCEEDED": 3 })));
    let unasked = goalctl(&user, &many).await;
    assert!(
        unasked.code == Some(2) && unasked.err.contains("--yes") && unasked.err.contains("To retry"),
        "{unasked:?}"
    );

    stack.mend(&goals[0], "1#1").await;
    stack.mend(&goals[1], "1#1").await;
    let ran = goalctl(&user, &[&many[..], &["--yes", "--rate", "10", "--json"]].concat()).await;
    let report = ran.json();
    assert_eq!((ran.code, &report["done"], &report["failed"]), (Some(0), &json!(3), &json!(0)), "{report}");
    for result in report["results"].as_array().unwrap() {
        let arn: ExecutionArn = result["newExecutionArn"].as_str().unwrap().parse().unwrap();
        let end = user.ended(&arn).await;
        let is_mended = end.goal_id != goals[2];
        assert_eq!(end.status == Status::Succeeded, is_mended, "{end:?}");
    }
    // Only what failed once more is in the next plan.
    let again = goalctl(&user, &[&many[..], &["--dry-run", "--json"]].concat()).await.json();
    let left: Vec<_> = again["workflows"].as_array().unwrap().iter().map(|w| w["goalId"].clone()).collect();
    assert_eq!(left, [json!(goals[2])], "{again}");
    assert_eq!(stack.executions_of(&goals[0]).await.len(), 2);
}

#[tokio::test]
async fn many_workflows_are_cancelled_and_those_of_another_goal_stay() {
    let stack = Stack::open().await;
    let user = stack.user().await;
    let mut started = Vec::new();
    for _ in 0..3 {
        let goal = stack.goal(&user, Chart::of(9).script_all("latency-ms=8000")).await;
        started.push((user.started(&goal).await, goal));
    }
    let one = format!("goal={}", started[0].1);
    let cancel =
        ["cancel", "--where", "status=PENDING,RUNNING", "--rate", "20", "--reason", "started too many", "--yes"];
    let first = goalctl(&user, &[&cancel[..], &["--where", &one]].concat()).await;
    assert!(first.code == Some(0) && first.out.ends_with("1 done, 0 skipped, 0 failed.\n"), "{first:?}");
    let others = goalctl(&user, &cancel).await;
    assert!(others.code == Some(0) && others.out.ends_with("2 done, 0 skipped, 0 failed.\n"), "{others:?}");
    for (arn, _) in &started {
        let status = user.status(arn).await.ok();
        let reason = status.cancellation.and_then(|cancellation| cancellation.reason);
        assert_eq!((status.status.known(), reason.as_deref()), (Some(Status::Aborted), Some("started too many")));
    }
    let none = goalctl(&user, &cancel).await;
    assert!(none.code == Some(0) && none.out.starts_with("No workflow to cancel."), "{none:?}");
}

#[tokio::test]
async fn every_refusal_has_its_exit_code() {
    let stack = Stack::open().await;
    let (user, stranger) = (stack.user().await, stack.user().await);
    let goal = stack.goal(&user, Chart::of(1)).await;
    let goal = goal.as_str();
    let key = ["start", goal, "--idempotency-key", "monday", "--json"];
    let (first, again) = (goalctl(&user, &key).await, goalctl(&user, &key).await);
    assert_eq!((first.code, first.json()), (again.code, again.json()), "the same key is the same request");
    let other = ["start", goal, "--regenerate", "--idempotency-key", "monday", "--json"];
    assert_eq!(goalctl(&user, &other).await.refusal(), (Some(3), "IDEMPOTENCY_KEY_REUSED".to_owned()));

    let tasks = ["tasks", goal, "--json"];
    assert_eq!(goalctl(&user.with_token(Some("no-token")), &tasks).await.refusal(), (Some(4), String::new()));
    assert_eq!(goalctl(&stranger, &tasks).await.refusal(), (Some(4), "NOT_OWNER".to_owned()));
    let unknown = goalctl(&user, &["start", "no-such-goal", "--json"]).await;
    assert_eq!(unknown.refusal(), (Some(4), "UNKNOWN_GOAL".to_owned()));
    let none = stack.goal(&user, Chart::of(1)).await;
    assert_eq!(goalctl(&user, &["status", none.as_str(), "--json"]).await.refusal().0, Some(4), "no workflow yet");
    assert_eq!(goalctl(&user, &["start", "not/a/goal"]).await.code, Some(2));
    assert_eq!(goalctl(&user, &["tasks", goal, "--url", "http://goals.example"]).await.code, Some(2), "in the open");
    let nobody = ["tasks", goal, "--url", "http://127.0.0.1:1", "--json"];
    assert_eq!(goalctl(&user, &nobody).await.refusal().0, Some(5));
    let text = goalctl(&stranger, &["tasks", goal]).await.err;
    assert!(
        text.starts_with("error: It belongs to another user (NOT_OWNER)\n  ") && text.contains("to do: "),
        "{text}"
    );
}

/// As `cargo xtask up` leaves it: the program and the stack file below one target folder.
#[tokio::test]
async fn a_stack_that_is_up_is_used_without_any_configuration() {
    let folder = std::env::temp_dir().join(format!("goalctl-{}", Uuid::new_v4()));
    let (program, up) = (folder.join("debug").join("goalctl"), folder.join("goal-activity").join("up"));
    std::fs::create_dir_all(folder.join("debug")).unwrap();
    std::fs::create_dir_all(&up).unwrap();
    std::fs::copy(PROGRAM, &program).unwrap();
    std::fs::copy(stack_file(), up.join("stack.json")).unwrap();
    let mut bare = Command::new(&program);
    bare.args(["history", "no-such-goal", "--json"]).env_clear().env("HOME", "/nowhere").current_dir("/");
    let ran = output(bare).await;
    std::fs::remove_dir_all(folder).unwrap();
    assert_eq!(ran.refusal(), (Some(4), "UNKNOWN_GOAL".to_owned()), "signed in as the sample user");
}

/// A tail that already receives events, and the name of its queue and its rule.
async fn tail(user: &User, arguments: &[&str]) -> (Child, String) {
    let mut command = command(Some(user), &["events", "tail", "--json"]);
    command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut err = child.stderr.take().unwrap();
    let line = spawn_blocking(move || {
        let (mut line, mut byte) = (String::new(), [0]);
        while !line.ends_with('\n') && err.read(&mut byte).unwrap() == 1 {
            line.push(byte[0].into());
        }
        line
    });
    let line = line.await.unwrap();
    let name = line.split([' ', ';']).find(|word| word.starts_with("goalctl-tail-"));
    (child, name.unwrap_or_else(|| panic!("a name in {line}")).to_owned())
}

async fn ended(mut child: Child) -> Ran {
    let code = eventually("the end of the tail", || {
        let status = child.try_wait().unwrap();
        async move { status }
    })
    .await;
    let mut out = String::new();
    child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
    Ran { code: code.code(), out, err: String::new() }
}

async fn is_removed(stack: &Stack, name: &str) {
    let rules = stack.eventbridge().list_rules().event_bus_name(stack.output("EventBusName")).name_prefix(name);
    assert!(rules.send().await.unwrap().rules().is_empty(), "the rule {name} is still there");
    let queues = stack.sqs().list_queues().queue_name_prefix(name).send().await.unwrap();
    assert!(queues.queue_urls().is_empty(), "the queue {name} is still there");
}

#[tokio::test]
async fn p2_an_event_is_emitted_twice_and_heard_to_make_one_workflow() {
    let stack = Stack::open().await;
    let user = stack.user().await;
    let goal = stack.goal(&user, Chart::of(9)).await;
    let arguments = ["--goal", goal.as_str(), "--type", "WorkflowCompleted", "--count", "1", "--for", "50"];
    let (child, name) = tail(&user, &arguments).await;
    let id = format!("plan-for-{goal}");
    let emit = ["events", "emit", goal.as_str(), "--event-id", &id, "--source", "planner", "--json"];
    let (first, again) = (goalctl(&user, &emit).await, goalctl(&user, &emit).await);
    assert_eq!((first.code, again.code), (Some(0), Some(0)), "{first:?} {again:?}");
    assert_eq!(first.json()["detail"]["userId"], json!(user.id), "the goal's owner");

    let heard = ended(child).await;
    assert_eq!((heard.code, heard.out.lines().count()), (Some(0), 1), "{heard:?}");
    let detail = &heard.json()["detail"];
    assert_eq!((&detail["goalId"], &detail["status"]), (&json!(goal), &json!("SUCCEEDED")));
    is_removed(&stack, &name).await;
    assert_eq!(stack.executions_of(&goal).await.len(), 1);
    let unknown = goalctl(&user, &["events", "emit", "no-such-goal", "--json"]).await;
    assert_eq!(unknown.refusal().0, Some(4));
}

#[tokio::test]
async fn a_tail_leaves_nothing_behind_when_it_is_interrupted_or_its_time_is_over() {
    let stack = Stack::open().await;
    let user = stack.user().await;
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let (child, name) = tail(&user, &["--goal", "nobodys-goal"]).await;
        kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), signal).unwrap();
        assert_eq!(ended(child).await.code, Some(0), "{signal}");
        is_removed(&stack, &name).await;
    }
    let (child, name) = tail(&user, &["--goal", "nobodys-goal", "--count", "1", "--for", "1"]).await;
    assert_eq!(ended(child).await.code, Some(1), "nothing came");
    is_removed(&stack, &name).await;
}

#[tokio::test]
async fn completions_need_no_stack() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = output(command(None, &["completions", shell])).await;
        assert!(script.code == Some(0) && script.out.contains("timeline"), "{shell}: {script:?}");
    }
    let help = output(command(None, &["start", "--help"])).await;
    assert!(help.code == Some(0) && help.out.contains("Examples:"), "{help:?}");
}
