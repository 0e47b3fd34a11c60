use futures_util::future::try_join;
use goal_activity_core::execution::{ActionProgress, ActionState, Execution};
use goal_activity_core::goal::{Action, ActionKind, Goal, GoalStatus, Side};
use goal_activity_core::history::HistoryFilter;
use goal_activity_core::placement::TasksByAction;
use goal_activity_core::ports::{PortResult, PublishEvent, ReadArchive, StopExecution};
use goal_activity_core::start::existing;
use goal_activity_events::{ActionId, ExecutionArn, FailureCode, GoalId};
use serde::Serialize;

use super::history::DEFAULT_LIMIT;
use super::problem::Problem;
use super::{Api, ApiDb, Reply};

/// A goal with its chart, and what its newest workflow has made of it.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Goal"))]
#[serde(rename_all = "camelCase")]
pub(super) struct GoalView<'a> {
    goal_id: &'a GoalId,
    /// How often its chart was written. Sent back with a chart, it keeps that from replacing one that it was not made of.
    revision: u64,
    /// What is to be reached.
    title: &'a str,
    /// More about it.
    #[serde(skip_serializing_if = "str::is_empty")]
    description: &'a str,
    /// Where its owner stands.
    #[serde(skip_serializing_if = "str::is_empty")]
    background: &'a str,
    /// What limits its owner.
    #[serde(skip_serializing_if = "str::is_empty")]
    constraints: &'a str,
    /// By when, as its owner puts it.
    #[serde(skip_serializing_if = "Option::is_none")]
    deadline: Option<&'a str>,
    status: GoalStatus,
    total_actions: u32,
    /// How many of its actions have tasks.
    actions_with_tasks: u32,
    /// The workflow that has claimed the goal and has not ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    execution_arn: Option<ExecutionArn>,
    /// The newest workflow of the goal that the caller may see, of the last 90 days.
    #[serde(skip_serializing_if = "Option::is_none")]
    latest_execution_arn: Option<ExecutionArn>,
    /// In their order. An empty cell is left out.
    sub_goals: Vec<SubGoalView<'a>>,
}

/// A sub-goal of a goal.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "GoalSubGoal"))]
#[serde(rename_all = "camelCase")]
struct SubGoalView<'a> {
    position: Side,
    /// What it is about. May be empty.
    title: &'a str,
    /// More about it.
    #[serde(skip_serializing_if = "str::is_empty")]
    description: &'a str,
    /// In their order. An empty cell is left out.
    actions: Vec<ActionView<'a>>,
}

/// An action of a goal.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "GoalAction"))]
#[serde(rename_all = "camelCase")]
struct ActionView<'a> {
    action_id: &'a ActionId,
    /// Its place within the sub-goal.
    position: Side,
    /// What to do.
    title: &'a str,
    /// More about it.
    #[serde(skip_serializing_if = "str::is_empty")]
    description: &'a str,
    /// Where the user stands.
    #[serde(skip_serializing_if = "str::is_empty")]
    background: &'a str,
    /// What limits the user.
    #[serde(skip_serializing_if = "str::is_empty")]
    constraints: &'a str,
    #[serde(rename = "type")]
    kind: ActionKind,
    /// How many tasks it has.
    tasks: u32,
    /// Where it is in the newest workflow. Missing where nothing was generated or asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<ActionState>,
    /// Why it got no tasks. Missing unless it has failed. More codes may be added.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<FailureCode>,
    /// The same for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    /// How many times the AI was asked. Missing before there is an outcome.
    #[serde(skip_serializing_if = "Option::is_none")]
    attempts: Option<u32>,
}

/// What is known of a goal's workflows.
#[derive(Debug, Default)]
struct Workflows {
    claimed_by: Option<ExecutionArn>,
    latest: Option<ExecutionArn>,
    /// Where the actions of the latest are.
    progress: Vec<ActionProgress>,
}

impl<'a> ActionView<'a> {
    fn new(action: &'a Action, tasks: u32, progress: &[ActionProgress]) -> Self {
        let progress = progress.iter().find(|progress| progress.action_id == action.action_id).cloned();
        let made = (tasks > 0).then_some(ActionState::Succeeded);
        let (state, code, message, attempts) = match progress {
            Some(ActionProgress { state, code, message, attempts, .. }) => (Some(state), code, message, attempts),
            None => (made, None, None, None),
        };
        Self {
            action_id: &action.action_id,
            position: action.position.action,
            title: &action.title,
            description: &action.description,
            background: &action.background,
            constraints: &action.constraints,
            kind: action.kind,
            tasks,
            state,
            code,
            message,
            attempts,
        }
    }
}

