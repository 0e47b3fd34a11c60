//! Runs of `goalctl user` on tables that a stub keeps, of which the index is always behind.

use std::sync::{Arc, Mutex};

use goal_activity_core::limits::MAX_RUNNING_PER_USER;
use goal_activity_testkit::stub::{Reply, Response, Seen, Stub};
use serde_json::{Map, Value, json};

use crate::Environment;
use crate::failure::{DONE, NO_ACCESS, UNAVAILABLE};
use crate::testing::ran_on;

const USER: &str = "ann";

/// The rows of the tables, each as `{table: .., row: ..}` with attributes that are texts.
#[derive(Default)]
struct Tables {
    rows: Vec<(&'static str, Map<String, Value>)>,
    /// A workflow is started whenever one is cancelled, so many times.
    starts: usize,
    cancelled: usize,
}

fn row(values: Value) -> Map<String, Value> {
    let Value::Object(values) = values else { panic!("{values}") };
    values.into_iter().map(|(name, text)| (name, json!({ "S": text }))).collect()
}

fn arn(n: usize) -> String {
    format!("arn:aws:states:us-east-1:123456789012:execution:goal-activity:own-{n}")
}

impl Tables {
    fn with(rows: impl IntoIterator<Item = (&'static str, Value)>) -> Self {
        Self { rows: rows.into_iter().map(|(table, values)| (table, row(values))).collect(), ..Self::default() }
    }

    fn open_workflow(n: usize) -> (&'static str, Value) {
        ("executions", json!({ "executionArn": arn(n), "item": "EXECUTION", "userId": USER, "goalId": "own" }))
    }

    fn of(&self, table: &Value, is: impl Fn(&Map<String, Value>) -> bool) -> Value {
        let rows: Vec<_> = self
            .rows
            .iter()
            .filter(|(of, row)| table == *of && is(row))
            .map(|(_, row)| Value::from(row.clone()))
            .collect();
        json!({ "Items": rows, "Count": rows.len(), "ScannedCount": rows.len() })
    }

    fn answer(&mut self, seen: &Seen) -> Value {
        let (body, values) = (&seen.body, &seen.body["ExpressionAttributeValues"]);
        let action = seen.header("x-amz-target").and_then(|target| target.rsplit('.').next()).unwrap_or_default();
        match action {
            "Query" if body["IndexName"].is_string() => json!({ "Items": [], "Count": 0, "ScannedCount": 0 }),
            "Query" => {
                let key = body["ExpressionAttributeNames"]["#key"].as_str().unwrap();
                self.of(&body["TableName"], |row| row[key] == values[":key"])
            }
            "Scan" => self.of(&body["TableName"], |row| {
                let is_request = values[":request"].is_object() && row.get("item") == Some(&values[":request"]);
                row.get("userId") == Some(&values[":user"]) || is_request
            }),
            "DeleteItem" => {
                let key = body["Key"].as_object().unwrap();
                self.rows.retain(|(table, row)| {
                    body["TableName"] != *table || key.iter().any(|(name, of)| row[name] != *of)
                });
                json!({})
            }
            _ if seen.line.contains("/invocations") => self.cancel(),
            _ => panic!("{}", seen.line),
        }
    }

    /// All workflows that are open end and are archived.
    fn cancel(&mut self) -> Value {
        for (_, row) in self.rows.iter_mut().filter(|(_, row)| row.get("item") == Some(&json!({ "S": "EXECUTION" }))) {
            row.insert("expiresAt".to_owned(), json!({ "N": "1" }));
        }
        self.cancelled += 1;
        if self.cancelled <= self.starts {
            let (table, values) = Self::open_workflow(100 + self.cancelled);
            self.rows.push((table, row(values)));
        }
        json!({ "statusCode": 200, "headers": {}, "body": "{}" })
    }
}

/// Runs `goalctl user` on these tables. Returns the exit code, what is printed as JSON, errors, and the tables.
async fn ran(name: &str, tables: Tables, arguments: &[&str]) -> (u8, Value, String, Tables) {
    let tables = Arc::new(Mutex::new(tables));
    let kept = Arc::clone(&tables);
    let aws = Stub::with(move |seen: &Seen| {
        if seen.line.contains("versions") {
            let nothing = "<ListVersionsResult><IsTruncated>false</IsTruncated></ListVersionsResult>";
            return Reply::Whole(Response::new(200, nothing).header("content-type", "application/xml"));
        }
        if seen.text.contains("GetCallerIdentity") {
            let identity = "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::123456789012:user/ada</Arn>\
                            </GetCallerIdentityResult></GetCallerIdentityResponse>";
            return Reply::Whole(Response::new(200, identity).header("content-type", "text/xml"));
        }
        Reply::Whole(Response::new(200, kept.lock().unwrap().answer(seen)))
    })
    .await;
    let outputs = json!({
        "GoalsTableName": "goals", "TasksTableName": "tasks", "ExecutionsTableName": "executions",
        "ArchiveBucketName": "archive", "ApiFunctionName": "api",
    });
    let arguments = [&["--json", "user"], arguments].concat();
    let on = (&*aws.url(), outputs);
    let (code, out, err) = ran_on(&format!("user-{name}"), on, Environment::default(), &arguments).await;
    let tables = std::mem::take(&mut *tables.lock().unwrap());
    (code, serde_json::from_str(&out).unwrap_or_default(), err, tables)
}

#[tokio::test]
async fn what_a_goal_of_another_user_has_stays() {
    let tables = || {
        Tables::with([
            ("goals", json!({ "goalId": "given", "item": "GOAL", "userId": "bob" })),
            ("goals", json!({ "goalId": "given", "item": "ACTION#1#1", "userId": USER })),
            ("tasks", json!({ "goalId": "given", "position": "1#1#01", "userId": USER })),
            ("goals", json!({ "goalId": "own", "item": "GOAL", "userId": USER })),
            ("goals", json!({ "goalId": "own", "item": "ACTION#1#1" })),
            ("tasks", json!({ "goalId": "own", "position": "1#1#01" })),
            ("tasks", json!({ "goalId": "gone", "position": "1#1#01", "userId": USER })),
        ])
    };
    let (code, shown, err, _) = ran("others-show", tables(), &["show", USER]).await;
    assert_eq!((code, &shown["goals"]), (DONE, &json!(["own"])), "{shown} {err}");
    assert_eq!((&shown["goalRows"], &shown["taskRows"]), (&json!(2), &json!(2)), "{shown}");
    let (code, done, err, left) = ran("others-delete", tables(), &["delete", USER, "--yes"]).await;
    assert_eq!((code, &done["complete"]), (DONE, &json!(true)), "{done} {err}");
    assert!(left.rows.len() == 3 && left.rows.iter().all(|(_, row)| row["goalId"]["S"] == "given"), "{:?}", left.rows);
}

#[tokio::test]
async fn a_user_of_whom_nothing_is_stored_is_not_found() {
    let tables = || Tables::with([("goals", json!({ "goalId": "own", "item": "GOAL", "userId": USER }))]);
    let (code, shown, err, _) = ran("nobody", tables(), &["show", "nobody"]).await;
    assert!(code == NO_ACCESS && shown.is_null(), "{code} {shown}");
    let told: Value = serde_json::from_str(&err).unwrap();
    assert!(told["error"]["title"].as_str().unwrap().starts_with("nothing is stored of user nobody in "), "{err}");
    // It can be repeated: what is gone already is no error.
    let (code, done, err, _) = ran("nobody-delete", tables(), &["delete", "nobody", "--yes"]).await;
    assert_eq!((code, &done["complete"]), (DONE, &json!(true)), "{done} {err}");
}

#[tokio::test]
async fn a_workflow_that_the_index_does_not_show_yet_is_cancelled_before_it_is_deleted() {
    let tables = Tables::with([Tables::open_workflow(1)]);
    let (code, done, err, left) = ran("behind", tables, &["delete", USER, "--yes"]).await;
    assert_eq!((code, left.cancelled, left.rows.len()), (DONE, 1, 0), "{done} {err}");
    assert_eq!(done["deleted"]["openWorkflows"], json!([arn(1)]), "{done}");
}

#[tokio::test]
async fn what_is_started_meanwhile_is_cancelled_too_and_never_deleted_while_it_runs() {
    let tables = Tables { starts: 2, ..Tables::with([Tables::open_workflow(1)]) };
    let (code, done, err, left) = ran("meanwhile", tables, &["delete", USER, "--yes"]).await;
    assert_eq!((code, left.cancelled, left.rows.len()), (DONE, 3, 0), "{done} {err}");

    let tables = Tables { starts: usize::MAX, ..Tables::with([Tables::open_workflow(1)]) };
    let (code, _, err, left) = ran("always", tables, &["delete", USER, "--yes"]).await;
    assert!(code == UNAVAILABLE && err.contains("nothing of the tables"), "{code} {err}");
    assert!(left.cancelled <= MAX_RUNNING_PER_USER && left.rows.len() == left.cancelled + 1, "{:?}", left.rows);
}
