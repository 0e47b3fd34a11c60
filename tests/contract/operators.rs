//! `Notify`.

use goal_activity_core::execution::{Execution, GoalBefore, Status};
use goal_activity_core::limits::AI_ATTEMPTS;
use goal_activity_core::notice::{Severity, notice};
use goal_activity_core::ports::Notify;
use goal_activity_events::{FailedAction, FailureCode};

use crate::backend::Services;
use crate::given::{TEXT, at, execution, goal};

on_all_services!(a_notice_arrives_as_it_was_sent);

/// A workflow of eight actions, of which that many failed.
fn ended(status: Status, failed: usize) -> Execution {
    let accepted = execution(&goal(8), 1);
    let failure = |action_id| FailedAction {
        action_id,
        code: FailureCode::AiTimeout,
        // Not a text of a user, but as difficult as one.
        message: TEXT.to_owned(),
        attempts: AI_ATTEMPTS,
    };
    let failed_actions: Vec<_> = accepted.action_ids.iter().take(failed).cloned().map(failure).collect();
    let succeeded_actions = Some(8 - u32::try_from(failed).unwrap());
    // The goal had no tasks before: failures leave its user without tasks.
    let goal_before = GoalBefore::default();
    Execution { status, stop_date: Some(at(61)), succeeded_actions, failed_actions, goal_before, ..accepted }
}

async fn a_notice_arrives_as_it_was_sent(on: &impl Services) {
    let all = [
        (Severity::Medium, ended(Status::PartiallySucceeded, 1)),
        (Severity::High, ended(Status::TimedOut, 2)),
        (Severity::Critical, ended(Status::Failed, 8)),
    ];
    let mut notices = Vec::new();
    for (severity, execution) in &all {
        let notice = notice(execution).unwrap();
        assert_eq!(notice.severity, *severity);
        on.topic().notify(execution, &notice).await.unwrap();
        notices.push(notice);
    }
    let mut arrived = on.notices(all.len()).await;
    arrived.sort_by_key(|notice| notice.severity);
    assert_eq!(arrived, notices);
}
