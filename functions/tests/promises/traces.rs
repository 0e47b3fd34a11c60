//! One trace covers one workflow.

use std::collections::{BTreeSet, HashMap, HashSet};

use goal_activity_core::ports::Event;
use goal_activity_events::{EventId, ExecutionArn, GoalActivityRequested, SOURCE, Timestamp, Traceparent};
use goal_activity_functions::adapters::memory::{Written, samples};
use goal_activity_functions::runtime::telemetry::{
    self,
    collect::{self, Finished},
};
use goal_activity_testkit::GatewayRequest;
use opentelemetry::trace::{SpanId, SpanKind, Status};
use opentelemetry_sdk::trace::SpanData;
use serde_json::{Value, json};
use tracing::level_filters::LevelFilter;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;

use crate::rig::{Rig, USER, envelope, goal_id, raw_envelope, status_change};

const CALLER: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// A word that occurs only in users' texts and secrets.
const NEEDLE: &str = "needle";

/// Collects the spans and log lines of this thread until it is dropped.
struct Spans {
    finished: Finished,
    lines: Written,
    _until_dropped: DefaultGuard,
}

impl Spans {
    fn collect() -> Self {
        let ((layer, finished), lines) = (collect::layer(), Written::default());
        let filter = telemetry::seeing_spans(Targets::new().with_default(LevelFilter::INFO));
        let written = telemetry::lines(lines.clone()).with_filter(filter);
        let subscriber = tracing_subscriber::registry().with(layer).with(written);
        Self { finished, lines, _until_dropped: tracing::subscriber::set_default(subscriber) }
    }

    /// The lines about a workflow.
    fn lines(&self, arn: &ExecutionArn) -> Vec<Value> {
        let lines: Vec<Value> = self.lines.take().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        lines.into_iter().filter(|line| line["executionArn"] == arn.as_str()).collect()
    }

    fn take(&self) -> Vec<SpanData> {
        self.finished.take()
    }
}

fn traces(spans: &[SpanData]) -> BTreeSet<String> {
    spans.iter().map(|span| span.span_context.trace_id().to_string()).collect()
}

/// Returns the number of spans by name.
fn names(spans: &[SpanData]) -> HashMap<&str, usize> {
    let mut names = HashMap::new();
    for span in spans {
        *names.entry(span.name.as_ref()).or_default() += 1;
    }
    names
}

fn attribute(span: &SpanData, key: &str) -> Option<String> {
    span.attributes.iter().find(|a| a.key.as_str() == key).map(|a| a.value.to_string())
}

fn parent<'a>(spans: &'a [SpanData], span: &SpanData) -> &'a SpanData {
    let parent = spans.iter().find(|other| other.span_context.span_id() == span.parent_span_id);
    parent.unwrap_or_else(|| panic!("the parent of {span:?} is not there"))
}

fn only<'a>(spans: &'a [SpanData], name: &str) -> &'a SpanData {
    let mut found = spans.iter().filter(|span| span.name == name);
    let span = found.next().unwrap_or_else(|| panic!("no {name} in {:?}", names(spans)));
    assert!(found.next().is_none(), "{name} is there more than once");
    span
}

fn request(traceparent: Option<&str>) -> GoalActivityRequested {
    let (event, user) = (EventId::random(), USER.parse().unwrap());
    let request = GoalActivityRequested::new(event, Timestamp::from_millis(0), goal_id("goal-1"), user);
    GoalActivityRequested { traceparent: traceparent.map(|t| t.parse().unwrap()), ..request }
}

#[tokio::test(start_paused = true)]
async fn one_trace_tells_a_workflow_from_the_call_to_its_end() {
    let (rig, spans) = (Rig::with_goal(9), Spans::collect());
    rig.script("a-1-1", "fail-times=1");
    let arn = rig.launched().await;
    rig.run(&arn).await;

    let spans = spans.take();
    let [trace] = traces(&spans).into_iter().collect::<Vec<_>>().try_into().expect("one trace");
    let expected = [
        ("POST /api/goals/{goalId}/start-activity", 1),
        ("process launch", 1),
        ("process batch", 2),
        ("generate_content", 10),
        // One report of each batch, and the end.
        ("process projection", 3),
        ("SaveResults", 1),
    ];
    assert_eq!(names(&spans), HashMap::from(expected));

    let root = only(&spans, "POST /api/goals/{goalId}/start-activity");
    assert_eq!((root.parent_span_id, &root.span_kind), (SpanId::INVALID, &SpanKind::Server));
    for span in spans.iter().filter(|span| span.span_context != root.span_context) {
        let expected = match attribute(span, "messaging.destination.name").as_deref() {
            _ if span.name == "generate_content" => "process batch",
            // A report is a child of its batch.
            Some("projection") if attribute(span, "goal_activity.batch_index").is_some() => "process batch",
            _ => &root.name,
        };
        assert_eq!(parent(&spans, span).name, expected, "{span:?}");
    }
    for span in spans.iter().filter(|span| span.name != "generate_content") {
        assert_eq!(attribute(span, "goal_activity.execution_arn").as_deref(), Some(arn.as_str()), "{span:?}");
    }
    let failed: Vec<_> = spans.iter().filter(|span| span.status != Status::Unset).collect();
    assert_eq!(failed.len(), 1, "the attempt that failed and nothing else");
    assert!(attribute(failed[0], "error.type").is_some());

    let [completed] = rig.completed().try_into().unwrap();
    let told = completed.traceparent.expect("subscribers can join");
    assert_eq!((told.trace_id(), told.span_id()), (&*trace, &*root.span_context.span_id().to_string()));
}

