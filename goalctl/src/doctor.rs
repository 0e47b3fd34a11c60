//! `goalctl doctor`: checks a deployed stack, one line for each check.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fmt::Debug;

use anyhow::Result;
use aws_sdk_eventbridge::operation::describe_rule::DescribeRuleError;
use aws_sdk_lambda::types::{LastUpdateStatus, State};
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sqs::types::QueueAttributeName;
use goal_activity_core::operator::WAITING;
use goal_activity_events::publisher::reason;
use serde::Serialize;
use serde_json::Value;

use crate::checks::is_denied;
use crate::cloudwatch::{self, Alarms};
use crate::failure::{DONE, Failure, NO_ACCESS, NOT_DONE};
use crate::operator::Operator;
use crate::program;
use crate::shell::Shell;
use crate::stack::Stack;
use crate::text::{counted, printable};

pub(crate) const ABOUT: &str = "\
Check the deployed stack

Checks that every function is active, was last updated successfully and has the environment variables of the template; that every
event source mapping and rule is enabled, and that a rule has targets; that queues have a redrive policy and that there are no
dead letters; that subscriptions of the alert topic are confirmed; that no alarm is raised; and that launching is not paused. Changes
nothing.

Needs cloudformation:DescribeStacks, ListStackResources, GetTemplate; lambda:GetFunctionConfiguration, GetEventSourceMapping;
events:DescribeRule, ListTargetsByRule; sqs:GetQueueAttributes; sns:ListSubscriptionsByTopic; cloudwatch:DescribeAlarms;
lambda:InvokeFunction on the function ApiFunctionName. A check that is not permitted says so, and counts as not done.";
pub(crate) const AFTER: &str = "\
Examples:
  goalctl doctor --stack goal-activity
  goalctl doctor --json | jq -r '.checks[] | select(.result != \"ok\")'

Exit codes:
  0  everything is as it should be
  1  something is wrong, or a check was not done
  2  nothing was checked";

/// The queues of functions and the dead-letter queues, by the stack's outputs.
const QUEUES: [&str; 3] = ["LaunchQueueUrl", "BatchQueueUrl", "ProjectionQueueUrl"];
const DEAD_LETTERS: [&str; 4] = ["LaunchDlqUrl", "BatchDlqUrl", "ProjectionDlqUrl", "UndeliveredDlqUrl"];

/// What a check has found. Part of the JSON output: names are never changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", tag = "result", content = "detail")]
enum Found {
    Ok(String),
    Wrong(String),
    NotDone(String),
}

/// One check.
#[derive(Debug, Clone, Serialize)]
struct Check {
    what: String,
    #[serde(flatten)]
    found: Found,
}

#[derive(Debug, Serialize)]
struct Report {
    stack: String,
    checks: Vec<Check>,
}

/// A resource of the stack.
#[derive(Debug, Clone)]
struct Resource {
    kind: String,
    logical: String,
    physical: String,
}

/// Runs the checks and returns the exit code.
pub(crate) async fn run(stack: &Stack, json: bool, shell: &mut Shell<'_>) -> Result<u8> {
    let doctor = Doctor::new(stack);
    let checks = doctor.checks().await?;
    let report = Report { stack: stack.label.clone(), checks };
    shell.show(json, &report, Report::text)?;
    let fine = report.checks.iter().all(|check| matches!(check.found, Found::Ok(_)));
    Ok(if fine { DONE } else { NOT_DONE })
}

/// What is wrong with the functions, the event source mappings and the rules, in a sentence; nothing where all is well or unknown.
pub(crate) async fn diagnosis(stack: &Stack) -> Option<String> {
    let checks = Doctor::new(stack).of_resources().await;
    let wrong = checks.into_iter().filter_map(|check| match check.found {
        Found::Wrong(why) => Some(format!("{}: {why}", check.what)),
        Found::Ok(_) | Found::NotDone(_) => None,
    });
    Some(wrong.collect::<Vec<_>>().join("; ")).filter(|all| !all.is_empty())
}

struct Doctor<'a> {
    stack: &'a Stack,
    cloudformation: aws_sdk_cloudformation::Client,
    lambda: aws_sdk_lambda::Client,
    events: aws_sdk_eventbridge::Client,
    sqs: aws_sdk_sqs::Client,
    sns: aws_sdk_sns::Client,
}

