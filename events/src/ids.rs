//! Typed ids. Each is checked once, when it is parsed, and trusted afterwards.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The longest id that is a part of a key: with it an execution's name can be derived from a goal's.
const MAX_KEY: usize = 64;
/// The longest id that other systems choose.
const MAX_FOREIGN: usize = 128;
/// The longest `sub` claim (OpenID Connect Core 1.0, section 2: "255 ASCII characters").
const MAX_SUBJECT: usize = 255;
/// The longest name of a state machine or an execution that Step Functions accepts (`StartExecution`, API reference).
const MAX_EXECUTION_NAME: usize = 80;
/// The longest partition or region in an ARN; real ones are far shorter.
const MAX_ARN_PART: usize = 32;
/// The longest execution ARN that Step Functions accepts (`DescribeExecution`, API reference).
const MAX_EXECUTION_ARN: usize = 256;
/// The namespace of every id that is derived from another one.
const NAMESPACE: Uuid = Uuid::from_u128(0x6d61_6e64_616c_6100_676f_616c_6163_7400);

/// A text that is not a valid id of the expected type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a valid {kind}: {rule}")]
pub struct InvalidId {
    /// Which id was expected, in words.
    pub kind: &'static str,
    /// What such an id looks like.
    pub rule: &'static str,
}

macro_rules! id {
    ($(#[$meta:meta])* $name:ident, $kind:literal, $rule:literal, $form:expr) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;

            fn try_from(text: String) -> Result<Self, InvalidId> {
                if $form.fits(&text) { Ok(Self(text)) } else { Err(InvalidId { kind: $kind, rule: $rule }) }
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Self::try_from(text.to_owned())
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        #[cfg(feature = "schema")]
        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                $form.schema(concat!($kind, ": ", $rule))
            }
        }
    };
}

/// What an id looks like, for the check and for the schema.
#[derive(Debug, Clone, Copy)]
enum Form {
    /// Letters, digits, `-` and `_`, at most that many: what is safe in a key, a path and an execution name alike.
    Plain(usize),
    /// Any printable ASCII without spaces, at most that much.
    Graphic(usize),
    /// The same, with spaces between others.
    Printable(usize),
    /// `arn:<partition>:states:<region>:<account>:stateMachine:<name>`
    StateMachineArn,
    /// `arn:<partition>:states:<region>:<account>:execution:<state machine>:<name>`
    ExecutionArn,
}

impl Form {
    fn fits(self, text: &str) -> bool {
        match self {
            Self::Plain(longest) => is_plain(text, longest),
            Self::Graphic(longest) => (1..=longest).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic()),
            Self::Printable(longest) => {
                let is_printable = text.bytes().all(|b| b == b' ' || b.is_ascii_graphic());
                (1..=longest).contains(&text.len()) && is_printable && text.trim_matches(' ') == text
            }
            Self::StateMachineArn => {
                states_arn(text, "stateMachine").is_some_and(|rest| !rest.is_empty() && !rest.contains(':'))
            }
            Self::ExecutionArn => {
                text.len() <= MAX_EXECUTION_ARN
                    && states_arn(text, "execution").and_then(|rest| rest.split_once(':')).is_some_and(
                        |(machine, name)| is_plain(machine, MAX_EXECUTION_NAME) && is_plain(name, MAX_EXECUTION_NAME),
                    )
            }
        }
    }

    /// The same as a JSON Schema.
    #[cfg(feature = "schema")]
    fn schema(self, description: &str) -> schemars::Schema {
        let part = |longest: usize| format!("[A-Za-z0-9_-]{{1,{longest}}}");
        let arn = |resource: &str| format!("arn:{0}:states:{0}:[0-9]{{12}}:{resource}", part(MAX_ARN_PART));
        let (pattern, longest) = match self {
            Self::Plain(longest) => ("[A-Za-z0-9_-]+".to_owned(), Some(longest)),
            Self::Graphic(longest) => ("[!-~]+".to_owned(), Some(longest)),
            Self::Printable(longest) => ("[!-~]([ -~]*[!-~])?".to_owned(), Some(longest)),
            Self::StateMachineArn => (arn("stateMachine:[^:]+"), None),
            Self::ExecutionArn => {
                (arn(&format!("execution:{0}:{0}", part(MAX_EXECUTION_NAME))), Some(MAX_EXECUTION_ARN))
            }
        };
        let mut schema = schemars::json_schema!({
            "description": description, "type": "string", "minLength": 1, "pattern": format!("^{pattern}$"),
        });
        if let Some(longest) = longest {
            schema.insert("maxLength".to_owned(), longest.into());
        }
        schema
    }
}

