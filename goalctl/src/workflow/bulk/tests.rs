//! Runs of `goalctl retry --failed` and `goalctl cancel --where …` on an API that a stub stands for.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use goal_activity_testkit::stub::{Reply, Response, Seen, Stub};
use serde_json::{Value, json};

use crate::failure::{DONE, NO_ACCESS, NOT_DONE, USAGE};
use crate::{Environment, Shell, Terminal};

fn arn(name: &str) -> String {
    format!("arn:aws:states:us-east-1:000000000000:execution:goal-activity:{name}")
}

/// An API with these workflows, each as goal, number and status.
#[derive(Default)]
struct Pipeline {
    workflows: Vec<(&'static str, u32, &'static str)>,
    /// The retries by their key.
    retried: BTreeMap<String, String>,
    /// How many calls are refused because too many are open.
    full: usize,
    /// What every change is answered.
    refusal: Option<(u16, Value)>,
    changes: usize,
}

impl Pipeline {
    fn with(workflows: &[(&'static str, u32, &'static str)]) -> Arc<Mutex<Self>> {
        Arc::new(Mutex::new(Self { workflows: workflows.to_vec(), ..Self::default() }))
    }

    fn items(&self) -> Value {
        let item = |(goal, n, status): &(&str, u32, &str)| {
            json!({ "executionArn": arn(&format!("{goal}-{n}")), "goalId": goal, "status": status, "totalActions": 8,
                "startDate": format!("2026-11-24T09:{n:02}:00.000Z"), "failedCount": 3 })
        };
        self.workflows.iter().map(item).collect()
    }

    fn answer(&mut self, seen: &Seen) -> (u16, Value) {
        let line = seen.line.as_str();
        let name =
            || line.split("%3Agoal-activity%3A").nth(1).and_then(|rest| rest.split('/').next()).unwrap().to_owned();
        if line.contains("/api/workflows?") {
            return (200, json!({ "items": self.items() }));
        }
        if line.contains("/status") {
            let usage =
                json!({ "attempts": 10, "inputTokens": 1, "outputTokens": 1, "latencyMs": 1, "costMicroUsd": 20_000 });
            let request = json!({ "source": if name().starts_with('a') { "com.a" } else { "com.b" }, "eventId": "e" });
            return (
                200,
                json!({ "executionArn": arn(&name()), "goalId": "g", "status": "FAILED", "progressPercentage": 100,
                    "startDate": "2026-11-24T09:30:00.000Z", "processedActions": 8, "totalActions": 8,
                    "succeededActions": 5, "usage": usage, "request": request }),
            );
        }
        self.changes += 1;
        if let Some(refusal) = self.refusal.clone() {
            return refusal;
        }
        if self.full > 0 {
            self.full -= 1;
            return (
                429,
                json!({ "title": "Too many workflows are running", "code": "TOO_MANY_RUNNING", "retryable": true }),
            );
        }
        if line.contains("/cancel") {
            return match name().as_str() {
                "b-2" => (409, json!({ "title": "The workflow has ended", "code": "ALREADY_ENDED" })),
                _ => (200, json!({ "executionArn": arn(&name()), "status": "ABORTED" })),
            };
        }
        let key = seen.header("idempotency-key").unwrap().to_owned();
        let new = self.retried.entry(key).or_insert_with(|| arn(&format!("{}-new", name())));
        let at = "2026-11-24T09:59:00.000Z";
        (202, json!({ "executionArn": new, "startDate": at, "status": "PENDING", "totalActions": 3 }))
    }
}

