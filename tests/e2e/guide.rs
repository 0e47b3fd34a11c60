//! The guide for services without CDK (`docs/EVENTS.md`): its JSON as it is written there, but for accounts and names.

use std::time::SystemTime;

use aws_sdk_eventbridge::types::Target;
use aws_sdk_sqs::types::QueueAttributeName;
use goal_activity_events::{GoalActivityRequested, GoalId};
use goal_activity_tests::{Chart, Stack, eventually};
use serde_json::{Value, json};
use uuid::Uuid;

const GUIDE: &str = include_str!("../../docs/EVENTS.md");

/// The blocks of JSON of a section.
fn json_of(section: &str) -> Vec<String> {
    let (_, rest) = GUIDE.split_once(&format!("\n### {section}\n")).expect("a section of the guide");
    let section = rest.split("\n### ").next().unwrap_or(rest);
    let blocks = section.split("```json\n").skip(1);
    blocks.map(|block| block.split("```").next().unwrap_or_default().to_owned()).collect()
}

#[tokio::test]
async fn a_service_without_cdk_is_answered_and_hears_of_its_own_workflows_only() {
    let stack = Stack::open().await;
    let user = stack.user().await;
    let (source, queue) = (format!("com.example.{}", Uuid::new_v4()), format!("answers-{}", Uuid::new_v4()));
    let bus = stack.output("EventBusName");
    let here = |text: &str| {
        let text = text.replace("123456789012", "000000000000").replace("eu-west-1", "us-east-1");
        let text = text.replace("/goal-activity/", &format!("/{bus}/"));
        text.replace("com.example.planner", &source).replace("planner-answers", &queue)
    };
    let [_, pattern, policy] = json_of("Without CDK").try_into().expect("three blocks");

    let (sqs, events) = (stack.sqs(), stack.eventbridge());
    let created = sqs.create_queue().queue_name(&queue).attributes(QueueAttributeName::Policy, here(&policy));
    let url = created.send().await.unwrap().queue_url.unwrap();
    let arn = format!("arn:aws:sqs:us-east-1:000000000000:{queue}");
    let put = events.put_rule().name(&queue).event_bus_name(bus).event_pattern(here(&pattern));
    put.send().await.unwrap();
    let target = Target::builder().id("queue").arn(arn).build().unwrap();
    events.put_targets().rule(&queue).event_bus_name(bus).targets(target).send().await.unwrap();

    // Its own goal, stored as the guide says, and one that its user starts.
    let other = stack.goal(&user, Chart::of(1)).await;
    let goal: GoalId = Uuid::new_v4().to_string().parse().unwrap();
    let [rows] = json_of("What a request reads of the goal").try_into().expect("one block");
    let rows = rows.replace("learn-piano", goal.as_str()).replace("8c1f7f0a-user", user.id.as_str());
    stack.put_goal_rows(&serde_json::from_str::<Vec<Value>>(&rows).unwrap()).await;
    user.started(&other).await;
    #[allow(clippy::disallowed_methods, reason = "a service knows what time it is")]
    let now = SystemTime::now().into();
    let asked = GoalActivityRequested {
        correlation_id: Some("november".parse().unwrap()),
        ..GoalActivityRequested::new("plan-17".parse().unwrap(), now, goal.clone(), user.id.clone())
    };
    stack.emit(&source, &asked).await;

    let mut heard: Vec<Value> = Vec::new();
    while heard.len() < 2 {
        let message = eventually("an event of its own", || async {
            let received = sqs.receive_message().queue_url(&url).send().await.unwrap().messages.unwrap_or_default();
            received.into_iter().next()
        });
        let message = message.await;
        heard.push(serde_json::from_str(message.body().unwrap()).unwrap());
        sqs.delete_message().queue_url(&url).receipt_handle(message.receipt_handle().unwrap()).send().await.unwrap();
    }
    let request = json!({ "source": source, "eventId": "plan-17" });
    for event in &heard {
        let detail = &event["detail"];
        assert_eq!((&detail["request"], &detail["correlationId"]), (&request, &json!("november")), "{event}");
        assert_eq!(detail["goalId"], goal.as_str(), "{event}");
    }
    let named =
        |name: &str| heard.iter().find(|event| event["detail-type"] == name).unwrap_or_else(|| panic!("{heard:?}"));
    let (accepted, completed) = (named("GoalActivityAccepted"), named("WorkflowCompleted"));
    assert_eq!(accepted["detail"]["totalActions"], 1);
    assert_eq!(accepted["detail"]["executionArn"], completed["detail"]["executionArn"]);
    assert_eq!(completed["detail"]["status"], "SUCCEEDED");
}
