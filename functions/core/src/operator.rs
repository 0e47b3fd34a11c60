//! What an operator asks of the function `api` by invoking it: the API's calls for goals and workflows of any user, with who
//! asks and why. `goalctl` writes it, `api` reads it.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use goal_activity_events::{ExecutionArn, PriorityClass};
use serde::{Deserialize, Serialize};

use crate::limits::MAX_REASON;

/// The longest ARN of IAM and STS (IAM API reference).
const MAX_ARN: usize = 2_048;
/// The route that finds workflows of any user. No route of the gateway has such a key.
pub const FIND: &str = "GET /operator/workflows";
/// The route that lists what waits and what holds capacity. No route of the gateway has such a key.
pub const WAITING: &str = "GET /operator/waiting";

/// An operator, by the ARN that AWS STS returns for the caller's credentials.
///
/// The caller says it: Lambda does not tell a function who has invoked it. The proof is `CloudTrail`'s record of the invocation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(try_from = "String", into = "String")]
pub struct OperatorArn(String);

/// A text that is not the ARN of a caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the ARN of a caller: arn:<partition>:iam or sts::<account>:<who>, at most {MAX_ARN} characters")]
pub struct InvalidOperatorArn;

impl OperatorArn {
    /// The ARN as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for OperatorArn {
    type Error = InvalidOperatorArn;

    fn try_from(text: String) -> Result<Self, InvalidOperatorArn> {
        let parts: Vec<_> = text.splitn(6, ':').collect();
        let [arn, partition, service, region, account, who] = parts.as_slice() else { return Err(InvalidOperatorArn) };
        let named = *arn == "arn" && !partition.is_empty() && matches!(*service, "iam" | "sts") && region.is_empty();
        let account = account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit());
        let printable = text.len() <= MAX_ARN && text.bytes().all(|b| b.is_ascii_graphic());
        if named && account && printable && !who.is_empty() { Ok(Self(text)) } else { Err(InvalidOperatorArn) }
    }
}

impl FromStr for OperatorArn {
    type Err = InvalidOperatorArn;

    fn from_str(text: &str) -> Result<Self, InvalidOperatorArn> {
        Self::try_from(text.to_owned())
    }
}

impl From<OperatorArn> for String {
    fn from(arn: OperatorArn) -> Self {
        arn.0
    }
}

impl fmt::Display for OperatorArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The payload of an operator's invocation. Nothing else may be beside it: what has fields of a request of the gateway as well
/// is neither.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Invocation {
    /// Who asks for what.
    pub operator: OperatorCall,
}

/// A call of the API by an operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OperatorCall {
    /// Who asks.
    pub by: OperatorArn,
    /// Why. Required for what changes a workflow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The route, as the gateway names it, or one of [`FIND`] and [`WAITING`].
    pub route: String,
    /// The values of the route's placeholders.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub path: BTreeMap<String, String>,
    /// What would stand behind the `?`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub query: BTreeMap<String, String>,
    /// Makes a retry repeatable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
    /// Of a retry: how urgent it is.
    #[serde(default, skip_serializing_if = "PriorityClass::is_default")]
    pub priority_class: PriorityClass,
}

/// A workflow that an operator has requested in the place of its user, who owns it all the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct OperatorRequest {
    /// Who has requested it.
    pub by: OperatorArn,
    /// Why, in the operator's words, cut to 2,000 characters.
    pub reason: String,
    /// The workflow whose failed actions it is for.
    pub retry_of: ExecutionArn,
}

/// A reason as it is kept: trimmed, and cut to [`MAX_REASON`] characters. An empty one is none.
pub fn kept_reason(reason: &str) -> Option<String> {
    let kept: String = reason.trim().chars().take(MAX_REASON).collect();
    (!kept.is_empty()).then_some(kept)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_operator_is_named_by_an_arn_of_iam_or_sts() {
        for arn in [
            "arn:aws:iam::123456789012:user/path/op",
            "arn:aws:iam::123456789012:root",
            "arn:aws-cn:sts::123456789012:assumed-role/Ops/a.b@example.com",
        ] {
            assert_eq!(arn.parse::<OperatorArn>().unwrap().to_string(), arn);
        }
        let long = format!("arn:aws:iam::123456789012:user/{}", "u".repeat(MAX_ARN));
        for wrong in
            ["", "op", "arn:aws:iam::1:root", "arn:aws:s3::123456789012:x", "arn:aws:iam::123456789012:", &long]
        {
            assert!(wrong.parse::<OperatorArn>().is_err(), "{wrong}");
        }
        assert!("arn:aws:iam::123456789012:user/a b".parse::<OperatorArn>().is_err());
        assert!("arn:aws:iam::123456789012:user/\u{1b}[2J".parse::<OperatorArn>().is_err());
    }

    #[test]
    fn an_invocation_has_its_own_fields_and_no_others() {
        let call = json!({ "by": "arn:aws:iam::123456789012:root", "route": WAITING });
        let whole = json!({ "operator": call });
        let read: Invocation = serde_json::from_value(whole.clone()).unwrap();
        assert_eq!(serde_json::to_value(&read).unwrap(), whole);
        for field in ["routeKey", "requestContext", "headers", "body", "version"] {
            let mut beside = whole.clone();
            beside[field] = json!({});
            assert!(serde_json::from_value::<Invocation>(beside).is_err(), "{field} beside it");
            let mut within = whole.clone();
            within["operator"][field] = json!({});
            assert!(serde_json::from_value::<Invocation>(within).is_err(), "{field} within it");
        }
    }
}
