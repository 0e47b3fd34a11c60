//! The input of `finalize` from the state machine.

use std::time::Duration;

use goal_activity_functions::handlers::finalize::{Finalize, FinalizeRequest};
use goal_activity_functions::runtime::budget::Budget;
use serde_json::json;

use super::entry::state;
use super::wrong::{every_wrong, no_documents};
use crate::rig::Rig;

const ARN: &str = "arn:aws:states:us-east-1:000000000000:execution:goal-activity:goal-1-1";

#[test]
fn what_names_no_execution_is_refused() {
    let valid = json!({ "executionArn": ARN });
    for wrong in every_wrong(&valid).into_iter().chain(no_documents(&valid)) {
        // `serde` treats both alike, and for the state machine, which creates this input, it does not matter.
        if wrong.kind == "fields as array" {
            continue;
        }
        assert!(serde_json::from_str::<FinalizeRequest>(&wrong.text).is_err(), "{wrong:?}");
    }
}

#[tokio::test]
async fn an_execution_that_is_not_recorded_is_not_sealed() {
    let rig = Rig::with_goal(9);
    rig.launched().await;
    let before = state(&rig);
    for (part, other) in [("goal-1-1", "goal-1-2"), ("0000", "1111"), ("us-east-1", "eu-west-1"), (":aws:", ":aws-cn:")]
    {
        let request = serde_json::from_value(json!({ "executionArn": ARN.replace(part, other) })).unwrap();
        let finalize = Finalize { db: rig.world.clone() };
        let error = finalize.finalize(request, Budget::of(Duration::from_secs(27))).await.unwrap_err().to_string();
        assert!(error.contains("this execution is not recorded"), "{error}");
        assert_eq!(state(&rig), before);
    }
}
