//! Goals, executions and messages for tests.
#![allow(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "samples are made of literals; one that does not hold is a defect of the test"
)]

use goal_activity_core::goal::{Action, ActionKind, Goal, GoalHead, GoalStatus, Position, Revision, SubGoal};
use goal_activity_core::task::{Priority, TaskDraft, TaskDrafts};
use goal_activity_events::{ClaimSequence, StateMachineArn};

/// A state machine.
pub fn state_machine() -> StateMachineArn {
    "arn:aws:states:us-east-1:000000000000:stateMachine:goal-activity".parse().expect("a state machine ARN")
}

/// A goal of that user with that many actions, `a-1-1` to `a-8-8` in mandala order.
pub fn goal(id: &str, user: &str, actions: u8) -> Goal {
    let head = GoalHead {
        goal_id: id.parse().expect("a goal id"),
        user_id: user.parse().expect("a user id"),
        title: "Run a marathon".into(),
        description: String::new(),
        background: String::new(),
        constraints: String::new(),
        deadline: None,
        status: GoalStatus::Draft,
        claimed_by: None,
        claims: ClaimSequence(0),
        revision: Revision(0),
    };
    let places = (0..actions).map(|i| format!("{}#{}", i / 8 + 1, i % 8 + 1));
    let positions: Vec<Position> = places.map(|p| p.parse().expect("a place in the chart")).collect();
    let mut sides: Vec<_> = positions.iter().map(|p| p.sub_goal).collect();
    sides.dedup();
    let sub_goal = |position| SubGoal { position, title: format!("Sub-goal {position}"), description: String::new() };
    Goal::new(head, sides.into_iter().map(sub_goal).collect(), positions.into_iter().map(action).collect())
}

fn action(position: Position) -> Action {
    Action {
        action_id: format!("a-{}-{}", position.sub_goal, position.action).parse().expect("an action id"),
        position,
        title: format!("Action {position}"),
        description: String::new(),
        background: String::new(),
        constraints: String::new(),
        kind: ActionKind::Execution,
    }
}

/// That many drafts.
pub fn drafts(count: usize) -> TaskDrafts {
    let draft = |i| TaskDraft::new(&format!("Step {i}"), "", 30, Priority::Medium).expect("a draft within the limits");
    (1..=count).map(draft).collect::<Vec<_>>().try_into().expect("1 to 10 drafts")
}
