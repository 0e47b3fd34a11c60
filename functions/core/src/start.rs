//! The decision to start a workflow for a goal.

use std::collections::BTreeSet;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use goal_activity_events::{
    ActionId, ExecutionArn, GoalActivityRequested, GoalId, PriorityClass, RejectionReason, Timestamp, UserId,
};
use uuid::Uuid;

use crate::daily::{DailyLimit, Day, until_tomorrow};
use crate::execution::{Execution, GoalBefore};
use crate::goal::Goal;
use crate::limits::{MAX_ACTIONS, MAX_RUNNING_PER_USER};
use crate::placement::{ActionTasks, TasksByAction};
use crate::ports::{Stored, Unreadable};

/// What is asked for.
#[derive(Debug, Clone)]
pub struct StartRequest {
    /// The goal.
    pub goal_id: GoalId,
    /// Who asks.
    pub user_id: UserId,
    /// For what.
    pub scope: Scope,
    /// Replace the tasks of actions that already have some.
    pub regenerate: bool,
    /// How urgent it is. A repeated request is the same one, whatever it says of that.
    pub class: PriorityClass,
}

impl StartRequest {
    /// Returns a digest of what a user requests: what distinguishes a repeated request from another one under the same key.
    pub fn digest(&self) -> String {
        self.digest_of(self.scope.named())
    }

    /// The same for a request of a service: it names its user itself, and the order of actions says nothing.
    pub fn digest_of_service(&self) -> String {
        let actions: BTreeSet<_> = self.scope.named().iter().collect();
        uuid_of(&format!("{}/{}", self.user_id, self.digest_of(actions)))
    }

    fn digest_of<'a>(&self, actions: impl IntoIterator<Item = &'a ActionId>) -> String {
        let scope = match self.scope {
            Scope::Goal => "goal",
            Scope::Actions(_) => "actions",
            Scope::Left { .. } => "left",
        };
        let mut wish = format!("{}/{scope}/{}", self.goal_id, self.regenerate);
        for action in actions {
            wish.push('/');
            wish.push_str(action.as_str());
        }
        uuid_of(&wish)
    }
}

fn uuid_of(text: &str) -> String {
    Uuid::new_v5(&Uuid::NAMESPACE_URL, text.as_bytes()).to_string()
}

/// The longest key of a request, in characters.
pub const MAX_KEY: usize = 255;

/// A text that makes a call repeatable: of calls with the same key only the first one that is accepted counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey(String);

/// A text that cannot be such a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not 1 to {MAX_KEY} visible ASCII characters")]
pub struct InvalidKey;

impl FromStr for IdempotencyKey {
    type Err = InvalidKey;

    fn from_str(text: &str) -> Result<Self, InvalidKey> {
        let valid = (1..=MAX_KEY).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        if valid { Ok(Self(text.to_owned())) } else { Err(InvalidKey) }
    }
}

impl fmt::Display for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which of a goal's actions a start is for. Of these, always only the ones without tasks, unless tasks are to be replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// All.
    Goal,
    /// These, and all of them must be there.
    Actions(Vec<ActionId>),
    /// What an earlier workflow has left undone, as far as it is still there and nothing was made for it since.
    Left {
        /// The actions.
        actions: Vec<ActionId>,
        /// When that workflow was requested. An action with tasks that are newer was seen to already: a button that is
        /// pressed twice must not replace them.
        since: Timestamp,
    },
}

impl Scope {
    /// The named actions; all when none are named.
    pub fn of(actions: Option<Vec<ActionId>>) -> Result<Self, InvalidScope> {
        match actions {
            None => Ok(Self::Goal),
            Some(ids) if ids.is_empty() => Err(InvalidScope::Empty),
            Some(ids) if ids.len() > MAX_ACTIONS => Err(InvalidScope::TooMany(ids.len())),
            Some(ids) => Ok(Self::Actions(ids)),
        }
    }

    fn contains(&self, action: &ActionId) -> bool {
        match self {
            Self::Goal => true,
            Self::Actions(ids) | Self::Left { actions: ids, .. } => ids.contains(action),
        }
    }

    /// The actions that it names.
    fn named(&self) -> &[ActionId] {
        match self {
            Self::Goal => &[],
            Self::Actions(ids) | Self::Left { actions: ids, .. } => ids,
        }
    }

