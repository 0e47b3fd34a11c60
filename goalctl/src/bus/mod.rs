//! `goalctl events`: publishes events on the bus as other services do, and shows the events that they receive.

mod emit;
mod report;
mod tail;
mod wait;

use anyhow::Result;
use clap::Subcommand;

use crate::shell::Shell;
use crate::stack::Stack;

const EMIT: &str = "\
Request the activity of a goal as another service does

Puts a GoalActivityRequested event on the bus. The answer is a GoalActivityAccepted or GoalActivityRejected event, which
`events tail` shows.

With --wait it listens first, as `events tail` does, and ends with the workflow. Ctrl-C leaves the workflow alone. A request whose
workflow has ended is answered no more: repeat an --event-id without --wait.

Needs events:PutEvents on the bus; without --user also dynamodb:GetItem on the Goals table; with --wait what `events tail` needs; on AWS
cloudformation:DescribeStacks.";
const TAIL: &str = "\
Show the events of the bus as they come

Makes a queue and a rule of its own, and removes them at the end, on Ctrl-C too. Both are named goalctl-tail-…, so that a
permission may be limited to that.

Needs sqs:CreateQueue, GetQueueAttributes, SetQueueAttributes, ReceiveMessage, DeleteMessage, DeleteQueue;
events:PutRule, PutTargets, RemoveTargets, DeleteRule; on AWS cloudformation:DescribeStacks.";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Request the activity of a goal as another service does
    #[command(long_about = EMIT)]
    Emit(emit::Emit),
    /// Show the events of the bus as they come
    #[command(long_about = TAIL)]
    Tail(tail::Tail),
}

/// Runs the command and returns the exit code.
pub(crate) async fn run(command: Command, stack: &Stack, json: bool, shell: &mut Shell<'_>) -> Result<u8> {
    match command {
        Command::Emit(args) => emit::emit(args, stack, json, shell).await,
        Command::Tail(args) => tail::tail(args, stack, json, shell).await,
    }
}
