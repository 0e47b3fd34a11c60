//! `goalctl events emit --wait`: the answer to the request, and the end of its workflow.

use std::time::Duration;

use anyhow::Result;
use clap::Args;
use goal_activity_events::{
    BatchProgressed, Detail, EventId, FinalStatus, GoalActivityAccepted, GoalActivityRejected, GoalId, SOURCE,
    WorkflowCompleted,
};
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use super::report;
use super::tail::HELP;
use crate::failure::{DONE, Failure, INTERRUPTED, NOT_DONE, REFUSED, advice};
use crate::interrupt::Interrupt;
use crate::shell::Shell;
use crate::stack::Stack;
use crate::tap::Tap;
use crate::text::printable;

/// The time limit of a workflow, and some minutes in which its end may be recorded and announced.
const LONGEST: u32 = 1080;

#[derive(Debug, Args)]
pub(super) struct Wait {
    /// Show what becomes of it until its workflow has ended; the exit code is 0 only if every action got its tasks
    #[arg(long)]
    pub(super) wait: bool,
    /// How long to wait for the end. A workflow that waits for its turn may need longer
    #[arg(long, value_name = "SECONDS", default_value_t = LONGEST, requires = "wait")]
    pub(super) timeout: u32,
}

/// A request, and what was heard about it.
#[derive(Debug)]
pub(super) struct Awaited {
    pub(super) goal: GoalId,
    pub(super) event_id: EventId,
    pub(super) source: String,
    /// Its workflow, once it is accepted.
    workflow: Option<String>,
    may_be_emitted: bool,
}

/// What an event says about the request.
#[derive(Debug, PartialEq, Eq)]
enum Heard {
    /// Nothing: it is about another one.
    Nothing,
    Progress,
    Rejected(Box<Failure>),
    Ended {
        has_succeeded: bool,
    },
}

impl Awaited {
    pub(super) fn new(goal: GoalId, event_id: EventId, source: String) -> Self {
        Self { goal, event_id, source, workflow: None, may_be_emitted: false }
    }

    /// Emits the request once its answer would be heard, and follows it until its workflow has ended. Returns the exit code.
    pub(super) async fn until_its_end(
        mut self,
        stack: &Stack,
        seconds: u32,
        emit: impl Future<Output = Result<String>>,
        json: bool,
        shell: &mut Shell<'_>,
    ) -> Result<u8> {
        let interrupt = Interrupt::listen()?;
        // As `events tail` names them, so that the same permissions are enough.
        let mut tap = Tap::new(stack, format!("goalctl-tail-{}", EventId::random()), HELP)?;
        let result = async {
            // Not interrupted: whether a cancelled call has created its queue cannot be known.
            tap.open(&report::pattern(&[], std::slice::from_ref(&self.goal))).await?;
            let end = tokio::select! {
                end = self.follow(&tap, seconds, emit, json, shell) => Some(end),
                () = interrupt.wait() => None,
            };
            end.unwrap_or_else(|| Err(self.left_alone().into()))
        };
        let result = result.await;
        tap.close_after(result).await
    }

    async fn follow(
        &mut self,
        tap: &Tap<'_>,
        seconds: u32,
        emit: impl Future<Output = Result<String>>,
        json: bool,
        shell: &mut Shell<'_>,
    ) -> Result<u8> {
        // An event before that would be lost to a rule that is not in force yet.
        tap.wait_until_it_hears(&self.goal).await?;
        self.may_be_emitted = true;
        let emitted = emit.await?;
        if !json {
            write!(shell.err, "{emitted}")?;
        }
        let deadline = Instant::now() + Duration::from_secs(seconds.into());
        loop {
            let Ok(messages) = timeout_at(deadline, tap.receive()).await else {
                return Err(self.out_of_time(seconds).into());
            };
            for message in messages.map_err(|error| self.unheard(&error))? {
                let event = serde_json::from_str::<Value>(message.body().unwrap_or_default()).unwrap_or_default();
                match self.hear(&event) {
                    Heard::Nothing => {}
                    Heard::Progress if json => {}
                    Heard::Progress => write!(shell.err, "  {}", report::line(&event))?,
                    Heard::Rejected(failure) => return Err((*failure).into()),
                    Heard::Ended { has_succeeded } => {
                        shell.show(json, &event, report::line)?;
                        return Ok(if has_succeeded { DONE } else { NOT_DONE });
                    }
                }
            }
        }
    }