    /// Returns `true` if an action that has these tasks may get new ones in their place. Finished work is never replaced.
    fn may_replace(&self, tasks: ActionTasks) -> bool {
        let newer = match self {
            Self::Goal | Self::Actions(_) => false,
            Self::Left { since, .. } => tasks.newest.is_some_and(|newest| newest > *since),
        };
        !tasks.finished && !newer
    }

    /// The actions without which the request makes no sense.
    fn required(&self) -> &[ActionId] {
        match self {
            Self::Actions(ids) => ids,
            Self::Goal | Self::Left { .. } => &[],
        }
    }
}

/// A list of actions that no start can be for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidScope {
    /// It names none.
    #[error("actionIds is empty; leave it out to start for all actions")]
    Empty,
    /// It names more than a goal can have.
    #[error("actionIds has {0} entries, more than {MAX_ACTIONS}")]
    TooMany(usize),
}

/// A start that may be made: the goal can be claimed for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartPlan {
    /// The actions to turn into tasks, in mandala order (promise P8). At least one.
    pub action_ids: Vec<ActionId>,
    /// How the goal stands before.
    pub goal_before: GoalBefore,
}

impl StartPlan {
    /// How many actions it is for.
    pub fn actions(&self) -> u32 {
        u32::try_from(self.action_ids.len()).unwrap_or(u32::MAX)
    }
}

/// Why a start is refused. Asking again changes nothing, unless the goal changes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StartRejection {
    /// No such goal.
    #[error("there is no goal {0}")]
    UnknownGoal(GoalId),
    /// The goal's own row cannot be read.
    #[error("goal {goal} cannot be read: {row}")]
    UnreadableGoal {
        /// The goal.
        goal: GoalId,
        /// Its row.
        row: Unreadable,
    },
    /// The goal belongs to another user.
    #[error("goal {0} belongs to another user")]
    NotOwner(GoalId),
    /// The user has ended work on the goal.
    #[error("goal {0} is completed, paused or cancelled; reopen it first")]
    GoalClosed(GoalId),
    /// A workflow of this goal has not ended yet.
    #[error("a workflow of this goal is already running: {0}")]
    AlreadyRunning(ExecutionArn),
    /// The user has as many workflows open as may be.
    #[error("{MAX_RUNNING_PER_USER} workflows of this user are running; wait until one has ended")]
    TooManyRunning,
    /// The user has asked for as many actions today as may be.
    #[error(
        "with the {actions} actions of this request the user asks for more than {limit} on {day} (UTC); wait for the next \
         day, or name fewer actions"
    )]
    DailyLimit {
        /// How many actions the request is for.
        actions: u32,
        /// How many may be asked for in a day.
        limit: u32,
        /// The day.
        day: Day,
        /// The time until the next day.
        wait: Duration,
    },
    /// There is nothing in the goal to work on.
    #[error("goal {0} has no actions")]
    NoActions(GoalId),
    /// The request names an action that the goal does not have.
    #[error("goal has no action {0}")]
    UnknownAction(ActionId),
    /// Everything asked for is there already.
    #[error(
        "every requested action of goal {0} has tasks already, or is gone; regenerate replaces tasks, but none of an action \
         with a completed one"
    )]
    NothingToDo(GoalId),
}

impl StartRejection {
    /// The same in the vocabulary of events.
    pub fn reason(&self) -> RejectionReason {
        match self {
            Self::UnknownGoal(_) => RejectionReason::UnknownGoal,
            Self::UnreadableGoal { .. } => RejectionReason::GoalUnreadable,
            Self::NotOwner(_) => RejectionReason::NotOwner,
            Self::GoalClosed(_) => RejectionReason::GoalClosed,
            Self::AlreadyRunning(_) => RejectionReason::AlreadyRunning,
            Self::TooManyRunning => RejectionReason::TooManyRunning,
            Self::DailyLimit { .. } => RejectionReason::DailyLimit,
            Self::NoActions(_) => RejectionReason::NoActions,
            Self::UnknownAction(_) => RejectionReason::UnknownAction,
            Self::NothingToDo(_) => RejectionReason::NothingToDo,
        }
    }

    /// After what time the request may be accepted, where that is known.
    pub fn wait(&self) -> Option<Duration> {
        match self {
            Self::DailyLimit { wait, .. } => Some(*wait),
            _ => None,
        }
    }

    /// The workflow that stands in the way, where one does.
    pub fn running(&self) -> Option<&ExecutionArn> {
        match self {
            Self::AlreadyRunning(arn) => Some(arn),
            _ => None,
        }
    }
}

