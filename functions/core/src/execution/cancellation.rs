use goal_activity_events::{Timestamp, UserId};
use serde::{Deserialize, Serialize};

use crate::operator::{OperatorArn, kept_reason};

/// The decision that a workflow is to be stopped: who, when and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Cancellation {
    /// The user who asked for it. Missing if an operator did, or if it was stopped in Step Functions itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<UserId>,
    /// The operator who asked for it, by the ARN of its AWS credentials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator: Option<OperatorArn>,
    /// When.
    pub at: Timestamp,
    /// Why, in the words of who asked for it, cut to 2,000 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Cancellation {
    /// A user's wish. An empty reason is none.
    pub fn by_user(user: UserId, at: Timestamp, reason: Option<&str>) -> Self {
        Self { by: Some(user), operator: None, at, reason: reason.and_then(kept_reason) }
    }

    /// An operator's wish, with the operator's own AWS credentials.
    pub fn by_operator(operator: OperatorArn, at: Timestamp, reason: &str) -> Self {
        Self { by: None, operator: Some(operator), at, reason: kept_reason(reason) }
    }

    /// An operator has stopped the execution in Step Functions.
    pub fn from_outside(at: Timestamp) -> Self {
        Self { by: None, operator: None, at, reason: None }
    }

    /// There was nothing to launch it for when its turn came.
    pub fn of_closed_goal(at: Timestamp) -> Self {
        let reason = Some("the goal was closed, deleted or given away before its turn".to_owned());
        Self { by: None, operator: None, at, reason }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::MAX_REASON;

    #[test]
    fn a_reason_of_any_length_is_kept_as_far_as_it_fits() {
        let reason =
            |text: &str| Cancellation::by_user("u".parse().unwrap(), Timestamp::from_millis(0), Some(text)).reason;
        assert_eq!(reason(&"あ".repeat(100_000)).unwrap().chars().count(), MAX_REASON);
        assert_eq!(reason(" wrong goal ").as_deref(), Some("wrong goal"));
        assert_eq!(reason(" "), None);
    }
}