    /// Takes in an event of the bus. Anybody may put events there: only the pipeline's own count.
    fn hear(&mut self, event: &Value) -> Heard {
        let (kind, detail) = (event["detail-type"].as_str().unwrap_or_default(), &event["detail"]);
        if event["source"] != SOURCE {
            return Heard::Nothing;
        }
        let request = &detail["request"];
        let is_its_own = request["eventId"] == self.event_id.as_str() && request["source"] == self.source;
        // Without `request` where its source is not one that may request.
        let is_its_id = request.is_null() && detail["requestEventId"] == self.event_id.as_str();
        if kind == GoalActivityRejected::TYPE && (is_its_own || is_its_id) {
            return Heard::Rejected(Box::new(rejected(detail)));
        }
        if !is_its_own {
            return Heard::Nothing;
        }
        if let Some(arn) = detail["executionArn"].as_str() {
            self.workflow = Some(printable(arn));
        }
        match kind {
            GoalActivityAccepted::TYPE | BatchProgressed::TYPE => Heard::Progress,
            WorkflowCompleted::TYPE => {
                Heard::Ended { has_succeeded: detail["status"] == FinalStatus::Succeeded.to_string() }
            }
            _ => Heard::Nothing,
        }
    }

    /// How to see what becomes of it.
    fn follow_it(&self) -> String {
        self.workflow.as_ref().map_or_else(
            || format!("look for its workflow with `goalctl history {}`", self.goal),
            |arn| format!("follow it with `goalctl status {arn} --watch`"),
        )
    }

    fn left_alone(&self) -> Failure {
        let (title, to_do) = match (self.may_be_emitted, &self.workflow) {
            (false, _) => ("interrupted: nothing was emitted", "run it again".to_owned()),
            (true, None) => ("interrupted: the request is on the bus, and its workflow goes on", self.follow_it()),
            (true, Some(arn)) => {
                let end = format!("{}, or end it with `goalctl cancel {arn}`", self.follow_it());
                ("interrupted: the workflow goes on", end)
            }
        };
        let (title, execution_arn) = (title.to_owned(), self.workflow.clone());
        Failure { exit: INTERRUPTED, title, execution_arn, ..Failure::default() }.advising(to_do)
    }

    /// The answers cannot be read any more. To emit it again would be a second request.
    fn unheard(&self, error: &anyhow::Error) -> Failure {
        let title = "the request is on the bus, and its answers cannot be read any more";
        self.unavailable(title, format!("{error:#}"))
    }

    fn out_of_time(&self, seconds: u32) -> Failure {
        let (title, why) = match &self.workflow {
            Some(_) => ("the workflow has not ended in that time", "it goes on"),
            None => (
                "the request was not answered in that time",
                "an event id that was emitted before, and whose workflow has ended, is not answered again",
            ),
        };
        self.unavailable(title, format!("{seconds} s; {why}"))
    }

    fn unavailable(&self, title: &str, detail: String) -> Failure {
        let failure = Failure::unavailable(title, detail);
        Failure { execution_arn: self.workflow.clone(), ..failure }.advising(self.follow_it())
    }
}

/// The failure for a request that is rejected.
fn rejected(detail: &Value) -> Failure {
    let text = |name: &str| detail[name].as_str().map(str::to_owned);
    let code = text("reason");
    Failure {
        exit: REFUSED,
        title: "the request was rejected".to_owned(),
        detail: text("message"),
        advice: advice(0, code.as_deref()).map(str::to_owned),
        code,
        execution_arn: text("executionArn"),
        retryable: detail["retryable"] == true,
        ..Failure::default()
    }
}

#[cfg(test)]
mod tests;