/// The goal that a start is for, as it is stored.
pub fn existing<T>(goal: &GoalId, stored: Stored<T>) -> Result<T, StartRejection> {
    match stored {
        Stored::Value(found) => Ok(found),
        Stored::Nothing => Err(StartRejection::UnknownGoal(goal.clone())),
        Stored::Unreadable(row) => Err(StartRejection::UnreadableGoal { goal: goal.clone(), row }),
    }
}

/// Decides which actions a start is for: of a goal with more than fit into one workflow, the first in the chart that need
/// tasks. Everything but who wins a race: that is decided by the claim. `running` is the workflow of this goal that is open, if
/// one is; the claim in the goal's row may be stale.
pub fn decide(
    goal: &Goal,
    running: Option<&ExecutionArn>,
    with_tasks: &TasksByAction,
    request: &StartRequest,
) -> Result<StartPlan, StartRejection> {
    let head = &goal.head;
    let id = || head.goal_id.clone();
    if head.user_id != request.user_id {
        return Err(StartRejection::NotOwner(id()));
    }
    if head.status.is_closed() {
        return Err(StartRejection::GoalClosed(id()));
    }
    if let Some(running) = running {
        return Err(StartRejection::AlreadyRunning(running.clone()));
    }
    if goal.actions.is_empty() {
        return Err(StartRejection::NoActions(id()));
    }
    if let Some(unknown) = request.scope.required().iter().find(|a| goal.action(a).is_none()) {
        return Err(StartRejection::UnknownAction(unknown.clone()));
    }

    let all = || goal.actions.iter().map(|a| &a.action_id);
    let may_replace = |tasks: &ActionTasks| request.regenerate && request.scope.may_replace(*tasks);
    let action_ids: Vec<_> = all()
        .filter(|a| request.scope.contains(a) && with_tasks.get(*a).is_none_or(may_replace))
        .take(MAX_ACTIONS)
        .cloned()
        .collect();
    if action_ids.is_empty() {
        return Err(StartRejection::NothingToDo(id()));
    }
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let goal_before = GoalBefore {
        with_tasks: count(all().filter(|a| with_tasks.contains_key(*a)).count()),
        left_out: count(all().filter(|a| !with_tasks.contains_key(*a) && !action_ids.contains(a)).count()),
    };
    Ok(StartPlan { action_ids, goal_before })
}

/// Decides whether a user who has asked for so many actions on the present day may ask for those of the plan as well. What
/// was counted may be more by the time of the claim, whose condition is the same.
pub fn within_day(plan: &StartPlan, limit: DailyLimit, before: u32, now: Timestamp) -> Result<(), StartRejection> {
    let actions = plan.actions();
    match limit.actions() {
        Some(limit_in_actions) if !limit.before(actions).allows(before) => Err(StartRejection::DailyLimit {
            actions,
            limit: limit_in_actions,
            day: Day::of(now),
            wait: until_tomorrow(now),
        }),
        _ => Ok(()),
    }
}

/// Why a workflow cannot be retried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RetryRejection {
    /// It has not ended.
    #[error("this workflow has not ended; what it cannot do is known at its end")]
    NotEnded,
    /// There is nothing to retry.
    #[error("no action of this workflow has failed")]
    NothingFailed,
}

impl RetryRejection {
    /// The same in the vocabulary of events.
    pub fn reason(self) -> RejectionReason {
        match self {
            Self::NotEnded => RejectionReason::NotEnded,
            Self::NothingFailed => RejectionReason::NothingFailed,
        }
    }
}

/// The start for the actions that an ended workflow has left undone; everything else stays as it is.
pub fn retry_of(ended: &Execution, class: PriorityClass) -> Result<StartRequest, RetryRejection> {
    if !ended.has_ended() {
        return Err(RetryRejection::NotEnded);
    }
    if ended.failed_actions().is_empty() {
        return Err(RetryRejection::NothingFailed);
    }
    let actions = ended.failed_actions().iter().map(|f| f.action_id.clone()).collect();
    Ok(StartRequest {
        goal_id: ended.goal_id.clone(),
        user_id: ended.user_id.clone(),
        scope: Scope::Left { actions, since: ended.start_date },
        // A failed action keeps the tasks that it was to replace.
        regenerate: ended.regenerate,
        class,
    })
}