#[tokio::test(start_paused = true)]
async fn messages_that_are_handled_side_by_side_stay_in_their_own_traces() {
    let (rig, spans) = (Rig::default(), Spans::collect());
    for n in 1..=5 {
        rig.add(samples::goal(&format!("goal-{n}"), &format!("user-{n}"), 2));
        assert_eq!(rig.start_as(&format!("user-{n}"), &format!("goal-{n}"), "").await.status, 202);
    }
    rig.deliver_all(&rig.launcher(), &rig.requests()).await;
    let arns: Vec<_> = rig.world.state().started.iter().map(|input| input.execution_arn.clone()).collect();
    assert_eq!(arns.len(), 5);
    let batches = arns.iter().flat_map(|arn| rig.batches(arn));
    let batches: Vec<_> = batches.map(|batch| serde_json::to_string(&batch).unwrap()).collect();
    rig.deliver_all(&rig.worker(), &batches).await;
    let reports = rig.reports();
    let ends: Vec<_> = arns.iter().map(|arn| status_change(arn, "SUCCEEDED")).collect();
    rig.deliver_all(&rig.projector(), &[reports, ends].concat()).await;

    let collected = spans.take();
    assert_eq!(traces(&collected).len(), 5, "{:?}", names(&collected));
    let own = |span: &SpanData| attribute(span, "goal_activity.execution_arn");
    let of = |span: &SpanData| (span.span_context.trace_id().to_string(), own(span).unwrap());
    let of: BTreeSet<_> = collected.iter().filter(|s| own(s).is_some()).map(of).collect();
    assert_eq!(of.len(), 5, "each workflow has one trace, and each trace one workflow: {of:?}");
    let said = spans.lines.take();
    for (trace, arn) in &of {
        let lines = said.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let mut lines = lines.filter(|line| line["executionArn"] == **arn).filter(|line| line["traceId"].is_string());
        assert!(lines.all(|line| line["traceId"] == **trace), "{arn}");
    }
}

