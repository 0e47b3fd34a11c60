//! Cases for every adapter that calls over the network, under all network faults.

use std::time::Duration;

use aws_config::{BehaviorVersion, Region};
use aws_sdk_bedrockruntime::config::Credentials;
use aws_sdk_bedrockruntime::config::retry::RetryConfig;
use goal_activity_core::goal::Goal;
use goal_activity_core::limits::AI_CALL;
use goal_activity_core::ports::{GenerateTasks, Generation, GenerationError, GenerationRequest, Tokens};
use goal_activity_events::FailureCode;
use goal_activity_functions::adapters::aws::Connection;
use goal_activity_functions::adapters::generators::{Generator, prompt::Prompt};
use goal_activity_functions::adapters::memory::samples;
use goal_activity_functions::runtime::config::GeneratorKind;
use goal_activity_testkit::stub::{Reply, Response, Stub, nobody};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::contract::{Adapter, Ai, Refusal};
use crate::logs::Logs;

/// A user's text and a secret at once: no part of it may be repeated.
pub(crate) const PRIVATE: &str = "Zeppelin";

/// A provider of AI, by its protocol.
pub(crate) trait Provider {
    /// The settings for a provider at that address.
    fn settings(&self, url: &str) -> GeneratorKind;
    /// Its answer about the action of these tests.
    fn answer(&self, answer: &Value, tokens: Tokens) -> Response;
    /// Its answer when its AI writes no JSON, if the protocol allows that.
    fn text(&self, _text: &str, _tokens: Tokens) -> Option<Response> {
        None
    }
    /// Returns `true` if it reports its token usage.
    fn counts_tokens(&self) -> bool {
        true
    }
    /// Its response when it throttles.
    fn throttled(&self) -> Response;
    /// Its response when it has failed.
    fn broken(&self) -> Response;
    /// Its response when it refuses.
    fn refused(&self, why: Refusal) -> Response;
}

/// The AWS configuration of a function, except that AWS is at that address. The SDK's retries are enabled, as in a
/// function.
pub(crate) async fn aws_at(url: &str) -> Connection {
    let config = aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .endpoint_url(url)
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .retry_config(RetryConfig::standard().with_max_attempts(5).with_initial_backoff(Duration::from_millis(1)));
    config.load().await.into()
}

pub(crate) async fn generator(provider: &impl Provider, stub: &Stub) -> Generator {
    Generator::new(&aws_at(&stub.url()).await, provider.settings(&stub.url()))
}

pub(crate) fn goal() -> Goal {
    samples::goal("goal-1", "user-1", 1)
}

/// The request of these tests: the tasks of the goal's only action.
pub(crate) fn request(goal: &Goal) -> GenerationRequest<'_> {
    GenerationRequest::first(&goal.head, Some(&goal.sub_goals[0]), &goal.actions[0])
}

/// Makes that request.
pub(crate) async fn ask(generator: &impl GenerateTasks) -> Result<Generation, GenerationError> {
    generator.generate(request(&goal())).await
}

/// The prompt of that request.
pub(crate) fn prompt() -> Prompt {
    Prompt::of(&request(&goal()))
}

/// Returns the error for that response of the provider, which must be a failure.
pub(crate) async fn failure(provider: &impl Provider, response: Response) -> GenerationError {
    let stub = Stub::answering(response).await;
    ask(&generator(provider, &stub).await).await.unwrap_err()
}

pub(crate) fn good() -> Value {
    json!({ "tasks": [{
        "title": "靴を選ぶ", "description": "店で三足を試し、歩きやすい一足を買う。", "estimatedMinutes": 45, "priority": "high",
    }] })
}

pub(crate) const TOKENS: Tokens = Tokens { input: 812, output: 345 };

/// The port's contract, with the provider's protocol in between.
pub(crate) struct Over<P>(pub(crate) P);

