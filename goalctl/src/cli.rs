//! The command line.

use clap::{Parser, Subcommand};

use crate::target::Target;
use crate::{ai, bus, cells, dlq, doctor, goals, login, pause, preflight, smoke, user, workflow};

const HELP: &str = "\
Which deployment: the first of these that names one.
  1. options: --url, or --stack-file, or --stack, --profile and --region
  2. the environment: GOAL_ACTIVITY_URL, GOAL_ACTIVITY_STACK
  3. the profile file: ~/.config/goalctl/profile.toml, --profile-file or GOAL_ACTIVITY_PROFILE_FILE. It may say
       url = \"https://abc123.execute-api.eu-west-1.amazonaws.com\"
       token_command = [\"my-sign-in\", \"--print-token\"]    # or token = \"…\"
       stack = \"goal-activity\"                             # with profile and region; or stack_file
       issuer = \"https://login.example\"                    # of `goalctl login`, where the stack does not name it;
       client_id = \"goalctl\"                               # and scopes, audience, callback_port
  4. what `cargo xtask up` has started on this machine, as its sample user
  5. the stack goal-activity on AWS, with the credentials and region of AWS's own tools
A URL is an API for users. Operators' commands act on a stack: they refuse a URL without one, and one of another stack.

Which token: the first of --token, GOAL_ACTIVITY_TOKEN, the profile file's (for its own deployment), that of
`goalctl login`, and locally the sample user's.

Exit codes:
  0  done
  1  not all of it was done, or the workflow that was waited for did not succeed as a whole
  2  nothing was done: wrong arguments, no deployment, no credentials
  3  the API refused it, such as a conflict with a running workflow
  4  it is not there, or not allowed (HTTP 401, 403, 404)
  5  nothing answers, or not right now: the same again may succeed
  130  Ctrl-C while a workflow was followed: it goes on

Examples:
  goalctl start learn-piano --wait
  goalctl status learn-piano --watch
  goalctl tasks learn-piano --all --json | jq -r '.items[].title'
  goalctl dlq list";

/// The goal activity pipeline from a terminal: start and follow workflows, see their tasks, operate it
///
/// With --json every command prints one JSON document on standard output (`events tail` one per line, as they arrive;
/// `completions` its script), and an error as one on standard error.
#[derive(Debug, Parser)]
#[command(name = "goalctl", version, disable_help_subcommand = true, after_help = HELP)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) target: Target,
    /// JSON instead of text, for programs
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Sign in to the deployment, in a browser; the token is stored and renewed
    Login(login::Login),
    /// Revoke and remove what `goalctl login` has stored for the deployment
    Logout,
    /// Print the token that calls of the API carry, for other programs
    Token,
    /// Goals as charts: list and show them, bring one from a file, write one to a file
    #[command(subcommand)]
    Goals(goals::Command),
    /// Start the activity of a goal: turn its actions into tasks
    Start(workflow::Start),
    /// Show the progress of a workflow
    Status(workflow::Status),
    /// Stop a workflow and remove its tasks
    Cancel(workflow::Cancel),
    /// Start a new workflow for the failed actions of an ended one
    Retry(workflow::Retry),
    /// List the workflows of a goal, the newest first
    History(workflow::HistoryArgs),
    /// List the actions of a workflow: where each is, and why it got no tasks
    Actions(workflow::ActionsArgs),
    /// Show what happened in a workflow
    Timeline(workflow::TimelineArgs),
    /// List the tasks of a goal in the order of its actions
    Tasks(workflow::TasksArgs),
    /// Find workflows of any user, as an operator
    Find(workflow::Find),
    /// Show the waiting list and the capacity in use, as an operator
    Waiting(workflow::WaitingArgs),
    /// Events of the bus: emit a request, show events
    #[command(subcommand)]
    Events(bus::Command),
    /// The AI of the deployment: try it
    #[command(subcommand)]
    Ai(ai::Command),
    /// Check the deployed stack
    #[command(long_about = doctor::ABOUT, after_help = doctor::AFTER)]
    Doctor,
    /// Check an AWS account before the pipeline is deployed to it
    #[command(long_about = preflight::ABOUT, after_help = preflight::AFTER)]
    Preflight(preflight::Preflight),
    /// Run a goal through the deployed stack, check every step, and clean up
    #[command(long_about = smoke::ABOUT, after_help = smoke::AFTER)]
    Smoke(smoke::Smoke),
    /// Dead letters: messages that could not be handled
    #[command(subcommand)]
    Dlq(dlq::Command),
    /// What is stored of a user: show it, delete it
    #[command(subcommand)]
    User(user::Command),
    /// Cells: several pipelines behind one API
    Cells(cells::Cells),
    /// Launch no further workflow until `resume`; requests are accepted and wait
    #[command(long_about = pause::PAUSE)]
    Pause(pause::Pause),
    /// Launch workflows again after `pause`
    #[command(long_about = pause::RESUME)]
    Resume,
    /// Print the completions of a shell
    #[command(after_help = COMPLETIONS)]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

const COMPLETIONS: &str = "\
Examples:
  source <(goalctl completions bash)
  goalctl completions zsh > ~/.zfunc/_goalctl
  goalctl completions fish > ~/.config/fish/completions/goalctl.fish";

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;
    use goal_activity_testkit::docs;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_documentation_has_commands_that_exist() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let (commands, refused) = docs::refused(root, &Cli::command(), |line| {
            let smoke = line.of(&["cargo", "xtask", "smoke"]).map(|rest| [&["smoke".to_owned()], rest].concat());
            let plain = line.of(&["cargo", "goalctl"]).or_else(|| line.of(&["goalctl"])).map(<[_]>::to_vec);
            smoke.or(plain)
        })
        .unwrap();
        assert!(refused.is_empty(), "{}", refused.join("\n"));
        assert!(commands > 50, "{commands} command lines were found");
    }

    /// Returns why a row of the table "Commands" names a command that does not exist, such as one without its group.
    fn unknown_in_table(row: &str) -> Option<String> {
        let cell = row.strip_prefix("| ")?.split(" | ").next()?;
        let is_argument = |word: &str| word.starts_with(['<', '[', '-', '.']);
        cell.split('`').skip(1).step_by(2).find_map(|code| {
            let program = Cli::command();
            let mut at = &program;
            for word in code.split(' ').take_while(|word| !is_argument(word)) {
                match at.find_subcommand(word) {
                    Some(found) => at = found,
                    None => return Some(format!("{code}: no command {word}")),
                }
            }
            None
        })
    }

    #[test]
    fn the_table_of_commands_names_them_in_full() {
        let page = include_str!("../../docs/GOALCTL.md");
        let table = page.split_once("\n## Commands\n").unwrap().1.split_once("\n\n`<workflow>`").unwrap().0;
        let unknown: Vec<_> = table.lines().filter_map(unknown_in_table).collect();
        assert!(unknown.is_empty(), "docs/GOALCTL.md, \"Commands\": {}", unknown.join("\n"));
        assert!(table.lines().count() > 15, "{table}");
        assert!(unknown_in_table("| `goals list`, `show <goal>` | your goals |").is_some());
    }

    #[test]
    fn options_may_stand_anywhere_and_messages_are_chosen_in_one_way() {
        let parse = |line: &str| Cli::try_parse_from(line.split(' '));
        let cli = parse("goalctl dlq list --limit 7 --stack Other --json").unwrap();
        assert!(cli.json && cli.target.stack.as_deref() == Some("Other"));
        assert!(parse("goalctl history g --limit 7 --all").is_err() && parse("goalctl tasks g --limit 0").is_err());
        assert!(parse("goalctl status not:an:arn").is_err() && parse("goalctl start a/b").is_err());
        assert!(parse("goalctl dlq retry batch").is_err(), "neither ids nor --all");
        assert!(parse("goalctl dlq retry batch id --all").is_err(), "both");
        assert!(parse("goalctl dlq drop elsewhere --all").is_err(), "no such queue");
    }
}
