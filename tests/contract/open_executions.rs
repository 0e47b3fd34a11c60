//! `ListOpen`.

use goal_activity_core::admission::Shard;
use goal_activity_core::execution::Execution;
use goal_activity_core::execution::Mark;
use goal_activity_core::goal::Goal;
use goal_activity_core::keys::{open_shard, unarchived_shard};
use goal_activity_core::notice::NoticeClaim;
use goal_activity_core::ports::{AdmitExecution, Claim, ClaimGoal, Claimed, EndExecution, ListOpen, OpenExecution};
use goal_activity_events::{FinalStatus, Timestamp};
use uuid::Uuid;

use crate::backend::Tables;
use crate::given::{at, claim, ending, goal, record};

on_all_tables!(
    p7_an_execution_is_listed_from_its_launch_until_it_is_archived,
    what_is_reported_late_is_not_listed_again,
    the_oldest_come_first,
    p10_pages_have_a_limit_and_go_on_after_the_last,
    executions_of_one_moment_are_all_listed_once,
    an_execution_is_listed_in_its_shard_only,
);

/// A separate time span per case: all cases share the index.
struct Span(Timestamp);

impl Span {
    fn new() -> Self {
        let (_, random, ..) = Uuid::new_v4().as_fields();
        let (more, ..) = Uuid::new_v4().as_fields();
        // Times in the next centuries, further apart than any case needs.
        Self(Timestamp::from_millis(4_000_000_000_000 + i64::from(more) * 1_000 + i64::from(random % 2)))
    }

    fn at(&self, millis: i64) -> Timestamp {
        Timestamp::from_millis(self.0.as_millis() + millis)
    }

    /// Workflows of one shard that were launched, each requested that long after the start of the span.
    async fn launched(&self, on: &impl Tables, millis: &[i64]) -> (String, Vec<Execution>) {
        let mut executions = Vec::new();
        let shard_of = |goal: &Goal| open_shard(&crate::given::execution(goal, 1).execution_arn);
        let shard = shard_of(&goal(1));
        for after in millis {
            let goal = std::iter::repeat_with(|| goal(1)).find(|g| shard_of(g) == shard).unwrap();
            executions.push(self.launch(on, &goal, *after).await);
        }
        (shard, executions)
    }

    async fn launch(&self, on: &impl Tables, goal: &Goal, after: i64) -> Execution {
        on.put_goal(goal).await;
        let mut claim: Claim = claim(goal, 1);
        claim.execution.start_date = self.at(after);
        assert_eq!(on.db().claim_goal(&claim).await.unwrap(), Claimed::Yes);
        assert!(on.db().mark_admitted(&claim.execution.execution_arn, self.at(after), Shard::FIRST).await.unwrap());
        claim.execution
    }

    /// Returns everything listed in the span, page by page.
    async fn listed(&self, on: &impl Tables, shard: &str, limit: u16) -> Vec<OpenExecution> {
        let mut after = OpenExecution { start_date: self.at(-1), ..OpenExecution::from(&any()) };
        let mut listed = Vec::new();
        loop {
            let page = on.db().list_open(shard, Some(&after), limit).await.unwrap();
            assert!(page.len() <= usize::from(limit), "{} of {limit}", page.len());
            assert!(!page.contains(&after) && !page.iter().any(|o| listed.contains(o)), "it does not go on: {page:?}");
            let Some(last) = page.last().cloned() else { return listed };
            let beyond = last.start_date >= self.at(1_000);
            listed.extend(page.into_iter().filter(|o| o.start_date < self.at(1_000)));
            if beyond {
                return listed;
            }
            after = last;
        }
    }
}

/// An execution that is stored nowhere.
fn any() -> Execution {
    crate::given::execution(&goal(1), 1)
}

fn open(executions: &[Execution]) -> Vec<OpenExecution> {
    executions.iter().map(OpenExecution::from).collect()
}

