//! Deploys the pipeline to the emulator, with the CDK CLI.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use goal_activity_client::{Credentials, StackFile};

use crate::aws::{self, Aws};
use crate::prerequisites;
use crate::process;
use crate::project::Project;
use crate::stamp::Stamp;
use crate::step::step;
use crate::tools::{self, CDK_BUILD};

/// The bucket where the CDK app expects its assets; its local variant needs no other bootstrapping.
const ASSETS_BUCKET: &str = "goal-activity-assets";

/// The CDK app of the pipeline.
const PIPELINE: &str = "goal-activity";

/// Deploys without a question, a change set and a copy of the functions; `cargo xtask test infra` checks the templates more
/// strictly.
const DEPLOY_ALL: [&str; 7] =
    ["--all", "--require-approval", "never", "--method", "direct", "--no-validation", "--no-staging"];

/// Deploys the built functions to the emulator at `endpoint`.
pub fn deploy(project: &Project, endpoint: &str, folder: &Path) -> Result<StackFile> {
    let _lock = project.lock()?;
    let assembly = assembly(project)?;
    step("deployed with the CDK CLI", || {
        Aws::at(endpoint).create_bucket(ASSETS_BUCKET)?;
        let outputs = folder.join("outputs.json");
        let mut cdk = cdk(project);
        cdk.args(["deploy", "--all", "--require-approval", "never", "--method", "direct", "--app"]).arg(&assembly);
        cdk.arg("--outputs-file").arg(&outputs).env("AWS_ENDPOINT_URL", endpoint);
        process::quietly(&mut cdk)?;
        described(endpoint, read_outputs(&outputs)?)
    })
}

/// Describes a deployed stack, with the user that is created for it.
fn described(endpoint: &str, outputs: BTreeMap<String, String>) -> Result<StackFile> {
    let user = Credentials { username: "demo@example.com".to_owned(), password: "Demo-password-1".into() };
    Ok(StackFile::new(endpoint, outputs, user)?)
}

/// Deploys the example of that name in `infra/examples` beside the pipeline, with this context. Returns its outputs.
pub fn deploy_example(
    project: &Project,
    name: &str,
    context: &[(&str, &str)],
    endpoint: &str,
    folder: &Path,
) -> Result<BTreeMap<String, String>> {
    // Its own packages, and the constructs as another team installs them; an example without any is part of our own app.
    let home = project.infra().join("examples").join(name);
    let (home, app) = if home.join("package.json").exists() {
        tools::example_app(project, name, &home)?;
        (home, "node_modules/.bin/tsc && node build/main.js".to_owned())
    } else {
        tools::cdk_app(project)?;
        (project.infra(), format!("node {CDK_BUILD}/examples/{name}/main.js"))
    };
    step(&format!("{name} deployed with the CDK CLI"), || {
        let outputs = folder.join(format!("{name}.json"));
        let mut cdk = cdk(project);
        cdk.current_dir(&home);
        cdk.args(["deploy", "--all", "--require-approval", "never", "--method", "direct", "--no-validation"]);
        cdk.args(["-c", "local=true", "--app", &app]);
        for (name, value) in context {
            cdk.arg("-c").arg(format!("{name}={value}"));
        }
        cdk.arg("--output").arg(folder.join(format!("{name}.out"))).arg("--outputs-file").arg(&outputs);
        process::quietly(cdk.env("AWS_ENDPOINT_URL", endpoint))?;
        read_outputs(&outputs)
    })
}

/// Deploys the pipeline once more, as a stack of that name beside the existing one. Its functions are called through aliases.
pub fn beside(project: &Project, name: &str, endpoint: &str, folder: &Path) -> Result<StackFile> {
    step(&format!("{name} deployed beside it with the CDK CLI"), || {
        let outputs = folder.join(format!("{name}.json"));
        let settings = [("stackName", name), ("deployment", "all-at-once")];
        let mut cdk = deployment(project, PIPELINE, &settings, &folder.join(format!("{name}.out")));
        process::quietly(cdk.arg("--outputs-file").arg(&outputs).env("AWS_ENDPOINT_URL", endpoint))?;
        described(endpoint, read_outputs(&outputs)?)
    })
}

/// Deploys another cell beside the pipeline, as a stack of that name that takes the same tokens.
pub fn cell(project: &Project, name: &str, one: &StackFile, endpoint: &str, folder: &Path) -> Result<StackFile> {
    step(&format!("{name} deployed as a second cell"), || {
        let outputs = folder.join(format!("{name}.json"));
        let (issuer, client) = (one.output("Issuer")?, one.output("UserPoolClientId")?);
        let settings = [("stackName", name), ("oidcIssuer", issuer), ("oidcAudience", client)];
        let mut cdk = deployment(project, PIPELINE, &settings, &folder.join(format!("{name}.out")));
        process::quietly(cdk.arg("--outputs-file").arg(&outputs).env("AWS_ENDPOINT_URL", endpoint))?;
        described(endpoint, read_outputs(&outputs)?)
    })
}

