//! Users who continue to edit their goal while workflows run for it.

use goal_activity_client::api::{ProblemCode, StartRequest};
use std::collections::HashSet;
use std::time::Duration;

use fastrand::Rng;
use futures_util::future::join;
use goal_activity_events::{ActionId, ExecutionArn, GoalId};
use goal_activity_tests::{Chart, Stack, User, within};
use tokio::time::sleep;

use crate::goal_app::GoalApp;
use crate::stories::{END, accepted, assert_stopped};

/// The user's actions in addition to editing the chart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Plot {
    /// Removes actions that are worked on and that are done.
    Edit,
    /// Closes the goal during a run, and opens it again afterwards.
    Close,
    /// Deletes it during a run.
    Delete,
    /// The app writes the goal's row back from older readings.
    WriteBack,
    /// Completes tasks, and requests new ones, twice.
    Regenerate,
    /// Cancels a run that replaces tasks.
    CancelRegenerate,
    /// Writes two actions with one id, and two at one place.
    Double,
    /// Gives the goal to another user in mid-run, who gives it back in the next one.
    GiveAway,
}

impl Plot {
    /// Whether the user wants no more of something that is worked on: it must take so long that this is seen.
    fn is_slow(self) -> bool {
        matches!(self, Self::Edit | Self::Close | Self::Delete | Self::GiveAway)
    }
}

/// Taken by turns.
pub(crate) const PLOTS: [Plot; 8] = [
    Plot::Edit,
    Plot::WriteBack,
    Plot::Close,
    Plot::Regenerate,
    Plot::Delete,
    Plot::CancelRegenerate,
    Plot::Double,
    Plot::GiveAway,
];

/// The action that takes the AI long, and its attempts: together longer than anything is worked on that nobody wants.
pub(crate) const SLOW: &str = "a-1-5";
/// How long one of the three attempts takes.
pub(crate) const SLOW_ATTEMPT: Duration = Duration::from_secs(20);

/// One goal, and its user's actions.
#[derive(Debug)]
pub(crate) struct Edited {
    stack: Stack,
    /// Whose goal it is.
    pub(crate) user: User,
    /// Whose it is not, where it changes hands.
    pub(crate) other: User,
    pub(crate) goal: GoalId,
    pub(crate) plot: Plot,
    /// The action that the AI refuses.
    pub(crate) refused: &'static str,
    pub(crate) app: GoalApp,
    pub(crate) random: Rng,
}

impl Edited {
    pub(crate) async fn new(stack: &Stack, user: &User, plot: Plot, mut random: Rng) -> Self {
        let mut chart = Chart::of(random.choice([8, 13, 24]).unwrap());
        let refused = "a-1-4";
        for n in 1..=8 {
            let latency = format!("latency-ms={}", random.u32(200..3_000));
            chart = chart.script(&format!("a-1-{n}"), &latency);
        }
        if plot.is_slow() {
            chart = chart.script(SLOW, &format!("fail-times=2, latency-ms={}", SLOW_ATTEMPT.as_millis()));
        }
        let goal = stack.goal(user, chart.script(refused, "fail")).await;
        let app = GoalApp::open(stack, &goal, &user.id, random.fork()).await;
        let other = if plot == Plot::GiveAway { stack.user().await } else { user.clone() };
        let (stack, user, other) = (stack.clone(), user.patient(), other.patient());
        Self { stack, user, other, goal, plot, refused, app, random }
    }

    /// Runs it, until every workflow that it knows of has ended and the goal has all possible tasks.
    pub(crate) async fn play(&mut self) {
        let never_claimed = self.app.head().await;
        let first = self.start().await.expect("something to do");
        self.pause(0..2_500).await;
        match self.plot {
            Plot::Close => return self.closed(&first).await,
            Plot::GiveAway => return self.given_away(&first).await,
            Plot::Delete => {
                self.edits(2, &first).await;
                let second = self.regenerate().await;
                self.pause(0..2_500).await;
                self.app.delete_goal().await;
                return self.ended(second.as_ref()).await;
            }
            Plot::WriteBack => {
                // Before the claim and with it: neither is true afterwards.
                let claimed = self.app.head().await;
                self.app.put(never_claimed).await;
                let racing = self.start().await;
                self.ended(racing.as_ref()).await;
                self.edits(3, &first).await;
                self.app.put(claimed).await;
            }
            Plot::Edit => {
                self.under_way(&first).await;
                self.app.remove_action(SLOW).await;
                self.app.remove_made().await;
                self.edits(5, &first).await;
            }
            Plot::Double => self.doubled(&first).await,
            Plot::Regenerate | Plot::CancelRegenerate => self.edits(5, &first).await,
        }
        if self.plot == Plot::Regenerate {
            self.regenerated_twice().await;
        }
        if self.plot == Plot::CancelRegenerate {
            self.regenerated_and_cancelled().await;
        }
        self.completed().await;
    }

    /// Random edits, while the workflow runs and a little longer.
    async fn edits(&mut self, count: usize, running: &ExecutionArn) {
        let user = self.user.clone();
        self.edits_while(count, &user, running).await;
    }

