//! A goal in the shape of a mandala chart.

use std::collections::HashSet;
use std::fmt;
use std::str::FromStr;

use goal_activity_events::{ActionId, ClaimSequence, ExecutionArn, GoalId, UserId};
use serde::{Deserialize, Serialize};

use crate::foreign;
use crate::limits::MANDALA_SIDE;

/// A whole goal: its own texts, its sub-goals and its actions in mandala order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Goal {
    /// The goal's own row.
    pub head: GoalHead,
    /// In the order of the chart.
    pub sub_goals: Vec<SubGoal>,
    /// In mandala order: by sub-goal, then by place within it (promise P8).
    pub actions: Vec<Action>,
    /// `true` if all rows of its actions could be read. Otherwise an action that is missing here may exist all the same.
    pub is_whole: bool,
}

/// A goal without its sub-goals and actions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GoalHead {
    /// The goal.
    pub goal_id: GoalId,
    /// Its owner.
    pub user_id: UserId,
    /// What the user wants to reach.
    #[serde(default, deserialize_with = "foreign::text")]
    pub title: String,
    /// More about it.
    #[serde(default, deserialize_with = "foreign::text")]
    pub description: String,
    /// Where the user stands.
    #[serde(default, deserialize_with = "foreign::text")]
    pub background: String,
    /// What limits the user.
    #[serde(default, deserialize_with = "foreign::text")]
    pub constraints: String,
    /// By when, as the user put it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<String>,
    /// Where the goal is in its life.
    #[serde(deserialize_with = "foreign::any_case")]
    pub status: GoalStatus,
    /// The workflow that has claimed the goal, while one has (promise P1).
    #[serde(
        default,
        rename = "activityExecutionArn",
        skip_serializing_if = "Option::is_none",
        deserialize_with = "foreign::text_only"
    )]
    pub claimed_by: Option<GoalClaim>,
    /// How many workflows have claimed the goal so far.
    #[serde(default = "never_claimed", rename = "activitySequence", deserialize_with = "foreign::claims")]
    pub claims: ClaimSequence,
    /// How often the chart was written through the API: what was decided on one revision is not written on another. Programs
    /// that write the chart themselves need not count.
    #[serde(default, skip_serializing_if = "Revision::is_first", deserialize_with = "foreign::revision")]
    pub revision: Revision,
}

/// How often a goal's chart was written through the API.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Revision(pub u64);

impl Revision {
    /// The one after it.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    #[allow(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference to the field")]
    fn is_first(&self) -> bool {
        *self == Self::default()
    }
}

fn never_claimed() -> ClaimSequence {
    ClaimSequence(0)
}

/// What a goal's row says of which execution has claimed it: an execution's ARN, or any text that another program has put
/// there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GoalClaim(String);

impl GoalClaim {
    /// The execution, where the text is an ARN of one.
    pub fn execution(&self) -> Option<ExecutionArn> {
        self.0.parse().ok()
    }

    /// The text as it is stored.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for GoalClaim {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<ExecutionArn> for GoalClaim {
    fn from(execution: ExecutionArn) -> Self {
        Self(execution.into())
    }
}

impl PartialEq<ExecutionArn> for GoalClaim {
    fn eq(&self, execution: &ExecutionArn) -> bool {
        self.0 == execution.as_str()
    }
}

/// Where a goal is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum GoalStatus {
    /// Nothing was generated yet.
    Draft,
    /// A workflow is at work.
    Processing,
    /// All its actions have tasks.
    Active,
    /// Some of its actions have tasks.
    Partial,
    /// The last workflow got no tasks for any action.
    Failed,
    /// The user has reached it.
    Completed,
    /// The user has put it aside.
    Paused,
    /// The user has given it up.
    Cancelled,
}

impl GoalStatus {
    /// The statuses in which the user has ended work on the goal: nothing is generated for it.
    pub const CLOSED: [Self; 3] = [Self::Completed, Self::Paused, Self::Cancelled];

    /// Returns `true` if nothing may be generated for a goal in this status.
    pub fn is_closed(self) -> bool {
        Self::CLOSED.contains(&self)
    }
}

/// One of a goal's sub-goals.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SubGoal {
    /// Its place in the chart, from 1.
    pub position: Side,
    /// What it is about.
    #[serde(default, deserialize_with = "foreign::text")]
    pub title: String,
    /// More about it.
    #[serde(default, deserialize_with = "foreign::text")]
    pub description: String,
}

/// One action of a sub-goal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Action {
    /// The action.
    pub action_id: ActionId,
    /// Its place in the chart.
    pub position: Position,
    /// What to do.
    #[serde(default, deserialize_with = "foreign::text")]
    pub title: String,
    /// More about it.
    #[serde(default, deserialize_with = "foreign::text")]
    pub description: String,
    /// Where the user stands.
    #[serde(default, deserialize_with = "foreign::text")]
    pub background: String,
    /// What limits the user.
    #[serde(default, deserialize_with = "foreign::text")]
    pub constraints: String,
    /// Done once, or again and again.
    #[serde(default, rename = "type", deserialize_with = "foreign::any_case_or_usual")]
    pub kind: ActionKind,
}

