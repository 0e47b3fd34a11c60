//! Two cells behind one API. Runs after the end-to-end tests, when a second cell and the front are deployed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failed expectation is how a test reports"
)]

mod page;
mod tool;

use goal_activity_client::api::{ProblemCode, StartRequest, Started, Status};
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::types::AttributeValue;
use goal_activity_events::{ExecutionArn, GoalId, StateMachineArn};
use goal_activity_testkit::stub::{Reply, Stub};
use goal_activity_tests::{Answer, Stack, User, eventually, within};
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use tokio::time::sleep;
use uuid::Uuid;

use tool::Tool;

const CELL: &str = "x-goal-activity-cell";
/// How long a move may take here: it waits twice for requests that may be on their way.
const MOVE: Duration = Duration::from_secs(120);
/// A request that took longer was waited for: `cellTimeoutSeconds` is 3 here.
const SILENT: Duration = Duration::from_secs(2);
/// By when all routers know that a cell has changed: they look every two seconds.
const ROUTERS_KNOW: Duration = Duration::from_secs(30);

fn chart(constraints: &str) -> Value {
    let action = |title: &str| json!({ "title": title, "constraints": constraints });
    json!({ "title": "Run a marathon", "subGoals": [{ "title": "Stamina", "actions": [action("Run"), action("Buy shoes")] }] })
}

/// Two cells and what is in front of them.
struct Cells {
    one: Stack,
    two: Stack,
    front: Stack,
    tool: Tool,
}

impl Cells {
    async fn open() -> Self {
        let (one, two, front) = (Stack::open().await, Stack::second().await, Stack::front().await);
        Self { one, two, front, tool: Tool::default() }
    }

    fn stack(&self, cell: &str) -> &Stack {
        if cell == "one" { &self.one } else { &self.two }
    }

    /// A user who calls the front, in that cell.
    async fn user(&self, cell: &str) -> User {
        for _ in 0..64 {
            let user = self.one.user().await.at(&self.front);
            let answer = user.get("/api/goals").await;
            if answer.header(CELL) == Some(cell) {
                assert_eq!(answer.status, 200, "{answer:?}");
                return user;
            }
        }
        panic!("no user is in cell {cell}");
    }

    /// A goal of the user that has its tasks, its workflow, and the key that it was started with.
    async fn goal(&self, user: &User) -> (GoalId, ExecutionArn, String) {
        let goal: GoalId = format!("g-{}", Uuid::new_v4()).parse().unwrap();
        let created = user.put_goal(&goal, &chart("")).await;
        assert_eq!(created.status, 201, "{created:?}");
        let key = Uuid::new_v4().to_string();
        let arn = accepted(user.patient().start_once(&goal, &key).await);
        assert_eq!(user.ended(&arn).await.status, Status::Succeeded);
        (goal, arn, key)
    }

    /// Returns `true` once nothing is open or unarchived in the cell.
    async fn archived(&self, cell: &str, arn: &ExecutionArn) {
        let row = || async { self.stack(cell).row_of(arn.as_str(), "ARCHIVE").await };
        eventually("the archived record", row).await;
    }

    async fn table(&self, user: &User, update: &str, values: &[(&str, &str)]) {
        let change = self.front.dynamodb().update_item().table_name(self.front.output("CellsTableName"));
        let text = |value: &str| AttributeValue::S(value.to_owned());
        let change =
            change.key("id", text(&format!("USER#{}", user.id))).key("item", text("HOME")).update_expression(update);
        let change =
            values.iter().fold(change, |change, (name, value)| change.expression_attribute_values(*name, text(value)));
        change.send().await.unwrap();
    }

    async fn home(&self, user: &User) -> Value {
        self.tool.json(&["users", user.id.as_str()]).await
    }
}

/// A new workflow for all of a goal's actions.
async fn regenerate(user: &User, goal: &GoalId) -> Answer<Started> {
    user.start_with(goal, &StartRequest { regenerate: true, ..StartRequest::default() }).await
}

fn machine_of(stack: &Stack) -> StateMachineArn {
    stack.output("StateMachineArn").parse().unwrap()
}

/// The ids of the user's workflows, the newest first.
async fn history(user: &User, goal: &GoalId) -> Vec<ExecutionArn> {
    user.history(goal, "").await.ok().items.into_iter().map(|item| item.execution_arn).collect()
}

