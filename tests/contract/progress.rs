//! `RecordProgress`.

use futures_util::future::join_all;
use goal_activity_core::execution::{
    BatchReport, BatchReports, BatchState, Execution, Status, TimelineEntry, TimelineEvent,
};
use goal_activity_core::ports::{CancelExecution, EndExecution, FindExecution, RecordProgress};
use goal_activity_events::FinalStatus;

use crate::backend::Tables;
use crate::given::{at, batch_state, claimed, ending, execution, found, goal, report};

on_all_tables!(
    a_start_is_noted_once,
    a_start_that_is_reported_late_changes_nothing,
    progress_of_an_execution_that_is_not_there_makes_none,
    the_first_state_of_a_batch_shows_that_the_execution_runs,
    p6_only_a_later_state_of_a_batch_is_taken_over,
    p6_batches_are_counted_apart,
    p6_the_end_of_a_batch_is_in_the_timeline,
    p6_of_states_reported_at_once_the_latest_stays,
    p4_nothing_is_noted_after_the_end,
    event_ids_of_every_kind_are_keys,
    a_cancelled_execution_still_shows_its_progress,
    p6_reports_together_are_recorded_as_one_after_the_other,
    two_reports_together_under_one_event_id_are_recorded_as_one_after_the_other,
    p6_of_reports_together_all_are_news_or_none_is_recorded,
    p6_reports_together_leave_other_batches_alone,
    p4_reports_together_are_not_noted_after_the_end,
    as_many_reports_together_as_an_invocation_brings_fit_into_one_write,
);

/// Returns `true` if it changed something.
async fn start(on: &impl Tables, execution: &Execution, event: &str) -> bool {
    on.db().record_started(&execution.execution_arn, event, at(5)).await.unwrap()
}

/// Returns `true` if it changed something.
async fn tell(on: &impl Tables, execution: &Execution, event: &str, index: u32, state: &BatchState) -> bool {
    tell_together(on, execution, [report(event, index, state)]).await
}

/// The same for reports that come together.
async fn tell_together(
    on: &impl Tables,
    execution: &Execution,
    reports: impl IntoIterator<Item = BatchReport>,
) -> bool {
    let reports = BatchReports::of(reports).unwrap();
    on.db().record_batches(&execution.execution_arn, &reports).await.unwrap()
}

/// An entry of the timeline that ends a batch.
fn finished(state: &BatchState, index: u32) -> TimelineEntry {
    TimelineEntry { at: state.updated_at, what: state.timeline_event(index).unwrap() }
}

fn started() -> TimelineEntry {
    TimelineEntry { at: at(5), what: TimelineEvent::Started }
}

async fn a_start_is_noted_once(on: &impl Tables) {
    let (_, mut execution) = claimed(on, 8).await;
    assert!(start(on, &execution, "event-1").await);
    execution.started_at = Some(at(5));
    execution.timeline.insert("event-1".into(), started());
    assert_eq!(found(on, &execution).await, execution);
    assert!(!start(on, &execution, "event-1").await);
    on.db().record_started(&execution.execution_arn, "event-2", at(6)).await.unwrap();
    assert_eq!(found(on, &execution).await, execution);
}

async fn a_start_that_is_reported_late_changes_nothing(on: &impl Tables) {
    let (_, execution) = claimed(on, 8).await;
    tell(on, &execution, "event-1", 0, &batch_state(1, 1, &[])).await;
    let before = found(on, &execution).await;
    start(on, &execution, "event-2").await;
    assert_eq!(found(on, &execution).await, before);
}

async fn progress_of_an_execution_that_is_not_there_makes_none(on: &impl Tables) {
    let execution = execution(&goal(8), 1);
    assert!(!start(on, &execution, "event-1").await);
    assert!(!tell(on, &execution, "event-2", 0, &batch_state(1, 8, &[])).await);
    assert_eq!(on.db().find_execution(&execution.execution_arn).await.unwrap(), None);
}

async fn the_first_state_of_a_batch_shows_that_the_execution_runs(on: &impl Tables) {
    let (_, mut execution) = claimed(on, 64).await;
    let state = batch_state(0, 0, &[]);
    tell(on, &execution, "event-1", 7, &state).await;
    execution.started_at = Some(state.updated_at);
    execution.batches.insert("7".into(), state);
    assert_eq!(found(on, &execution).await, execution);
}

async fn p6_only_a_later_state_of_a_batch_is_taken_over(on: &impl Tables) {
    let (_, mut execution) = claimed(on, 8).await;
    let known = batch_state(10, 4, &["a-1-8"]);
    assert!(tell(on, &execution, "event-1", 0, &known).await);
    for (event, sequence) in [("event-2", 10), ("event-3", 9), ("event-4", 2)] {
        assert!(!tell(on, &execution, event, 0, &batch_state(sequence, 7, &["a-1-1"])).await);
    }
    execution.started_at = Some(known.updated_at);
    execution.batches.insert("0".into(), known);
    assert_eq!(found(on, &execution).await, execution);
    // Compared as numbers, not as text.
    let later = batch_state(100, 6, &["a-1-8"]);
    tell(on, &execution, "event-5", 0, &later).await;
    execution.batches.insert("0".into(), later);
    assert_eq!(found(on, &execution).await, execution);
}

