use std::path::PathBuf;

use goal_activity_testkit::stub::{Reply, Response, Stub};
use serde_json::{Value, json};

use crate::environment::Environment;
use crate::failure::{DONE, NO_ACCESS, REFUSED, USAGE};
use crate::testing::ran_on;

fn goal() -> Value {
    json!({
        "goalId": "run", "title": "Run 10 km", "status": "partial", "totalActions": 3, "actionsWithTasks": 1,
        "subGoals": [
            { "position": 2, "title": "Legs", "actions": [
                { "actionId": "a", "position": 1, "title": "Squats", "type": "habit", "tasks": 3, "state": "succeeded" },
                { "actionId": "b", "position": 8, "title": "Stairs\u{1b}[2J", "type": "execution", "tasks": 0, "state": "failed",
                  "code": "AI_TIMEOUT", "attempts": 3 },
            ] },
            { "position": 5, "title": "", "actions": [
                { "actionId": "c", "position": 1, "title": "Shoes", "type": "execution", "tasks": 0 },
            ] },
        ],
    })
}

/// Runs the tool against an API with this answer.
async fn ran(name: &str, api: &Stub, arguments: &[&str]) -> (u8, String, String) {
    let (token, url) = (Some("t0ken".to_owned().into()), Some(api.url()));
    let environment = Environment { url, token, ..Environment::default() };
    ran_on(&format!("goals-{name}"), (&api.url(), json!({ "ApiUrl": api.url() })), environment, arguments).await
}

fn file(name: &str, content: &[u8]) -> PathBuf {
    let path = std::env::temp_dir().join(format!("goalctl-goals-{}-{name}", std::process::id()));
    std::fs::write(&path, content).unwrap();
    path
}

#[tokio::test]
async fn a_chart_is_shown_by_places_with_what_each_action_has() {
    let api = Stub::answering(Response::new(200, goal())).await;
    let (code, out, err) = ran("show", &api, &["goals", "show", "run"]).await;
    assert_eq!((code, err.as_str()), (DONE, ""));
    assert_eq!(api.one().line, "GET /api/goals/run");
    for line in ["run: partial, 1 of 3 actions have tasks", "2 Legs", "5 (without a name)"] {
        assert!(out.lines().any(|l| l == line), "{line}: {out}");
    }
    let row = |title: &str| out.lines().find(|line| line.contains(title)).unwrap().to_owned();
    assert!(row("Squats").contains("2.1") && row("Squats").ends_with("3 tasks"), "{out}");
    assert!(row("Stairs").contains("2.8") && row("Stairs").ends_with("failed (AI_TIMEOUT)"), "{out}");
    assert!(row("Shoes").ends_with('-') && !out.contains('\u{1b}'), "{out}");
}

#[tokio::test]
async fn goals_are_listed_over_all_pages() {
    let item =
        |id: &str| json!({ "goalId": id, "title": id, "status": "draft", "totalActions": 64, "actionsWithTasks": 0 });
    let first = Response::new(200, json!({ "items": [item("a")], "nextCursor": "c1" }));
    let api = Stub::start([first, Response::new(200, json!({ "items": [item("b")] }))].map(Reply::Whole)).await;
    let (code, out, _) = ran("list", &api, &["goals", "list", "--all"]).await;
    assert!(code == DONE && out.contains("a ") && out.contains("b "), "{out}");
    assert_eq!(api.seen().last().map(|seen| seen.line.clone()).unwrap(), "GET /api/goals?limit=50&cursor=c1");

    let none = Stub::answering(Response::new(200, json!({ "items": [] }))).await;
    let (_, out, _) = ran("none", &none, &["goals", "list"]).await;
    assert!(out.contains("goalctl goals put"), "{out}");
}

#[tokio::test]
async fn a_file_is_stored_as_a_goal_and_what_is_left_out_of_it_is_said() {
    let api = Stub::answering(Response::new(201, goal())).await;
    let text =
        r#"{"title": "Run", "colour": "red", "subGoals": [{"title": "Legs", "actions": ["Squats", "", "Stairs"]}]}"#;
    let chart = file("put.json", text.as_bytes());
    let (code, out, err) = ran("put", &api, &["goals", "put", "run", chart.to_str().unwrap()]).await;
    assert!(code == DONE && out.contains("Stored as run: 2 actions in 1 sub-goal."), "{out} {err}");
    assert!(err.contains("left out: colour"), "{err}");
    let sent = api.one();
    assert_eq!(sent.line, "PUT /api/goals/run");
    assert_eq!(
        sent.body["subGoals"][0]["actions"][1],
        json!({ "position": 3, "title": "Stairs", "type": "execution" })
    );
    std::fs::remove_file(chart).unwrap();
}

