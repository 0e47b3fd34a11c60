//! The options that select the deployment and the token.

use std::path::PathBuf;

use clap::Args;
use goal_activity_client::Secret;

/// The options that select the deployment and the token.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Which deployment")]
pub(crate) struct Target {
    #[arg(long, global = true, help = "The HTTP API, without /api: https://…  [env: GOAL_ACTIVITY_URL]")]
    pub(crate) url: Option<String>,
    #[arg(
        long,
        global = true,
        help = "A JWT for the API; other users of this machine can see it here [env: GOAL_ACTIVITY_TOKEN]"
    )]
    pub(crate) token: Option<Secret>,
    #[arg(
        long,
        global = true,
        help = "As an operator, with AWS credentials instead of a token: for any user's workflow [default: with --stack, --profile \
                or --region and no token]"
    )]
    pub(crate) operator: bool,
    #[arg(long, global = true, value_name = "NAME", help = "The CloudFormation stack on AWS [default: goal-activity]")]
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
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        help = "Where all this may be written down [env: GOAL_ACTIVITY_PROFILE_FILE]"
    )]
    pub(crate) profile_file: Option<PathBuf>,
}