impl<'a> Doctor<'a> {
    fn new(stack: &'a Stack) -> Self {
        let sdk = &stack.sdk;
        Self {
            stack,
            cloudformation: aws_sdk_cloudformation::Client::new(sdk),
            lambda: aws_sdk_lambda::Client::new(sdk),
            events: aws_sdk_eventbridge::Client::new(sdk),
            sqs: aws_sdk_sqs::Client::new(sdk),
            sns: aws_sdk_sns::Client::new(sdk),
        }
    }

    async fn of_resources(&self) -> Vec<Check> {
        let mut checks = Vec::new();
        match self.resources().await {
            Err(found) => checks.push(Check { what: "resources of the stack".to_owned(), found }),
            Ok(resources) => {
                let variables = self.variables().await;
                for resource in &resources {
                    let Resource { kind, logical, physical } = resource;
                    match kind.as_str() {
                        "AWS::Lambda::Function" => {
                            checks.push(Check::new("function", logical, self.function(physical).await));
                            let found = self.environment(physical, logical, &variables).await;
                            checks.push(Check::new("variables of", logical, found));
                        }
                        "AWS::Lambda::EventSourceMapping" => {
                            checks.push(Check::new("event source mapping", logical, self.mapping(physical).await));
                        }
                        "AWS::Events::Rule" => checks.push(Check::new("rule", logical, self.rule(physical).await)),
                        _ => {}
                    }
                }
            }
        }
        checks
    }

    async fn checks(&self) -> Result<Vec<Check>> {
        let mut checks = self.of_resources().await;
        for output in QUEUES {
            let url = self.stack.output(output)?;
            checks.push(Check::new("queue", output, self.redrive(url).await));
        }
        for output in DEAD_LETTERS {
            let url = self.stack.output(output)?;
            checks.push(Check::new("dead letters", output, self.dead_letters(url).await));
        }
        let topic = self.stack.output("AlertTopicArn")?;
        checks.push(Check::new("alerts", "AlertTopicArn", self.subscriptions(topic).await));
        checks.push(Check { what: "alarms".to_owned(), found: self.alarms().await });
        checks.push(Check { what: "launching".to_owned(), found: self.launching().await });
        Ok(checks)
    }

    async fn resources(&self) -> Result<Vec<Resource>, Found> {
        let list = self.cloudformation.list_stack_resources().stack_name(&self.stack.name).into_paginator().items();
        let mut pages = list.send();
        let mut resources = Vec::new();
        while let Some(next) = pages.next().await {
            let next = next.map_err(|e| not_done("cloudformation:ListStackResources", &e))?;
            let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
            let (kind, logical) = (text(next.resource_type()), text(next.logical_resource_id()));
            resources.push(Resource { kind, logical, physical: text(next.physical_resource_id()) });
        }
        Ok(resources)
    }

    /// The environment variables that the template gives each function, by its logical id. A value that is only known at
    /// the deployment is `None`.
    async fn variables(&self) -> Result<BTreeMap<String, BTreeMap<String, Option<String>>>, Found> {
        let body = self.stack.template().await.map_err(|e| not_done("cloudformation:GetTemplate", &e))?;
        let template: Value =
            serde_json::from_str(&body).map_err(|e| Found::NotDone(format!("the template is not JSON: {e}")))?;
        let resources = template["Resources"].as_object().into_iter().flatten();
        let variables = resources.filter_map(|(logical, resource)| {
            let variables = resource["Properties"]["Environment"]["Variables"].as_object()?;
            let value = |value: &Value| value.as_str().map(ToOwned::to_owned);
            Some((logical.clone(), variables.iter().map(|(name, v)| (name.clone(), value(v))).collect()))
        });
        Ok(variables.collect())
    }

    async fn function(&self, name: &str) -> Found {
        let get = self.lambda.get_function_configuration().function_name(name).send().await;
        let function = match get {
            Ok(function) => function,
            Err(error) => return absent_or("lambda:GetFunctionConfiguration", &error),
        };
        // Without a state it is an older function, which is active.
        let state = function.state().cloned().unwrap_or(State::Active);
        let update = function.last_update_status().cloned().unwrap_or(LastUpdateStatus::Successful);
        if state != State::Active {
            let why = function.state_reason().unwrap_or("no reason is given");
            return Found::Wrong(format!("it is {}: {why}", state.as_str()));
        }
        if update != LastUpdateStatus::Successful {
            let why = function.last_update_status_reason().unwrap_or("no reason is given");
            return Found::Wrong(format!("its last update is {}: {why}", update.as_str()));
        }
        Found::Ok("active".to_owned())
    }