/// Letters, digits, `-` and `_`.
fn is_plain(text: &str, longest: usize) -> bool {
    (1..=longest).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

id!(
    /// A goal. At most 64 characters, so that an execution's name can be derived from it.
    GoalId, "goal id", "1 to 64 letters, digits, '-' or '_'", Form::Plain(MAX_KEY)
);
id!(
    /// An action of a goal, unique within the goal.
    ActionId, "action id", "1 to 64 letters, digits, '-' or '_'", Form::Plain(MAX_KEY)
);
id!(
    /// A user: the `sub` claim of the token.
    UserId, "user id", "1 to 255 printable ASCII characters, spaces only between others", Form::Printable(MAX_SUBJECT)
);
id!(
    /// An event, for deduplication by whoever receives it: the same event delivered again has the same id.
    EventId, "event id", "1 to 128 printable ASCII characters without spaces", Form::Graphic(MAX_FOREIGN)
);
id!(
    /// By what a requester recognises what belongs to its request: handed through from there to every event of the workflow.
    CorrelationId, "correlation id", "1 to 128 printable ASCII characters without spaces", Form::Graphic(MAX_FOREIGN)
);
id!(
    /// A task, derived from what made it, so that saving it again writes the same id.
    TaskId, "task id", "1 to 64 letters, digits, '-' or '_'", Form::Plain(MAX_KEY)
);
id!(
    /// A state machine.
    StateMachineArn,
    "state machine ARN",
    "arn:<partition>:states:<region>:<account>:stateMachine:<name>",
    Form::StateMachineArn
);
id!(
    /// One workflow: the ARN of its Step Functions execution, known before that execution exists.
    ExecutionArn,
    "execution ARN",
    "arn:<partition>:states:<region>:<account>:execution:<state machine>:<name>, at most 256 characters",
    Form::ExecutionArn
);

/// Returns what follows `arn:<partition>:states:<region>:<account>:<resource>:`, or `None` if the text is not of that
/// form.
fn states_arn<'a>(text: &'a str, resource: &str) -> Option<&'a str> {
    let mut parts = text.splitn(7, ':');
    let (arn, partition, service) = (parts.next()?, parts.next()?, parts.next()?);
    let (region, account, kind) = (parts.next()?, parts.next()?, parts.next()?);
    let plain = [partition, region].iter().all(|p| is_plain(p, MAX_ARN_PART));
    let account = account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit());
    (arn == "arn" && service == "states" && plain && account && kind == resource).then(|| parts.next())?
}

impl EventId {
    /// A new random id.
    pub fn random() -> Self {
        Self(Uuid::new_v4().to_string())
    }

    /// The id that belongs to `what` of an execution: the same for every attempt to publish it.
    pub fn derived(execution: &ExecutionArn, what: &str) -> Self {
        Self(Uuid::new_v5(&NAMESPACE, format!("event/{execution}/{what}").as_bytes()).to_string())
    }

    /// The id of the event that gives this request of `source` that answer. `answer` is the same for every delivery of the
    /// request as it was emitted once, and another one for another answer and when it is emitted again.
    #[must_use]
    pub fn rejection(&self, source: &str, answer: &str) -> Self {
        // With the length: a source may contain the separator between source and id. An id contains no space.
        let request = format!("rejection/{}/{source}/{self} {answer}", source.len());
        Self(Uuid::new_v5(&NAMESPACE, request.as_bytes()).to_string())
    }
}

impl TaskId {
    /// The id of the task at `position` (from 1) among those that `execution` made for `action`.
    pub fn derived(execution: &ExecutionArn, action: &ActionId, position: usize) -> Self {
        Self(Uuid::new_v5(&NAMESPACE, format!("task/{execution}/{action}/{position}").as_bytes()).to_string())
    }
}

/// How many times a goal has been claimed by a workflow. 1 for its first workflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ClaimSequence(pub u64);

impl ClaimSequence {
    /// The sequence of the next claim.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl ExecutionArn {
    /// The ARN of the execution that `state_machine` gets for a goal's claim. It depends on nothing else, so that a
    /// start repeated for the same claim cannot create a second execution (promise P2).
    pub fn derive(state_machine: &StateMachineArn, goal: &GoalId, claim: ClaimSequence) -> Self {
        Self::named(state_machine, &format!("{goal}-{}", claim.0))
    }

    /// The execution of that state machine with that name.
    pub fn named(state_machine: &StateMachineArn, name: &str) -> Self {
        let prefix = state_machine.as_str().replacen(":stateMachine:", ":execution:", 1);
        Self(format!("{prefix}:{name}"))
    }

    /// The state machine that it is an execution of.
    pub fn state_machine(&self) -> StateMachineArn {
        let machine = self.0.rsplit_once(':').map_or("", |(machine, _)| machine);
        StateMachineArn(machine.replacen(":execution:", ":stateMachine:", 1))
    }

    /// Returns `true` if this is the name of one of that goal's executions.
    pub fn belongs_to(&self, goal: &GoalId) -> bool {
        let claim = self.name().strip_prefix(goal.as_str()).and_then(|rest| rest.strip_prefix('-'));
        claim.is_some_and(|claim| !claim.is_empty() && claim.bytes().all(|b| b.is_ascii_digit()))
    }

    /// The execution's name: the last part of the ARN.
    pub fn name(&self) -> &str {
        self.0.rsplit(':').next().unwrap_or_default()
    }
}

/// The secret with which a worker reports to Step Functions for one batch. Never printed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TaskToken(String);