async fn p6_batches_are_counted_apart(on: &impl Tables) {
    let (_, mut execution) = claimed(on, 64).await;
    execution.started_at = Some(at(10));
    for index in 0..8 {
        let state = batch_state(8 - u64::from(index), index, &["a-1-1"]);
        tell(on, &execution, &format!("event-{index}"), index, &state).await;
        if let Some(what) = state.timeline_event(index) {
            execution.timeline.insert(format!("event-{index}"), TimelineEntry { at: state.updated_at, what });
        }
        execution.batches.insert(index.to_string(), state);
    }
    assert_eq!(found(on, &execution).await, execution);
}

async fn p6_the_end_of_a_batch_is_in_the_timeline(on: &impl Tables) {
    let (_, mut execution) = claimed(on, 8).await;
    tell(on, &execution, "event-1", 0, &batch_state(7, 6, &["a-1-1"])).await;
    assert_eq!(found(on, &execution).await.timeline, execution.timeline);
    let state = batch_state(8, 6, &["a-1-1", "a-1-2"]);
    for _ in 0..2 {
        tell(on, &execution, "event-2", 0, &state).await;
    }
    // Reported again as another event: already recorded.
    tell(on, &execution, "event-3", 0, &state).await;
    let what = TimelineEvent::BatchFinished { batch_index: 0, succeeded: 6, failed: 2 };
    execution.timeline.insert("event-2".into(), TimelineEntry { at: at(10), what });
    assert_eq!(found(on, &execution).await.timeline, execution.timeline);
}

async fn p6_of_states_reported_at_once_the_latest_stays(on: &impl Tables) {
    let (_, execution) = claimed(on, 8).await;
    let states: Vec<_> = [3, 8, 1, 6, 2, 7, 5, 4].map(|n| batch_state(n, u32::try_from(n).unwrap(), &[])).into();
    join_all(states.iter().map(async |state| {
        tell(on, &execution, &format!("event-{}", state.sequence), 0, state).await;
        start(on, &execution, "event-0").await;
    }))
    .await;
    let read = found(on, &execution).await;
    assert_eq!((read.status(), &read.batches["0"]), (Status::Running, &states[1]));
    assert!(read.timeline.contains_key("event-8"));
}

async fn p4_nothing_is_noted_after_the_end(on: &impl Tables) {
    let ends = [FinalStatus::Succeeded, FinalStatus::PartiallySucceeded, FinalStatus::Failed];
    for end in ends.into_iter().chain([FinalStatus::TimedOut, FinalStatus::Aborted]) {
        let (_, execution) = claimed(on, 8).await;
        on.db().end_execution(&execution, &ending(&execution, end)).await.unwrap();
        let ended = found(on, &execution).await;
        assert!(!start(on, &execution, "event-1").await);
        assert!(!tell(on, &execution, "event-2", 0, &batch_state(8, 8, &[])).await);
        assert_eq!(found(on, &execution).await, ended, "{end:?}");
    }
}

async fn event_ids_of_every_kind_are_keys(on: &impl Tables) {
    let (_, mut execution) = claimed(on, 64).await;
    let ids = ["a.b", "#x", ":y", "a[0]", "\"'", &"z".repeat(128)];
    start(on, &execution, "a#b.c[1]").await;
    execution.started_at = Some(at(5));
    execution.timeline.insert("a#b.c[1]".into(), started());
    for (index, id) in (0..).zip(ids) {
        let state = batch_state(8, 8, &[]);
        tell(on, &execution, id, index, &state).await;
        let what = state.timeline_event(index).unwrap();
        execution.timeline.insert(id.to_owned(), TimelineEntry { at: at(10), what });
        execution.batches.insert(index.to_string(), state);
    }
    assert_eq!(found(on, &execution).await, execution);
}

async fn a_cancelled_execution_still_shows_its_progress(on: &impl Tables) {
    let (_, execution) = claimed(on, 8).await;
    let wish = goal_activity_core::execution::Cancellation::from_outside(at(7));
    assert!(on.db().record_cancellation(&execution.execution_arn, &wish).await.unwrap());
    tell(on, &execution, "event-1", 0, &batch_state(1, 1, &[])).await;
    assert_eq!(found(on, &execution).await.batches["0"].succeeded, 1);
}