/// Deploys the API in front of the cells: an app of its own.
pub fn front(project: &Project, one: &StackFile, endpoint: &str, folder: &Path) -> Result<StackFile> {
    step("the front of the cells deployed with the CDK CLI", || {
        let outputs = folder.join("front.json");
        let (issuer, client) = (one.output("Issuer")?, one.output("UserPoolClientId")?);
        // A cell that does not answer is given up soon, and a move waits less long for requests on their way.
        let settings = [("oidcIssuer", issuer), ("oidcAudience", client), ("cellTimeoutSeconds", "3")];
        let mut cdk = deployment(project, "cells", &settings, &folder.join("front.out"));
        process::quietly(cdk.arg("--outputs-file").arg(&outputs).env("AWS_ENDPOINT_URL", endpoint))?;
        described(endpoint, read_outputs(&outputs)?)
    })
}

/// Removes the stack of that name.
pub fn destroy(project: &Project, name: &str, endpoint: &str, folder: &Path) -> Result<()> {
    step(&format!("{name} destroyed with the CDK CLI"), || {
        let mut cdk = cdk(project);
        cdk.args(["destroy", "--all", "--force", "--app"]).arg(app(PIPELINE));
        with_settings(&mut cdk, project, &[("stackName", name)]);
        cdk.arg("--output").arg(folder.join(format!("{name}.out")));
        process::quietly(cdk.env("AWS_ENDPOINT_URL", endpoint)).map(drop)
    })
}

/// `cdk deploy` of an app, with the built functions, to the emulator with these settings.
fn deployment(project: &Project, name: &str, settings: &[(&str, &str)], output: &Path) -> Command {
    let mut cdk = cdk(project);
    cdk.arg("deploy").args(DEPLOY_ALL).arg("--app").arg(app(name)).arg("--output").arg(output);
    with_settings(&mut cdk, project, settings);
    cdk
}

/// The compiled CDK app of that name, as the CDK CLI runs it.
fn app(name: &str) -> String {
    format!("node {CDK_BUILD}/bin/{name}.js")
}

fn with_settings(command: &mut Command, project: &Project, settings: &[(&str, &str)]) {
    let functions = project.local_functions();
    let functions = functions.to_string_lossy();
    for (name, value) in [("local", "true"), ("functionsDir", &*functions)].iter().chain(settings) {
        command.arg("-c").arg(format!("{name}={value}"));
    }
}

/// Deploys with the guard of settings (`npm run deploy`): refused where one would change, done when it is named.
pub fn guarded(project: &Project, endpoint: &str, folder: &Path) -> Result<()> {
    step("a setting changed only when it is named", || {
        let deploy = |more: &[&str]| {
            let mut command = program(project, &[CDK_BUILD, "bin", "deploy.js"]);
            with_settings(&mut command, project, &[]);
            command.args(more).args(DEPLOY_ALL).arg("--output").arg(folder.join("guarded.out"));
            command.env("AWS_ENDPOINT_URL", endpoint);
            command.output().context("cannot run the deployment")
        };
        let changed = ["-c", "logLevel=info,hyper=warn"];
        let refused = deploy(&changed)?;
        let words = String::from_utf8_lossy(&refused.stderr).into_owned();
        ensure!(refused.status.code() == Some(2) && words.contains("--change logLevel"), "{words}");
        for more in [[changed.as_slice(), &["--change", "logLevel"]].concat(), changed.to_vec()] {
            let done = deploy(&more)?;
            ensure!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        }
        let created = deploy(&["-c", "stackName=goal-activity-forgotten"])?;
        let words = String::from_utf8_lossy(&created.stderr).into_owned();
        ensure!(created.status.code() == Some(2) && words.contains("To create it: --change new"), "{words}");
        Ok(())
    })
}

