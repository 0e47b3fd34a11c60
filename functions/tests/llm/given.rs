//! The servers, the adapters in front of them, and the action that all are asked about.

use aws_config::{BehaviorVersion, Region};
use aws_sdk_bedrockruntime::config::Credentials;
use goal_activity_core::limits::MAX_TASKS_PER_ACTION;
use goal_activity_core::ports::{GenerateTasks, Generation, GenerationError, GenerationRequest};
use goal_activity_core::task::{MAX_DESCRIPTION, MAX_TITLE, MINUTES, Task};
use goal_activity_events::{FailureCode, Timestamp};
use goal_activity_functions::adapters::aws::Connection;
use goal_activity_functions::adapters::generators::Generator;
use goal_activity_functions::adapters::memory::samples;
use goal_activity_functions::runtime::config::GeneratorKind;
use goal_activity_testkit::stub::nobody;

/// A setting of the worker, as a variable.
pub(crate) type Setting<'a> = (&'static str, &'a str);

/// A server, by the variable that contains its address.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Server(&'static str);

impl Server {
    /// Knows the system role, and keeps to the limits only when the schema states them.
    pub(crate) const CHATML: Self = Self("LLM_CHATML_URL");
    /// Moves the instructions to the user's message, because its model knows no system role.
    pub(crate) const NO_SYSTEM: Self = Self("LLM_NO_SYSTEM_URL");
    /// Refuses the system role.
    pub(crate) const STRICT: Self = Self("LLM_STRICT_URL");
    /// Thinks before it answers.
    pub(crate) const THINK: Self = Self("LLM_THINK_URL");
    /// Needs a key: see `keys.rs`.
    pub(crate) const KEYED: Self = Self("LLM_KEYED_URL");
    /// Its context is smaller than the prompt.
    pub(crate) const SMALL: Self = Self("LLM_SMALL_URL");
    /// The emulator of Bedrock, in front of a model that calls tools.
    pub(crate) const BEDROCK: Self = Self("BEDROCK_URL");

    #[allow(clippy::disallowed_methods, reason = "the command that starts the servers tells where they are this way")]
    pub(crate) fn url(self) -> String {
        std::env::var(self.0).unwrap_or_else(|_| panic!("{} is not set: run `cargo xtask test ai`", self.0))
    }

    /// Returns the adapter for it, with `settings` in addition to the necessary ones, or instead of them. AWS, where keys are,
    /// is at that address.
    pub(crate) async fn generator(self, aws: &str, settings: &[Setting<'_>]) -> Generator {
        let base_url = format!("{}/v1", self.url());
        let necessary: Vec<Setting<'_>> = match self.0 {
            "BEDROCK_URL" => vec![("GENERATOR", "bedrock"), ("BEDROCK_MODEL", "amazon.nova-lite-v1:0")],
            _ => vec![
                ("GENERATOR", "openai"),
                ("OPENAI_BASE_URL", &base_url),
                ("OPENAI_MODEL", "tiny"),
                ("OPENAI_SCHEMA_LIMITS", "true"),
            ],
        };
        let replaced = |name: &str| settings.iter().any(|(other, _)| *other == name);
        let kept = necessary.iter().filter(|(name, _)| !replaced(name));
        let variables: Vec<Setting<'_>> = kept.chain(settings).copied().collect();
        let kind = GeneratorKind::from_variables(&variables).expect("settings of a generator");
        Generator::new(&aws_at(aws).await, kind)
    }

    /// Asks once.
    pub(crate) async fn ask(self, settings: &[Setting<'_>]) -> Result<Generation, GenerationError> {
        let aws = if self.0 == "BEDROCK_URL" { self.url() } else { nobody() };
        ask(&self.generator(&aws, settings).await).await
    }

    /// Asks once, and expects an answer that is accepted, within the limits and counted.
    pub(crate) async fn accepts(self, settings: &[Setting<'_>]) -> Generation {
        let generation = self.ask(settings).await.unwrap_or_else(|e| panic!("{settings:?}: {e:?}"));
        assert_within_limits(&generation);
        generation
    }

    /// Asks once, and expects a failure of that kind.
    pub(crate) async fn fails(self, settings: &[Setting<'_>], code: FailureCode, transient: bool) -> GenerationError {
        let failed = self.ask(settings).await.expect_err("a failure");
        assert_eq!((failed.code, failed.transient), (code, transient), "{settings:?}: {failed:?}");
        failed
    }
}

/// Asks for the tasks of the only action of a goal.
pub(crate) async fn ask(generator: &Generator) -> Result<Generation, GenerationError> {
    let goal = samples::goal("goal-1", "user-1", 1);
    let (sub_goal, action) = (Some(&goal.sub_goals[0]), &goal.actions[0]);
    generator.generate(GenerationRequest::first(&goal.head, sub_goal, action)).await
}

/// Asserts that an answer keeps to every limit of what is stored, and that its tokens are counted.
pub(crate) fn assert_within_limits(generation: &Generation) {
    let tasks = stored(generation);
    assert!((1..=MAX_TASKS_PER_ACTION).contains(&tasks.len()), "{tasks:?}");
    for task in &tasks {
        assert!((1..=MAX_TITLE).contains(&task.title.chars().count()), "{task:?}");
        assert!(task.description.chars().count() <= MAX_DESCRIPTION, "{task:?}");
        assert!(MINUTES.contains(&task.estimated_minutes), "{task:?}");
    }
    // The prompt has more than a thousand, whatever the server counts.
    assert!(generation.tokens.input > 1_000 && generation.tokens.output > 0, "{:?}", generation.tokens);
}

/// Returns the tasks that an answer becomes.
fn stored(generation: &Generation) -> Vec<Task> {
    let action = samples::goal("goal-1", "user-1", 1).actions.remove(0);
    let execution = "arn:aws:states:us-east-1:000000000000:execution:goal-activity:goal-1-1".parse().unwrap();
    generation.drafts.clone().into_tasks(&"goal-1".parse().unwrap(), &action, &execution, Timestamp::from_millis(0))
}

/// The AWS configuration of a function, except that AWS is at that address.
async fn aws_at(url: &str) -> Connection {
    let config = aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .endpoint_url(url)
        .http_client(aws_smithy_http_client::Builder::new().build_http());
    config.load().await.into()
}
