//! `Notify`.

use goal_activity_core::execution::Ending;
use goal_activity_core::execution::{Execution, GoalBefore, Status};
use goal_activity_core::ledger::Tally;
use goal_activity_core::limits::AI_ATTEMPTS;
use goal_activity_core::notice::{Severity, notice};
use goal_activity_core::ports::Notify;
use goal_activity_events::FinalStatus;
use goal_activity_events::{FailedAction, FailureCode};

use crate::backend::Services;
use crate::given::{TEXT, at, execution, goal};

on_all_services!(a_notice_arrives_as_it_was_sent);

/// A workflow of eight actions, of which that many failed.
fn ended(status: FinalStatus, failures: usize) -> Execution {
    let accepted = execution(&goal(8), 1);
    let failure = |action_id| FailedAction {
        action_id,
        code: FailureCode::AiTimeout,
        // Not a text of a user, but as difficult as one.
        message: TEXT.to_owned(),
        attempts: AI_ATTEMPTS,
    };
    let failed: Vec<_> = accepted.action_ids.iter().take(failures).cloned().map(failure).collect();
    let tally = Tally { succeeded: 8 - u32::try_from(failures).unwrap(), failed, ..Tally::default() };
    // The goal had no tasks before: failures leave its user without tasks.
    let goal_before = GoalBefore::default();
    Execution { end: Some(Ending { status, stop_date: at(61), tally }), goal_before, ..accepted }
}

async fn a_notice_arrives_as_it_was_sent(on: &impl Services) {
    let all = [
        (Severity::Medium, ended(FinalStatus::PartiallySucceeded, 1)),
        (Severity::High, ended(FinalStatus::TimedOut, 2)),
        (Severity::Critical, ended(FinalStatus::Failed, 8)),
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
