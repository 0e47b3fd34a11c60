//! `goalctl preflight`: what an account must have before the pipeline is deployed to it, one line for each check.

use anyhow::Result;
use aws_config::SdkConfig;
use clap::Args;
use goal_activity_events::publisher::reason;
use serde::Serialize;
use serde_json::{Value, json};

use crate::checks::{Line, Outcome, refused};
use crate::failure::{DONE, Failure, NOT_DONE};
use crate::http::encode;
use crate::shell::Shell;
use crate::signed::Operation;
use crate::stack::Stack;

pub(crate) const ABOUT: &str = "\
Check an AWS account before the pipeline is deployed to it

Checks the credentials and the region, the CDK bootstrap, Lambda's concurrency against what the settings ask for, and with
--bedrock-model that the account may use the model in that region. Needs no stack and changes nothing.

Needs sts:GetCallerIdentity (always allowed), ssm:GetParameter on /cdk-bootstrap/<qualifier>/version, lambda:GetAccountSettings, and
with --bedrock-model bedrock:GetFoundationModelAvailability. A check that is not permitted says so.";
pub(crate) const AFTER: &str = "\
Examples:
  goalctl preflight --region eu-west-1
  goalctl preflight --profile ops --concurrent-batches 200 --bedrock-model eu.anthropic.claude-haiku-4-5-20251001-v1:0

Exit codes:
  0  nothing stands in the way (a warning may say what will be slow)
  1  a check has failed, or was not permitted or not answered
  2  nothing was checked; 5 if AWS does not answer, or not to these credentials";

/// The oldest bootstrap that the app's stack accepts (its rule `CheckBootstrapVersion`).
const BOOTSTRAP: u32 = 6;
/// The default of `concurrentBatches`, in `infra/lib/settings.ts`.
const BATCHES: u32 = 64;
/// What the five functions beside the worker need at the same time, at the least.
const OTHERS: u32 = 10;
/// What Lambda leaves unreserved in an account (Lambda developer guide, "Configuring reserved concurrency").
const UNRESERVED: u32 = 100;
/// The geographies of Bedrock's inference profiles, with which their ids begin.
const GEOGRAPHIES: [&str; 9] = ["us", "us-gov", "eu", "apac", "jp", "au", "ca", "sa", "global"];

/// The names of checks.
const CONCURRENCY: &str = "concurrency";
const BEDROCK: &str = "Bedrock";

const QUOTA: &str = "raise Lambda's quota \"Concurrent executions\" (Service Quotas, L-B99A9384)";

const GET_PARAMETER: Operation = Operation {
    what: "read the version of the CDK bootstrap",
    host: "ssm",
    service: "ssm",
    name: "GetParameter",
    target: Some(("AmazonSSM", "1.1")),
};

const MODEL_AVAILABILITY: Operation = Operation {
    what: "ask Bedrock for the access to the model",
    host: "bedrock",
    service: "bedrock",
    name: "GetFoundationModelAvailability",
    target: None,
};

/// What is going to be deployed.
#[derive(Debug, Clone, Args)]
pub(crate) struct Preflight {
    /// The setting concurrentBatches of the deployment
    #[arg(long, value_name = "N", default_value_t = BATCHES, value_parser = clap::value_parser!(u32).range(2..=20_000))]
    concurrent_batches: u32,
    /// Its settings apiConcurrency and projectorConcurrency together
    #[arg(long, value_name = "N", default_value_t = 0)]
    reserved_concurrency: u32,
    /// Its setting bedrockModel, if it has one: the id of a model or of one of Bedrock's own inference profiles
    #[arg(long, value_name = "ID")]
    bedrock_model: Option<String>,
    /// The qualifier of the CDK bootstrap, if it is not CDK's own
    #[arg(long, value_name = "NAME", default_value = "hnb659fds")]
    qualifier: String,
}

/// What the checks have found. Part of the JSON output: names are never changed.
#[derive(Debug, Serialize)]
struct Report {
    checks: Vec<Line>,
}

/// Runs the checks and returns the exit code.
pub(crate) async fn run(args: Preflight, sdk: &SdkConfig, json: bool, shell: &mut Shell<'_>) -> Result<u8> {
    let mut checks = vec![Ok(identity(sdk).await?), bootstrap(sdk, &args.qualifier).await];
    checks.push(concurrency(sdk, args.concurrent_batches, args.reserved_concurrency).await);
    checks.push(match &args.bedrock_model {
        Some(model) => bedrock(sdk, model).await,
        None => Ok(Line::new(BEDROCK, Outcome::NotDone, "no model is named: --bedrock-model, for generator=bedrock")),
    });
    checks.push(Ok(other_quotas()));
    // What is not known must not look like what is fine.
    let is_unknown = checks.iter().any(Result::is_err);
    let report = Report { checks: checks.into_iter().map(either).collect() };
    shell.show(json, &report, |report| report.checks.iter().map(Line::text).collect())?;
    let has_failed = report.checks.iter().any(|check| check.result == Outcome::Failed);
    Ok(if has_failed || is_unknown { NOT_DONE } else { DONE })
}

