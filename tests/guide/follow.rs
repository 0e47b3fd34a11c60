//! Follows the guide from its beginning to its end.

use goal_activity_client::api::Status;
use std::collections::BTreeSet;

use goal_activity_events::{ExecutionArn, GoalId};
use goal_activity_tests::{Chart, Stack, User, eventually};
use serde_json::{Value, json};

use crate::page::{self, Block, SETUP};
use crate::terminal::{Ran, Terminal};
use crate::traces_of;

/// Blocks that are not run, by a part of them, and why.
const NOT_RUN: [(&str, &str); 2] = [
    ("aws dynamodb list-backups", "the emulator makes no backup of a table that is deleted"),
    ("aws lambda update-alias", "the guide's stack has no aliases: they are a setting"),
];

/// What the page says where an operator fills in something.
const USER: &str = "8c1f7f0a-user";
const WORKFLOW: &str = "arn:aws:states:us-east-1:123456789012:execution:goal-activity:goal-1-1";
const GOAL: &str = "3f0c6a52-7d1b-4e8f-9b6a-2c5d8e71f043";
const EMAIL: &str = "ann@example.com";
const RETRIED: &str = "757fadba-93fe-4dc4-a0aa-d8f7b2448118";
const DROPPED: &str = "60c86f7d-e7df-4bd6-8988-ab0315365872";