#[tokio::test]
async fn a_dry_run_stores_nothing_and_a_form_can_be_named() {
    let api = Stub::answering(Response::new(500, "")).await;
    let chart = file("notes.txt", "# Run\n\n## Legs\n\n- Squats\n".as_bytes());
    let path = chart.to_str().unwrap();
    let (code, out, err) = ran("dry", &api, &["goals", "put", "run", path, "--form", "md", "--dry-run"]).await;
    assert!(
        code == DONE && out.contains("Squats") && err.contains("Would be stored as run: 1 action in 1 sub-goal."),
        "{out}{err}"
    );
    let (code, _, err) = ran("form", &api, &["goals", "put", "run", path, "--form", "docx"]).await;
    assert!(code == USAGE && err.contains("json, csv, tsv, md and opml"), "{err}");
    let (code, _, err) = ran("wrong", &api, &["goals", "put", "run", path, "--form", "json"]).await;
    assert!(code == USAGE && err.contains("line 1"), "{err}");
    let (code, _, err) = ran("nowhere", &api, &["goals", "put", "run", "nowhere.csv"]).await;
    assert!(code == USAGE && err.contains("cannot read nowhere.csv"), "{err}");
    assert!(api.seen().is_empty());
    std::fs::remove_file(chart).unwrap();
}

#[tokio::test]
async fn all_problems_of_a_chart_are_said_at_once() {
    let api = Stub::answering(Response::new(500, "")).await;
    let chart = file("problems.csv", ",,,,,,,,,y\n".as_bytes());
    let path = chart.to_str().unwrap();
    let (code, out, err) = ran("problems", &api, &["goals", "put", "run", path]).await;
    assert!(code == USAGE && out.is_empty() && api.seen().is_empty(), "{code} {out} {err}");
    let lines: Vec<_> = err.lines().collect();
    assert_eq!(lines.len(), 4, "{err}");
    assert_eq!(lines[0], format!("error: {path} has 2 problems"));
    assert!(
        lines[1].starts_with("  row 1, column 10 (J1): ") && lines[2].starts_with("  row 5, column 5 (E5): "),
        "{err}"
    );
    assert!(lines[3].starts_with("  to do: correct it"), "{err}");
    std::fs::remove_file(chart).unwrap();
}

#[tokio::test]
async fn a_refused_chart_says_which_places() {
    let problem = json!({ "code": "TASKS_EXIST", "title": "t", "detail": "2.1 has tasks", "retryable": false });
    let api = Stub::answering(Response::new(409, problem)).await;
    let chart = file("refused.md", "# Run\n\n## Legs\n\n- Squats\n".as_bytes());
    let (code, _, err) = ran("refused", &api, &["goals", "put", "run", chart.to_str().unwrap()]).await;
    assert!(code == REFUSED && err.contains("2.1 has tasks"), "{err}");
    std::fs::remove_file(chart).unwrap();
}

#[tokio::test]
async fn what_is_exported_is_read_again_as_the_same_chart() {
    let api = Stub::answering(Response::new(200, goal())).await;
    for form in ["json", "csv", "tsv", "md", "opml"] {
        let (code, out, err) = ran(form, &api, &["goals", "export", "run", "--form", form]).await;
        assert_eq!((code, err.as_str()), (DONE, ""));
        let chart = goal_activity_chart::read(out.as_bytes(), form.parse().ok()).unwrap().chart;
        let titles: Vec<_> = chart
            .sub_goals
            .iter()
            .flat_map(|s| s.actions.iter().map(|a| (u8::from(s.position), u8::from(a.position))))
            .collect();
        assert_eq!(titles, [(2, 1), (2, 8), (5, 1)], "{form}: {out}");
    }
    let target = std::env::temp_dir().join(format!("goalctl-goals-{}-out.csv", std::process::id()));
    let to = target.to_str().unwrap();
    let (code, out, _) = ran("file", &api, &["goals", "export", "run", "-o", to]).await;
    assert!(code == DONE && out.contains("is written") && std::fs::read_to_string(&target).unwrap().contains("Squats"));
    let (code, _, err) = ran("twice", &api, &["goals", "export", "run", "-o", to]).await;
    assert!(code == USAGE && err.contains("does not exist yet"), "{err}");
    std::fs::remove_file(target).unwrap();
}

#[tokio::test]
async fn a_goal_of_another_user_is_refused() {
    let api = Stub::answering(Response::new(403, json!({ "code": "NOT_OWNER", "title": "t" }))).await;
    let (code, _, err) = ran("owner", &api, &["goals", "export", "run"]).await;
    assert!(code == NO_ACCESS && err.contains("NOT_OWNER"), "{err}");
}