/// What a check has found, or why it could not be done.
type Checked = Result<Line, Line>;

fn either(checked: Checked) -> Line {
    checked.unwrap_or_else(|line| line)
}

/// The checks that matter for a stack that is deployed.
pub(crate) async fn deployed(stack: &Stack, settings: &Value) -> Result<Vec<Line>> {
    let identity = identity(&stack.sdk).await?;
    let batches = match (settings, &settings["concurrentBatches"]) {
        (Value::Object(_), Value::Null) => Some(BATCHES),
        (_, batches) => batches.as_str().and_then(|batches| batches.parse().ok()),
    };
    // What is reserved is not among what is unreserved any more.
    let concurrency = match batches {
        Some(batches) => either(concurrency(&stack.sdk, batches, 0).await),
        None => Line::new(CONCURRENCY, Outcome::NotDone, "the stack's template does not say concurrentBatches"),
    };
    Ok(vec![identity, concurrency])
}

/// Who asks. Without an answer nothing else can be checked.
async fn identity(sdk: &SdkConfig) -> Result<Line> {
    let identity = aws_sdk_sts::Client::new(sdk).get_caller_identity().send().await;
    let identity = identity.map_err(|error| Failure {
        advice: Some("sign in, for example with `aws sso login`; choose with --profile and --region".to_owned()),
        ..Failure::unavailable("AWS does not accept these credentials", reason(&error))
    })?;
    let (account, arn) = (identity.account().unwrap_or_default(), identity.arn().unwrap_or_default());
    let region = sdk.region().map(ToString::to_string).unwrap_or_default();
    Ok(Line::ok("credentials", format!("account {account} in {region}, as {arn}")))
}

async fn bootstrap(sdk: &SdkConfig, qualifier: &str) -> Checked {
    const WHAT: &str = "CDK bootstrap";
    const TO_DO: &str = "run `npx --prefix infra cdk bootstrap aws://<account>/<region>`, once per account and region";
    if let Some(line) = not_on_emulator(sdk, WHAT) {
        return Ok(line);
    }
    let name = format!("/cdk-bootstrap/{qualifier}/version");
    let failed = |detail| Line::new(WHAT, Outcome::Failed, detail).advising(TO_DO);
    match GET_PARAMETER.call(sdk, &json!({ "Name": name })).await {
        Ok(answer) => match answer["Parameter"]["Value"].as_str().and_then(|version| version.parse::<u32>().ok()) {
            Some(version) if version >= BOOTSTRAP => Ok(Line::ok(WHAT, format!("version {version}"))),
            Some(version) => Ok(failed(format!("version {version} is older than {BOOTSTRAP}, which the stack needs"))),
            None => Ok(failed(format!("{name} is not a number"))),
        },
        Err(error) => match Failure::of(&error) {
            Failure { code: Some(code), .. } if code == "ParameterNotFound" => {
                let absent = format!("this account is not bootstrapped in this region: there is no parameter {name}");
                Ok(failed(absent).advising(format!("{TO_DO}; with another qualifier say --qualifier")))
            }
            failure => Err(not_found_out(WHAT, failure)),
        },
    }
}

async fn concurrency(sdk: &SdkConfig, batches: u32, reserved: u32) -> Checked {
    let answer = aws_sdk_lambda::Client::new(sdk).get_account_settings().send().await;
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => {
            let failure = refused("read Lambda's account settings", "lambda:GetAccountSettings", &error);
            return Err(not_found_out(CONCURRENCY, failure));
        }
    };
    let limit = answer.account_limit();
    let number = |number: i32| u32::try_from(number).unwrap_or_default();
    let total = limit.map_or(0, |limit| number(limit.concurrent_executions()));
    let unreserved = limit.and_then(|limit| limit.unreserved_concurrent_executions()).map_or(total, number);
    Ok(enough(total, unreserved, batches, reserved))
}

