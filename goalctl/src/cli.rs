//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::dlq;

const HELP: &str = "\
With --stack-file or GOAL_ACTIVITY_STACK it is the stack on this machine that `cargo xtask up` describes in its stack.json.
Otherwise, or with --stack, --profile or --region, it is one on AWS, with the credentials and region of AWS's own tools.

Exit codes:
  0  everything was done
  1  something was refused, failed or not found; the output says what
  2  nothing was done: wrong arguments, no such stack, no access";

/// Operates the goal activity pipeline
#[derive(Debug, Parser)]
#[command(name = "goalctl", version, disable_help_subcommand = true, after_help = HELP)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) target: Target,
    /// One JSON document on standard output, for programs
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Which stack is meant.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Which stack")]
pub(crate) struct Target {
    #[arg(long, global = true, value_name = "NAME", help = "The CloudFormation stack on AWS [default: GoalActivity]")]
    pub(crate) stack: Option<String>,
    /// A profile of AWS's configuration files
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) profile: Option<String>,
    /// The AWS region
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) region: Option<String>,
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        help = "The stack.json of a stack on this machine [env: GOAL_ACTIVITY_STACK]"
    )]
    pub(crate) stack_file: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Dead letters: messages that could not be handled
    #[command(subcommand)]
    Dlq(dlq::Command),
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn options_may_stand_anywhere_and_messages_are_chosen_in_one_way() {
        let parse = |line: &str| Cli::try_parse_from(line.split(' '));
        let cli = parse("goalctl dlq list --limit 7 --stack Other --json").unwrap();
        assert!(cli.json && cli.target.stack.as_deref() == Some("Other"));
        assert!(parse("goalctl dlq retry batch").is_err(), "neither ids nor --all");
        assert!(parse("goalctl dlq retry batch id --all").is_err(), "both");
        assert!(parse("goalctl dlq drop elsewhere --all").is_err(), "no such queue");
    }
}