    async fn environment(
        &self,
        name: &str,
        logical: &str,
        variables: &Result<BTreeMap<String, BTreeMap<String, Option<String>>>, Found>,
    ) -> Found {
        let expected = match variables {
            Ok(variables) => variables.get(logical).cloned().unwrap_or_default(),
            Err(found) => return found.clone(),
        };
        let get = self.lambda.get_function_configuration().function_name(name).send().await;
        let function = match get {
            Ok(function) => function,
            Err(error) => return absent_or("lambda:GetFunctionConfiguration", &error),
        };
        let set = function.environment().and_then(|e| e.variables()).cloned().unwrap_or_default();
        compare(&expected, &set.into_iter().collect())
    }

    async fn mapping(&self, uuid: &str) -> Found {
        match self.lambda.get_event_source_mapping().uuid(uuid).send().await {
            Err(error) => absent_or("lambda:GetEventSourceMapping", &error),
            Ok(mapping) => match mapping.state().unwrap_or("in an unknown state") {
                "Enabled" => Found::Ok("enabled".to_owned()),
                other => Found::Wrong(format!("it is {other}: messages stay in their queue; enable it")),
            },
        }
    }

    async fn rule(&self, physical: &str) -> Found {
        // Of a bus that is not the default one: `bus|rule`.
        let (mut bus, rule) = match physical.split_once('|') {
            Some((bus, rule)) => (Some(bus), rule),
            None => (None, physical.rsplit('/').next().unwrap_or(physical)),
        };
        let describe = |bus: Option<&str>| {
            self.events.describe_rule().name(rule).set_event_bus_name(bus.map(ToOwned::to_owned)).send()
        };
        let mut described = describe(bus).await;
        let is_elsewhere = |e: &DescribeRuleError| e.is_resource_not_found_exception();
        if bus.is_none() && described.as_ref().is_err_and(|e| e.as_service_error().is_some_and(is_elsewhere)) {
            // The emulator's ids do not name the bus.
            bus = self.stack.output("EventBusName").ok();
            described = describe(bus).await;
        }
        match described {
            Err(error) => return absent_or("events:DescribeRule", &error),
            Ok(described) if described.state().is_none_or(|state| state.as_str() != "ENABLED") => {
                return Found::Wrong("it is disabled: its events are not delivered; enable it".to_owned());
            }
            Ok(_) => {}
        }
        let targets = self.events.list_targets_by_rule().rule(rule).set_event_bus_name(bus.map(ToOwned::to_owned));
        match targets.send().await {
            Err(error) => absent_or("events:ListTargetsByRule", &error),
            Ok(targets) if targets.targets().is_empty() => {
                Found::Wrong("it has no target: its events go nowhere; deploy again".to_owned())
            }
            Ok(targets) => Found::Ok(format!("enabled, with {}", counted(targets.targets().len(), "target"))),
        }
    }

    async fn attribute(&self, url: &str, name: QueueAttributeName) -> Result<Option<String>, Found> {
        let get = self.sqs.get_queue_attributes().queue_url(url).attribute_names(name.clone()).send().await;
        let answer = get.map_err(|e| absent_or("sqs:GetQueueAttributes", &e))?;
        Ok(answer.attributes().and_then(|attributes| attributes.get(&name)).cloned())
    }

    async fn redrive(&self, url: &str) -> Found {
        match self.attribute(url, QueueAttributeName::RedrivePolicy).await {
            Err(found) => found,
            Ok(None) => Found::Wrong("it has no redrive policy: what fails comes back for ever".to_owned()),
            Ok(Some(_)) => Found::Ok("has a dead-letter queue".to_owned()),
        }
    }

    async fn dead_letters(&self, url: &str) -> Found {
        match self.attribute(url, QueueAttributeName::ApproximateNumberOfMessages).await {
            Err(found) => found,
            Ok(None) => Found::NotDone("SQS does not say how many there are".to_owned()),
            Ok(Some(none)) if none == "0" => Found::Ok("none".to_owned()),
            Ok(Some(some)) => Found::Wrong(format!("{some} (about): see `{} dlq list`", program::name())),
        }
    }