/// Compares what the account has with what the worker and the other functions use.
fn enough(total: u32, unreserved: u32, batches: u32, reserved: u32) -> Line {
    if reserved > 0 && unreserved < reserved.saturating_add(UNRESERVED) {
        let detail = format!(
            "{reserved} of {unreserved} unreserved ones are to be reserved, and Lambda leaves {UNRESERVED} unreserved: the \
             deployment would fail"
        );
        return Line::new(CONCURRENCY, Outcome::Failed, detail)
            .advising(format!("{QUOTA}, or leave out apiConcurrency and projectorConcurrency"));
    }
    let left = unreserved - reserved;
    let detail = format!("{left} of the account's {total} are unreserved; the worker uses up to {batches}");
    if left >= batches.saturating_add(OTHERS) {
        return Line::ok(CONCURRENCY, detail);
    }
    let fits = left.saturating_sub(OTHERS).max(2);
    let to_do = format!("{QUOTA}, or deploy with -c concurrentBatches={fits}");
    if left < batches {
        let detail = format!("{detail}: the rest is throttled, and what waits for 300 s ends as NOT_PROCESSED");
        return Line::new(CONCURRENCY, Outcome::Failed, detail).advising(to_do);
    }
    let detail = format!("{detail}, which leaves less than {OTHERS} for the other functions and everything else");
    Line::new(CONCURRENCY, Outcome::Warning, detail).advising(to_do)
}

async fn bedrock(sdk: &SdkConfig, model: &str) -> Checked {
    if let Some(line) = not_on_emulator(sdk, BEDROCK) {
        return Ok(line);
    }
    let id = foundation_model(model);
    match MODEL_AVAILABILITY.get(sdk, &format!("/foundation-model-availability/{}", encode(id))).await {
        Ok(answer) => Ok(access(id, &answer)),
        Err(error) => Err(not_found_out(BEDROCK, Failure::of(&error)).advising(format!(
            "look for {id} in the Bedrock console of the region; after the deployment `goalctl ai check` tries it"
        ))),
    }
}

/// The model behind an id: a profile's has a geography in front.
fn foundation_model(id: &str) -> &str {
    let id = id.rsplit('/').next().unwrap_or(id);
    match id.split_once('.') {
        Some((geography, model)) if GEOGRAPHIES.contains(&geography) => model,
        _ => id,
    }
}

/// What Bedrock says of a model (API reference, `GetFoundationModelAvailability`).
fn access(id: &str, answer: &Value) -> Line {
    let conditions = [
        (
            &answer["regionAvailability"],
            "AVAILABLE",
            "is not available in this region",
            "choose another region or model",
        ),
        (
            &answer["entitlementAvailability"],
            "AVAILABLE",
            "is not enabled for this account",
            "ask for access in the Bedrock console, \"Model access\"",
        ),
        (
            &answer["agreementAvailability"]["status"],
            "AVAILABLE",
            "has an agreement that is not accepted",
            "accept it in the Bedrock console, \"Model access\"",
        ),
        (
            &answer["authorizationStatus"],
            "AUTHORIZED",
            "is not authorized for this account",
            "ask for access in the Bedrock console, \"Model access\"",
        ),
    ];
    match conditions.into_iter().find(|(value, good, _, _)| *value != good) {
        None => {
            Line::ok(BEDROCK, format!("the account may use {id}; its quotas are in Service Quotas, Amazon Bedrock"))
        }
        Some((value, _, what, to_do)) => {
            let value = value.as_str().unwrap_or("no answer");
            Line::new(BEDROCK, Outcome::Failed, format!("{id} {what} ({value})")).advising(to_do)
        }
    }
}

/// Where to look for what is not read.
fn other_quotas() -> Line {
    let detail =
        "not read: a new account has fewer state transitions (Step Functions) and model tokens (Bedrock) than others";
    Line::new("other quotas", Outcome::NotDone, detail)
        .advising("compare docs/SCALING.md, \"Quotas\", with Service Quotas")
}

fn not_found_out(what: &str, failure: Failure) -> Line {
    Line { result: Outcome::NotDone, ..Line::failed(what, failure) }
}