/// Whether an action is done once or again and again. Its tasks are of the same kind, whatever the AI says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ActionKind {
    /// Done once, in steps.
    #[default]
    Execution,
    /// Done again and again.
    Habit,
}

/// A place on one side of the chart: 1 to 8.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Side(u8);

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Side {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Side".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "integer", "minimum": 1, "maximum": MANDALA_SIDE })
    }
}

/// A number that is no place on a side of the chart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a place in a mandala chart is 1 to {MANDALA_SIDE}")]
pub struct OutsideChart;

impl Side {
    /// All places of a side, in their order.
    pub fn all() -> impl Iterator<Item = Self> {
        (1..=MANDALA_SIDE).map(Self)
    }
}

impl TryFrom<u8> for Side {
    type Error = OutsideChart;

    fn try_from(place: u8) -> Result<Self, OutsideChart> {
        if (1..=MANDALA_SIDE).contains(&place) { Ok(Self(place)) } else { Err(OutsideChart) }
    }
}

impl From<Side> for u8 {
    fn from(side: Side) -> u8 {
        side.0
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// An action's place in the chart; sorts in mandala order. As text `<sub-goal>#<action>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Position {
    /// Which sub-goal.
    pub sub_goal: Side,
    /// Which of its actions.
    pub action: Side,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.sub_goal, self.action)
    }
}

impl FromStr for Position {
    type Err = OutsideChart;

    /// Only as it is written: `01#1` or `+1#1` in a key would be a second row for one place.
    fn from_str(text: &str) -> Result<Self, OutsideChart> {
        let (sub_goal, action) = text.split_once('#').ok_or(OutsideChart)?;
        let side = |t: &str| match t.as_bytes() {
            [digit @ b'0'..=b'9'] => Side::try_from(digit - b'0'),
            _ => Err(OutsideChart),
        };
        Ok(Self { sub_goal: side(sub_goal)?, action: side(action)? })
    }
}

impl TryFrom<String> for Position {
    type Error = OutsideChart;

    fn try_from(text: String) -> Result<Self, OutsideChart> {
        text.parse()
    }
}

impl From<Position> for String {
    fn from(position: Position) -> String {
        position.to_string()
    }
}

impl Goal {
    /// Puts a goal together from its parts, in whatever order they come. What has no title is an empty cell of the chart, not
    /// an action. Of actions with the same id the first in the chart counts.
    pub fn new(head: GoalHead, sub_goals: Vec<SubGoal>, actions: Vec<Action>) -> Self {
        Self::assemble(head, sub_goals, actions).0
    }

    /// The same, and the actions that do not count because an earlier one has their id.
    pub(crate) fn assemble(
        head: GoalHead,
        mut sub_goals: Vec<SubGoal>,
        mut actions: Vec<Action>,
    ) -> (Self, Vec<Action>) {
        sub_goals.sort_by_key(|s| s.position);
        actions.retain(|a| !a.title.trim().is_empty());
        actions.sort_by_key(|a| a.position);
        let mut ids = HashSet::new();
        let (actions, repeated) = actions.into_iter().partition(|a| ids.insert(a.action_id.clone()));
        (Self { head, sub_goals, actions, is_whole: true }, repeated)
    }

    /// The action of that id.
    pub fn action(&self, id: &ActionId) -> Option<&Action> {
        self.actions.iter().find(|a| a.action_id == *id)
    }

    /// The sub-goal that an action belongs to.
    pub fn sub_goal_of(&self, action: &Action) -> Option<&SubGoal> {
        self.sub_goals.iter().find(|s| s.position == action.position.sub_goal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_sort_in_mandala_order_and_read_back() {
        let texts = ["1#1", "1#8", "2#1", "8#8"];
        let positions: Vec<Position> = texts.iter().map(|t| t.parse().unwrap()).collect();
        assert!(positions.is_sorted());
        assert_eq!(positions.iter().map(ToString::to_string).collect::<Vec<_>>(), texts);
    }

    #[test]
    fn places_outside_the_chart_are_refused() {
        for text in ["0#1", "1#9", "9#1", "1", "1#1#1", "a#b", "", "01#1", "+1#1", "1#", "1# 1"] {
            assert!(text.parse::<Position>().is_err(), "{text:?} was accepted");
        }
    }

    #[test]
    fn the_claim_of_a_goal_is_an_execution_or_any_text() {
        let arn: ExecutionArn = "arn:aws:states:us-east-1:123456789012:execution:m:g-7".parse().unwrap();
        let claim = GoalClaim::from(arn.clone());
        assert_eq!((claim.execution(), claim == arn), (Some(arn.clone()), true));
        let other = GoalClaim::from("claimed by hand".to_owned());
        assert_eq!((other.execution(), other == arn, other.as_str()), (None, false, "claimed by hand"));
    }
}
