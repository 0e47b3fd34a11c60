//! The tests of the page: alone, in a real browser with its fake API, and with a pipeline on this machine.

use std::path::Path;
use std::process::Command;

use anyhow::Result;
use serde_json::json;

use crate::deploy;
use crate::emulator::free_port;
use crate::local::{Local, RunFolder};
use crate::page;
use crate::process;
use crate::project::Project;
use crate::step;
use crate::tools;

/// Runs all of them.
pub(crate) fn check(project: &Project) -> Result<()> {
    tools::page_packages(project)?;
    let page = project.web();
    for script in ["check", "test", "test:size", "test:browser"] {
        npm(&page, &["run", "--silent", script], &[])?;
    }
    let folder = RunFolder::new(project, "web")?;
    let local = Local::start(project, &folder.path)?;
    let stack_file = folder.path.join("stack.json");
    local.stack.write(&stack_file)?;
    let url = page::serve(project, &local.emulator, &stack_file)?;
    let tested = npm(&page, &["run", "--silent", "test:browser"], &[("WEB_URL", &url)]);
    let tested = tested.and_then(|()| sign_in(project, &local, &folder.path));
    if tested.is_err() {
        eprintln!("the emulator's last words:\n{}", local.emulator.last_words());
    }
    step::quiet();
    tested
}

/// Signing in where an OpenID provider issues the tokens, which the test starts. Last: the stack has no user pool any more.
fn sign_in(project: &Project, local: &Local, folder: &Path) -> Result<()> {
    let port = free_port()?;
    let issuer = format!("http://127.0.0.1:{port}");
    let client = "goal-activity-page";
    let (audience, scope) = ("goal-activity", "goals");
    let settings =
        [("oidcIssuer", issuer.as_str()), ("oidcAudience", audience), ("oidcScopes", scope), ("oidcClientId", client)];
    deploy::change(project, &settings, &local.emulator.endpoint(), folder)?;
    let sign_in = json!({
        "kind": "oidc", "authority": issuer, "clientId": client, "scope": format!("openid {scope}"),
    });
    let url = page::serve_for(project, &local.emulator, &folder.join("stack.json"), &sign_in)?;
    let variables = [("WEB_URL", url.as_str()), ("ISSUER_PORT", &port.to_string())];
    npm(&project.web(), &["run", "--silent", "test:sign-in"], &variables)
}

fn npm(folder: &Path, script: &[&str], variables: &[(&str, &str)]) -> Result<()> {
    process::run(Command::new("npm").args(script).envs(variables.iter().copied()).current_dir(folder))
}
