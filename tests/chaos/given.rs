//! A goal that changes hands while workflows run for it.

use goal_activity_events::ExecutionArn;
use goal_activity_tests::User;
use serde_json::json;

use crate::edited::{Edited, SLOW};
use crate::stories::END;

impl Edited {
    /// Given away in the run of its user, and given back in the run of the other one.
    pub(crate) async fn given_away(&mut self, running: &ExecutionArn) {
        self.hand_over().await;
        let former = self.other.clone();
        let refused = former.start(&self.goal).await;
        assert_eq!(refused.body["code"], "NOT_OWNER", "{refused:?}");
        // Told which one is in the way, or started when that had ended.
        let next = self.start(json!({})).await.filter(|next| next != running);
        if self.random.bool() {
            let answer = former.cancel(running, Some("not mine any more")).await;
            assert!(answer.status == 200 || answer.body["code"] == "ALREADY_ENDED", "{answer:?}");
        }
        self.edits_while(2, &former, running).await;
        self.ended(next.as_ref()).await;
        self.sees_only_own(&self.user, running).await;

        let second = self.start(json!({ "regenerate": true })).await.expect("something to do");
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
        let history = user.get(&format!("/api/goals/{}/workflows", self.goal)).await;
        assert_eq!(history.status, 200, "{history:?}");
        let items = history.body["items"].as_array().expect("items");
        assert!(items.iter().all(|item| item["executionArn"] != foreign.as_str()), "{foreign}: {history:?}");
        let refused = user.status(foreign).await;
        assert_eq!(refused.body["code"], "NOT_OWNER", "{refused:?}");
    }
}
