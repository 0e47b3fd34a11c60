//! Runs after the end-to-end tests: nothing may be left over.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed expectation is how a test reports")]

use goal_activity_tests::{Stack, eventually};

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
        eventually(&format!("an empty {queue}"), || async { stack.is_empty(queue).await.then_some(()) }).await;
    }
}
