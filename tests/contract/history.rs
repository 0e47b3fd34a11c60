//! `ListWorkflows` and `FindWorkflows`.

use goal_activity_core::execution::{Execution, Status};
use goal_activity_core::goal::Goal;
use goal_activity_core::history::{HistoryFilter, HistoryPage, HistoryPosition, LookIn, Search, WorkflowSummary};
use goal_activity_core::ports::{Claim, ClaimGoal, Claimed, EndExecution, FindWorkflows, ListWorkflows};
use goal_activity_events::{ClaimSequence, FinalStatus, Timestamp};

use crate::backend::Tables;
use crate::given::{at, claim, claimed, ending, found, goal, stored, stored_goal};

on_all_tables!(
    a_goal_without_workflows_has_no_history,
    history_begins_with_the_newest,
    a_page_ends_where_its_limit_is_and_the_next_goes_on_there,
    workflows_that_come_between_two_pages_shift_nothing,
    history_can_be_narrowed_by_time,
    history_can_be_narrowed_by_status,
    a_status_that_is_rare_is_found_page_by_page,
    p9_workflows_of_another_goal_are_never_seen,
    p9_workflows_of_a_former_owner_are_never_seen,
    a_range_without_any_moment_is_empty,
    a_page_that_goes_on_outside_of_the_range_is_empty_or_the_first,
    workflows_are_found_by_goal_and_by_user,
    a_search_of_all_workflows_finds_each_once_page_by_page,
);

fn all_of(goal: &Goal) -> HistoryFilter {
    HistoryFilter {
        goal: goal.head.goal_id.clone(),
        user: Some(goal.head.user_id.clone()),
        status: None,
        from: None,
        to: None,
    }
}

async fn page(on: &impl Tables, filter: &HistoryFilter, after: Option<&HistoryPosition>, limit: u16) -> HistoryPage {
    on.db().list_workflows(filter, after, limit).await.unwrap()
}

/// A goal's next workflow, requested at that second, which ends at once unless it must stay open.
async fn workflow(on: &impl Tables, goal: &Goal, second: i64, end: Option<FinalStatus>) -> Execution {
    let now = stored_goal(on, goal).await.unwrap();
    let ClaimSequence(number) = now.head.claims;
    let mut claim: Claim = claim(&now, number + 1);
    claim.execution.start_date = at(second);
    assert_eq!(on.db().claim_goal(&claim).await.unwrap(), Claimed::Yes);
    if let Some(end) = end {
        on.db().end_execution(&claim.execution, &ending(&claim.execution, end)).await.unwrap();
    }
    found(on, &claim.execution).await
}

/// A goal with that many workflows. The newest first.
async fn history(on: &impl Tables, count: i64) -> (Goal, Vec<WorkflowSummary>) {
    let goal = stored(on, 1).await;
    let mut workflows = Vec::new();
    for second in 0..count {
        workflows.push(WorkflowSummary::from(&workflow(on, &goal, second, Some(FinalStatus::Succeeded)).await));
    }
    workflows.reverse();
    (goal, workflows)
}

async fn a_goal_without_workflows_has_no_history(on: &impl Tables) {
    for goal in [goal(1), stored(on, 1).await] {
        assert_eq!(page(on, &all_of(&goal), None, 10).await, HistoryPage { workflows: Vec::new(), last: None });
    }
}

async fn history_begins_with_the_newest(on: &impl Tables) {
    let (goal, mut all) = history(on, 3).await;
    all.insert(0, WorkflowSummary::from(&workflow(on, &goal, 3, None).await));
    assert_eq!(page(on, &all_of(&goal), None, 4).await, HistoryPage { workflows: all, last: None });
}

async fn a_page_ends_where_its_limit_is_and_the_next_goes_on_there(on: &impl Tables) {
    let (goal, all) = history(on, 5).await;
    let first = page(on, &all_of(&goal), None, 2).await;
    let second = page(on, &all_of(&goal), first.last.as_ref(), 2).await;
    let third = page(on, &all_of(&goal), second.last.as_ref(), 2).await;
    assert_eq!([first.workflows, second.workflows, third.workflows].concat(), all);
    assert_eq!(third.last, None);
}

async fn workflows_that_come_between_two_pages_shift_nothing(on: &impl Tables) {
    let (goal, all) = history(on, 4).await;
    let first = page(on, &all_of(&goal), None, 2).await;
    workflow(on, &goal, 10, None).await;
    let second = page(on, &all_of(&goal), first.last.as_ref(), 2).await;
    assert_eq!([first.workflows, second.workflows].concat(), all);
}

async fn history_can_be_narrowed_by_time(on: &impl Tables) {
    let (goal, all) = history(on, 5).await;
    let between =
        |from: Option<i64>, to: Option<i64>| HistoryFilter { from: from.map(at), to: to.map(at), ..all_of(&goal) };
    for (from, to, expected) in [
        (Some(1), Some(3), &all[2..4]),
        (Some(3), None, &all[..2]),
        (None, Some(1), &all[4..]),
        (Some(5), None, &[]),
        (None, Some(0), &[]),
    ] {
        let found = page(on, &between(from, to), None, 10).await;
        assert_eq!(found, HistoryPage { workflows: expected.to_vec(), last: None }, "{from:?} {to:?}");
    }
}