    async fn alarms(&self) -> Found {
        match cloudwatch::alarms(&self.stack.sdk, &self.stack.name).await {
            Ok(alarms) => raised(&alarms),
            Err(error) => failed("cloudwatch:DescribeAlarms", &error),
        }
    }

    /// A pause is in the waiting list, which is read as an operator.
    async fn launching(&self) -> Found {
        let asked = async { Operator::open(self.stack).await?.read(WAITING, vec![("limit", "1".to_owned())]).await };
        match asked.await {
            Ok(list) => launches(&list),
            Err(error) => failed("lambda:InvokeFunction", &error),
        }
    }

    async fn subscriptions(&self, topic: &str) -> Found {
        let list = self.sns.list_subscriptions_by_topic().topic_arn(topic).into_paginator().send();
        let mut pages = list;
        let (mut confirmed, mut pending) = (0, Vec::new());
        while let Some(page) = pages.next().await {
            let page = match page {
                Ok(page) => page,
                Err(error) => return absent_or("sns:ListSubscriptionsByTopic", &error),
            };
            for subscription in page.subscriptions() {
                match subscription.subscription_arn() {
                    Some(arn) if arn.starts_with("arn:") => confirmed += 1,
                    _ => pending.push(subscription.protocol().unwrap_or("unknown").to_owned()),
                }
            }
        }
        if !pending.is_empty() {
            return Found::Wrong(format!("not confirmed yet: {}", pending.join(", ")));
        }
        match confirmed {
            0 => {
                let advice = "set `alertEmail` and deploy, or subscribe to the topic";
                Found::Wrong(format!("no subscription: alarms and notices reach no operator; {advice}"))
            }
            some => Found::Ok(format!("{} confirmed", counted(some, "subscription"))),
        }
    }
}

/// What the alarms of a stack say.
fn raised(alarms: &Alarms) -> Found {
    match (alarms.all, alarms.raised.as_slice()) {
        (0, _) => Found::Wrong("there is none: nothing tells the operators of a problem; deploy again".to_owned()),
        (all, []) => Found::Ok(format!("none of {} is raised", counted(all, "alarm"))),
        (_, names) => Found::Wrong(format!("raised: {}; docs/OPERATIONS.md says what to do", names.join(", "))),
    }
}

/// Compares the variables of a function with the template's. Values are never shown: one may be a secret.
fn compare(expected: &BTreeMap<String, Option<String>>, set: &BTreeMap<String, String>) -> Found {
    let names = |names: BTreeSet<&String>| names.into_iter().cloned().collect::<Vec<_>>().join(", ");
    let missing: BTreeSet<_> = expected.keys().filter(|name| !set.contains_key(*name)).collect();
    let added: BTreeSet<_> = set.keys().filter(|name| !expected.contains_key(*name)).collect();
    let changed = expected.iter().filter(|(name, value)| match (value, set.get(*name)) {
        (Some(expected), Some(set)) => expected != set,
        _ => false,
    });
    let changed: BTreeSet<_> = changed.map(|(name, _)| name).collect();
    let wrong = [("missing", missing), ("not in the template", added), ("another value than the template's", changed)];
    let wrong = wrong.into_iter().filter(|(_, all)| !all.is_empty());
    let wrong: Vec<_> = wrong.map(|(what, all)| format!("{what}: {}", names(all))).collect();
    if wrong.is_empty() {
        Found::Ok(format!("{} as in the template", counted(expected.len(), "variable")))
    } else {
        Found::Wrong(format!("{}; deploy again", wrong.join("; ")))
    }
}

/// A check that AWS did not let be done, or did not answer.
fn not_done<E, R>(permission: &str, error: &SdkError<E, R>) -> Found
where
    E: Error + ProvideErrorMetadata + 'static,
    R: Debug + 'static,
{
    let why = if is_denied(error) { format!("not permitted: it needs {permission}") } else { reason(error) };
    Found::NotDone(why)
}

/// The same, where it is wrong if AWS says that there is no such thing.
fn absent_or<E, R>(permission: &str, error: &SdkError<E, R>) -> Found
where
    E: Error + ProvideErrorMetadata + 'static,
    R: Debug + 'static,
{
    let absent = ["NotFound", "NonExistent", "DoesNotExist"];
    if error.code().is_some_and(|code| absent.iter().any(|absent| code.contains(absent))) {
        return Found::Wrong(format!("it is not there: {}", reason(error)));
    }
    not_done(permission, error)
}

