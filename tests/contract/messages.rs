//! `HideMessage`, `DeleteMessage`.

use std::time::Duration;

use goal_activity_core::ports::{DeleteMessage, HideMessage};

use crate::backend::{AwsServices, Services};

on_all_services!(
    a_message_that_is_not_hidden_any_more_comes_back,
    a_message_that_is_hidden_longer_stays_away,
    the_last_word_counts,
    a_message_that_is_deleted_does_not_come_back,
);

async fn hide(on: &impl Services, receipt_handle: &str, seconds: u64) {
    on.queue().hide(receipt_handle, Duration::from_secs(seconds)).await.unwrap();
}

async fn a_message_that_is_not_hidden_any_more_comes_back(on: &impl Services) {
    let handle = on.received().await;
    hide(on, &handle, 0).await;
    assert!(on.comes_back(&handle).await);
}

async fn a_message_that_is_hidden_longer_stays_away(on: &impl Services) {
    // The queue alone would make it visible after a second.
    let handle = on.received().await;
    hide(on, &handle, 60).await;
    assert!(!on.comes_back(&handle).await);
}

async fn the_last_word_counts(on: &impl Services) {
    let handle = on.received().await;
    hide(on, &handle, 600).await;
    hide(on, &handle, 1).await;
    assert!(on.comes_back(&handle).await);
}

async fn a_message_that_is_deleted_does_not_come_back(on: &impl Services) {
    let handle = on.received().await;
    hide(on, &handle, 1).await;
    on.queue().delete(&handle).await.unwrap();
    assert!(!on.comes_back(&handle).await);
}

#[tokio::test]
async fn a_message_that_the_queue_does_not_know_cannot_be_hidden() {
    let on = AwsServices::open().await;
    assert!(on.queue().hide("unknown", Duration::from_secs(1)).await.is_err());
}