#[tokio::test(start_paused = true)]
async fn every_log_line_of_a_workflow_that_is_written_in_a_span_tells_its_trace() {
    let (rig, spans) = (Rig::with_goal(9), Spans::collect());
    rig.script("a-1-1", "fail-times=1");
    let arn = rig.launched().await;
    rig.run(&arn).await;
    rig.project(&status_change(&arn, "SUCCEEDED")).await.unwrap();

    let [trace] = traces(&spans.take()).into_iter().collect::<Vec<_>>().try_into().expect("one trace");
    let lines = spans.lines(&arn);
    let said: HashSet<_> = lines.iter().map(|line| line["message"].as_str().unwrap()).collect();
    for expected in [
        "workflow accepted",
        "launched",
        "batch begun",
        "attempt of the AI failed",
        "action saved",
        "batch answered",
        "batch finished",
        "ledger sealed",
        "workflow ended",
        "end published",
        "workflow archived",
    ] {
        assert!(said.contains(expected), "no {expected} in {said:?}");
    }
    // The start is recorded without a span, by a function that has only an ARN.
    for line in lines.iter().filter(|line| line["message"] != "workflow runs") {
        assert_eq!(line["traceId"], *trace, "{line}");
        assert_eq!(line.get("span").or(line.get("spans")), None, "{line}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_log_line_of_no_trace_tells_none() {
    let lines = Written::default();
    // As a function without tracing writes them.
    let filter = telemetry::seeing_spans(Targets::new().with_default(LevelFilter::INFO));
    let written = telemetry::lines(lines.clone()).with_filter(filter);
    let _until_dropped = tracing::subscriber::set_default(tracing_subscriber::registry().with(written));
    let rig = Rig::with_goal(1);
    let arn = rig.launched().await;
    rig.run(&arn).await;
    rig.project(&status_change(&arn, "SUCCEEDED")).await.unwrap();
    let lines = lines.take();
    assert!(lines.contains("workflow ended") && !lines.contains("traceId"), "{lines}");
    let about_the_workflow = [
        "workflow accepted",
        "launched",
        "batch begun",
        "action saved",
        "workflow ended",
        "end published",
        "workflow archived",
    ];
    for line in lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()) {
        let message = line["message"].as_str().unwrap();
        if about_the_workflow.contains(&message) {
            assert_eq!((&line["executionArn"], &line["goalId"]), (&json!(arn), &json!("goal-1")), "{line}");
        }
        let is_of_batch = message.starts_with("action ") || message.starts_with("batch ");
        assert_eq!(line.get("batchIndex").is_some(), is_of_batch, "{line}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_delivered_again_or_repaired_stays_in_the_trace() {
    let (rig, spans) = (Rig::with_goal(8), Spans::collect());
    let answer = rig.start().await;
    // Announced again, because the event was lost, and delivered twice.
    rig.wait(60);
    rig.reconcile().await;
    rig.deliver_requests().await;
    rig.deliver_requests().await;
    let arn = answer.arn();
    let [batch] = rig.batches(&arn).try_into().unwrap();
    rig.work(&batch).await.unwrap();
    rig.work(&batch).await.unwrap();
    rig.run(&arn).await;
    rig.project(&status_change(&arn, "SUCCEEDED")).await.unwrap();

    let spans = spans.take();
    assert_eq!(traces(&spans).len(), 1, "{:?}", names(&spans));
    assert_eq!(only(&spans, "reconcile").parent_span_id, spans[0].span_context.span_id());
    assert_eq!(names(&spans)["process batch"], 3);
}

#[tokio::test(start_paused = true)]
async fn a_request_of_another_service_goes_on_with_its_trace() {
    let (rig, spans) = (Rig::with_goal(1), Spans::collect());
    rig.launch(&envelope("planner", &request(Some(CALLER)))).await.unwrap();
    let arn = rig.world.state().started[0].execution_arn.clone();
    rig.run(&arn).await;

    let (spans, caller) = (spans.take(), CALLER.parse::<Traceparent>().unwrap());
    assert_eq!(traces(&spans), BTreeSet::from([caller.trace_id().to_owned()]));
    let launch = only(&spans, "process launch");
    assert_eq!((launch.parent_span_id.to_string().as_str(), launch.parent_span_is_remote), (caller.span_id(), true));
}

#[tokio::test(start_paused = true)]
async fn of_a_workflow_whose_trace_is_not_sampled_no_span_is_recorded_and_the_decision_is_passed_on() {
    let (rig, spans) = (Rig::with_goal(9), Spans::collect());
    rig.script("a-1-1", "fail-times=1");
    let caller = format!("{}00", CALLER.strip_suffix("01").unwrap());
    rig.launch(&envelope("planner", &request(Some(&caller)))).await.unwrap();
    let arn = rig.world.state().started[0].execution_arn.clone();
    rig.run(&arn).await;

    assert_eq!(names(&spans.take()), HashMap::new());
    let [completed] = rig.completed().try_into().unwrap();
    let told = completed.traceparent.expect("subscribers can join");
    assert_eq!((told.trace_id(), told.is_sampled()), (&CALLER[3..35], false));
}

#[tokio::test(start_paused = true)]
async fn what_another_service_calls_a_trace_never_stands_in_the_way_of_its_request() {
    for malformed in [json!("needle"), json!(CALLER.to_uppercase()), json!(7), json!([CALLER]), json!({}), json!(null)]
    {
        let (rig, spans) = (Rig::with_goal(1), Spans::collect());
        let mut detail = json!(request(None));
        detail["traceparent"] = malformed.clone();
        rig.launch(&raw_envelope("planner", "GoalActivityRequested", &detail)).await.unwrap();
        assert_eq!(rig.world.state().started.len(), 1, "{malformed}");
        let arn = rig.world.state().started[0].execution_arn.clone();
        rig.run(&arn).await;
        let spans = spans.take();
        assert_eq!(only(&spans, "process launch").parent_span_id, SpanId::INVALID, "{malformed}");
        assert_eq!(traces(&spans).len(), 1, "{malformed}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_clients_trace_is_linked_and_not_followed() {
    let (rig, spans) = (Rig::with_goal(1), Spans::collect());
    let start = |traceparent: &str| {
        let request = GatewayRequest::new("POST /api/goals/{goalId}/start-activity", USER);
        request.path(json!({ "goalId": "goal-1" })).header("TraceParent", traceparent).into()
    };
    assert_eq!(rig.answer(start(CALLER)).await.status, 202);
    assert_eq!(rig.answer(start(NEEDLE)).await.status, 409, "a malformed header is no reason for a 400");
    let spans = spans.take();
    let links = |span: &SpanData| span.links.iter().map(|l| l.span_context.trace_id().to_string()).collect::<Vec<_>>();
    assert_eq!(links(&spans[0]), [&CALLER[3..35]]);
    assert!(!traces(&spans).contains(&CALLER[3..35]) && links(&spans[1]).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_retry_and_a_repeated_call_are_traces_of_their_own_with_a_link_to_the_first() {
    let (rig, spans) = (Rig::with_goal(2), Spans::collect());
    rig.script("a-1-1", "fail");
    let first = rig.start_with_key(USER, "goal-1", "key-1", "").await.arn();
    rig.deliver_requests().await;
    rig.run(&first).await;
    let workflow = spans.take()[0].span_context.clone();
    rig.start_with_key(USER, "goal-1", "key-1", "").await;
    assert_eq!(rig.retry(&first).await.status, 202);
    for span in spans.take() {
        assert_ne!(span.span_context.trace_id(), workflow.trace_id());
        let links: Vec<_> = span.links.iter().map(|l| l.span_context.trace_id()).collect();
        assert_eq!(links, [workflow.trace_id()], "{}", span.name);
    }
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_workflow_is_traced_in_its_own_trace() {
    let (rig, spans) = (Rig::with_goal(8), Spans::collect());
    let arn = rig.launched().await;
    rig.work(&rig.batches(&arn)[0]).await.unwrap();
    assert_eq!(rig.cancel(&arn, r#"{"reason": "needle"}"#).await.status, 200);
    rig.project(&status_change(&arn, "ABORTED")).await.unwrap();
    let spans = spans.take();
    assert_eq!(traces(&spans).len(), 1);
    assert_eq!(names(&spans)["POST /api/workflows/{executionArn}/cancel"], 1);
}

#[tokio::test(start_paused = true)]
async fn no_text_and_no_token_is_in_a_span() {
    let (rig, spans) = (Rig::with_goal(2), Spans::collect());
    {
        let mut state = rig.world.state();
        let goal = state.goals.get_mut(&goal_id("goal-1")).unwrap();
        for text in [&mut goal.head.title, &mut goal.head.description, &mut goal.head.background] {
            *text = format!("{NEEDLE} {text}");
        }
        for action in &mut goal.actions {
            (action.title, action.description) = (format!("{NEEDLE} title"), format!("{NEEDLE} text"));
        }
    }
    rig.script("a-1-1", "fail");
    let arn = rig.launched().await;
    let mut batch = rig.batches(&arn).remove(0);
    batch.task_token = goal_activity_events::TaskToken::new(NEEDLE);
    rig.work(&batch).await.unwrap();
    rig.run(&arn).await;
    let spans = format!("{:?}", spans.take());
    assert!(spans.contains("process batch") && !spans.contains(NEEDLE), "{spans}");
}

#[tokio::test(start_paused = true)]
async fn without_spans_a_trace_is_handed_on_all_the_same_and_none_is_made_up() {
    for (given, expected) in [(Some(CALLER), Some(CALLER)), (None, None)] {
        let rig = Rig::with_goal(1);
        rig.launch(&envelope("planner", &request(given))).await.unwrap();
        let arn = rig.world.state().started[0].execution_arn.clone();
        rig.run(&arn).await;
        let told = rig.events().into_iter().filter_map(|event| match event {
            Event::Progressed(e) => Some(e.traceparent),
            Event::Completed(e) => Some(e.traceparent),
            _ => None,
        });
        for traceparent in told {
            assert_eq!(traceparent.as_ref().map(Traceparent::as_str), expected);
        }
        assert_eq!(rig.world.state().started[0].traceparent, expected.unwrap_or_default());
    }
    let rig = Rig::with_goal(1);
    rig.start().await;
    let Event::Requested(requested) = rig.events().remove(0) else { panic!("a request comes first") };
    assert_eq!(requested.traceparent, None);
    assert!(envelope(SOURCE, &requested).parse::<serde_json::Value>().unwrap()["detail"].get("traceparent").is_none());
}
