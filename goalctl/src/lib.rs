//! `goalctl`: the goal activity pipeline from a terminal or a script, for its users and its operators.
//!
//! [`run`] is the whole tool except for the process around it, so that tests call it as `main` does. A module uses only
//! modules to its right or further down in this list:
//!
//! | Module | Contains |
//! |---|---|
//! | `cli` | the command line: options and subcommands |
//! | `smoke` | `goalctl smoke`: a goal through all of a stack |
//! | `cells` | `goalctl cells`: several stacks behind one API |
//! | `workflow`, `goals`, `bus`, `ai`, `doctor`, `dlq`, `user`, `pause`, `preflight` | the commands, with what they print; `bus` is `goalctl events` |
//! | `login` | `goalctl login`, `logout` and `token` |
//! | `api` | the API, as a user or an operator |
//! | `client`, `operator` | the API over HTTP with a token, and by invocation with AWS credentials |
//! | `function`, `tap`, `cloudwatch` | a function of the stack; the events of its bus; its alarms and metrics |
//! | `signed` | calls of AWS services without their SDK |
//! | `settings` | the deployment and the token that a run uses, from all sources |
//! | `session`, `issuer`, `cognito` | stored sign-ins, and who issues and renews their tokens |
//! | `deployment`, `stack` | the API's URL, and the stack's AWS services |
//! | `interrupt`, `checks`, `persistence` | Ctrl-C; what a check or a step has found; how often a call is repeated |
//! | `place`, `target`, `shell` | a deployment, the options that name one, and the streams of a run |
//! | `http`, `environment`, `terminal`, `secret` | HTTP requests, environment variables, terminal capabilities, values that are never printed |
//! | `failure`, `text` | errors with their exit codes, and plain-text output |
//! | `program` | what the program is called in the commands that messages name |

mod ai;
mod api;
mod bus;
mod cells;
mod checks;
mod cli;
mod client;
mod cloudwatch;
mod cognito;
mod deployment;
mod dlq;
mod doctor;
mod environment;
mod failure;
mod function;
mod goals;
mod http;
mod interrupt;
mod issuer;
mod login;
mod operator;
mod pause;
mod persistence;
mod place;
mod preflight;
mod program;
mod session;
mod settings;
mod shell;
mod signed;
mod smoke;
mod stack;
mod tap;
mod target;
mod terminal;
#[cfg(test)]
mod testing;
mod text;
mod urgency;
mod user;
mod workflow;

use std::ffi::OsString;
use std::io;

use anyhow::Result;
use clap::{CommandFactory, FromArgMatches};
use goal_activity_adapters::clock::SystemClock;
use goal_activity_core::ports::Clock;

use crate::api::Api;
use crate::cli::{Cli, Command};
use crate::failure::{DONE, Failure, NOT_DONE, USAGE};
use crate::operator::Operator;
use crate::settings::Settings;
use crate::stack::Stack;
use crate::text::{printable_json, printable_lines};

pub use crate::environment::Environment;
pub use crate::shell::Shell;
pub use crate::terminal::Terminal;
pub use goal_activity_client::Secret;

/// Runs a command line, the program's name included. Returns the exit code, as documented in `goalctl --help`.
pub async fn run<A>(args: impl IntoIterator<Item = A>, mut shell: Shell<'_>) -> u8
where
    A: Into<OsString>,
{
    let args: Vec<OsString> = args.into_iter().map(Into::into).collect();
    // The usage names the program as it was started.
    let matches = Cli::command().bin_name(program::name()).try_get_matches_from(&args);
    let cli = match matches.and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(cli) => cli,
        // Requested help goes to standard output and succeeds; every other outcome is a usage error.
        Err(answer) if !answer.use_stderr() => {
            let _ = write!(shell.out, "{}", program::as_typed(&answer.to_string()));
            return DONE;
        }
        Err(complaint) => {
            let complaint = complaint.to_string();
            // Parsing failed, so `cli.json` is not available: the raw arguments decide.
            let _ = match args.iter().any(|argument| argument == "--json") {
                true => tell(&Failure::misspelt(&complaint), true, &mut shell),
                false => write!(shell.err, "{}", printable_lines(&complaint)),
            };
            return USAGE;
        }
    };
    let json = cli.json;
    match Box::pin(command(cli, &mut shell)).await {
        Ok(code) => code,
        // The reader of the pipe has closed it, as in `goalctl dlq list | head`.
        Err(error) if error.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe) => {
            NOT_DONE
        }
        Err(error) => {
            let failure = Failure::of(&error);
            let _ = tell(&failure, json, &mut shell);
            failure.exit
        }
    }
}