impl<P: Provider> Adapter for Over<P> {
    async fn ask(&self, ai: &Ai, request: GenerationRequest<'_>) -> Result<Generation, GenerationError> {
        let provider = &self.0;
        let response = match ai {
            Ai::Answers(text, tokens) => provider.text(text, *tokens).unwrap_or_else(|| {
                provider.answer(&serde_json::from_str(text).expect("an AI that answers in JSON"), *tokens)
            }),
            Ai::Throttles(None) => provider.throttled(),
            Ai::Throttles(Some(rest)) => provider.throttled().header("retry-after", rest.as_secs()),
            Ai::Breaks => provider.broken(),
            Ai::Refuses(why) => provider.refused(*why),
            Ai::Hangs => {
                let stub = Stub::start([Reply::Silence]).await;
                return generator(provider, &stub).await.generate(request).await;
            }
        };
        let stub = Stub::answering(response).await;
        generator(provider, &stub).await.generate(request).await
    }

    fn answers_in_text(&self) -> bool {
        self.0.text("", TOKENS).is_some()
    }

    fn counts_tokens(&self) -> bool {
        self.0.counts_tokens()
    }
}

/// All cases, as tests of one provider.
macro_rules! bears_the_network {
    ($provider:expr) => {
        bears_the_network!(
            $provider;
            one_connection_serves_one_call_after_the_other,
            an_attempt_is_one_request_whatever_comes_of_it,
            a_connection_that_breaks_may_be_tried_again,
            an_ai_that_is_not_there_may_be_tried_again,
            what_is_no_answer_of_the_protocol_may_be_tried_again,
            an_answer_without_end_is_not_read_to_it,
            an_ai_has_120_seconds_for_its_whole_answer,
            a_call_that_is_given_up_leaves_no_connection,
            a_moment_to_come_back_is_understood,
            nothing_private_is_logged,
        );
    };
    ($provider:expr; $($case:ident),+ $(,)?) => {$(
        #[tokio::test]
        async fn $case() {
            $crate::wire::$case(&$provider).await;
        }
    )+};
}

fn whole(provider: &impl Provider) -> Response {
    provider.answer(&good(), TOKENS)
}

fn is(error: &GenerationError, code: FailureCode) {
    assert_eq!((error.code, error.transient), (code, true), "{error}");
}

pub(crate) async fn one_connection_serves_one_call_after_the_other(provider: &impl Provider) {
    let refused = provider.refused(Refusal::BadRequest);
    let stub = Stub::start([whole(provider), refused, whole(provider)].map(Reply::Whole)).await;
    let generator = generator(provider, &stub).await;
    let answers = [ask(&generator).await, ask(&generator).await, ask(&generator).await];
    assert_eq!(answers.map(|a| a.is_ok()), [true, false, true]);
    assert_eq!((stub.seen().len(), stub.connections()), (3, 1));
}

pub(crate) async fn an_attempt_is_one_request_whatever_comes_of_it(provider: &impl Provider) {
    let refused = provider.refused(Refusal::AccessDenied);
    let responses = [provider.throttled(), provider.broken(), refused].map(Reply::Whole);
    let replies = responses.into_iter().chain([Reply::HangUp, Reply::Cut(whole(provider))]);
    for reply in replies {
        let stub = Stub::start([reply.clone(), Reply::Whole(whole(provider))]).await;
        let answer = ask(&generator(provider, &stub).await).await;
        assert!(answer.is_err(), "{reply:?} was answered by a second request");
        assert_eq!(stub.seen().len(), 1, "{reply:?}");
    }
}

pub(crate) async fn a_connection_that_breaks_may_be_tried_again(provider: &impl Provider) {
    let stub = Stub::start([Reply::HangUp, Reply::Cut(whole(provider)), Reply::Whole(whole(provider))]).await;
    let generator = generator(provider, &stub).await;
    is(&ask(&generator).await.unwrap_err(), FailureCode::AiUnavailable);
    is(&ask(&generator).await.unwrap_err(), FailureCode::AiInvalidAnswer);
    assert!(ask(&generator).await.is_ok());
}

