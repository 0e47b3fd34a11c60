use aws_lambda_events::http::header::LOCATION;
use goal_activity_core::edit::{ChartChange, ChartRequest, WantedChart, Writer, create, replace};
use goal_activity_core::limits::MAX_GOALS_PER_USER;
use goal_activity_core::placement::TasksByAction;
use goal_activity_core::ports::{ChartWritten, PublishEvent, ReadArchive, StopExecution, Stored};
use goal_activity_core::start::existing;
use goal_activity_events::GoalId;

use super::input::Input;
use super::problem::{Code, Problem};
use super::{Api, ApiDb, Reply, by_owner, owned};

/// The longest body that is read, in bytes as the gateway hands it over: a whole chart, with a kilobyte of text for each cell.
const MAX_BODY: usize = 256 * 1024;

/// How often a write is decided anew when the goal changes under it.
const TRIES: usize = 4;

impl<Db: ApiDb, Sfn: StopExecution, Bus: PublishEvent, Archive: ReadArchive> Api<Db, Sfn, Bus, Archive> {
    /// Creates or replaces a goal of the caller.
    pub(super) async fn put_goal(&self, input: &Input) -> Result<Reply, Problem> {
        let (user_id, goal_id): (_, GoalId) = (input.user()?, input.path("goalId")?);
        if !self.goals.is_own {
            let detail = "the goals belong to another program, which writes them: setting goalsTable";
            return Err(Problem::new(Code::GoalsElsewhere, detail));
        }
        match by_owner(self.db.load_goal_head(&goal_id).await?) {
            Stored::Nothing => {}
            stored => owned(Some(&user_id), existing(&goal_id, stored)?)?,
        }
        let request: ChartRequest = input.body_within(MAX_BODY)?;
        let wanted = WantedChart::try_from(request).map_err(|e| Problem::new(Code::InvalidRequest, e.to_string()))?;
        let writer = Writer { goal_id, user_id, at: self.intake.context.now() };
        for _ in 0..TRIES {
            let (change, with_tasks) = self.decide(&wanted, &writer).await?;
            if change.is_needed() && self.db.write_chart(&change, writer.at).await? == ChartWritten::GoalChanged {
                continue;
            }
            if change.before.is_some() {
                return self.goal_reply(200, &change.goal, Some(with_tasks)).await;
            }
            let created = self.goal_reply(201, &change.goal, Some(with_tasks)).await?;
            return Ok(created.with(LOCATION, format!("/api/goals/{}", writer.goal_id)));
        }
        Err(Problem::new(Code::Changed, format!("goal {} keeps changing; nothing was written", writer.goal_id)))
    }

    /// Decides what is written of the goal as it is now.
    async fn decide(&self, wanted: &WantedChart, writer: &Writer) -> Result<(ChartChange, TasksByAction), Problem> {
        let goal_id = &writer.goal_id;
        let stored = match self.db.load_goal(goal_id).await? {
            Stored::Nothing => None,
            stored => Some(existing(goal_id, stored)?),
        };
        let Some(goal) = stored else {
            if self.db.list_goals(&writer.user_id).await?.len() >= MAX_GOALS_PER_USER {
                let detail = format!("a user may have about {MAX_GOALS_PER_USER} goals; delete one first");
                return Err(Problem::new(Code::TooManyGoals, detail));
            }
            let with_tasks = self.db.actions_with_tasks(goal_id).await?;
            return Ok((create(wanted, &with_tasks, writer)?, with_tasks));
        };
        owned(Some(&writer.user_id), goal.head.user_id.clone())?;
        let running = self.intake.open_workflow(&goal).await?;
        // Last: only an open workflow makes tasks, and one that begins later changes the count of claims.
        let with_tasks = self.db.actions_with_tasks(goal_id).await?;
        Ok((replace(&goal, running.as_ref(), wanted, &with_tasks, writer)?, with_tasks))
    }
}
