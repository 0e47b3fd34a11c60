//! docs/EVENTS.md, "On this machine": a queue of one's own.

use goal_activity_events::{Envelope, WorkflowCompleted};
use goal_activity_testkit::docs::Page;
use goal_activity_tests::{Chart, Permission, Stack, eventually};

use crate::terminal::Terminal;

const PAGE: &str = include_str!("../../docs/EVENTS.md");

fn script() -> String {
    let page = Page::read(PAGE);
    let mut blocks = page.blocks.into_iter().filter(|block| block.language == "sh");
    blocks.find(|block| block.text.contains("put-targets")).expect("a block that makes a queue").text
}

#[tokio::test]
async fn a_queue_of_ones_own_receives_the_end_of_a_workflow() {
    let stack = Stack::open().await;
    // Any resource: the page is about a local stack, whose developer has every permission.
    let actions = ["sqs:CreateQueue", "sqs:GetQueueAttributes", "events:PutRule", "events:PutTargets"];
    let permissions = actions.map(|action| Permission { action: action.to_owned(), resource: "*".to_owned() });
    let ran = Terminal::of(&stack, &permissions).await.run(&script()).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let url = ran.out.lines().last().expect("the URL of the queue");

    let user = stack.user().await;
    let goal = stack.goal(&user, Chart::of(1)).await;
    let arn = user.started(&goal).await;
    eventually("the end of the workflow, in the queue", || async {
        let received = stack.sqs().receive_message().queue_url(url).max_number_of_messages(10).send().await.unwrap();
        let ends = received.messages.unwrap_or_default().into_iter().map(|message| {
            let completed: WorkflowCompleted = Envelope::parse(&message.body.unwrap()).unwrap().detail().unwrap();
            completed.execution_arn
        });
        ends.into_iter().any(|ended| ended == arn).then_some(())
    })
    .await;
}
