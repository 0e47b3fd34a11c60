use anyhow::Result;
use clap::Args;
use goal_activity_adapters::clock::SystemClock;
use goal_activity_core::inbound;
use goal_activity_core::ports::{Clock, LoadGoalHead, Stored};
use goal_activity_events::publisher::{EventBridge, OutgoingEvent, Publisher};
use goal_activity_events::{
    ActionId, CorrelationId, Detail, EventId, GoalActivityRequested, GoalId, MAX_ACTIONS, UserId,
};
use serde::Serialize;

use super::wait::{Awaited, Wait};
use crate::failure::{DONE, Failure, NO_ACCESS};
use crate::program;
use crate::shell::Shell;
use crate::stack::Stack;
use crate::text::printable;
use crate::urgency::Urgency;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  goalctl events emit learn-piano
  goalctl events emit learn-piano --user user-1 --action a-1-1 --regenerate
  goalctl events emit learn-piano --source com.example.planner --event-id plan-17
  goalctl events emit learn-piano --wait --timeout 600

Exit codes with --wait:
  0  every action got its tasks
  1  the workflow has ended otherwise
  3  the request was rejected
  5  nothing has ended within --timeout: it goes on")]
pub(crate) struct Emit {
    /// The goal
    goal: GoalId,
    /// The goal's owner [default: the one in the Goals table]
    #[arg(long, value_name = "ID")]
    user: Option<UserId>,
    /// Only these actions, instead of all that have no tasks [repeat it, or separate them by commas]
    #[arg(long = "action", value_name = "ID", value_delimiter = ',')]
    actions: Vec<ActionId>,
    /// Replace the tasks of actions that have some
    #[arg(long)]
    regenerate: bool,
    #[command(flatten)]
    urgency: Urgency,
    /// Who emits it
    #[arg(long, value_name = "NAME", default_value = "goalctl", value_parser = source)]
    source: String,
    /// The same id from the same source again is the same request [default: a new one]
    #[arg(long, value_name = "ID")]
    event_id: Option<EventId>,
    /// Is repeated by the answer and by every event of the workflow
    #[arg(long, value_name = "ID")]
    correlation_id: Option<CorrelationId>,
    #[command(flatten)]
    wait: Wait,
}

/// What was emitted. Part of the JSON output: names are never changed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Emitted {
    bus: String,
    source: String,
    detail_type: &'static str,
    detail: GoalActivityRequested,
}

fn source(text: &str) -> Result<String, String> {
    inbound::source(text).map_err(|refused| refused.to_string())?;
    Ok(text.to_owned())
}

pub(super) async fn emit(args: Emit, stack: &Stack, json: bool, shell: &mut Shell<'_>) -> Result<u8> {
    if args.actions.len() > MAX_ACTIONS {
        return Err(Failure::usage(format!("a request has at most {MAX_ACTIONS} actions"), "make several").into());
    }
    let user = match args.user {
        Some(user) => user,
        None => owner(stack, &args.goal).await?,
    };
    let event_id = args.event_id.unwrap_or_else(EventId::random);
    let request = GoalActivityRequested {
        action_ids: (!args.actions.is_empty()).then_some(args.actions),
        regenerate: args.regenerate,
        priority_class: args.urgency.class(),
        correlation_id: args.correlation_id,
        ..GoalActivityRequested::new(event_id, SystemClock.now(), args.goal, user)
    };
    let bus = stack.output("EventBusName")?;
    let event = OutgoingEvent::from_source(&args.source, &request)?;
    let publisher = Publisher::new(EventBridge::new(aws_sdk_eventbridge::Client::new(&stack.sdk), bus));
    let emitted =
        Emitted { bus: bus.to_owned(), source: args.source, detail_type: GoalActivityRequested::TYPE, detail: request };
    let publish = async {
        let done = publisher.publish(&[event]).await;
        done.map_err(|e| Failure::unavailable("the event is not on the bus", e.to_string()))
    };
    if args.wait.wait {
        let Emitted { source, detail, .. } = &emitted;
        let awaited = Awaited::new(detail.goal_id.clone(), detail.event_id.clone(), source.clone());
        let publish = async { publish.await.map(|()| emitted.line()).map_err(anyhow::Error::from) };
        return Box::pin(awaited.until_its_end(stack, args.wait.timeout, publish, json, shell)).await;
    }
    publish.await?;
    shell.show(json, &emitted, Emitted::text)?;
    Ok(DONE)
}

/// Returns the owner of the goal.
async fn owner(stack: &Stack, goal: &GoalId) -> Result<UserId> {
    let head = stack.tables()?.load_goal_head(goal).await;
    let unreadable = |title: &str, why: String| Failure {
        advice: Some("say whose goal it is with --user".to_owned()),
        ..Failure::unavailable(title, why)
    };
    let head = head.map_err(|e| unreadable("the Goals table cannot be read", e.to_string()))?;
    match head {
        Stored::Value(head) => Ok(head.user_id),
        Stored::Nothing => {
            Err(Failure { exit: NO_ACCESS, title: format!("there is no goal {goal}"), ..Failure::default() }.into())
        }
        Stored::Unreadable(row) => {
            let (title, why) = (format!("goal {goal} cannot be read"), row.to_string());
            Ok(row.owner.ok_or_else(|| unreadable(&title, why))?)
        }
    }
}

impl Emitted {
    fn line(&self) -> String {
        let Self { bus, source, detail_type, detail } = self;
        let (id, goal, bus) = (&detail.event_id, &detail.goal_id, printable(bus));
        format!("Emitted {detail_type} for goal {goal} on bus {bus}, as event {id} of {source:?}.\n")
    }

    fn text(&self) -> String {
        let (emitted, goal, program) = (self.line(), &self.detail.goal_id, program::name());
        format!(
            "{emitted}A workflow appears in `{program} history {goal}`; a rejection only in `{program} events tail`, begun before.\n"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_the_answer_appears_is_said() {
        let (id, goal, user) = ("plan-17".parse().unwrap(), "learn-piano".parse().unwrap(), "user-1".parse().unwrap());
        let emitted = Emitted {
            bus: "bus".to_owned(),
            source: "goalctl".to_owned(),
            detail_type: GoalActivityRequested::TYPE,
            detail: GoalActivityRequested::new(id, SystemClock.now(), goal, user),
        };
        let text = emitted.text();
        let (_, answer) = text.split_once('\n').unwrap();
        assert_eq!(
            answer,
            "A workflow appears in `goalctl history learn-piano`; a rejection only in `goalctl events tail`, begun before.\n"
        );
    }

    #[test]
    fn a_source_is_one_that_the_bus_and_the_pipeline_take() {
        assert!(source("com.example.planner").is_ok() && source("awsome").is_ok());
        for wrong in ["", "a\nb", "aws.states", &"s".repeat(257)] {
            assert!(source(wrong).is_err(), "{wrong:?}");
        }
    }
}