impl Check {
    fn new(what: &str, name: &str, found: Found) -> Self {
        Self { what: format!("{what} {name}"), found }
    }
}

impl Report {
    fn text(&self) -> String {
        let mut text = format!("Checks of {}\n\n", self.stack);
        let (mut wrong, mut not_done) = (0, 0);
        for Check { what, found } in &self.checks {
            let (word, detail) = match found {
                Found::Ok(detail) => ("ok", detail),
                Found::Wrong(detail) => {
                    wrong += 1;
                    ("WRONG", detail)
                }
                Found::NotDone(detail) => {
                    not_done += 1;
                    ("NOT DONE", detail)
                }
            };
            text.push_str(&printable(&format!("{word:<8}  {what}: {detail}")));
            text.push('\n');
        }
        let all = counted(self.checks.len(), "check");
        text + &format!("\n{all}: {wrong} wrong, {not_done} not done.\n")
    }
}

/// A check that was not done, because a call failed that needs this permission.
fn failed(permission: &str, error: &anyhow::Error) -> Found {
    match Failure::of(error) {
        Failure { exit: NO_ACCESS, .. } => Found::NotDone(format!("not permitted: it needs {permission}")),
        Failure { title, detail, .. } => Found::NotDone(format!("{title}: {}", detail.unwrap_or_default())),
    }
}

/// Whether launching is paused, by the answer with the waiting list.
fn launches(list: &Value) -> Found {
    let text = |name: &str| list["paused"][name].as_str().unwrap_or_default();
    if list["paused"].is_null() {
        return Found::Ok("workflows are launched".to_owned());
    }
    let (since, reason, program) = (text("since"), text("reason"), program::name());
    Found::Wrong(format!("paused since {since}: {reason}; `{program} resume` ends it"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_compared_by_name_and_where_it_is_known_by_value() {
        let expected = [("A", Some("1")), ("B", None), ("C", Some("3"))];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.map(ToOwned::to_owned))).into();
        let set = |all: &[(&str, &str)]| all.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        let same = compare(&expected, &set(&[("A", "1"), ("B", "anything"), ("C", "3")]));
        assert_eq!(same, Found::Ok("3 variables as in the template".to_owned()));
        let other = compare(&expected, &set(&[("A", "s3cr3t"), ("B", "x"), ("D", "s3cr3t")]));
        let said = "missing: C; not in the template: D; another value than the template's: A; deploy again";
        assert_eq!(other, Found::Wrong(said.to_owned()));
    }

    #[test]
    fn a_raised_alarm_is_named() {
        let raised =
            |all, names: &[&str]| raised(&Alarms { all, raised: names.iter().map(ToString::to_string).collect() });
        assert_eq!(raised(39, &[]), Found::Ok("none of 39 alarms is raised".to_owned()));
        let Found::Wrong(said) = raised(39, &["s-FailureRate", "s-Slow"]) else { panic!("it is raised") };
        assert!(said.contains("s-FailureRate, s-Slow"), "{said}");
        assert!(matches!(raised(0, &[]), Found::Wrong(_)), "a stack has some");
    }

    #[test]
    fn a_report_has_a_line_for_each_check() {
        let found =
            [Found::Ok("active".to_owned()), Found::Wrong("a\u{1b}".to_owned()), Found::NotDone("b".to_owned())];
        let checks = found.map(|found| Check::new("function", "Api", found)).to_vec();
        let report = Report { stack: "stack S".to_owned(), checks };
        let expected = "Checks of stack S\n\nok        function Api: active\nWRONG     function Api: a\u{fffd}\nNOT DONE  function \
                        Api: b\n\n3 checks: 1 wrong, 1 not done.\n";
        assert_eq!(report.text(), expected);
    }

    #[test]
    fn a_pause_that_was_forgotten_is_found() {
        let paused = serde_json::json!({ "paused": { "since": "2026-11-30T05:00:00.000Z", "reason": "ticket 17" } });
        let Found::Wrong(words) = launches(&paused) else { panic!("{paused}") };
        assert_eq!(words, "paused since 2026-11-30T05:00:00.000Z: ticket 17; `goalctl resume` ends it");
        assert!(matches!(launches(&serde_json::json!({ "waiting": [] })), Found::Ok(_)));
    }
}
