//! `goalctl` as a process: what only its environment, its pipes and signals can show.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a failed expectation is how a test reports")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use goal_activity_testkit::stub::{Reply, Response, Seen, Stub, nobody};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use tokio::task::spawn_blocking;

const ARN: &str = "arn:aws:states:us-east-1:000000000000:execution:goal-activity:g-1";
/// The variables that name a proxy, as programs read them.
const PROXIES: [&str; 6] = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
const PATIENCE: Duration = Duration::from_secs(30);

/// The tool with nothing of this machine's environment but where programs are.
fn goalctl(line: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_goalctl"));
    command.args(line.split(' ')).env_clear().envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
    command.env("HOME", std::env::temp_dir().join("goalctl-nobody")).stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

async fn ran(mut command: Command) -> (Option<i32>, String, String) {
    let ran = move || command.output().unwrap();
    let Output { status, stdout, stderr } = spawn_blocking(ran).await.unwrap();
    (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

/// The API and the AWS services of a stack on this machine, with a workflow that does not end.
async fn stack() -> Stub {
    Stub::with(|seen: &Seen| {
        let body = if seen.header("x-amz-target").is_some() {
            json!({ "Attributes": {
                "ApproximateNumberOfMessages": "0", "ApproximateNumberOfMessagesNotVisible": "0" } })
        } else if seen.line.starts_with("POST") {
            let started = json!({ "executionArn": ARN, "startDate": "2026-11-24T09:30:00.000Z", "status": "PENDING", "totalActions": 8 });
            return Reply::Whole(Response::new(202, started));
        } else if seen.line.contains("/status") {
            json!({ "executionArn": ARN, "goalId": "g", "status": "RUNNING", "startDate": "2026-11-24T09:30:00.000Z",
                "progressPercentage": 0, "processedActions": 0, "totalActions": 8, "succeededActions": 0 })
        } else {
            let task = |n| {
                json!({ "goalId": "g", "position": "1-1", "taskId": "27194629-0da6-55ff-a1b1-6b1555963415", "actionId": "a-1-1",
                    "executionArn": ARN, "title": format!("task {n}"), "description": "", "type": "execution",
                    "estimatedMinutes": 30, "priority": "high", "status": "todo",
                    "createdAt": "2026-11-24T09:30:00.000Z", "updatedAt": "2026-11-24T09:30:00.000Z" })
            };
            json!({ "items": (0..1000).map(task).collect::<Vec<_>>() })
        };
        Reply::Whole(Response::new(200, body))
    })
    .await
}

/// Writes the file that describes it.
fn stack_file(name: &str, url: &str) -> std::path::PathBuf {
    let file = std::env::temp_dir().join(format!("goalctl-process-{name}-{}.json", std::process::id()));
    let machine = "arn:aws:states:us-east-1:000000000000:stateMachine:goal-activity";
    let queues = ["LaunchDlqUrl", "BatchDlqUrl", "ProjectionDlqUrl", "UndeliveredDlqUrl"];
    let mut outputs = json!({ "StateMachineArn": machine });
    for queue in queues {
        outputs[queue] = json!(format!("{url}/{queue}"));
    }
    std::fs::write(&file, json!({ "endpoint": url, "apiUrl": url, "outputs": outputs }).to_string()).unwrap();
    file
}

#[tokio::test]
async fn a_chart_is_read_from_standard_input_without_a_deployment() {
    let mut command = goalctl("goals put run - --form md --dry-run");
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    let pid = Pid::from_raw(child.id().try_into().unwrap());
    child.stdin.take().unwrap().write_all("# Run\n\n## Legs\n\n- Squats\n".as_bytes()).unwrap();
    let output = tokio::time::timeout(PATIENCE, spawn_blocking(move || child.wait_with_output().unwrap())).await;
    if output.is_err() {
        kill(pid, Signal::SIGKILL).unwrap();
    }
    let output = output.expect("it ends").unwrap();
    let [out, err] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    assert!(output.status.success() && out.contains("Squats") && err.contains("1 action in 1 sub-goal"), "{out}{err}");
}

#[tokio::test]
async fn what_to_run_next_is_named_as_the_program_was_started() {
    for (package, name) in [(None, "goalctl"), (Some("goalctl"), "cargo goalctl")] {
        let run = async |line: &str| {
            let mut command = goalctl(line);
            // What cargo tells of a program that `cargo run` starts.
            command.envs(package.into_iter().flat_map(|package| [("CARGO", "cargo"), ("CARGO_PKG_NAME", package)]));
            ran(command).await
        };
        let (code, _, err) = run("tasks").await;
        assert!(code == Some(2) && err.contains(&format!("Usage: {name} tasks ")), "{err}");
        let (code, out, _) = run("tasks --help").await;
        assert!(code == Some(0) && out.contains(&format!("\n  {name} tasks learn-piano\n")), "{out}");
        let (code, _, err) = run("tasks g --url http://127.0.0.1:1 --json").await;
        let told: Value = serde_json::from_str(&err).unwrap();
        let advice = told["error"]["advice"].as_str().unwrap();
        assert!(code == Some(2) && advice.starts_with(&format!("sign in with `{name} login`;")), "{err}");
        let (_, _, err) = run("tasks g --url http://127.0.0.1:1").await;
        assert!(err.contains(&format!("to do: sign in with `{name} login`;")), "{err}");
    }
}

/// A proxy that lets nothing through, and the first line of each request that it gets.
fn proxy() -> (String, Receiver<String>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (asked, lines) = channel();
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let (mut line, mut connection) = (String::new(), connection.unwrap());
            BufReader::new(&connection).read_line(&mut line).unwrap();
            let _ = connection.write_all(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n");
            if asked.send(line).is_err() {
                return;
            }
        }
    });
    (url, lines)
}

#[tokio::test]
async fn this_machine_is_never_asked_through_a_proxy() {
    let stack = stack().await;
    let file = stack_file("proxies", &stack.url());
    let elsewhere = nobody();
    let api = format!("tasks g --token t0ken --url {} --json", stack.url());
    for line in [api, format!("dlq list --stack-file {}", file.display())] {
        let mut command = goalctl(&line);
        command.envs(PROXIES.map(|name| (name, &elsewhere)));
        let (code, _, err) = ran(command).await;
        assert!(code == Some(0) && err.is_empty(), "{line}: {code:?} {err}");
    }
    std::fs::remove_file(file).unwrap();
}

#[tokio::test]
async fn aws_and_the_api_are_asked_through_the_proxy_that_the_environment_names() {
    for (line, host) in [
        ("dlq list --region eu-west-1", "cloudformation.eu-west-1.amazonaws.com:443"),
        ("tasks g --token t0ken --url https://api.example", "api.example:443"),
    ] {
        for name in ["HTTPS_PROXY", "ALL_PROXY"] {
            let (url, lines) = proxy();
            let mut command = goalctl(line);
            command.env(name, url).env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test");
            let (code, _, err) = ran(command).await;
            assert!(code != Some(0) && !err.is_empty(), "{line}: {err}");
            let asked = lines.recv_timeout(PATIENCE).unwrap();
            assert!(asked.starts_with(&format!("CONNECT {host} ")), "{name}, {line}: {asked:?}, {err}");
        }
    }
}

/// Runs the command line with this output that nobody reads any more.
async fn ran_without_reader(mut command: Command, is_err: bool) -> (Option<i32>, String) {
    let ran = move || {
        let mut child = command.spawn().unwrap();
        match is_err {
            true => drop(child.stderr.take()),
            false => drop(child.stdout.take()),
        }
        let Output { status, stderr, stdout } = child.wait_with_output().unwrap();
        (status.code(), String::from_utf8([stdout, stderr].concat()).unwrap())
    };
    spawn_blocking(ran).await.unwrap()
}

#[tokio::test]
async fn a_reader_that_goes_away_is_no_reason_to_complain() {
    let stack = stack().await;
    let file = stack_file("pipes", &stack.url());
    let (api, file) = (format!("--token t0ken --url {}", stack.url()), file.display().to_string());
    for line in [
        "--help".to_owned(),
        "completions bash".to_owned(),
        format!("tasks g {api}"),
        format!("tasks g {api} --json"),
        format!("dlq list --stack-file {file}"),
    ] {
        let (code, err) = ran_without_reader(goalctl(&line), false).await;
        assert!(matches!(code, Some(0 | 1)) && err.is_empty(), "{line}: {code:?} {err}");
    }
    for line in ["tasks".to_owned(), format!("tasks g --token t --url {}", nobody()), format!("status {ARN} --watch")] {
        let (code, out) = ran_without_reader(goalctl(&line), true).await;
        assert!(matches!(code, Some(1..=5)) && out.is_empty(), "{line}: {code:?} {out}");
    }
    std::fs::remove_file(file).unwrap();
}

fn interrupted(child: Child) -> Output {
    kill(Pid::from_raw(child.id().try_into().unwrap()), Signal::SIGINT).unwrap();
    child.wait_with_output().unwrap()
}

#[tokio::test]
async fn ctrl_c_leaves_the_workflow_and_says_how_to_follow_it() {
    for (line, requests) in [("start g --wait", 2), ("start g --wait --json", 2)] {
        let stack = stack().await;
        let mut command = goalctl(&format!("{line} --token t0ken --url {}", stack.url()));
        let child = command.spawn().unwrap();
        stack.asked(requests).await;
        let Output { status, stdout, stderr } = spawn_blocking(move || interrupted(child)).await.unwrap();
        let err = String::from_utf8(stderr).unwrap();
        assert!(status.code() == Some(130) && stdout.is_empty(), "{line}: {status} {err}");
        assert!(
            err.contains("the workflow goes on") && err.contains(&format!("goalctl status {ARN} --watch")),
            "{err}"
        );
        if line.ends_with("--json") {
            let told: Value = serde_json::from_str(&err).unwrap();
            assert_eq!(told["error"]["executionArn"], ARN, "{err}");
        }
        assert!(!stack.seen().iter().any(|seen| seen.line.contains("cancel")), "{:?}", stack.seen());
    }
}

#[tokio::test]
async fn without_a_terminal_progress_is_plain_lines() {
    let stack = stack().await;
    let mut command = goalctl(&format!("start g --wait --token t0ken --url {}", stack.url()));
    let mut child = command.spawn().unwrap();
    let mut err = child.stderr.take().unwrap();
    stack.asked(3).await;
    let read = move || {
        kill(Pid::from_raw(child.id().try_into().unwrap()), Signal::SIGINT).unwrap();
        child.wait().unwrap();
        let mut said = String::new();
        err.read_to_string(&mut said).unwrap();
        said
    };
    let said = spawn_blocking(read).await.unwrap();
    assert!(said.contains("\n  0/8 actions") && !said.contains('\u{1b}') && !said.contains('\r'), "{said:?}");
}
