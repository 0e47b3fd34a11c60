//! An operator with AWS credentials and without a token: `goalctl` on the deployed stack.

use goal_activity_client::api::{
    Aborted, FoundWorkflow, ProblemCode, Status, Task, WaitingList, WorkflowActions, WorkflowStatus,
};
use std::fmt::Debug;
use std::path::PathBuf;

use goal_activity_events::ExecutionArn;
use goal_activity_tests::{Chart, Stack, eventually, read};
use goalctl::{Environment, Shell, Terminal};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// The exit code and what was printed, on standard output and on standard error.
#[derive(Debug)]
struct Ran {
    code: u8,
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

    /// The items of a list, which are the API's.
    fn items<T: Debug + DeserializeOwned + Serialize>(&self) -> Vec<T> {
        self.json()["items"].as_array().expect("items").iter().map(read).collect()
    }

    fn refusal(&self) -> String {
        let error: Value = serde_json::from_str(&self.err).unwrap_or_else(|e| panic!("{e}: {self:?}"));
        error["error"]["code"].as_str().unwrap_or_default().to_owned()
    }
}

#[allow(clippy::disallowed_methods, reason = "the tool is given the stack as an operator gives it")]
async fn goalctl(arguments: &[&str]) -> Ran {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let stack_file = std::env::var("GOAL_ACTIVITY_STACK").ok().map(PathBuf::from);
    let environment = Environment { stack_file, ..Environment::default() };
    let shell =
        Shell { out: &mut out, err: &mut err, keyboard: None, piped: None, terminal: Terminal::default(), environment };
    let code = goalctl::run(["goalctl", "--operator"].iter().chain(arguments), shell).await;
    Ran { code, out: String::from_utf8(out).unwrap(), err: String::from_utf8(err).unwrap() }
}

#[tokio::test]
async fn an_operator_finds_cancels_and_retries_a_workflow_of_a_user() {
    let stack = Stack::open().await;
    let user = stack.user().await;
    let goal = stack.goal(&user, Chart::of(9).script_all("latency-ms=60000")).await;
    let arn = user.started(&goal).await;
    let found = eventually("the workflow by its user", || async {
        let found = goalctl(&["find", "--user", user.id.as_str(), "--json"]).await;
        assert_eq!(found.code, 0, "{found:?}");
        let found = found.items::<FoundWorkflow>().into_iter().next();
        found.filter(|found| found.summary.execution_arn == arn)
    })
    .await;
    assert_eq!((&found.summary.goal_id, &found.user_id), (&goal, &user.id));
    let everywhere = goalctl(&["find", "--since", "2026-01-01", "--all", "--json"]).await;
    let items: Vec<FoundWorkflow> = everywhere.items();
    assert!(items.iter().any(|item| item.summary.execution_arn == arn), "{everywhere:?}");
    assert!(everywhere.json()["lookedAt"].as_u64() >= Some(1), "{everywhere:?}");
    let list: WaitingList = goalctl(&["waiting", "--json"]).await.answer();
    assert!(list.capacity >= 1, "{list:?}");
    let shown = goalctl(&["waiting"]).await;
    assert!(shown.out.contains("batches in use"), "{shown:?}");

    let without = goalctl(&["cancel", arn.as_str()]).await;
    assert!(without.code == 2 && without.err.contains("--reason"), "{without:?}");
    let cancelled = goalctl(&["cancel", arn.as_str(), "--reason", "asked by mail", "--json"]).await;
    assert_eq!((cancelled.code, cancelled.answer::<Aborted>().status), (0, Status::Aborted.into()), "{cancelled:?}");
    let status = user.status(&arn).await.ok();
    let cancellation = status.cancellation.as_ref().expect("a cancellation");
    assert_eq!(cancellation.reason.as_deref(), Some("asked by mail"), "{status:?}");
    assert!(cancellation.operator.as_ref().is_some_and(|by| by.starts_with("arn:aws:")), "{status:?}");
    let again = goalctl(&["cancel", arn.as_str(), "--reason", "again", "--json"]).await;
    assert_eq!((again.code, again.refusal().as_str()), (3, "ALREADY_ENDED"));
    let actions: WorkflowActions = goalctl(&["actions", arn.as_str(), "--json"]).await.answer();
    assert!(actions.items[0].state.known().is_some(), "{actions:?}");
    let timeline = goalctl(&["timeline", arn.as_str()]).await;
    assert!(timeline.out.contains("cancelled by operator arn:aws:"), "{timeline:?}");

    for place in ["1#1", "1#2", "1#3", "1#4", "1#5", "1#6", "1#7", "1#8", "2#1"] {
        stack.mend(&goal, place).await;
    }
    let retried = goalctl(&["retry", arn.as_str(), "--reason", "the AI was slow", "--wait", "--json"]).await;
    let end: WorkflowStatus = retried.answer();
    assert_eq!((retried.code, end.status.known()), (0, Some(Status::Succeeded)), "{retried:?}");
    let operator = end.operator.as_ref().expect("an operator");
    assert_eq!((operator.reason.as_str(), &operator.retry_of), ("the AI was slow", &arn));
    assert_eq!(user.status(&end.execution_arn).await.status, 200, "it is the user's own");
    let tasks: Vec<Task> = goalctl(&["tasks", goal.as_str(), "--all", "--json"]).await.items();
    assert_eq!(tasks.len(), 36);
    let history = goalctl(&["history", goal.as_str(), "--json"]).await;
    assert_eq!(history.code, 0, "{history:?}");
    let none = goalctl(&["status", "no-such-goal", "--json"]).await;
    assert_eq!((none.code, none.refusal().as_str()), (4, "UNKNOWN_GOAL"));
    let start = goalctl(&["start", goal.as_str()]).await;
    assert!(start.code == 2 && start.err.contains("events emit"), "{start:?}");
}

