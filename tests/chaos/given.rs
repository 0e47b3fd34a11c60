//! A goal that changes hands while workflows run for it.

use goal_activity_client::api::ProblemCode;
use goal_activity_events::ExecutionArn;
use goal_activity_tests::User;

use crate::edited::{Edited, SLOW};
use crate::stories::{END, assert_stopped};

impl Edited {
    /// Given away in the run of its user, and given back in the run of the other one.
    pub(crate) async fn given_away(&mut self, running: &ExecutionArn) {
        self.hand_over().await;
        let former = self.other.clone();
        former.start(&self.goal).await.refused(403, ProblemCode::NotOwner);
        // Told which one is in the way, or started when that had ended.
        let next = self.start().await.filter(|next| next != running);
        if self.random.bool() {
            assert_stopped(&former.cancel(running, Some("not mine any more")).await);
        }
        self.edits_while(2, &former, running).await;
        self.ended(next.as_ref()).await;
        self.sees_only_own(&self.user, running).await;

        let second = self.regenerate().await.expect("something to do");
        self.under_way(&second).await;
        self.hand_over().await;
        self.other.ended_within(END, &second).await;
        self.sees_only_own(&self.user, &second).await;
        self.app.ease(SLOW).await;
        self.completed().await;
    }

    /// The goal is the other user's from now on.
    async fn hand_over(&mut self) {
        std::mem::swap(&mut self.user, &mut self.other);
        self.app.give(&self.user.id).await;
    }

    /// Its user sees nothing of a workflow that another one has started.
    async fn sees_only_own(&self, user: &User, foreign: &ExecutionArn) {
        let history = user.history(&self.goal, "").await.ok();
        assert!(history.items.iter().all(|item| item.execution_arn != *foreign), "{foreign}: {history:?}");
        user.status(foreign).await.refused(403, ProblemCode::NotOwner);
    }
}