    /// The same, where the workflow may be another user's.
    pub(crate) async fn edits_while(&mut self, count: usize, user: &User, running: &ExecutionArn) {
        let app = &mut self.app;
        let random = &mut self.random;
        let edits = async {
            for _ in 0..count {
                sleep(Duration::from_millis(random.u64(100..2_500))).await;
                app.edit().await;
            }
        };
        join(edits, user.ended_within(END, running)).await;
    }

    /// Of two actions with one id one counts, and one of two at a place is as good as the other: while a workflow runs, and
    /// for the next one.
    async fn doubled(&mut self, running: &ExecutionArn) {
        self.app.twin().await;
        self.app.crowd().await;
        self.app.part_twins().await;
        self.edits(2, running).await;
        self.app.twin().await;
        self.app.crowd().await;
        let again = self.regenerate().await.expect("something to do");
        // Looked at before it has ended: one that is asked for an action twice may never end.
        let (status, ids) = (self.user.status(&again).await, self.app.chart.values().collect::<HashSet<_>>());
        let total = status.ok().total_actions as usize;
        assert_eq!(total, ids.len(), "the actions with different ids of {again}: {status:?}");
        self.ended(Some(&again)).await;
    }

    /// Closed at any moment of its first run, and when the second one has begun to save.
    async fn closed(&mut self, running: &ExecutionArn) {
        self.closed_while(running).await;
        self.app.reopen().await;
        let again = self.regenerate().await.expect("something to do");
        self.under_way(&again).await;
        self.closed_while(&again).await;
        self.app.ease(SLOW).await;
        self.app.reopen().await;
        self.completed().await;
    }

    /// As the user leaves it the goal stays, whatever ends meanwhile.
    async fn closed_while(&mut self, running: &ExecutionArn) {
        let status = self.app.close().await;
        self.edits(2, running).await;
        let left = &self.stack.goal_row(&self.goal).await["status"];
        assert_eq!(left, status, "the status of {}, which its user has closed", self.goal);
        self.user.start(&self.goal).await.refused(409, ProblemCode::GoalClosed);
    }

    /// Finished work stays despite repeated requests: the rest of the chart is checked at the end.
    async fn regenerated_twice(&mut self) {
        self.app.finish_some().await;
        self.app.swap().await;
        let (one, other) = join(self.regenerate(), self.regenerate()).await;
        if let Some(arn) = one.as_ref().or(other.as_ref()) {
            self.under_way(arn).await;
            self.app.finish_some().await;
        }
        self.ended(one.as_ref()).await;
        self.ended(other.as_ref()).await;
        for arn in one.iter().chain(&other) {
            let (one, other) = join(self.user.retry(arn), self.user.retry(arn)).await;
            for answer in [one, other] {
                self.ended(accepted(&answer).as_ref()).await;
            }
        }
    }

    /// Waits until a workflow has saved something, or has nothing to save.
    pub(crate) async fn under_way(&self, arn: &ExecutionArn) {
        within(END, "the first tasks of a workflow", || async {
            let has_ended = self.user.status(arn).await.ok().has_ended();
            (has_ended || self.app.has_tasks_of(arn).await).then_some(())
        })
        .await;
    }

    /// An action that had tasks has some afterwards, too: the old ones or the new ones.
    async fn regenerated_and_cancelled(&mut self) {
        let before = self.app.with_tasks().await;
        let run = self.regenerate().await;
        if let Some(arn) = &run {
            // Some tasks are replaced by then, and some are not.
            self.under_way(arn).await;
            assert_stopped(&self.user.cancel(arn, Some("never mind")).await);
        }
        self.ended(run.as_ref()).await;
        let after = self.app.with_tasks().await;
        assert!(after.is_superset(&before), "{}: {before:?} became {after:?}", self.goal);
    }

    /// Starts until there is nothing left to do, which no claim of a workflow that is over may keep back.
    pub(crate) async fn completed(&mut self) {
        for _ in 0..5 {
            let Some(arn) = self.start().await else { return };
            self.ended(Some(&arn)).await;
            self.app.edit().await;
            let end = self.start().await;
            self.ended(end.as_ref()).await;
            let missing = self.missing().await;
            if missing.is_empty() {
                return;
            }
        }
        unreachable!("{}: no tasks for {:?}", self.goal, self.missing().await);
    }

    /// The actions of the chart that could have tasks and have none.
    async fn missing(&self) -> Vec<ActionId> {
        let with_tasks = self.app.with_tasks().await;
        let is_missing = |id: &&ActionId| id.as_str() != self.refused && !with_tasks.contains(*id);
        self.app.chart.values().filter(is_missing).cloned().collect()
    }

    pub(crate) async fn start(&self) -> Option<ExecutionArn> {
        accepted(&self.user.start(&self.goal).await)
    }

    pub(crate) async fn regenerate(&self) -> Option<ExecutionArn> {
        let request = StartRequest { regenerate: true, ..StartRequest::default() };
        accepted(&self.user.start_with(&self.goal, &request).await)
    }

    pub(crate) async fn ended(&self, arn: Option<&ExecutionArn>) {
        if let Some(arn) = arn {
            self.user.ended_within(END, arn).await;
        }
    }

    pub(crate) async fn pause(&mut self, milliseconds: std::ops::Range<u64>) {
        sleep(Duration::from_millis(self.random.u64(milliseconds))).await;
    }
}
