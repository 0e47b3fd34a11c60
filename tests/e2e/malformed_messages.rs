use goal_activity_client::api::Status;
use goal_activity_tests::{Chart, Stack, eventually};
use uuid::Uuid;

/// Puts a malformed message into a queue, finds it in the queue's dead-letter queue, and removes it again.
async fn ends_in_the_dead_letter_queue(stack: &Stack, queue: &str, dlq: &str) {
    let sqs = stack.sqs();
    let poison = format!("{{ \"not\": \"a message\", \"marker\": \"{}\" }}", Uuid::new_v4());
    sqs.send_message().queue_url(stack.output(queue)).message_body(&poison).send().await.unwrap();
    eventually(&format!("the malformed message of {queue} in {dlq}"), || async {
        let receive =
            sqs.receive_message().queue_url(stack.output(dlq)).visibility_timeout(0).max_number_of_messages(10);
        let messages = receive.send().await.unwrap().messages.unwrap_or_default();
        let found = messages.into_iter().find(|m| m.body() == Some(poison.as_str()))?;
        let handle = found.receipt_handle().unwrap();
        // Refused when another test has received the message in between: then this handle is outdated, and a new one is
        // needed.
        sqs.delete_message().queue_url(stack.output(dlq)).receipt_handle(handle).send().await.ok().map(drop)
    })
    .await;
}

#[tokio::test]
async fn malformed_messages_end_in_the_dead_letter_queue_and_block_no_other() {
    let stack = Stack::open().await;
    let user = stack.user().await;
    let goal = stack.goal(&user, Chart::of(9)).await;
    let poison = async {
        ends_in_the_dead_letter_queue(&stack, "LaunchQueueUrl", "LaunchDlqUrl").await;
        ends_in_the_dead_letter_queue(&stack, "BatchQueueUrl", "BatchDlqUrl").await;
        ends_in_the_dead_letter_queue(&stack, "ProjectionQueueUrl", "ProjectionDlqUrl").await;
    };
    let work = async {
        let arn = user.started(&goal).await;
        user.ended(&arn).await
    };
    let ((), end) = futures_util::future::join(poison, work).await;
    assert_eq!(end.status, Status::Succeeded);
}
