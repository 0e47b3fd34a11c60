//! The deployed pipeline with users and goals, as the parts of a bench need it.

use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use goal_activity_core::execution::Execution;
use goal_activity_core::goal::Goal;
use goal_activity_core::limits::MAX_RUNNING_PER_USER;
use goal_activity_events::{ExecutionArn, Timestamp};
use goal_activity_local::api::Api;
use goal_activity_local::functions::prebuilt::Prebuilt;
use goal_activity_local::goal_file;
use goal_activity_local::local::{Local, RunFolder};
use goal_activity_local::project::Project;
use goal_activity_local::sample::Experiment;
use goal_activity_local::user::{self, SignedIn};

use crate::read_model;

/// The interval between checks for an end. Checks are not free: they use the same emulator.
const PAUSE: Duration = Duration::from_millis(100);

/// The current time, to separate new data from earlier data.
#[allow(clippy::disallowed_methods, reason = "the emulator's logs and records tell the time of this machine's clock")]
pub(crate) fn now() -> Timestamp {
    SystemTime::now().into()
}

/// Which functions are measured.
#[derive(Debug, Args)]
pub(crate) struct Functions {
    /// For `workflow`, `units`, `page` and `load`: with functions that are compiled as for AWS, which takes minutes, instead of those of
    /// the demo
    #[arg(long)]
    as_deployed: bool,
}

impl Functions {
    fn built_before(&self, project: &Project) -> Result<Option<Prebuilt>> {
        self.as_deployed.then(|| Prebuilt::as_deployed(project)).transpose()
    }
}

/// The pipeline on this machine, for the duration of a bench.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) local: Local,
    pub(crate) api: Api,
    users: Vec<SignedIn>,
    made: usize,
    // Dropped after the pipeline, whose files are in it.
    folder: RunFolder,
}

impl Stage {
    /// Deploys it, with that many users.
    pub(crate) fn new(project: &Project, name: &str, users: usize, functions: &Functions) -> Result<Self> {
        let functions = functions.built_before(project)?;
        Self::on(project, name, users, |folder| Local::start(project, folder, functions.as_ref()))
    }

    /// The same, and messages are gathered for the batching windows of the event sources.
    pub(crate) fn with_windows(project: &Project, name: &str, users: usize, functions: &Functions) -> Result<Self> {
        let functions = functions.built_before(project)?;
        Self::on(project, name, users, |folder| Local::start_with_windows(project, folder, functions.as_ref()))
    }

    fn on(project: &Project, name: &str, users: usize, start: impl FnOnce(&Path) -> Result<Local>) -> Result<Self> {
        let folder = RunFolder::new(project, name)?;
        let local = start(&folder.path)?;
        let users = user::sign_in_several(&local.aws, &local.stack, users)?;
        let api = Api::at(local.stack.api_url()?);
        Ok(Self { local, api, users, made: 0, folder })
    }

    /// Where files of this run can be.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder.path
    }

    /// Stores new goals with that many actions each; every user owns as many as may run at once.
    pub(crate) fn goals(&mut self, count: u16, actions: u8, latency: Duration) -> Result<Vec<Goal>> {
        let room = self.users.len() * MAX_RUNNING_PER_USER;
        ensure!(usize::from(count) <= room, "{} users may run {room} goals at once, not {count}", self.users.len());
        let charts = Experiment::of(count, actions, latency).goals()?;
        let owners = self.users.iter().flat_map(|user| std::iter::repeat_n(user, MAX_RUNNING_PER_USER));
        let mut goals = Vec::new();
        for (chart, owner) in charts.into_iter().zip(owners) {
            self.made += 1;
            goals.push(goal_file::goal(chart, format!("goal-{}", self.made).parse()?, owner.id.clone())?);
        }
        self.local.seed(&goals)?;
        Ok(goals)
    }

    /// Starts a goal's activity over HTTP, as its owner.
    pub(crate) fn start(&self, goal: &Goal) -> Result<ExecutionArn> {
        let owner =
            self.users.iter().find(|user| user.id == goal.head.user_id).context("the goal has no owner here")?;
        self.api.start(&owner.token, &goal.head.goal_id)
    }

    /// Waits until the execution has ended and everything about it is done.
    pub(crate) fn ended(&self, execution: &ExecutionArn, within: Duration) -> Result<Execution> {
        let deadline = Instant::now() + within;
        loop {
            let found = read_model::find(&self.local.aws, &self.local.stack, execution)?;
            if found.is_complete() {
                return Ok(found);
            }
            if Instant::now() > deadline {
                bail!("{execution} is still {} after {} s", found.status(), within.as_secs());
            }
            std::thread::sleep(PAUSE);
        }
    }
}