/// A section as it is run: what stands in the place of what the page says, and variables of the terminal.
#[derive(Debug, Default)]
struct Case {
    filled: Vec<(&'static str, String)>,
    variables: Vec<(&'static str, String)>,
}

/// The stack, and those whose data is in it.
struct World {
    stack: Stack,
    user: User,
    /// Whose data is deleted.
    leaving: User,
    /// Words by which the leaving user's data is known.
    words: Vec<String>,
    /// A workflow that has ended, and its goal.
    ended: ExecutionArn,
    goal: GoalId,
}

impl World {
    async fn new() -> Self {
        let stack = Stack::open().await;
        let (user, leaving) = (stack.user().await, stack.user().await);
        let goal = stack.goal(&user, Chart::of(1)).await;
        let ended = user.started(&goal).await;
        user.ended(&ended).await;
        Self { words: vec![leaving.id.to_string()], stack, user, leaving, ended, goal }
    }

    /// What has to be there before a section is followed.
    async fn prepare(&mut self, section: &str) -> Case {
        match section {
            "acting-as-an-operator" => {
                let goal = self.stack.goal(&self.user, Chart::of(1).script_all("latency-ms=20000")).await;
                let arn = self.user.started(&goal).await;
                Case { filled: vec![(USER, self.user.id.to_string()), (WORKFLOW, arn.to_string())], ..Case::default() }
            }
            "change-a-limit" => Case { filled: vec![(USER, self.user.id.to_string())], ..Case::default() },
            "free-a-goal" => Case { filled: vec![(GOAL, self.stuck_goal().await.to_string())], ..Case::default() },
            "dead-letters" => {
                let (retried, dropped) = (self.dead_letter(true).await, self.dead_letter(false).await);
                Case { filled: vec![(RETRIED, retried), (DROPPED, dropped)], ..Case::default() }
            }
            "a-users-data" => {
                self.fill_with_data().await;
                let email = self.leaving.credentials().0.to_owned();
                Case { filled: vec![(USER, self.leaving.id.to_string()), (EMAIL, email)], ..Case::default() }
            }
            // As before in the page: an operator keeps the settings.
            "restore-a-table" => {
                Case { variables: vec![("DEPLOY_SETTINGS", "concurrentBatches=32".to_owned())], ..Case::default() }
            }
            _ => Case::default(),
        }
    }

    /// A goal that is claimed by a workflow which has ended, as when another program has written an old row.
    async fn stuck_goal(&self) -> GoalId {
        let goal = self.stack.goal(&self.user, Chart::of(1)).await;
        let mut row = self.stack.goal_row(&goal).await;
        row["activityExecutionArn"] = json!(self.ended);
        row["status"] = json!("processing");
        self.stack.put_goal_rows(&[row]).await;
        goal
    }

    /// Puts a message into the dead-letter queue of batches: one of an ended workflow, or one that nothing can read.
    async fn dead_letter(&self, is_batch: bool) -> String {
        let body = match is_batch {
            true => json!({
                "version": "1", "executionArn": self.ended, "goalId": self.goal, "userId": self.user.id, "batchIndex": 0,
                "actionIds": ["a-1-1"], "regenerate": false, "enqueuedAt": "2026-11-24T00:00:00.000Z",
                "taskToken": "used-up",
            }),
            false => json!({ "no": "batch" }),
        };
        let url = self.stack.output("BatchDlqUrl");
        let sent = self.stack.sqs().send_message().queue_url(url).message_body(body.to_string()).send().await;
        sent.unwrap().message_id.unwrap()
    }

    /// Gives the leaving user data of every kind: workflows that ended, one of them only in the archive, one with two
    /// versions of its record, one that runs and one that waits; and tasks of a goal that is deleted.
    async fn fill_with_data(&mut self) {
        let (stack, leaving) = (&self.stack, &self.leaving);
        let mut goals = Vec::new();
        let mut ended = Vec::new();
        for _ in 0..3 {
            let goal = stack.goal(leaving, Chart::of(2)).await;
            let arn = leaving.started(&goal).await;
            leaving.ended(&arn).await;
            eventually("its record", || async { stack.execution_row(&arn).await.get("expiresAt").cloned() }).await;
            goals.push(goal);
            ended.push(arn);
        }
        delete_row(stack, "ExecutionsTableName", ("executionArn", ended[0].as_str()), ("item", "EXECUTION")).await;
        let archived = stack.row_of(ended[1].as_str(), "ARCHIVE").await.unwrap();
        let (key, bucket) = (archived["archivedAs"].as_str().unwrap(), stack.output("ArchiveBucketName"));
        let again = format!("{{\"userId\":\"{}\"}}", leaving.id).into_bytes();
        stack.s3().put_object().bucket(bucket).key(key).body(again.into()).send().await.unwrap();
        delete_row(stack, "GoalsTableName", ("goalId", goals[2].as_str()), ("item", "GOAL")).await;

        let slow = stack.goal(leaving, Chart::of(1).script_all("latency-ms=60000")).await;
        ended.push(leaving.started(&slow).await);
        goals.push(slow);
        self.words.extend(goals.iter().map(ToString::to_string));
        self.words.extend(ended.iter().map(|arn| arn.name().to_owned()));
        assert!(traces_of::any(stack, &self.words).await.len() > 20);
    }

    /// What must be true when a section has been followed.
    async fn check(&self, section: &str, ran: &Ran) {
        match section {
            SETUP => assert_eq!(ran.err, "", "{ran:?}"),
            "subscribe" => {
                let received = ran
                    .out
                    .lines()
                    .find(|line| line.contains("\"Type\": \"Notification\"") || line.contains("test-notice-1"));
                let envelope: Value = serde_json::from_str(received.expect("the test notice")).unwrap();
                let notice = envelope["Message"].as_str().expect("a message of the topic");
                let read: goal_activity_core::notice::Notice = serde_json::from_str(notice).unwrap();
                assert_eq!(read.goal_id.as_str(), "test-notice");
            }
            "how-to-look" => assert!(ran.out.contains(": 0 wrong, 0 not done."), "{ran:?}"),
            "free-a-goal" => assert!(ran.out.contains("SUCCEEDED"), "the end of the claiming workflow: {ran:?}"),
            "stop-something" => {
                assert!(ran.out.contains("Launching is paused") && ran.out.contains("Launching goes on"), "{ran:?}");
                self.works().await;
            }
            "change-a-limit" => {
                let row = self.stack.row_of(&format!("USER#{}", self.user.id), "USER").await.unwrap();
                let counted = row.as_object().unwrap().keys().any(|name| name.starts_with("started#"));
                assert!(!counted && ran.out.contains("started#"), "{row}");
            }
            "a-users-data" => {
                assert!(ran.out.contains(self.leaving.id.as_str()) && ran.out.contains("Nothing is left."), "{ran:?}");
                eventually("nothing of the user", || async {
                    let left = traces_of::any(&self.stack, &self.words).await;
                    left.is_empty().then_some(())
                })
                .await;
                self.user.status(&self.ended).await;
                assert_eq!(self.user.status(&self.ended).await.status, 200, "another user's data stays");
            }
            "restore-a-table" => {
                let restored = self.user.status(&self.ended).await.ok();
                assert_eq!(restored.status, Status::Succeeded, "it is in the restored table");
                self.works().await;
            }
            _ => {}
        }
    }

    /// The pipeline does its work.
    async fn works(&self) {
        let goal = self.stack.goal(&self.user, Chart::of(9)).await;
        let arn = self.user.started(&goal).await;
        assert_eq!(self.user.ended(&arn).await.status, Status::Succeeded);
    }
}

async fn delete_row(stack: &Stack, table: &str, partition: (&str, &str), sort: (&str, &str)) {
    use aws_sdk_dynamodb::types::AttributeValue;
    let delete = stack.dynamodb().delete_item().table_name(stack.output(table));
    let text = |value: &str| AttributeValue::S(value.to_owned());
    delete.key(partition.0, text(partition.1)).key(sort.0, text(sort.1)).send().await.unwrap();
}

/// The blocks in the order of the page, those of one section together.
fn sections() -> Vec<(String, Vec<Block>)> {
    let mut sections: Vec<(String, Vec<Block>)> = Vec::new();
    for block in page::blocks() {
        match sections.last_mut() {
            Some((section, blocks)) if *section == block.section => blocks.push(block),
            _ => sections.push((block.section.clone(), vec![block])),
        }
    }
    sections
}

/// The script of a section: each block announces itself, so that a failure says which it was.
fn script(setup: &[Block], blocks: &[Block], filled: &[(&'static str, String)]) -> String {
    let announced = setup.iter().chain(blocks).map(|Block { line, text, .. }| format!("at={line}\n{text}\n"));
    let script: String = announced.collect();
    let filled = filled.iter().fold(script, |script, (placeholder, value)| {
        assert!(script.contains(placeholder), "the page does not say {placeholder}");
        script.replace(placeholder, value)
    });
    format!("trap 'code=$?; [ $code -eq 0 ] || echo \"block at line $at failed with $code\" >&2' EXIT\n{filled}")
}

/// Why a block is not run.
fn reason(block: &Block) -> Option<&'static str> {
    NOT_RUN.iter().find(|(part, _)| block.text.contains(part)).map(|(_, why)| *why)
}

#[tokio::test]
async fn an_operator_who_does_what_the_page_says_succeeds() {
    let mut world = World::new().await;
    let mut kept = BTreeSet::new();
    let sections = sections();
    let (first, setup) = &sections[0];
    assert_eq!(first, SETUP);
    for (section, blocks) in &sections {
        let (left_out, run): (Vec<_>, Vec<_>) = blocks.iter().cloned().partition(|block| reason(block).is_some());
        kept.extend(left_out.iter().filter_map(reason));
        let case = world.prepare(section).await;
        let permissions = page::permissions(&world.stack, section);
        let mut terminal = Terminal::of(&world.stack, &permissions).await;
        for (name, value) in &case.variables {
            terminal = terminal.with(name, value);
        }
        let setup = if section == SETUP { &[] } else { setup.as_slice() };
        let ran = terminal.run(&script(setup, &run, &case.filled)).await;
        assert_eq!(ran.code, Some(0), "docs/OPERATIONS.md#{section}\n{}\n{}", ran.out, ran.err);
        world.check(section, &ran).await;
    }
    assert_eq!(kept.len(), NOT_RUN.len(), "not on the page any more, of {NOT_RUN:?}: all but {kept:?}");
}