async fn p7_an_execution_is_listed_from_its_launch_until_it_is_archived(on: &impl Tables) {
    let span = Span::new();
    let (shard, executions) = span.launched(on, &[0]).await;
    let [execution] = &executions[..] else { panic!() };
    assert_eq!(span.listed(on, &shard, 10).await, open(&executions), "launched");
    on.db().end_execution(execution, &ending(execution, FinalStatus::Failed)).await.unwrap();
    assert_eq!(span.listed(on, &shard, 10).await, open(&executions), "ended");
    assert!(on.db().claim_notice(&execution.execution_arn, &NoticeClaim::new(at(61))).await.unwrap());
    assert_eq!(span.listed(on, &shard, 10).await, open(&executions), "published, being told");
    let unarchived = unarchived_shard(&execution.execution_arn);
    assert_eq!(span.listed(on, &unarchived, 10).await, [], "not yet told");
    on.db().mark_reported(&execution.execution_arn, Mark::Both, at(62)).await.unwrap();
    assert_eq!(span.listed(on, &shard, 10).await, [], "told");
    assert_eq!(span.listed(on, &unarchived, 10).await, open(&executions), "told");
    on.db().mark_archived(&record(execution, FinalStatus::Failed), at(63)).await.unwrap();
    assert_eq!(span.listed(on, &shard, 10).await, [], "archived");
    assert_eq!(span.listed(on, &unarchived, 10).await, [], "archived");
}

async fn what_is_reported_late_is_not_listed_again(on: &impl Tables) {
    let span = Span::new();
    let (shard, executions) = span.launched(on, &[0]).await;
    let [execution] = &executions[..] else { panic!() };
    let (arn, unarchived) = (&execution.execution_arn, unarchived_shard(&execution.execution_arn));
    on.db().mark_reported(arn, Mark::Both, at(59)).await.unwrap();
    assert_eq!(span.listed(on, &shard, 10).await, open(&executions), "it has not ended");
    on.db().end_execution(execution, &ending(execution, FinalStatus::Failed)).await.unwrap();
    assert_eq!(span.listed(on, &shard, 10).await, open(&executions), "ended");
    on.db().mark_reported(arn, Mark::Both, at(61)).await.unwrap();
    on.db().mark_archived(&record(execution, FinalStatus::Failed), at(62)).await.unwrap();
    on.db().mark_reported(arn, Mark::Both, at(63)).await.unwrap();
    assert_eq!(span.listed(on, &unarchived, 10).await, [], "archived");
}

async fn the_oldest_come_first(on: &impl Tables) {
    let span = Span::new();
    let (shard, mut executions) = span.launched(on, &[50, 7, 999, 0, 100]).await;
    executions.sort_by_key(|e| e.start_date);
    assert_eq!(span.listed(on, &shard, 1000).await, open(&executions));
    // Without a position to continue from, it starts at the beginning.
    let first = on.db().list_open(&shard, None, 1).await.unwrap();
    assert!(first[0].start_date <= span.at(0), "{first:?}");
}

async fn p10_pages_have_a_limit_and_go_on_after_the_last(on: &impl Tables) {
    let span = Span::new();
    let (shard, executions) = span.launched(on, &[0, 1, 2, 3, 4, 5, 6]).await;
    for limit in [1, 2, 3, 7, 8] {
        assert_eq!(span.listed(on, &shard, limit).await, open(&executions), "pages of {limit}");
    }
}

async fn executions_of_one_moment_are_all_listed_once(on: &impl Tables) {
    let span = Span::new();
    let (shard, executions) = span.launched(on, &[5, 5, 5, 5, 5]).await;
    for limit in [1, 2, 10] {
        let mut listed = span.listed(on, &shard, limit).await;
        let mut expected = open(&executions);
        for list in [&mut listed, &mut expected] {
            list.sort_by(|a, b| a.execution_arn.cmp(&b.execution_arn));
        }
        assert_eq!(listed, expected, "pages of {limit}");
    }
}

async fn an_execution_is_listed_in_its_shard_only(on: &impl Tables) {
    let span = Span::new();
    let (shard, executions) = span.launched(on, &[0]).await;
    for other in goal_activity_core::keys::open_shards() {
        let expected = if other == shard { open(&executions) } else { vec![] };
        assert_eq!(span.listed(on, &other, 10).await, expected, "{other}");
    }
}