fn tell(failure: &Failure, json: bool, shell: &mut Shell<'_>) -> io::Result<()> {
    match json {
        true => writeln!(shell.err, "{}", printable_json(&serde_json::json!({ "error": failure }).to_string())),
        false => writeln!(shell.err, "error: {failure}"),
    }
}

/// Runs a parsed command and returns the exit code.
async fn command(cli: Cli, shell: &mut Shell<'_>) -> Result<u8> {
    if let Command::Completions { shell: kind } = cli.command {
        let mut script = Vec::new();
        clap_complete::generate(kind, &mut Cli::command(), "goalctl", &mut script);
        shell.out.write_all(&script)?;
        return Ok(DONE);
    }
    let (json, settings) = (cli.json, Settings::find(&cli.target, &shell.environment)?);
    match cli.command {
        Command::Completions { .. } => Ok(DONE),
        Command::Dlq(command) => {
            let done = dlq::run(command, &Stack::open(&settings.place).await?, json, shell).await?;
            Ok(if done { DONE } else { NOT_DONE })
        }
        Command::Doctor => doctor::run(&Stack::open(&settings.place).await?, json, shell).await,
        Command::Preflight(args) => preflight::run(args, &stack::services(&settings.place).await?, json, shell).await,
        Command::Smoke(args) => Box::pin(smoke::run(args, settings, json, shell)).await,
        Command::Cells(args) => Box::pin(cells::run(args, &Stack::open(&settings.place).await?, json, shell)).await,
        Command::Pause(args) => pause::pause(args, &Stack::open(&settings.place).await?, json, shell).await,
        Command::Resume => pause::resume(&Stack::open(&settings.place).await?, json, shell).await,
        Command::User(command) => user::run(command, &Stack::open(&settings.place).await?, json, shell).await,
        Command::Ai(command) => ai::run(command, &Stack::open(&settings.place).await?, json, shell).await,
        Command::Events(command) => bus::run(command, &Stack::open(&settings.place).await?, json, shell).await,
        Command::Login(args) => login::login(args, settings, json, shell).await,
        Command::Logout => login::logout(settings, json, shell).await,
        Command::Token => login::token(&client::Client::open(settings).await?, json, shell).await,
        Command::Find(args) => workflow::find(args, &operator(&settings).await?, json, shell).await,
        Command::Waiting(args) => {
            workflow::waiting(args, &operator(&settings).await?, SystemClock.now(), json, shell).await
        }
        Command::Goals(command) => Box::pin(goals::run(command, settings, json, shell)).await,
        Command::Start(args) => workflow::start(args, &Api::open(settings).await?, json, shell).await,
        Command::Status(args) => workflow::status(args, &Api::open(settings).await?, json, shell).await,
        Command::Cancel(args) => workflow::cancel(args, &Api::open(settings).await?, json, shell).await,
        Command::Retry(args) => workflow::retry(args, &Api::open(settings).await?, json, shell).await,
        Command::History(args) => workflow::history(args, &Api::open(settings).await?, json, shell).await,
        Command::Actions(args) => workflow::actions(args, &Api::open(settings).await?, json, shell).await,
        Command::Timeline(args) => workflow::timeline(args, &Api::open(settings).await?, json, shell).await,
        Command::Tasks(args) => workflow::tasks(args, &Api::open(settings).await?, json, shell).await,
    }
}

/// The operator of the stack that the settings name.
async fn operator(settings: &Settings) -> Result<Operator> {
    Operator::open(&Stack::open(&settings.place).await?).await
}

#[cfg(test)]
mod tests {
    use std::io::BufRead;
    use std::path::{Path, PathBuf};

    use goal_activity_core::text::acts_on_terminal;
    use goal_activity_testkit::stub::{Response, Stub};
    use serde_json::json;

    use super::*;
    use crate::testing::ran_on;