/// The event that asks for an accepted workflow to be launched. The same for every attempt to announce it.
pub fn requested_event(execution: &Execution) -> GoalActivityRequested {
    GoalActivityRequested {
        version: goal_activity_events::Version::V1,
        event_id: execution.request_id.clone(),
        occurred_at: execution.start_date,
        execution_arn: Some(execution.execution_arn.clone()),
        goal_id: execution.goal_id.clone(),
        user_id: execution.user_id.clone(),
        action_ids: Some(execution.action_ids.clone()),
        regenerate: execution.regenerate,
        // It has its turn already.
        priority_class: PriorityClass::default(),
        correlation_id: execution.correlation_id.clone(),
        traceparent: execution.traceparent.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::goal::{Action, ActionKind, GoalHead, GoalStatus, Revision};
    use goal_activity_events::ClaimSequence;
    use proptest::prelude::*;

    fn goal(positions: &[&str]) -> Goal {
        let action = |p: &&str| Action {
            action_id: format!("a-{}", p.replace('#', "-")).parse().unwrap(),
            position: p.parse().unwrap(),
            title: "t".into(),
            description: String::new(),
            background: String::new(),
            constraints: String::new(),
            kind: ActionKind::Execution,
        };
        let head = GoalHead {
            goal_id: "g".parse().unwrap(),
            user_id: "u".parse().unwrap(),
            title: "t".into(),
            description: String::new(),
            background: String::new(),
            constraints: String::new(),
            deadline: None,
            status: GoalStatus::Draft,
            claimed_by: None,
            claims: ClaimSequence(0),
            revision: Revision(0),
        };
        Goal::new(head, vec![], positions.iter().map(action).collect())
    }

    fn request() -> StartRequest {
        StartRequest {
            goal_id: "g".parse().unwrap(),
            user_id: "u".parse().unwrap(),
            scope: Scope::Goal,
            regenerate: false,
            class: PriorityClass::default(),
        }
    }

    fn ids(names: &[&str]) -> Vec<ActionId> {
        names.iter().map(|n| n.parse().unwrap()).collect()
    }

    #[test]
    fn actions_come_in_mandala_order_and_those_with_tasks_are_left_out() {
        let goal = goal(&["2#1", "1#2", "1#1"]);
        let plan = decide(&goal, None, &with_tasks(&["a-1-2"]), &request()).unwrap();
        assert_eq!(plan.action_ids, ids(&["a-1-1", "a-2-1"]));
        assert_eq!(plan.goal_before, GoalBefore { with_tasks: 1, left_out: 0 });
    }

    #[test]
    fn a_list_of_actions_has_1_to_64_entries() {
        let scope = |n| Scope::of(Some(vec!["a".parse().unwrap(); n])).map(drop);
        assert_eq!(scope(0), Err(InvalidScope::Empty));
        assert_eq!((scope(1), scope(64)), (Ok(()), Ok(())));
        assert_eq!(scope(65), Err(InvalidScope::TooMany(65)));
    }

    #[test]
    fn regenerate_takes_all_wanted_actions_once_each() {
        let request =
            StartRequest { scope: Scope::Actions(ids(&["a-2-1", "a-1-1", "a-2-1"])), regenerate: true, ..request() };
        let plan = decide(&goal(&["1#1", "1#2", "2#1"]), None, &with_tasks(&["a-1-1"]), &request).unwrap();
        assert_eq!(plan.action_ids, ids(&["a-1-1", "a-2-1"]));
        assert_eq!(plan.goal_before, GoalBefore { with_tasks: 1, left_out: 1 });
    }

    fn with_tasks(names: &[&str]) -> TasksByAction {
        ids(names).into_iter().map(|id| (id, ActionTasks::default())).collect()
    }

    #[test]
    fn finished_work_is_not_replaced() {
        let tasks = |finished| {
            TasksByAction::from([("a-1-1".parse().unwrap(), ActionTasks { finished, newest: None, count: 1 })])
        };
        let request = StartRequest { regenerate: true, ..request() };
        let goal = goal(&["1#1", "1#2"]);
        assert_eq!(decide(&goal, None, &tasks(false), &request).unwrap().action_ids, ids(&["a-1-1", "a-1-2"]));
        let plan = decide(&goal, None, &tasks(true), &request).unwrap();
        assert_eq!((plan.action_ids, plan.goal_before), (ids(&["a-1-2"]), GoalBefore { with_tasks: 1, left_out: 0 }));
    }

    #[test]
    fn a_retry_leaves_out_what_was_made_since() {
        let at = Timestamp::from_millis;
        let left = |since| StartRequest {
            scope: Scope::Left { actions: ids(&["a-1-1"]), since: at(since) },
            regenerate: true,
            ..request()
        };
        let made = ActionTasks { finished: false, newest: Some(at(5)), count: 1 };
        let tasks = TasksByAction::from([("a-1-1".parse().unwrap(), made)]);
        let goal = goal(&["1#1"]);
        assert!(decide(&goal, None, &tasks, &left(5)).is_ok());
        assert_eq!(decide(&goal, None, &tasks, &left(4)).unwrap_err().reason(), RejectionReason::NothingToDo);
        assert!(decide(&goal, None, &TasksByAction::new(), &left(4)).is_ok());
    }

    #[test]
    fn every_reason_to_refuse_is_found() {
        let none = TasksByAction::new();
        let open = goal(&["1#1"]);
        let reason = |goal: &Goal, tasks: &TasksByAction, request: &StartRequest| {
            decide(goal, None, tasks, request).unwrap_err().reason()
        };
        let stranger = StartRequest { user_id: "other".parse().unwrap(), ..request() };
        assert_eq!(reason(&open, &none, &stranger), RejectionReason::NotOwner);
        for status in GoalStatus::CLOSED {
            let mut closed = goal(&["1#1"]);
            closed.head.status = status;
            assert_eq!(reason(&closed, &none, &request()), RejectionReason::GoalClosed);
        }
        let running = "arn:aws:states:us-east-1:123456789012:execution:m:g-1".parse().unwrap();
        let busy = decide(&open, Some(&running), &none, &request()).unwrap_err();
        assert_eq!((busy.reason(), busy.running()), (RejectionReason::AlreadyRunning, Some(&running)));
        assert_eq!(reason(&goal(&[]), &none, &request()), RejectionReason::NoActions);
        let unknown = StartRequest { scope: Scope::Actions(ids(&["nope"])), ..request() };
        assert_eq!(reason(&open, &none, &unknown), RejectionReason::UnknownAction);
        assert_eq!(reason(&open, &with_tasks(&["a-1-1"]), &request()), RejectionReason::NothingToDo);
    }

    proptest! {
        #[test]
        fn p8_a_plan_is_always_in_mandala_order(mut places in prop::collection::vec((1..=8_u8, 1..=8_u8), 1..64)) {
            places.dedup();
            let texts: Vec<_> = places.iter().map(|(s, a)| format!("{s}#{a}")).collect();
            let goal = goal(&texts.iter().map(String::as_str).collect::<Vec<_>>());
            let plan = decide(&goal, None, &TasksByAction::new(), &request()).unwrap();
            let positions: Vec<_> = plan.action_ids.iter().map(|a| goal.action(a).unwrap().position).collect();
            prop_assert!(positions.is_sorted());
        }

        #[test]
        fn a_plan_takes_the_first_64_that_need_tasks_and_counts_all_others(
            mut places in prop::collection::vec((1..=8_u8, 1..=8_u8), 1..150),
            with_tasks in prop::collection::hash_set(0..150_usize, 0..150),
            regenerate: bool,
        ) {
            // By their ids only: other programs may have put several actions into one place.
            places.sort_unstable();
            let mut goal = goal(&["1#1"]);
            let action = |(i, (sub_goal, action)): (usize, &(u8, u8))| Action {
                action_id: format!("a-{i}").parse().unwrap(),
                position: format!("{sub_goal}#{action}").parse().unwrap(),
                ..goal.actions[0].clone()
            };
            goal.actions = places.iter().enumerate().map(action).collect();
            let id = |i: usize| goal.actions[i].action_id.clone();
            let needs = |i: &usize| regenerate || !with_tasks.contains(i);
            let expected: Vec<_> = (0..places.len()).filter(needs).take(MAX_ACTIONS).map(&id).collect();
            let with = |i| (id(i), ActionTasks::default());
            let ids: TasksByAction = (0..places.len()).filter(|i| with_tasks.contains(i)).map(with).collect();
            let plan = decide(&goal, None, &ids, &StartRequest { regenerate, ..request() });
            if expected.is_empty() {
                prop_assert_eq!(plan, Err(StartRejection::NothingToDo("g".parse().unwrap())));
                return Ok(());
            }
            let StartPlan { action_ids, goal_before } = plan.unwrap();
            prop_assert_eq!(&action_ids, &expected);
            let begun = action_ids.iter().filter(|a| !ids.contains_key(*a)).count();
            prop_assert_eq!(goal_before.with_tasks as usize, ids.len());
            prop_assert_eq!(goal_before.left_out as usize + ids.len() + begun, places.len());
        }
    }
}