async fn history_can_be_narrowed_by_status(on: &impl Tables) {
    let goal = stored(on, 1).await;
    for (second, end) in (0..).zip([FinalStatus::Failed, FinalStatus::Succeeded, FinalStatus::Aborted]) {
        workflow(on, &goal, second, Some(end)).await;
    }
    workflow(on, &goal, 3, None).await;
    for status in [Status::Failed, Status::Succeeded, Status::Aborted, Status::Pending] {
        let found = page(on, &HistoryFilter { status: Some(status), ..all_of(&goal) }, None, 10).await;
        assert_eq!(found.workflows.iter().map(|w| w.status).collect::<Vec<_>>(), [status]);
        assert_eq!(found.last, None);
    }
}

async fn a_status_that_is_rare_is_found_page_by_page(on: &impl Tables) {
    let (goal, _) = history(on, 3).await;
    let mut failed = vec![workflow(on, &goal, 3, Some(FinalStatus::Failed)).await];
    workflow(on, &goal, 4, Some(FinalStatus::Succeeded)).await;
    failed.insert(0, workflow(on, &goal, 5, Some(FinalStatus::Failed)).await);
    let filter = HistoryFilter { status: Some(Status::Failed), ..all_of(&goal) };
    let (mut found, mut last) = (Vec::new(), None);
    loop {
        let next = page(on, &filter, last.as_ref(), 1).await;
        assert!(next.workflows.len() <= 1);
        found.extend(next.workflows);
        last = next.last;
        if last.is_none() {
            break;
        }
    }
    assert_eq!(found, failed.iter().map(WorkflowSummary::from).collect::<Vec<_>>());
}

async fn p9_workflows_of_another_goal_are_never_seen(on: &impl Tables) {
    let (one, first) = claimed(on, 1).await;
    claimed(on, 1).await;
    let found = page(on, &all_of(&one), None, 10).await;
    assert_eq!(found.workflows, [WorkflowSummary::from(&first)]);
}

async fn p9_workflows_of_a_former_owner_are_never_seen(on: &impl Tables) {
    let (goal, all) = history(on, 3).await;
    let filter = HistoryFilter { user: Some("somebody-else".parse().unwrap()), ..all_of(&goal) };
    assert_eq!(page(on, &filter, None, 10).await.workflows, []);
    assert_eq!(page(on, &all_of(&goal), None, 10).await.workflows, all);
}

async fn a_range_without_any_moment_is_empty(on: &impl Tables) {
    let (goal, _) = history(on, 1).await;
    let long_ago = Timestamp::from_millis(-86_400_000);
    for (from, to) in [(None, Some(long_ago)), (Some(at(3)), Some(at(3))), (Some(at(4)), Some(at(3)))] {
        let found = page(on, &HistoryFilter { from, to, ..all_of(&goal) }, None, 10).await;
        assert_eq!(found, HistoryPage { workflows: Vec::new(), last: None }, "{from:?} {to:?}");
    }
}

async fn a_page_that_goes_on_outside_of_the_range_is_empty_or_the_first(on: &impl Tables) {
    let (goal, all) = history(on, 3).await;
    let filter = HistoryFilter { from: Some(at(1)), to: Some(at(2)), ..all_of(&goal) };
    let after = |workflow: &WorkflowSummary| HistoryPosition::from(workflow);
    let (newest, oldest) = (after(&all[0]), after(&all[2]));
    assert_eq!(page(on, &filter, Some(&newest), 10).await.workflows, all[1..2]);
    assert_eq!(page(on, &filter, Some(&oldest), 10).await.workflows, []);
}

async fn workflows_are_found_by_goal_and_by_user(on: &impl Tables) {
    let (goal, all) = history(on, 3).await;
    let running = workflow(on, &goal, 3, None).await;
    let places = [LookIn::Goal(goal.head.goal_id.clone()), LookIn::User(goal.head.user_id.clone())];
    for look_in in places {
        let search = Search { look_in, status: None, from: None, to: None };
        let page = on.db().find_workflows(&search, None, 2).await.unwrap();
        let newest: Vec<_> = page.workflows.iter().map(|found| found.summary.clone()).collect();
        assert_eq!(newest, [WorkflowSummary::from(&running), all[0].clone()], "{search:?}");
        assert!(
            page.workflows.iter().all(|f| f.summary.goal_id == goal.head.goal_id && f.user_id == goal.head.user_id)
        );
        let rest = on.db().find_workflows(&search, page.last.as_ref(), 10).await.unwrap();
        let rest: Vec<_> = rest.workflows.into_iter().map(|found| found.summary).collect();
        assert_eq!(rest, all[1..], "{search:?}");
        let pending = Search { status: Some(Status::Pending), ..search.clone() };
        let found = on.db().find_workflows(&pending, None, 10).await.unwrap();
        assert_eq!((found.workflows.len(), found.last), (1, None), "{search:?}");
        let since = Search { from: Some(at(2)), to: Some(at(3)), ..search };
        let found = on.db().find_workflows(&since, None, 10).await.unwrap();
        assert_eq!(found.workflows.into_iter().map(|f| f.summary).collect::<Vec<_>>(), all[..1]);
    }
}

async fn a_search_of_all_workflows_finds_each_once_page_by_page(on: &impl Tables) {
    let (goal, all) = history(on, 5).await;
    let search = Search { look_in: LookIn::Everywhere, status: Some(Status::Succeeded), from: Some(at(0)), to: None };
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = on.db().find_workflows(&search, after.as_ref(), 2).await.unwrap();
        assert!(page.workflows.len() <= 2 && page.looked_at as usize >= page.workflows.len());
        found.extend(page.workflows.into_iter().filter(|f| f.summary.goal_id == goal.head.goal_id).map(|f| f.summary));
        after = page.last;
        if after.is_none() {
            break;
        }
    }
    found.sort_by_key(|found| std::cmp::Reverse(found.start_date));
    assert_eq!(found, all);
}
