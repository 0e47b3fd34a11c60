//! The deployed EventBridge rules that send events to queues.

use anyhow::Result;
use serde_json::{Value, json};

use crate::aws::{Aws, Service};
use crate::billing::calls::PublishedEvent;
use goal_activity_client::StackFile;

/// A rule that sends matching events to queues.
#[derive(Debug)]
pub(crate) struct Rule {
    bus: String,
    pattern: Value,
    queues: u64,
}

/// The deployed rules.
pub(crate) fn to_queues(aws: &Aws, stack: &StackFile) -> Result<Vec<Rule>> {
    let mut rules = Vec::new();
    for bus in ["default", stack.output("EventBusName")?] {
        let listed = aws.call(Service::EventBridge, "ListRules", &json!({"EventBusName": bus}))?;
        for rule in listed["Rules"].as_array().into_iter().flatten() {
            let Some(pattern) = rule["EventPattern"].as_str() else { continue };
            let of_rule = json!({"Rule": rule["Name"], "EventBusName": bus});
            let targets = aws.call(Service::EventBridge, "ListTargetsByRule", &of_rule)?;
            let targets = targets["Targets"].as_array().into_iter().flatten();
            let queues =
                targets.filter(|t| t["Arn"].as_str().is_some_and(|arn| arn.starts_with("arn:aws:sqs:"))).count();
            rules.push(Rule { bus: bus.to_owned(), pattern: serde_json::from_str(pattern)?, queues: queues as u64 });
        }
    }
    Ok(rules)
}

/// Returns the number of messages for an event.
pub(crate) fn deliveries(rules: &[Rule], published: &PublishedEvent) -> u64 {
    let matching = rules.iter().filter(|r| r.bus == published.bus && matches(&r.pattern, &published.event));
    matching.map(|rule| rule.queues).sum()
}

/// Returns `true` if an event matches a rule's pattern, as far as this project's rules go: lists of exact values,
/// nested.
fn matches(pattern: &Value, event: &Value) -> bool {
    match pattern {
        Value::Object(fields) => fields.iter().all(|(name, inner)| matches(inner, &event[name])),
        Value::Array(values) => values.contains(event),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use goal_activity_testkit::EventBridgeEvent;

    #[test]
    fn a_rule_delivers_what_its_pattern_matches_on_its_bus() {
        let pattern = json!({"detail-type": ["A", "B"], "detail": {"status": ["RUNNING"]}});
        let rules = [Rule { bus: "bus".to_owned(), pattern, queues: 2 }];
        let event = |bus: &str, kind: &str, status: &str| PublishedEvent {
            bus: bus.to_owned(),
            event: EventBridgeEvent::new("test", kind, &json!({"status": status})).into(),
        };
        assert_eq!(deliveries(&rules, &event("bus", "B", "RUNNING")), 2);
        assert_eq!(deliveries(&rules, &event("default", "B", "RUNNING")), 0);
        assert_eq!(deliveries(&rules, &event("bus", "C", "RUNNING")), 0);
        assert_eq!(deliveries(&rules, &event("bus", "A", "FAILED")), 0);
    }
}