#[tokio::test]
async fn t1_two_users_in_two_cells_use_one_api() {
    let cells = Cells::open().await;
    for (cell, stack) in [("one", "goal-activity"), ("two", "goal-activity-two")] {
        let added = cells.tool.json(&["add", cell, stack]).await;
        assert_eq!((&added["item"], &added["state"]), (&json!(cell), &json!("OPEN")), "{added}");
    }
    let same = cells.tool.run(&["add", "again", "goal-activity"], &[("again", "one")]).await;
    assert!(same.code == Some(2) && same.err.contains("is cell one already"), "{same:?}");

    for cell in ["one", "two"] {
        let user = cells.user(cell).await;
        let (goal, arn, _) = cells.goal(&user).await;
        assert_eq!(arn.state_machine(), machine_of(cells.stack(cell)));
        assert_eq!(user.tasks(&goal).await.len(), 8);
        // What is only in a header comes through.
        let status = user.status(&arn).await;
        let tag = status.header("etag").unwrap().to_owned();
        let same = user.status_unless(&arn, &tag).await;
        assert_eq!((same.status, same.header(CELL)), (304, Some(cell)), "{same:?}");
        user.goal(&"no-such-goal".parse().unwrap()).await.refused(404, ProblemCode::UnknownGoal);
        // Another user, in whichever cell, sees nothing of it.
        for other in ["one", "two"] {
            let stranger = cells.user(other).await;
            assert!(matches!(stranger.status(&arn).await.status, 403 | 404));
            assert!(matches!(stranger.get(&format!("/api/goals/{goal}/tasks")).await.status, 403 | 404));
        }
        assert_eq!(user.with_token(None).get("/api/goals").await.status, 401);
        assert_eq!(user.with_token(Some("x.y.z")).get("/api/goals").await.status, 401);
    }
    let listed = cells.tool.json(&["list"]).await;
    let of = |cell: usize| (&listed["items"][cell]["cell"], listed["items"][cell]["users"].as_u64() > Some(0));
    assert_eq!((of(0), of(1)), ((&json!("one"), true), (&json!("two"), true)), "{listed}");
}

#[tokio::test]
async fn t2_a_user_moves_with_everything_and_is_never_without_it() {
    let cells = Cells::open().await;
    let user = cells.user("one").await;
    let (goal, arn, key) = cells.goal(&user).await;
    let tasks = user.tasks(&goal).await;
    let before = history(&user, &goal).await;
    cells.archived("one", &arn).await;
    // One that still runs: the move waits for it.
    let slow: GoalId = format!("s-{}", Uuid::new_v4()).parse().unwrap();
    assert_eq!(user.put_goal(&slow, &chart("offline: latency-ms=6000")).await.status, 201);
    let running = user.started(&slow).await;

    let mut child = cells.tool.start(&["move", user.id.as_str(), "--to", "two"]);
    eventually("the beginning of the move", || async { (cells.home(&user).await["movingTo"] == "two").then_some(()) })
        .await;
    // Killed, and gone on with: at first only the run itself may.
    child.signal(Signal::SIGKILL);
    let other = cells.tool.run(&["move", user.id.as_str(), "--to", "two"], &[]).await;
    assert!(other.code == Some(5) && other.err.contains("another run of goalctl"), "{other:?}");
    let elsewhere = cells.tool.run(&["move", user.id.as_str(), "--to", "one"], &[]).await;
    assert!(elsewhere.code == Some(4) && elsewhere.err.contains("--give-up"), "{elsewhere:?}");
    cells.table(&user, "SET moverUntil = :past", &[(":past", "2026-01-01T00:00:00.000Z")]).await;

    let mut child = cells.tool.start(&["move", user.id.as_str(), "--to", "two"]);
    let (mut reads, mut refused, mut started) = (0, 0, None);
    let began = Instant::now();
    let ran = loop {
        if let Some(ran) = child.ended() {
            break ran;
        }
        assert!(began.elapsed() < MOVE, "the move takes too long");
        // Reading never fails, and shows everything.
        let read = user.tasks(&goal).await;
        assert_eq!(read, tasks, "after {reads} reads");
        assert_eq!(user.status(&running).await.status, 200);
        reads += 1;
        if started.is_none() {
            let again = regenerate(&user, &goal).await;
            match again.status {
                503 => {
                    assert!(again.header("retry-after").is_some() && is_retryable(&again), "{again:?}");
                    refused += 1;
                }
                _ => started = Some(again),
            }
            if started.is_some() {
                break child.wait().await;
            }
        }
        sleep(Duration::from_millis(200)).await;
    };
    assert!(
        ran.code == Some(0) && ran.out.contains("from cell one to two") && ran.out.contains("had begun"),
        "{ran:?}"
    );
    assert!(reads > 10 && refused > 3, "{reads} reads, {refused} refused");
    let home = cells.home(&user).await;
    assert_eq!(home, json!({ "user": user.id, "cell": "two" }));

    // Started in the new cell, with the next number.
    let new = match started {
        Some(answer) => accepted(answer),
        None => accepted(regenerate(&user, &goal).await),
    };
    assert_eq!(new.state_machine(), machine_of(&cells.two));
    assert!(new.as_str().ends_with(&format!("{goal}-2")), "{new}");
    assert_eq!(user.ended(&new).await.status, Status::Succeeded);
    // Old workflows keep their ARNs, and what remembers requests has come along.
    eventually("the whole history", || async {
        let all = history(&user, &goal).await;
        (all.len() == 2 && all[1] == before[0]).then_some(())
    })
    .await;
    assert_eq!(user.start_once(&goal, &key).await.ok().execution_arn, arn, "the same request");
    assert_eq!(user.status(&running).await.ok().status, Status::Succeeded);
    assert!(cells.two.row_of(arn.as_str(), "EXECUTION").await.is_some());
    // Nothing is left behind.
    assert_eq!(cells.one.rows_of_goal(goal.as_str()).await, 0);
    assert_eq!(cells.one.rows_of_goal(slow.as_str()).await, 0);
    for item in ["EXECUTION", "ARCHIVE", "BATCH#00"] {
        assert_eq!(cells.one.row_of(arn.as_str(), item).await, None, "{item}");
    }
    let archived = cells.two.row_of(arn.as_str(), "ARCHIVE").await.unwrap();
    let key = archived["archivedAs"].as_str().unwrap();
    let get = |stack: &Stack| stack.s3().get_object().bucket(stack.output("ArchiveBucketName")).key(key).send();
    assert!(get(&cells.two).await.is_ok() && get(&cells.one).await.is_err(), "{key}");
    let again = cells.tool.run(&["move", user.id.as_str(), "--to", "two"], &[]).await;
    assert!(again.code == Some(0) && again.out.contains("is in cell two already"), "{again:?}");
}