/// Puts the programs of an operator into `folder`: the AWS CLI, and an `npm` whose `npm run deploy -- …` deploys to the emulator, with
/// the settings in the variable `DEPLOY_SETTINGS` as well. Returns it.
pub fn programs(project: &Project, python: &Path, endpoint: &str, folder: &Path) -> Result<PathBuf> {
    let bin = folder.join("bin");
    std::fs::create_dir_all(&bin)?;
    std::os::unix::fs::symlink(python, bin.join("python3"))?;
    let quoted = |word: &OsStr| format!("'{}'", word.to_string_lossy().replace('\'', r"'\''"));
    // Version 1 goes to an old name of SQS unless the option says where.
    let aws = quoted(python.with_file_name("aws").as_os_str());
    executable(&bin.join("aws"), &format!("#!/bin/sh\nexec {aws} --endpoint-url {endpoint} \"$@\"\n"))?;
    let mut deploy = program(project, &[CDK_BUILD, "bin", "deploy.js"]);
    with_settings(&mut deploy, project, &[]);
    deploy.env("AWS_ENDPOINT_URL", endpoint);
    let variables = deploy.get_envs().map(|(name, value)| match value {
        Some(value) => format!("export {}={}\n", name.to_string_lossy(), quoted(value)),
        None => format!("unset {}\n", name.to_string_lossy()),
    });
    let variables: String = variables.collect();
    let words: Vec<_> = std::iter::once(deploy.get_program()).chain(deploy.get_args()).map(quoted).collect();
    let output = quoted(folder.join("operator.out").as_os_str());
    let script = format!(
        "#!/bin/sh\n[ \"$1 $2 $3\" = 'run deploy --' ] || exit 64\nshift 3\nunset AWS_SESSION_TOKEN\n{variables}\
         PATH=\"$PATH:{}\"\nfor setting in ${{DEPLOY_SETTINGS:-}}; do set -- \"$@\" -c \"$setting\"; done\n\
         exec {} \"$@\" {} --output {output}\n",
        prerequisites::node_folder().unwrap_or_default().display(),
        words.join(" "),
        DEPLOY_ALL.join(" ")
    );
    executable(&bin.join("npm"), &script)?;
    Ok(bin)
}

fn executable(file: &Path, script: &str) -> Result<()> {
    std::fs::write(file, script)?;
    Ok(std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o755))?)
}

/// Deploys the pipeline again, over the existing one, with other settings.
pub fn change(project: &Project, settings: &[(&str, &str)], endpoint: &str, folder: &Path) -> Result<()> {
    let names: Vec<_> = settings.iter().map(|(name, _)| *name).collect();
    step(&format!("{} changed with the CDK CLI", names.join(", ")), || {
        let mut cdk = deployment(project, PIPELINE, settings, &folder.join("changed.out"));
        process::quietly(cdk.env("AWS_ENDPOINT_URL", endpoint)).map(drop)
    })
}

/// The cloud assembly: synthesized again only when the app, the state machine or a function has changed.
fn assembly(project: &Project) -> Result<PathBuf> {
    let (infra, functions) = (project.infra(), project.local_functions());
    let folder = project.state().join("cdk.out");
    let sources = ["bin", "lib", "cdk.json", "package-lock.json", "tsconfig.json"].map(|f| infra.join(f));
    let asl = project.root.join("statemachine").join("goal-activity.asl.json");
    let sources = sources.into_iter().chain([asl, functions.clone()]).collect::<Vec<_>>();
    // It names files of this checkout, which are not copied; another one may use the same target folder.
    let places = [&functions, &infra].map(|folder| folder.to_string_lossy().into_owned());
    let stamp = Stamp::new(project.state().join("cdk.out.stamp"), &sources, &places.each_ref().map(String::as_str))?;
    if stamp.is_fresh() {
        return Ok(folder);
    }
    step("CDK app synthesized", || {
        stamp.clear();
        // The CLI keeps there what it has ever deployed: 60 MB for each version of a function.
        if folder.exists() {
            std::fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
        }
        let mut cdk = cdk(project);
        // Validation takes as long as the rest; `cargo xtask test infra` checks the templates more strictly. The functions are
        // zipped where they are, not copied.
        cdk.args(["synth", "--quiet", "--no-validation", "--no-staging", "--app"]).arg(app(PIPELINE));
        cdk.arg("--output").arg(&folder);
        cdk.args(["-c", "local=true", "-c"]);
        cdk.arg(format!("functionsDir={}", functions.display()));
        process::quietly(&mut cdk)?;
        stamp.write()
    })?;
    Ok(folder)
}

/// The CDK CLI with invalid credentials: on any error, it cannot reach a real AWS account.
fn cdk(project: &Project) -> Command {
    program(project, &["node_modules", "aws-cdk", "bin", "cdk"])
}

/// A program of `infra`, in the same way.
fn program(project: &Project, path: &[&str]) -> Command {
    let infra = project.infra();
    let mut command = Command::new("node");
    command.arg(path.iter().fold(infra.clone(), |path, name| path.join(name))).current_dir(infra);
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("AWS_") || name.starts_with("CDK_") || process::is_of_proxies(&name) {
            command.env_remove(name.as_ref());
        }
    }
    command.envs([
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_REGION", aws::REGION),
        ("AWS_CONFIG_FILE", "/dev/null"),
        ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("CI", "true"),
        ("CDK_DISABLE_CLI_TELEMETRY", "true"),
    ]);
    command
}

fn read_outputs(file: &Path) -> Result<BTreeMap<String, String>> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let stacks: BTreeMap<String, BTreeMap<String, String>> = serde_json::from_str(&text)?;
    stacks.into_values().next().context("the stack has no outputs")
}