fn not_on_emulator(sdk: &SdkConfig, what: &str) -> Option<Line> {
    sdk.endpoint_url()?;
    Some(Line::new(what, Outcome::NotDone, "this is an emulator, which has none"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Environment;
    use crate::failure::UNAVAILABLE;
    use crate::testing::ran_on;
    use goal_activity_testkit::stub::{Reply, Response, Seen, Stub};

    #[test]
    fn the_concurrency_of_a_new_account_is_too_small_for_the_default() {
        assert_eq!(enough(1000, 1000, 64, 0).result, Outcome::Ok);
        let small = enough(10, 10, 64, 0);
        assert_eq!(small.result, Outcome::Failed);
        assert!(small.text().contains("NOT_PROCESSED") && small.text().contains("concurrentBatches=2"), "{small:?}");
        let close = enough(70, 70, 64, 0);
        assert_eq!(close.result, Outcome::Warning);
        assert!(close.text().contains("L-B99A9384"), "{close:?}");
        assert_eq!(enough(1000, 1000, 64, u32::MAX).result, Outcome::Failed);
        let reserved = enough(1000, 150, 10, 60);
        assert!(reserved.result == Outcome::Failed && reserved.text().contains("would fail"), "{reserved:?}");
        assert_eq!(enough(1000, 1000, 64, 60).result, Outcome::Ok);
    }

    #[test]
    fn a_profile_is_asked_for_by_its_model() {
        for (id, model) in [
            ("eu.anthropic.claude-haiku-4-5-20251001-v1:0", "anthropic.claude-haiku-4-5-20251001-v1:0"),
            ("amazon.nova-lite-v1:0", "amazon.nova-lite-v1:0"),
            ("arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0", "amazon.nova-lite-v1:0"),
        ] {
            assert_eq!(foundation_model(id), model);
        }
    }

    #[test]
    fn access_to_a_model_is_missing_for_a_reason() {
        let answer = |region: &str, authorized: &str| {
            json!({ "regionAvailability": region, "authorizationStatus": authorized, "entitlementAvailability": "AVAILABLE",
                "agreementAvailability": { "status": "AVAILABLE" } })
        };
        assert_eq!(access("m", &answer("AVAILABLE", "AUTHORIZED")).result, Outcome::Ok);
        let elsewhere = access("m", &answer("NOT_AVAILABLE", "AUTHORIZED")).text();
        assert!(elsewhere.contains("not available in this region"), "{elsewhere}");
        let asked = access("m", &answer("AVAILABLE", "NOT_AUTHORIZED"));
        assert!(asked.result == Outcome::Failed && asked.text().contains("Model access"), "{asked:?}");
        assert_eq!(access("m", &json!({})).result, Outcome::Failed, "an answer without a word");
    }

    /// STS and Lambda, which answer that.
    async fn account(limit: Response) -> Stub {
        Stub::with(move |seen: &Seen| {
            if seen.line.contains("account-settings") {
                return Reply::Whole(limit.clone());
            }
            let identity = "<GetCallerIdentityResult><Account>123456789012</Account><Arn>arn:aws:iam::123456789012:user/ada</Arn>\
                            </GetCallerIdentityResult>";
            let answer = format!("<GetCallerIdentityResponse>{identity}</GetCallerIdentityResponse>");
            Reply::Whole(Response::new(200, answer).header("content-type", "text/xml"))
        })
        .await
    }

    async fn preflight(name: &str, limit: Response, arguments: &[&str]) -> (u8, String, String) {
        let aws = account(limit).await;
        let arguments = [&["preflight"], arguments].concat();
        ran_on(&format!("preflight-{name}"), (&aws.url(), json!({})), Environment::default(), &arguments).await
    }

    fn limit(number: u32) -> Response {
        let limit = json!({ "ConcurrentExecutions": number, "UnreservedConcurrentExecutions": number });
        Response::new(200, json!({ "AccountLimit": limit }))
    }

    #[tokio::test]
    async fn an_account_is_checked_without_a_stack() {
        let (code, out, err) = preflight("fine", limit(1000), &[]).await;
        assert!(
            code == DONE && out.contains("ok        credentials: account 123456789012 in us-east-1"),
            "{out} {err}"
        );
        assert!(out.contains("not done  CDK bootstrap: this is an emulator"), "{out}");
        let (code, out, _) = preflight("new", limit(10), &["--json"]).await;
        let report: Value = serde_json::from_str(&out).unwrap();
        let concurrency = &report["checks"][2];
        assert_eq!((code, &concurrency["result"]), (NOT_DONE, &json!("failed")), "{report}");
        assert!(concurrency["toDo"].as_str().is_some_and(|to_do| to_do.contains("concurrentBatches=2")), "{report}");
        assert_eq!(preflight("fits", limit(50), &["--concurrent-batches", "40"]).await.0, DONE);
    }

    #[tokio::test]
    async fn a_check_that_is_not_permitted_names_the_permission() {
        let denied = Response::new(403, json!({ "Message": "no" })).header("x-amzn-errortype", "AccessDeniedException");
        let (code, out, _) = preflight("denied", denied, &[]).await;
        assert!(code == NOT_DONE && out.contains("not done  concurrency"), "not known is not fine: {out}");
        assert!(out.contains("allow lambda:GetAccountSettings"), "{out}");
    }

    #[tokio::test]
    async fn nothing_is_checked_without_credentials() {
        let denied =
            Response::new(403, "<ErrorResponse><Error><Code>InvalidClientTokenId</Code></Error></ErrorResponse>");
        let sts = Stub::answering(denied.header("content-type", "text/xml")).await;
        let on = (&*sts.url(), json!({}));
        let (code, out, err) = ran_on("preflight-nobody", on, Environment::default(), &["preflight"]).await;
        assert!(code == UNAVAILABLE && out.is_empty() && err.contains("aws sso login"), "{code} {out} {err}");
    }
}
