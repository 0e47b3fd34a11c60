//! Run after the end-to-end tests: whatever they did, nothing may be left over.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed expectation is how a test reports")]

use aws_sdk_sqs::types::QueueAttributeName as Attribute;
use goal_activity_tests::{Stack, eventually};

async fn is_empty(stack: &Stack, queue: &str) -> bool {
    let (visible, in_flight) =
        (Attribute::ApproximateNumberOfMessages, Attribute::ApproximateNumberOfMessagesNotVisible);
    let get = stack.sqs().get_queue_attributes().queue_url(stack.output(queue)).attribute_names(Attribute::All);
    let attributes = get.send().await.unwrap().attributes.unwrap();
    [visible, in_flight].iter().all(|name| attributes.get(name).is_none_or(|count| count == "0"))
}

#[tokio::test]
async fn every_queue_and_dead_letter_queue_is_empty_at_the_end() {
    let stack = Stack::open().await;
    let queues = [
        "LaunchQueueUrl",
        "LaunchDlqUrl",
        "BatchQueueUrl",
        "BatchDlqUrl",
        "ProjectionQueueUrl",
        "ProjectionDlqUrl",
        "UndeliveredDlqUrl",
    ];
    for queue in queues {
        eventually(&format!("an empty {queue}"), || async { is_empty(&stack, queue).await.then_some(()) }).await;
    }
}