#[tokio::test]
async fn an_operator_cancels_and_retries_the_workflows_of_a_user_or_of_a_service() {
    let stack = Stack::open().await;
    let user = stack.user().await;
    let mut arns = Vec::new();
    for _ in 0..2 {
        let goal = stack.goal(&user, Chart::of(3).script_all("latency-ms=8000")).await;
        arns.push((user.started(&goal).await, goal));
    }
    let who = format!("user={}", user.id);
    let cancel = ["cancel", "--where", &who, "--rate", "20", "--yes", "--json"];
    let without = goalctl(&cancel).await;
    assert!(without.code == 2 && without.err.contains("--reason"), "{without:?}");
    let other =
        goalctl(&[&cancel[..], &["--where", "source=com.example.planner", "--reason", "ticket 19"]].concat()).await;
    assert_eq!((other.code, &other.json()["plan"]["workflows"]), (0, &json!([])), "{other:?}");
    let own = goalctl(&[&cancel[..], &["--where", "source=goal-activity", "--reason", "ticket 19"]].concat()).await;
    assert_eq!((own.code, &own.json()["done"]), (0, &json!(2)), "{own:?}");
    let status = user.status(&arns[0].0).await.ok();
    let reason = status.cancellation.and_then(|cancellation| cancellation.reason);
    assert_eq!((status.status.known(), reason.as_deref()), (Some(Status::Aborted), Some("ticket 19")));

    for place in ["1#1", "1#2", "1#3"] {
        stack.mend(&arns[0].1, place).await;
        stack.mend(&arns[1].1, place).await;
    }
    let retry = ["retry", "--where", &who, "--where", "status=ABORTED", "--reason", "ticket 20", "--yes", "--json"];
    let retried = goalctl(&retry).await;
    assert_eq!((retried.code, &retried.json()["done"]), (0, &json!(2)), "{retried:?}");
    for result in retried.json()["results"].as_array().unwrap() {
        let arn: ExecutionArn = result["newExecutionArn"].as_str().unwrap().parse().unwrap();
        let end = user.ended(&arn).await;
        let reason = end.operator.map(|operator| operator.reason);
        assert_eq!((end.status.known(), reason.as_deref()), (Some(Status::Succeeded), Some("ticket 20")));
    }
    let again = goalctl(&retry).await;
    assert_eq!((again.code, &again.json()["plan"]["superseded"]), (0, &json!(2)), "{again:?}");
}

#[tokio::test]
async fn the_deployed_stack_is_checked_line_by_line() {
    let report = goalctl(&["doctor", "--json"]).await;
    let checks = report.json()["checks"].as_array().unwrap().clone();
    let of = |kind: &str| {
        let all = checks.iter().filter(|check| check["what"].as_str().unwrap().starts_with(kind));
        all.map(|check| (check["what"].clone(), check["result"].clone(), check["detail"].clone())).collect::<Vec<_>>()
    };
    for (kind, count) in
        [("function", 6), ("event source mapping", 4), ("queue", 3), ("dead letters", 4), ("alerts", 1)]
    {
        assert_eq!(of(kind).len(), count, "{checks:?}");
    }
    // Others put dead letters there meanwhile, and nobody has to be subscribed.
    for kind in ["function", "variables of", "event source mapping", "rule", "queue"] {
        assert!(of(kind).iter().all(|(_, result, _)| result == "ok"), "{:?}", of(kind));
    }
}

#[tokio::test]
async fn p9_a_client_of_the_gateway_cannot_pass_for_an_operator() {
    let stack = Stack::open().await;
    let (user, stranger) = (stack.user().await, stack.user().await);
    let goal = stack.goal(&user, Chart::of(1).script_all("latency-ms=3000")).await;
    let arn = user.started(&goal).await;
    let escaped = arn.as_str().replace(':', "%3A");
    let call = json!({
        "by": "arn:aws:iam::000000000000:root", "reason": "forged",
        "route": "POST /api/workflows/{executionArn}/cancel", "path": { "executionArn": arn },
    });
    let body = json!({ "operator": call });
    for query in ["", "?operator=1", &format!("?operator={escaped}")] {
        let answer = stranger.post(&format!("/api/workflows/{escaped}/cancel{query}"), &body).await;
        answer.refused(403, ProblemCode::NotOwner);
    }
    for path in ["/operator/workflows", "/operator/waiting", "/api/operator/waiting"] {
        assert_eq!(stranger.get(path).await.status, 404, "{path}");
    }
    assert_eq!(user.ended(&arn).await.status, Status::Succeeded);
}