pub(crate) async fn an_ai_that_is_not_there_may_be_tried_again(provider: &impl Provider) {
    let url = nobody();
    let generator = Generator::new(&aws_at(&url).await, provider.settings(&url));
    is(&ask(&generator).await.unwrap_err(), FailureCode::AiUnavailable);
}

pub(crate) async fn what_is_no_answer_of_the_protocol_may_be_tried_again(provider: &impl Provider) {
    let whole = whole(provider);
    for body in ["", "null", "[]", "{}", "\"text\"", "{\"tasks\":[", "<html>502 Bad Gateway</html>", "\u{fffd}"] {
        let stub = Stub::answering(whole.clone().body(body)).await;
        is(&ask(&generator(provider, &stub).await).await.expect_err(body), FailureCode::AiInvalidAnswer);
    }
}

pub(crate) async fn an_answer_without_end_is_not_read_to_it(provider: &impl Provider) {
    let stub = Stub::start([Reply::Flood(whole(provider))]).await;
    is(&ask(&generator(provider, &stub).await).await.unwrap_err(), FailureCode::AiInvalidAnswer);
    stub.left_alone().await;
    // Most of it has filled the buffers of both ends.
    assert!(stub.flooded() < 16 << 20, "{} bytes", stub.flooded());
}

pub(crate) async fn an_ai_has_120_seconds_for_its_whole_answer(provider: &impl Provider) {
    for reply in [Reply::Silence, Reply::Trickle(whole(provider))] {
        let stub = Stub::start([reply]).await;
        let generator = generator(provider, &stub).await;
        let begin = Instant::now();
        let (answer, ()) = tokio::join!(ask(&generator), async {
            stub.asked(1).await;
            // From here on time is paused.
            tokio::time::pause();
        });
        let took = begin.elapsed();
        tokio::time::resume();
        is(&answer.unwrap_err(), FailureCode::AiTimeout);
        assert!((AI_CALL..AI_CALL + Duration::from_secs(2)).contains(&took), "{took:?}");
        stub.left_alone().await;
    }
}

pub(crate) async fn a_call_that_is_given_up_leaves_no_connection(provider: &impl Provider) {
    let stub = Stub::start([Reply::Silence, Reply::Whole(whole(provider))]).await;
    let generator = generator(provider, &stub).await;
    tokio::select! {
        answer = ask(&generator) => panic!("a silent AI has answered: {answer:?}"),
        () = stub.asked(1) => {}
    }
    stub.left_alone().await;
    assert!(ask(&generator).await.is_ok());
}

pub(crate) async fn a_moment_to_come_back_is_understood(provider: &impl Provider) {
    let later = provider.throttled().header("date", "Wed, 25 Nov 2026 10:00:00 GMT");
    let stub = Stub::answering(later.header("retry-after", "Wed, 25 Nov 2026 10:00:45 GMT")).await;
    let error = ask(&generator(provider, &stub).await).await.unwrap_err();
    assert_eq!(error.retry_after, Some(Duration::from_secs(45)), "{error}");
}

pub(crate) async fn nothing_private_is_logged(provider: &impl Provider) {
    let logs = Logs::collect();
    let refusals = [Refusal::AccessDenied, Refusal::BadRequest, Refusal::NotFound].map(|why| provider.refused(why));
    let private = json!({ "tasks": [{ "title": PRIVATE, "description": PRIVATE, "estimatedMinutes": PRIVATE }] });
    let others = [provider.throttled(), provider.broken(), provider.answer(&private, TOKENS)];
    for response in refusals.into_iter().chain(others) {
        let stub = Stub::answering(response).await;
        let error = ask(&generator(provider, &stub).await).await.unwrap_err();
        assert!(!format!("{error} {error:?}").contains(PRIVATE), "{error:?}");
    }
    logs.tell_nothing_of(PRIVATE);
}
