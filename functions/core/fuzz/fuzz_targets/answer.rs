//! Whatever an AI answers, nothing panics, and nothing outside the limits becomes a task:
//!
//! ```sh
//! cargo install cargo-fuzz
//! cd functions/core && RUSTC_BOOTSTRAP=1 cargo fuzz run answer --sanitizer none -- -max_total_time=60 -max_len=4096
//! ```
#![no_main]

use goal_activity_core::answer::{self, Tolerance};
use goal_activity_core::goal::{Action, ActionKind};
use goal_activity_core::task::{MAX_DESCRIPTION, MAX_TITLE, MINUTES};
use goal_activity_events::Timestamp;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(read) = answer::parse(text, Tolerance { overlength: 100 }) else { return };
    let action = Action {
        action_id: "a".parse().expect("an id"),
        position: "1#1".parse().expect("a place"),
        title: String::new(),
        description: String::new(),
        background: String::new(),
        constraints: String::new(),
        kind: ActionKind::Habit,
    };
    let execution = "arn:aws:states:us-east-1:123456789012:execution:goal-activity:g-1".parse().expect("an ARN");
    let tasks = read.drafts.into_tasks(&"g".parse().expect("an id"), &action, &execution, Timestamp::from_millis(0));
    assert!((1..=10).contains(&tasks.len()));
    for task in tasks {
        assert!((1..=MAX_TITLE).contains(&task.title.chars().count()));
        assert!(task.description.chars().count() <= MAX_DESCRIPTION);
        assert!(MINUTES.contains(&task.estimated_minutes));
    }
});
