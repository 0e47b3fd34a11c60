//! `Notify`.

use goal_activity_core::notice::{Notice, Severity};
use goal_activity_core::ports::Notify;
use goal_activity_events::FinalStatus;

use crate::backend::Services;
use crate::given::{TEXT, execution, goal};

on_all_services!(a_notice_arrives_as_it_was_sent);

async fn a_notice_arrives_as_it_was_sent(on: &impl Services) {
    let execution = execution(&goal(8), 1);
    let all = [
        (Severity::Medium, FinalStatus::PartiallySucceeded),
        (Severity::High, FinalStatus::Failed),
        (Severity::High, FinalStatus::TimedOut),
    ];
    let all = all.map(|(severity, status)| Notice {
        severity,
        status,
        subject: format!("[{}] {}", severity.as_str(), "-".repeat(90 - severity.as_str().len())),
        // Without what XML, in which it is sent, cannot say.
        body: TEXT.replace('\u{0}', "").repeat(50),
    });
    for notice in &all {
        on.topic().notify(&execution, notice).await.unwrap();
    }
    let mut arrived = on.notices(all.len()).await;
    arrived.sort_by_key(|notice| all.iter().position(|n| n.status == notice.status));
    assert_eq!(arrived, all);
}