impl TaskToken {
    /// Wraps a token as Step Functions created it.
    pub fn new(token: impl Into<String>) -> Self {
        Self(token.into())
    }

    /// The token itself, only for the call that reports with it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for TaskToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TaskToken(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MACHINE: &str = "arn:aws:states:ap-northeast-1:123456789012:stateMachine:goal-activity";

    #[test]
    fn an_execution_arn_is_derived_from_the_goal_and_its_claim() {
        let machine: StateMachineArn = MACHINE.parse().unwrap();
        let arn = ExecutionArn::derive(&machine, &"goal-7".parse().unwrap(), ClaimSequence(3));
        assert_eq!(arn.as_str(), "arn:aws:states:ap-northeast-1:123456789012:execution:goal-activity:goal-7-3");
        assert_eq!(arn.name(), "goal-7-3");
        assert_eq!(arn.state_machine(), machine);
        assert_eq!(arn.as_str().parse::<ExecutionArn>().unwrap(), arn);
    }

    #[test]
    fn foreign_and_malformed_arns_are_refused() {
        for text in [
            "",
            "goal-7-3",
            "arn:aws:states:us-east-1:123456789012:execution:goal-activity",
            "arn:aws:states:us-east-1:123456789012:execution:goal-activity:",
            "arn:aws:states:us-east-1:123456789012:execution:goal-activity:a:b",
            "arn:aws:states:us-east-1:123456789012:stateMachine:goal-activity",
            "arn:aws:states:us-east-1:12345:execution:goal-activity:x",
            "arn:aws:lambda:us-east-1:123456789012:execution:goal-activity:x",
            "arn:aws:states:us-east-1:123456789012:execution:goal-activity:a b",
        ] {
            assert!(text.parse::<ExecutionArn>().is_err(), "{text:?} was accepted");
        }
    }

    #[test]
    fn ids_are_checked_when_read() {
        assert!(serde_json::from_str::<GoalId>("\"goal-1\"").is_ok());
        assert!(serde_json::from_str::<GoalId>("\"goal#1\"").is_err());
        assert!(serde_json::from_str::<ActionId>("\"\"").is_err());
        for subject in [
            "auth0|5f7c",
            "f:3f0c:ann",
            "CN=Ann,OU=Staff",
            "https://id.example/u?x=1#y",
            "cn=Ann Lee, o=Staff",
            "~!@$%^&*()\\\"'`{}",
        ] {
            assert_eq!(subject.parse::<UserId>().map(String::from), Ok(subject.to_owned()));
        }
        assert!("u".repeat(255).parse::<UserId>().is_ok() && "u".repeat(256).parse::<UserId>().is_err());
        assert!(
            ["", " ", "a ", " a", "a\tb", "a\nb", "a\u{7f}", "é", "a\u{202e}"]
                .iter()
                .all(|text| text.parse::<UserId>().is_err())
        );
        assert!("g".repeat(64).parse::<GoalId>().is_ok());
        assert!("g".repeat(65).parse::<GoalId>().is_err());
    }

    #[test]
    fn rejections_of_two_requests_never_share_an_id() {
        let rejection = |source: &str, event: &str| event.parse::<EventId>().unwrap().rejection(source, "NOT_OWNER");
        assert_eq!(rejection("a", "b"), rejection("a", "b"));
        assert_ne!(rejection("a/b", "c"), rejection("a", "b/c"));
        assert_ne!(rejection("a", "b"), "b".parse::<EventId>().unwrap().rejection("a", "GOAL_CLOSED"));
    }

    #[test]
    fn an_execution_belongs_to_the_goal_that_its_name_was_derived_from() {
        let machine: StateMachineArn = MACHINE.parse().unwrap();
        let goal = |id: &str| id.parse::<GoalId>().unwrap();
        let arn = ExecutionArn::derive(&machine, &goal("goal-7"), ClaimSequence(3));
        assert!(arn.belongs_to(&goal("goal-7")));
        for other in ["goal", "goal-7-3", "goal-8", "7"] {
            assert!(!arn.belongs_to(&goal(other)), "{other}");
        }
        let by_hand: ExecutionArn =
            format!("{}:goal-7-x", MACHINE.replace("stateMachine", "execution")).parse().unwrap();
        assert!(!by_hand.belongs_to(&goal("goal-7")));
    }

    #[test]
    fn a_token_is_never_printed() {
        assert!(!format!("{:?}", TaskToken::new("secret")).contains("secret"));
    }

    proptest! {
        #[test]
        fn every_goal_id_and_claim_gives_a_valid_execution_arn(goal in "[A-Za-z0-9_-]{1,64}", claim in 1..9_999_999_999_u64) {
            let machine: StateMachineArn = MACHINE.parse().unwrap();
            let arn = ExecutionArn::derive(&machine, &goal.parse().unwrap(), ClaimSequence(claim));
            prop_assert!(arn.as_str().parse::<ExecutionArn>().is_ok());
        }

        #[test]
        fn no_text_makes_an_id_panic(text in ".*") {
            let _ = text.parse::<ExecutionArn>();
            let _ = text.parse::<GoalId>();
        }
    }
}