fn accepted(answer: Answer<Started>) -> ExecutionArn {
    assert_eq!(answer.status, 202, "{answer:?}");
    answer.ok().execution_arn
}

fn is_retryable<T>(answer: &Answer<T>) -> bool {
    answer.problem().is_some_and(|problem| problem.retryable)
}

#[tokio::test]
async fn t3_a_move_can_be_given_up_and_another_users_goal_stops_it() {
    let cells = Cells::open().await;
    let user = cells.user("one").await;
    let (goal, arn, _) = cells.goal(&user).await;
    cells.archived("one", &arn).await;
    // The other cell has a goal with this id that belongs to another user.
    let row = json!({ "goalId": goal, "item": "GOAL", "userId": "somebody", "title": "t", "status": "draft" });
    cells.two.put_goal_rows(&[row]).await;
    let stopped = cells.tool.run(&["move", user.id.as_str(), "--to", "two"], &[]).await;
    assert!(stopped.code == Some(1) && stopped.err.contains("is another user's in cell two"), "{stopped:?}");
    assert_eq!(regenerate(&user, &goal).await.status, 503);
    let given_up = cells.tool.run(&["move", user.id.as_str(), "--give-up"], &[]).await;
    assert_eq!(given_up.code, Some(0), "{given_up:?}");
    assert_eq!(cells.home(&user).await, json!({ "user": user.id, "cell": "one" }));
    assert_eq!(cells.two.rows_of_goal(goal.as_str()).await, 1, "somebody's goal");
    let text = |value: &str| AttributeValue::S(value.to_owned());
    let delete = cells.two.dynamodb().delete_item().table_name(cells.two.output("GoalsTableName"));
    delete.key("goalId", text(goal.as_str())).key("item", text("GOAL")).send().await.unwrap();
    let arn = accepted(regenerate(&user, &goal).await);
    assert_eq!(user.ended(&arn).await.status, Status::Succeeded);
}

