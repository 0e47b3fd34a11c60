//! The tests of the page: alone, in a real browser with its fake API, and with a pipeline on this machine.

use std::path::Path;
use std::process::Command;

use anyhow::Result;
use goal_activity_local::deploy;
use goal_activity_local::emulator::free_port;
use goal_activity_local::goal_file;
use goal_activity_local::local::{Local, RunFolder};
use goal_activity_local::output;
use goal_activity_local::page;
use goal_activity_local::process;
use goal_activity_local::project::Project;
use goal_activity_local::sample::{Experiment, Language};
use goal_activity_local::step;
use goal_activity_local::tools;
use goal_activity_local::user;
use serde_json::json;

/// Runs all of them.
pub(crate) fn check(project: &Project) -> Result<()> {
    tools::page_packages(project)?;
    let page = project.web();
    for script in ["check", "test", "test:size", "test:browser"] {
        npm(&page, &["run", "--silent", script], &[])?;
    }
    let folder = RunFolder::new(project, "web")?;
    let local = Local::start(project, &folder.path, None)?;
    let stack_file = folder.path.join("stack.json");
    local.stack.write(&stack_file)?;
    let url = page::serve(project, &local.emulator, &stack_file)?;
    let tested = npm(&page, &["run", "--silent", "test:browser"], &[("WEB_URL", &url)]);
    let tested = tested.and_then(|()| from_another_origin(project, &stack_file));
    let tested = tested.and_then(|()| at_user_pool(project, &local, &folder.path));
    let tested = tested.and_then(|()| at_provider(project, &local, &folder.path));
    if tested.is_err() {
        output::aside(&format!("the emulator's last words:\n{}", local.emulator.last_words()));
    }
    step::quiet();
    tested
}

/// An app at another origin that calls the API by the client, with the CORS settings of the template.
fn from_another_origin(project: &Project, stack_file: &Path) -> Result<()> {
    let file = stack_file.to_string_lossy();
    npm(&project.web(), &["run", "--silent", "test:cross-origin"], &[("GOAL_ACTIVITY_STACK", &file)])
}

/// Signing in at the stack's own user pool, on the emulator's pages.
fn at_user_pool(project: &Project, local: &Local, folder: &Path) -> Result<()> {
    let (stack, endpoint, port) = (&local.stack, local.emulator.endpoint(), free_port()?);
    // Without TLS only this name is accepted, as by Cognito.
    let page = format!("http://localhost:{port}");
    deploy::change(project, &[("callbackUrls", &format!("{page}/"))], &endpoint, folder)?;
    // Its issuer is an address of AWS; the emulator describes it at its own.
    let authority = format!("{endpoint}/{}", stack.output("UserPoolId")?);
    let (client, scope) = (stack.output("LoginClientId")?, stack.output("LoginScopes")?);
    // As the stack writes it for the page on AWS (infra/lib/users.ts).
    let logout = format!("{endpoint}/logout?client_id={client}&logout_uri=http%3A%2F%2Flocalhost%3A{port}%2F");
    let sign_in = json!({
        "kind": "oidc", "authority": authority, "clientId": client, "scope": scope, "logoutUrl": logout,
    });
    let file = folder.join("stack.json");
    page::serve_at(port, project, &local.emulator, &file, &sign_in)?;
    // One goal, so that the page shows what only a token that the API accepts gets.
    let owner = user::sign_in(stack, stack.user()?)?;
    local.seed(&[goal_file::goal(Experiment::sample(Language::En)?, "sign-in".parse()?, owner.id)?])?;
    let file = file.to_string_lossy();
    sign_in_test(project, "userPool", &[("WEB_URL", &page), ("GOAL_ACTIVITY_STACK", &file)])
}

/// Signing in where an OpenID provider issues the tokens, which the test starts. Last: the stack has no user pool any more.
fn at_provider(project: &Project, local: &Local, folder: &Path) -> Result<()> {
    let port = free_port()?;
    let issuer = format!("http://127.0.0.1:{port}");
    let client = "goal-activity-page";
    let (audience, scope) = ("goal-activity", "goals");
    let settings =
        [("oidcIssuer", issuer.as_str()), ("oidcAudience", audience), ("oidcScopes", scope), ("oidcClientId", client)];
    deploy::change(project, &settings, &local.emulator.endpoint(), folder)?;
    let sign_in = json!({
        "kind": "oidc", "authority": issuer, "clientId": client, "scope": format!("openid {scope}"),
        // It issues tokens for the API only when it is asked for them.
        "resource": format!("urn:{audience}"),
    });
    let url = page::serve_at(free_port()?, project, &local.emulator, &folder.join("stack.json"), &sign_in)?;
    sign_in_test(project, "provider", &[("WEB_URL", &url), ("ISSUER_PORT", &port.to_string())])
}

fn sign_in_test(project: &Project, of: &str, variables: &[(&str, &str)]) -> Result<()> {
    npm(&project.web(), &["run", "--silent", "test:sign-in", "--", of], variables)
}

fn npm(folder: &Path, script: &[&str], variables: &[(&str, &str)]) -> Result<()> {
    process::run(Command::new("npm").args(script).envs(variables.iter().copied()).current_dir(folder))
}