/// Runs the tool as a user. `typed` is what is typed on a terminal.
async fn ran(pipeline: &Arc<Mutex<Pipeline>>, arguments: &[&str], typed: Option<&str>) -> (u8, String, String) {
    let kept = Arc::clone(pipeline);
    let api = Stub::with(move |seen: &Seen| {
        let (status, body) = kept.lock().unwrap().answer(seen);
        Reply::Whole(Response::new(status, body))
    })
    .await;
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut typed = typed.map(str::as_bytes);
    let shell = Shell {
        out: &mut out,
        err: &mut err,
        keyboard: typed.as_mut().map(|t| t as &mut dyn std::io::BufRead),
        piped: None,
        terminal: Terminal::default(),
        environment: Environment { token: Some("t".to_owned().into()), ..Environment::default() },
    };
    let url = api.url();
    let code = crate::run(["goalctl", "--url", &url].iter().chain(arguments), shell).await;
    (code, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
}

const SEVERAL: [(&str, u32, &str); 5] = [
    ("a", 1, "FAILED"),
    ("b", 2, "RUNNING"),
    ("c", 3, "PARTIALLY_SUCCEEDED"),
    ("a", 4, "TIMED_OUT"),
    ("d", 5, "PENDING"),
];

#[tokio::test]
async fn nothing_is_done_before_a_yes_and_the_plan_is_shown_first() {
    let pipeline = Pipeline::with(&SEVERAL);
    for typed in [Some("\n"), Some("no\n"), Some("yesterday\n"), Some("")] {
        let (code, out, err) = ran(&pipeline, &["retry", "--failed", "--since", "2026-11-24"], typed).await;
        assert!(code == NOT_DONE && out.is_empty() && err.ends_with("Nothing was done.\n"), "{code} {out} {err}");
    }
    let (code, _, err) = ran(&pipeline, &["retry", "--failed"], None).await;
    assert!(code == USAGE && err.contains("--yes"), "{code} {err}");
    let squeezed: Vec<_> = err.lines().map(|l| l.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(
        squeezed[..8],
        [
            "To retry 6 actions of 2 workflows",
            "Status 1 PARTIALLY_SUCCEEDED, 1 TIMED_OUT",
            "Left out 1 workflow: a newer one of the goal is there",
            "AI about 0.01 USD, as such actions cost before",
            "Takes 1 s or more, at 2 a second",
            "",
            "STARTED STATUS ACTIONS GOAL WORKFLOW",
            &format!("2026-11-24T09:03:00.000Z PARTIALLY_SUCCEEDED 3 c {}", arn("c-3")),
        ]
    );
    let (code, out, err) = ran(&pipeline, &["retry", "--failed", "--dry-run", "--json"], None).await;
    let plan: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, plan["workflows"].as_array().map(Vec::len)), (DONE, Some(2)), "{err}");
    assert_eq!(
        (&plan["actions"], &plan["superseded"], &plan["estimatedCostMicroUsd"]),
        (&json!(6), &json!(1), &json!(12_000))
    );
    assert_eq!(pipeline.lock().unwrap().changes, 0);
}

#[tokio::test]
async fn a_second_run_does_nothing_twice() {
    let pipeline = Pipeline::with(&SEVERAL);
    let (code, out, err) = ran(&pipeline, &["retry", "--failed", "--rate", "20"], Some("y\n")).await;
    assert!(code == DONE && out.ends_with("2 done, 0 skipped, 0 failed.\n"), "{code} {out} {err}");
    assert!(out.contains(&format!("{}  done: {}", arn("a-4"), arn("a-4-new"))), "{out}");
    // The list is behind, and shows what was retried as if it were not: the key makes it the same request.
    let (code, _, err) = ran(&pipeline, &["retry", "--failed", "--rate", "20", "--yes"], None).await;
    assert_eq!((code, pipeline.lock().unwrap().retried.len()), (DONE, 2), "{err}");
    // The list shows a workflow that an earlier run has started, but not that it is newer.
    let workflows = [("e", 6, "FAILED")];
    let again = Pipeline::with(&workflows);
    again.lock().unwrap().retried.insert("goalctl-retry/e-6".to_owned(), arn("e-6"));
    let (code, out, err) = ran(&again, &["retry", "--failed", "--yes", "--json"], None).await;
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (code, &report["skipped"], &report["results"][0]["outcome"]),
        (DONE, &json!(1), &json!("skipped")),
        "{err}"
    );
    // What it has begun is the newest of its goal.
    let after = Pipeline::with(&[("a", 1, "FAILED"), ("a", 2, "RUNNING")]);
    let (code, out, err) = ran(&after, &["retry", "--failed", "--yes"], None).await;
    assert!(code == DONE && out.starts_with("No workflow to retry. 1 workflow left out"), "{out} {err}");
}