/// How many actions a goal has, and how many of these have tasks.
pub(super) fn counts(goal: &Goal, with_tasks: &TasksByAction) -> (u32, u32) {
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let with_tasks = goal.actions.iter().filter(|action| with_tasks.contains_key(&action.action_id)).count();
    (count(goal.actions.len()), count(with_tasks))
}

fn view<'a>(goal: &'a Goal, with_tasks: &TasksByAction, workflows: Workflows) -> GoalView<'a> {
    let tasks = |action: &Action| with_tasks.get(&action.action_id).map_or(0, |tasks| tasks.count);
    let sub_goals = Side::all().filter_map(|position| {
        let sub_goal = goal.sub_goals.iter().find(|sub_goal| sub_goal.position == position);
        let actions = goal.actions.iter().filter(|action| action.position.sub_goal == position);
        let actions: Vec<_> =
            actions.map(|action| ActionView::new(action, tasks(action), &workflows.progress)).collect();
        let (title, description) = sub_goal.map(|s| (s.title.as_str(), s.description.as_str())).unwrap_or_default();
        (sub_goal.is_some() || !actions.is_empty()).then_some(SubGoalView { position, title, description, actions })
    });
    let sub_goals = sub_goals.collect();
    let (total_actions, actions_with_tasks) = counts(goal, with_tasks);
    let head = &goal.head;
    GoalView {
        goal_id: &head.goal_id,
        revision: head.revision.0,
        title: &head.title,
        description: &head.description,
        background: &head.background,
        constraints: &head.constraints,
        deadline: head.deadline.as_deref(),
        status: head.status,
        total_actions,
        actions_with_tasks,
        execution_arn: workflows.claimed_by,
        latest_execution_arn: workflows.latest,
        sub_goals,
    }
}

impl<Db: ApiDb, Sfn: StopExecution, Bus: PublishEvent, Archive: ReadArchive> Api<Db, Sfn, Bus, Archive> {
    /// A goal with its chart.
    pub(super) async fn show_goal(&self, goal_id: GoalId) -> Result<Reply, Problem> {
        let goal = existing(&goal_id, self.db.load_goal(&goal_id).await?)?;
        self.goal_reply(200, &goal, None).await
    }

    /// The answer about a goal as it was read or written.
    pub(super) async fn goal_reply(
        &self,
        status: i64,
        goal: &Goal,
        with_tasks: Option<TasksByAction>,
    ) -> Result<Reply, Problem> {
        let tasks = async {
            match with_tasks {
                Some(known) => Ok(known),
                None => self.db.actions_with_tasks(&goal.head.goal_id).await,
            }
        };
        let (workflows, with_tasks) = try_join(self.workflows(goal), tasks).await?;
        Reply::new(status, view(goal, &with_tasks, workflows))
    }

    /// The workflow that has claimed the goal and has not ended, as its row says.
    pub(super) async fn claimed_by(&self, goal: &Goal) -> PortResult<Option<Execution>> {
        let Some(arn) = goal.head.claimed_by.as_ref().and_then(|claim| claim.execution()) else { return Ok(None) };
        let found = self.db.find_execution(&arn).await?;
        Ok(found.filter(|execution| execution.goal_id == goal.head.goal_id && !execution.has_ended()))
    }

    async fn workflows(&self, goal: &Goal) -> PortResult<Workflows> {
        let user = &goal.head.user_id;
        let claimed_by = self.claimed_by(goal).await?;
        let arn = claimed_by.as_ref().map(|execution| execution.execution_arn.clone());
        let latest = match claimed_by.filter(|execution| execution.user_id == *user) {
            Some(execution) => Some(execution),
            None => self.latest(goal).await?,
        };
        let Some(latest) = latest else { return Ok(Workflows { claimed_by: arn, ..Workflows::default() }) };
        let progress = latest.actions(&self.ledgers(&latest).await?);
        Ok(Workflows { claimed_by: arn, latest: Some(latest.execution_arn), progress })
    }

    /// The newest workflow of the goal that its owner has requested.
    async fn latest(&self, goal: &Goal) -> PortResult<Option<Execution>> {
        let (goal, user) = (goal.head.goal_id.clone(), Some(goal.head.user_id.clone()));
        let filter = HistoryFilter { goal, user, status: None, from: None, to: None };
        let page = self.db.list_workflows(&filter, None, DEFAULT_LIMIT).await?;
        match page.workflows.first() {
            Some(newest) => self.db.find_execution(&newest.execution_arn).await,
            None => Ok(None),
        }
    }
}