    /// The exit code and what was printed, on standard output and on standard error.
    async fn goalctl(line: &str, stack_file: Option<PathBuf>, typed: Option<&str>) -> (u8, String, String) {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let mut typed = typed.map(str::as_bytes);
        let keyboard = typed.as_mut().map(|t| t as &mut dyn BufRead);
        let environment = Environment { stack_file, ..Environment::default() };
        let shell =
            Shell { out: &mut out, err: &mut err, keyboard, piped: None, terminal: Terminal::default(), environment };
        let code = run(line.split(' '), shell).await;
        (code, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
    }

    #[tokio::test]
    async fn help_is_an_answer_and_a_wrong_command_line_is_not_begun() {
        let (code, out, err) = goalctl("goalctl dlq retry --help", None, None).await;
        assert!(code == DONE && out.contains("Exit codes:") && err.is_empty(), "{err}");
        let (code, out, err) = goalctl("goalctl dlq retry", None, None).await;
        assert!(code == USAGE && out.is_empty() && err.contains("Usage:"), "{err}");
        for command in ["retry", "drop"] {
            let (code, _, err) = goalctl(&format!("goalctl dlq {command} batch"), None, None).await;
            assert!(code == USAGE && err.contains("<MESSAGE_ID|--all>"), "{err}");
            let (code, _, err) = goalctl(&format!("goalctl dlq {command} batch m-1 --all"), None, None).await;
            assert!(code == USAGE && err.contains("cannot be used with"), "{err}");
        }
    }

    #[tokio::test]
    async fn a_misspelt_command_line_cannot_act_on_a_terminal() {
        for line in ["goalctl tasks \u{1b}[2J", "goalctl \u{9b}2J\u{202e}", "goalctl tasks \u{1b}[2J --json"] {
            let (code, _, err) = goalctl(line, None, None).await;
            assert!(code == USAGE && !err.chars().any(|c| c != '\n' && acts_on_terminal(c)), "{err:?}");
        }
    }

    #[tokio::test]
    async fn a_misspelt_command_line_is_answered_in_json() {
        let (code, out, err) = goalctl("goalctl start a/b --json", None, None).await;
        let told: serde_json::Value = serde_json::from_str(&err).unwrap();
        let title = told["error"]["title"].as_str().unwrap();
        assert!(code == USAGE && out.is_empty() && title.starts_with("invalid value 'a/b'"), "{err}");
        assert!(told["error"]["advice"].as_str().unwrap().contains("--help"), "{err}");
    }

    #[tokio::test]
    async fn a_stack_that_is_not_up_is_said_to_be_so() {
        let nowhere = std::env::temp_dir().join("goalctl-nowhere").join("stack.json");
        let (code, _, err) = goalctl("goalctl dlq list", Some(nowhere), None).await;
        assert!(code == USAGE && err.contains("cargo xtask up"), "{err}");
    }

    /// The commands that act on a stack. Without their stack they act on none, and not on the default one.
    const OF_A_STACK: [&str; 14] = [
        "pause --reason x",
        "resume",
        "dlq list",
        "dlq show batch m-1",
        "dlq retry batch --all",
        "dlq drop batch --all --yes",
        "find --user u",
        "waiting",
        "doctor",
        "events emit g",
        "events tail",
        "ai check",
        "cancel arn:aws:states:us-east-1:000000000000:execution:goal-activity:g-1 --operator --reason x",
        "retry arn:aws:states:us-east-1:000000000000:execution:goal-activity:g-1 --operator --reason x",
    ];

    #[tokio::test]
    async fn a_url_names_no_stack() {
        for command in OF_A_STACK {
            for options in ["", "--region us-east-1 "] {
                let line = format!("goalctl --url https://staging.example {options}{command}");
                let (code, out, err) = goalctl(&line, None, None).await;
                assert!(code == USAGE && out.is_empty(), "{line}: {out} {err}");
                assert!(
                    err.contains("https://staging.example names no stack") && err.contains("--stack"),
                    "{line}: {err}"
                );
            }
        }
    }

    #[tokio::test]
    async fn a_stack_that_is_not_the_urls_is_left_alone() {
        let aws = Stub::answering(Response::new(500, "")).await;
        let outputs = || json!({ "ApiUrl": "https://staging.example" });
        let environment = |url: &str| Environment { url: Some(url.to_owned()), ..Environment::default() };
        for (n, command) in OF_A_STACK.iter().enumerate() {
            let arguments: Vec<_> = command.split(' ').collect();
            let other = environment("https://production.example");
            let (code, out, err) = ran_on(&format!("two-{n}"), (&aws.url(), outputs()), other, &arguments).await;
            assert!(code == USAGE && out.is_empty() && err.contains("two deployments are named"), "{command}: {err}");
        }
        assert!(aws.seen().is_empty());
        let same = environment("https://Staging.example/");
        let (_, _, err) = ran_on("two-same", (&aws.url(), outputs()), same, &["waiting"]).await;
        assert!(err.contains("has no output ApiFunctionName"), "{err}");
    }

    /// Runs the tool in a folder whose stack file was found there, with a token from the environment.
    async fn found(folder: &Path, line: &str) -> (u8, String) {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let token = Some("t0ken".to_owned().into());
        let environment = Environment { token, target_folders: vec![folder.to_owned()], ..Environment::default() };
        let (keyboard, piped, terminal) = (None, None, Terminal::default());
        let shell = Shell { out: &mut out, err: &mut err, keyboard, piped, terminal, environment };
        let code = run(line.split(' '), shell).await;
        (code, String::from_utf8(err).unwrap())
    }

    #[tokio::test]
    async fn a_stack_that_was_found_is_the_users_own_and_on_this_machine() {
        let folder = std::env::temp_dir().join(format!("goalctl-found-{}", std::process::id()));
        let file = folder.join("goal-activity/up/stack.json");
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        let api = Stub::answering(Response::new(200, json!({ "items": [] }))).await;
        let describe = |endpoint: &str, api: &str| {
            std::fs::write(&file, json!({ "endpoint": endpoint, "apiUrl": api, "outputs": {} }).to_string()).unwrap();
            set_mode(&file, 0o600);
        };
        describe(&api.url(), &api.url());
        assert_eq!(found(&folder, "goalctl tasks g").await, (DONE, String::new()));
        assert_eq!(api.one().header("authorization"), Some("Bearer t0ken"));

        for (endpoint, url) in
            [(api.url(), "https://a.example".to_owned()), ("https://a.example".to_owned(), api.url())]
        {
            describe(&endpoint, &url);
            for line in ["goalctl tasks g", "goalctl pause --reason x", "goalctl dlq list"] {
                let (code, err) = found(&folder, line).await;
                assert!(code == USAGE && err.contains("https://a.example is not on this machine"), "{line}: {err}");
                assert!(err.contains("--stack-file"), "{err}");
            }
        }
        describe(&api.url(), &api.url());
        if set_mode(&file, 0o666) {
            let (code, err) = found(&folder, "goalctl tasks g").await;
            assert!(code == USAGE && err.contains("others can write to it"), "{err}");
        }
        assert_eq!(api.seen().len(), 1, "the token went to the user's own stack only");
        std::fs::remove_dir_all(folder).unwrap();
    }

    /// Returns `false` on systems without modes.
    fn set_mode(file: &Path, mode: u32) -> bool {
        #[cfg(unix)]
        std::fs::set_permissions(file, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
        cfg!(unix)
    }

    #[tokio::test]
    async fn nothing_is_dropped_without_a_yes() {
        let file = std::env::temp_dir().join(format!("goalctl-stack-{}.json", std::process::id()));
        // No server listens there: a drop that was started would fail differently.
        std::fs::write(&file, r#"{ "endpoint": "http://127.0.0.1:1", "outputs": {} }"#).unwrap();
        for typed in ["\n", "n\n", "no\n", "yesterday\n", ""] {
            let (code, _, err) = goalctl("goalctl dlq drop batch --all", Some(file.clone()), Some(typed)).await;
            assert!(code == NOT_DONE && err.ends_with("[y/N] Nothing was removed.\n"), "{typed:?}: {code} {err}");
        }
        let (code, _, err) = goalctl("goalctl dlq drop batch --all", Some(file.clone()), Some("y\n")).await;
        assert!(code == USAGE && err.contains("has no output BatchDlqUrl"), "{err}");
        let (code, _, err) = goalctl("goalctl dlq drop batch --all", Some(file.clone()), None).await;
        assert!(code == USAGE && err.contains("--yes"), "{err}");
        std::fs::remove_file(file).unwrap();
    }
}