#[tokio::test(start_paused = true)]
async fn a_workflow_without_room_waits_and_the_others_go_on() {
    let pipeline = Pipeline::with(&[("a", 1, "FAILED"), ("b", 2, "FAILED"), ("c", 3, "FAILED")]);
    pipeline.lock().unwrap().full = 1;
    let (code, out, err) = ran(&pipeline, &["retry", "--failed", "--yes"], None).await;
    let order: Vec<_> = out.lines().filter_map(|line| line.split("-new").next()?.rsplit(':').next()).collect();
    assert_eq!((code, &order[..3]), (DONE, &["b-2", "c-3", "a-1"][..]), "{out} {err}");
    let full = Pipeline::with(&[("a", 1, "FAILED")]);
    full.lock().unwrap().full = usize::MAX;
    let (code, out, _) = ran(&full, &["retry", "--failed", "--yes"], None).await;
    assert!(code == NOT_DONE && out.contains("1 failed: TOO_MANY_RUNNING") && out.contains("Run it again"), "{out}");
}

#[tokio::test]
async fn workflows_are_cancelled_by_what_they_are() {
    let pipeline = Pipeline::with(&SEVERAL);
    let all = ["cancel", "--where", "status=PENDING,RUNNING; from=2026-11-24", "--yes", "--rate", "20"];
    let (code, out, err) = ran(&pipeline, &all, None).await;
    assert!(code == DONE && out.contains(&format!("{}  done", arn("d-5"))), "{out} {err}");
    assert!(out.contains(&format!("{}  skipped: The workflow has ended", arn("b-2"))), "{out}");
    let of = |source: &'static str| ["cancel", "--where", source, "--dry-run", "--json"];
    let (_, out, err) = ran(&pipeline, &of("source=com.a"), None).await;
    let plan: Value = serde_json::from_str(&out).unwrap_or_else(|e| panic!("{e} {err}"));
    assert_eq!(plan["workflows"], json!([]), "both open ones are of com.b");
    let (_, out, _) = ran(&pipeline, &of("source=com.b"), None).await;
    assert_eq!(serde_json::from_str::<Value>(&out).unwrap()["workflows"].as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn what_fails_is_told_with_its_reason_and_what_would_fail_for_all_stops_the_run() {
    let refused = |status: u16, body: Value| {
        let pipeline = Pipeline::with(&SEVERAL);
        pipeline.lock().unwrap().refusal = Some((status, body));
        pipeline
    };
    let daily =
        refused(429, json!({ "title": "Too many actions for today", "code": "DAILY_LIMIT", "retryable": true }));
    let (code, out, _) = ran(&daily, &["retry", "--failed", "--yes", "--json", "--rate", "20"], None).await;
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &report["failed"], &report["notBegun"]), (NOT_DONE, &json!(2), &json!(0)), "{report}");
    assert_eq!(
        (&report["results"][0]["code"], &report["results"][0]["retryable"]),
        (&json!("DAILY_LIMIT"), &json!(true))
    );
    let expired = refused(401, json!({ "message": "Unauthorized" }));
    let (code, out, err) = ran(&expired, &["retry", "--failed", "--yes"], None).await;
    assert!(code == NO_ACCESS && out.contains("0 done, 0 skipped, 0 failed, 2 not begun"), "{code} {out} {err}");
    assert_eq!(expired.lock().unwrap().changes, 1, "and not once for each");
}

#[tokio::test]
async fn one_workflow_and_many_are_not_mixed() {
    let pipeline = Pipeline::with(&SEVERAL);
    for (line, says) in [
        ("retry", "<WORKFLOW>"),
        ("cancel", "<WORKFLOW>"),
        ("retry g --failed", "cannot be used with"),
        ("cancel g --where goal=h", "cannot be used with"),
        ("cancel g --yes", "required"),
        ("retry g --since 2026-11-24", "required"),
        ("cancel --where state=RUNNING", "is no condition; there are status="),
        ("cancel --where status=FAILED --yes", "nothing to cancel in a workflow that is FAILED"),
        ("retry --failed --where status=ABORTED", "both say which"),
        ("retry --failed --wait", "neither waited for"),
        ("retry --failed --rate 0", "not in 1..=20"),
        ("retry --failed --reason x --yes", "a retry of a user has no reason"),
        ("cancel --where user=u --yes", "a user has only workflows of their own"),
    ] {
        let arguments: Vec<_> = line.split(' ').collect();
        let (code, out, err) = ran(&pipeline, &arguments, None).await;
        assert!(code == USAGE && out.is_empty() && err.contains(says), "{line}: {code} {err}");
    }
    assert_eq!(pipeline.lock().unwrap().changes, 0);
}