#[tokio::test]
async fn t4_a_drained_cell_gets_nobody_and_loses_everybody() {
    let cells = Cells::open().await;
    let user = cells.user("one").await;
    let (goal, ..) = cells.goal(&user).await;
    let tasks = user.tasks(&goal).await;
    let refused = cells.tool.run(&["remove", "one"], &[]).await;
    assert!(refused.code == Some(2) && refused.err.contains("drain one --move"), "{refused:?}");
    let unasked = cells.tool.run(&["drain", "one", "--move"], &[]).await;
    assert!(unasked.code == Some(2) && unasked.err.contains("--yes"), "{unasked:?}");
    let drained = cells.tool.run(&["drain", "one", "--move", "--yes", "--at-once", "16"], &[]).await;
    assert!(drained.code == Some(0) && drained.out.contains(", 0 not, 0 not begun"), "{drained:?}");
    assert_eq!(user.tasks(&goal).await, tasks);
    let users = cells.tool.json(&["users", "--cell", "one"]).await;
    assert_eq!(users["items"], json!([]));
    // Routers remember the cells for two seconds; of eight new users some would be in the drained cell.
    within(ROUTERS_KNOW, "eight new users in the other cell, one after the other", || async {
        for _ in 0..8 {
            let new = cells.one.user().await.at(&cells.front);
            if new.get("/api/goals").await.header(CELL) != Some("two") {
                return None;
            }
        }
        Some(())
    })
    .await;
    assert_eq!(cells.tool.run(&["open", "one"], &[]).await.code, Some(0));
    within(ROUTERS_KNOW, "a new user in the cell", || async {
        let new = cells.one.user().await.at(&cells.front);
        (new.get("/api/goals").await.header(CELL) == Some("one")).then_some(())
    })
    .await;
}

#[tokio::test]
async fn t5_a_cell_that_hangs_is_unavailable_to_its_own_users_only() {
    let cells = Cells::open().await;
    let (anna, berta) = (cells.user("one").await, cells.user("two").await);
    let silent = Stub::start(std::iter::repeat_n(Reply::Silence, 200)).await;
    let machine = "arn:aws:states:us-east-1:000000000000:stateMachine:goal-activity-silent";
    cells.tool.describe("silent", json!({ "endpoint": cells.front.endpoint(), "apiUrl": silent.url(), "outputs": { "StateMachineArn": machine } }));
    assert_eq!(cells.tool.run(&["add", "silent", "goal-activity-silent", "--draining"], &[]).await.code, Some(0));
    let carl = cells.one.user().await.at(&cells.front);
    carl.get("/api/goals").await;
    cells.table(&carl, "SET cell = :cell", &[(":cell", "silent")]).await;
    // Until a router knows the new cell, it says at once that there is none of that name.
    within(ROUTERS_KNOW, "a request that the cell leaves without an answer", || async {
        let began = Instant::now();
        (carl.get("/api/goals").await.status == 503 && began.elapsed() > SILENT).then_some(())
    })
    .await;

    let (mut slow, mut fast) = (1, 0);
    for _ in 0..12 {
        let began = Instant::now();
        let (down, ann, ber) = tokio::join!(carl.get("/api/goals"), anna.get("/api/goals"), berta.get("/api/goals"));
        assert_eq!((ann.status, ber.status), (200, 200));
        assert_eq!((down.status, down.content_type.as_str()), (503, "application/problem+json"), "{down:?}");
        assert!(down.header("retry-after").is_some() && is_retryable(&down), "{down:?}");
        if began.elapsed() > SILENT { slow += 1 } else { fast += 1 }
    }
    // After some requests it is not waited for any more, except by one now and then.
    assert!((5..=8).contains(&slow) && fast >= 4, "{slow} slow, {fast} fast");
    let listed = cells.tool.json(&["list"]).await;
    let silent = listed["items"].as_array().unwrap().iter().find(|cell| cell["cell"] == "silent").unwrap().clone();
    assert_eq!((&silent["users"], &silent["answers"]), (&json!(1), &json!(false)), "{silent}");
    // A fixed address: the next request that is let through is answered.
    cells.tool.describe("silent", json!({ "endpoint": cells.front.endpoint(), "apiUrl": cells.one.api_url(), "outputs": { "StateMachineArn": machine } }));
    assert_eq!(cells.tool.run(&["add", "silent", "goal-activity-silent"], &[]).await.code, Some(0));
    eventually("an answer", || async { (carl.get("/api/goals").await.status == 200).then_some(()) }).await;
    cells.table(&carl, "SET cell = :cell", &[(":cell", "one")]).await;
    assert_eq!(cells.tool.run(&["drain", "silent"], &[]).await.code, Some(0));
    assert_eq!(cells.tool.run(&["remove", "silent"], &[]).await.code, Some(0));
}

#[tokio::test]
async fn t6_the_commands_of_the_page_do_what_it_says() {
    page::follow(&Cells::open().await).await;
}
