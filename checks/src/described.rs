//! Checks that the deployed API conforms to its description: Schemathesis generates requests of all kinds from the
//! description and compares every response with it.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use goal_activity_core::limits::BATCH_SECONDS;
use goal_activity_local::api::Api;
use goal_activity_local::goal_file;
use goal_activity_local::local::Local;
use goal_activity_local::process;
use goal_activity_local::sample::{Experiment, Language};
use goal_activity_local::user;

/// The goal for requests that name one.
const GOAL: &str = "described-goal";
/// The checks. Two are left out, because of the gateway and of cursors: an undeclared method is 404 at an API Gateway,
/// and a cursor that this API did not issue is 400.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,\
                      response_schema_conformance,negative_data_rejection,ignored_auth";

/// Sends the requests, once with any ids and once with those of an existing goal and workflow.
pub(crate) fn check(local: &Local, python: &Path, folder: &Path) -> Result<()> {
    let user = user::sign_in(&local.stack, local.stack.user()?)?;
    let mut chart = Experiment::sample(Language::En)?;
    goal_file::keep_actions(&mut chart, 2);
    let goal = goal_file::goal(chart, GOAL.parse()?, user.id.clone())?;
    local.seed(&[goal])?;
    let api = Api::at(local.stack.api_url()?);
    let execution = api.start(&user.token, &GOAL.parse()?)?;
    let deadline = Instant::now() + Duration::from_secs(BATCH_SECONDS.into());
    while !api.status(&user.token, &execution)?.has_ended() {
        ensure!(Instant::now() < deadline, "{execution} does not end");
        sleep(Duration::from_millis(250));
    }
    let url = local.stack.api_url()?;
    let ids = format!("[parameters]\n\"path.goalId\" = \"{GOAL}\"\n\"path.executionArn\" = \"{execution}\"\n");
    for (name, config) in [("any-ids", ""), ("known-ids", ids.as_str())] {
        let config_file = folder.join(format!("schemathesis-{name}.toml"));
        // In a file: a command line is shown when it fails. If all responses are 401, nothing was compared.
        let always =
            "[warnings]\ndisplay = [\"missing_auth\"]\nfail-on = [\"missing_auth\"]\n\n[headers]\nAuthorization";
        fs::write(&config_file, format!("{always} = \"Bearer {}\"\n\n{config}", user.token.reveal()))?;
        let schemathesis = python.with_file_name("schemathesis");
        process::run(
            Command::new(schemathesis)
                .arg("--config-file")
                .arg(&config_file)
                .args(["run", &format!("{url}/api/openapi.json"), "--url", url])
                .args(["--phases", "coverage,fuzzing", "--checks", CHECKS, "--continue-on-failure"])
                // The same requests each time: the requests of CI are reproducible.
                .args(["--max-examples", "30", "--seed", "1"])
                .current_dir(folder),
        )
        .with_context(|| format!("the API is not as functions/openapi.json describes it (requests with {name})"))?;
    }
    Ok(())
}