async fn p6_reports_together_are_recorded_as_one_after_the_other(on: &impl Tables) {
    let (_, mut execution) = claimed(on, 64).await;
    let early = BatchState { updated_at: at(8), ..batch_state(3, 2, &["a-1-1"]) };
    // Of the first batch three states, two of them ends of it, and one state twice. In any order.
    let [once, again] = [batch_state(8, 7, &["a-1-1"]), batch_state(9, 8, &[])];
    let other = batch_state(4, 8, &[]);
    let reports = [
        report("event-4", 0, &again),
        report("event-1", 0, &early),
        report("event-5", 3, &other),
        report("event-3", 0, &once),
        report("event-4", 0, &again),
        report("event-6", 0, &once),
    ];
    assert!(tell_together(on, &execution, reports.clone()).await);
    execution.started_at = Some(at(8));
    execution.batches.extend([("0".to_owned(), again.clone()), ("3".to_owned(), other.clone())]);
    execution.timeline.extend([
        ("event-3".to_owned(), finished(&once, 0)),
        ("event-4".to_owned(), finished(&again, 0)),
        ("event-5".to_owned(), finished(&other, 3)),
    ]);
    assert_eq!(found(on, &execution).await, execution);
    assert!(!tell_together(on, &execution, reports).await, "all of it is known");
    assert_eq!(found(on, &execution).await, execution);
}

async fn two_reports_together_under_one_event_id_are_recorded_as_one_after_the_other(on: &impl Tables) {
    let [(_, together), (_, apart)] = [claimed(on, 64).await, claimed(on, 64).await];
    let states = [batch_state(8, 8, &[]), batch_state(8, 7, &["a-1-1"])];
    let reports = [0, 1].map(|index| report("event", index, &states[usize::from(index == 1)]));
    assert!(tell_together(on, &together, reports.clone()).await);
    for report in reports {
        assert!(tell_together(on, &apart, [report]).await);
    }
    let [together, apart] = [found(on, &together).await, found(on, &apart).await];
    assert_eq!((&together.batches, &together.timeline), (&apart.batches, &apart.timeline));
    assert_eq!(together.timeline["event"], finished(&states[1], 1));
}

async fn p6_of_reports_together_all_are_news_or_none_is_recorded(on: &impl Tables) {
    let (_, execution) = claimed(on, 64).await;
    tell(on, &execution, "event-1", 0, &batch_state(5, 5, &[])).await;
    let before = found(on, &execution).await;
    for known in [1, 5] {
        // What is known is of one batch; of another one, and of the same one, there is news.
        let reports = [(0, known), (0, 8), (1, 8)]
            .map(|(index, n)| report(&format!("event-{index}-{n}"), index, &batch_state(n, 8, &[])));
        assert!(!tell_together(on, &execution, reports.clone()).await);
        assert_eq!(found(on, &execution).await, before, "{known}");
        let new = BatchReports::of(reports.clone()).unwrap().new_to(Some(&before)).unwrap();
        assert_eq!(new, BatchReports::of(reports[1..].to_vec()).unwrap());
    }
    let new = [(0, 8), (1, 8)].map(|(index, n)| report(&format!("event-{index}"), index, &batch_state(n, 8, &[])));
    assert!(tell_together(on, &execution, new).await);
    let read = found(on, &execution).await;
    assert_eq!((read.started_at, read.batches.len(), read.batches["0"].sequence), (before.started_at, 2, 8));
}

async fn p6_reports_together_leave_other_batches_alone(on: &impl Tables) {
    let (_, execution) = claimed(on, 64).await;
    let of = |index: u32| report(&format!("event-{index}"), index, &batch_state(8, 8, &[]));
    assert!(tell_together(on, &execution, [of(0), of(1)]).await);
    assert!(tell_together(on, &execution, [of(7), of(2), of(3)]).await);
    let read = found(on, &execution).await;
    let expected = [0, 1, 2, 3, 7].map(|index| (index.to_string(), batch_state(8, 8, &[])));
    assert_eq!(read.batches, expected.into());
    assert_eq!(read.timeline.len(), execution.timeline.len() + 5);
}

async fn p4_reports_together_are_not_noted_after_the_end(on: &impl Tables) {
    let (_, execution) = claimed(on, 64).await;
    on.db().end_execution(&execution, &ending(&execution, FinalStatus::Succeeded)).await.unwrap();
    let ended = found(on, &execution).await;
    let reports = [0, 1].map(|index| report("event", index, &batch_state(8, 8, &[])));
    assert!(!tell_together(on, &execution, reports.clone()).await);
    assert_eq!(found(on, &execution).await, ended);
    assert_eq!(BatchReports::of(reports).unwrap().new_to(Some(&ended)), None);
}

async fn as_many_reports_together_as_an_invocation_brings_fit_into_one_write(on: &impl Tables) {
    let (_, execution) = claimed(on, 64).await;
    // The most that is possible: every message of an event source mapping without a window, of all batches.
    for round in 0..10_u64 {
        let reports = (0..10).map(|n| {
            let state = batch_state(10 * round + u64::from(n) + 1, 0, &["a-1-1", "a-1-2", "a-1-3", "a-1-4", "a-1-5"]);
            let state = BatchState { succeeded: 3, ..state };
            report(&format!("{:0>128}", format!("{round}-{n}")), n % 8, &state)
        });
        assert!(tell_together(on, &execution, reports).await);
    }
    let read = found(on, &execution).await;
    assert_eq!((read.batches.len(), read.timeline.len()), (8, execution.timeline.len() + 100));
}
