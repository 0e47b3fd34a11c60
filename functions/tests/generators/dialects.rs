//! The adapters with the answers, refusals and constraints of real providers: `dialects/*.json`, whose README has the format.

use std::collections::BTreeMap;

use goal_activity_core::ports::{Generation, GenerationError};
use goal_activity_events::{FailureCode, Repair};
use goal_activity_functions::adapters::generators::Generator;
use goal_activity_functions::runtime::config::GeneratorKind;
use goal_activity_testkit::stub::{Response, Seen, Stub};
use serde::Deserialize;
use serde_json::Value;

use crate::logs::Logs;
use crate::wire::{PRIVATE, TOKENS, ask, aws_at, good};

/// What the presets of the CDK app are to the worker, as `infra/test/presets.test.ts` writes it.
const PRESETS: &str = include_str!("dialects/presets/variables.json");

/// The settings that GENERATORS.md recommends for families of models on Bedrock.
const FAMILIES: [(&str, &str); 2] = [("bedrock-llama", "auto"), ("bedrock-mistral", "any")];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Dialect {
    provider: String,
    protocol: Protocol,
    preset: Option<String>,
    refuses: Vec<Constraint>,
    answers: Vec<Case>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Protocol {
    OpenAi,
    Bedrock,
    Lambda,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Constraint {
    name: String,
    when: When,
    #[serde(flatten)]
    answer: Answered,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct When {
    keyword: Option<String>,
    pointer: Option<String>,
    is: Option<Value>,
    missing: Option<String>,
    role: Option<String>,
    header_missing: Option<String>,
    query_missing: Option<String>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    expect: Expected,
    #[serde(flatten)]
    answer: Answered,
}

#[derive(Deserialize)]
struct Answered {
    source: String,
    status: u16,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    body: Option<Value>,
    text: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum Expected {
    Accepted {
        tasks: usize,
        repairs: Vec<String>,
    },
    #[serde(rename_all = "camelCase")]
    Refused {
        code: FailureCode,
        transient: bool,
        retry_after_ms: Option<u64>,
        #[serde(default)]
        message: Vec<String>,
    },
}

fn dialects() -> Vec<Dialect> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/generators/dialects");
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let files = files.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
    let read = |path: std::path::PathBuf| {
        serde_json::from_str(&std::fs::read_to_string(&path).unwrap())
            .unwrap_or_else(|e| panic!("{}: {e}", path.display()))
    };
    files.map(read).collect()
}

impl Dialect {
    /// The worker's variables for this provider at that address.
    fn variables(&self, url: &str) -> Vec<(String, String)> {
        let set =
            |all: &[(&str, &str)]| all.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect::<Vec<_>>();
        match self.protocol {
            Protocol::Lambda => set(&[("GENERATOR", "lambda"), ("GENERATOR_FUNCTION", "generate-tasks")]),
            Protocol::Bedrock => {
                let choice = FAMILIES.iter().find(|(family, _)| *family == self.provider).map_or("tool", |(_, c)| c);
                set(&[("GENERATOR", "bedrock"), ("BEDROCK_MODEL", "a.model"), ("BEDROCK_TOOL_CHOICE", choice)])
            }
            Protocol::OpenAi => {
                let presets: BTreeMap<String, BTreeMap<String, String>> = serde_json::from_str(PRESETS).unwrap();
                let preset = self.preset.as_ref().map(|name| presets[name].clone()).unwrap_or_default();
                let own = preset.into_iter().filter(|(name, _)| name != "OPENAI_BASE_URL");
                let base = format!("{url}/v1");
                let ours = set(&[("GENERATOR", "openai"), ("OPENAI_BASE_URL", &base), ("OPENAI_MODEL", "m")]);
                let azure =
                    if self.provider == "azure" { set(&[("OPENAI_API_VERSION", "2024-10-21")]) } else { vec![] };
                let key = set(&[("OPENAI_KEY_SECRET", "arn:aws:secretsmanager:eu-west-1:1:secret:ai-AbCdEf")]);
                ours.into_iter().chain(own).chain(azure).chain(key).collect()
            }
        }
    }

    /// Asks the provider, which answers like this, and returns what it was asked.
    async fn ask(&self, response: Response) -> (Result<Generation, GenerationError>, Seen) {
        let secret = serde_json::json!({ "ARN": "a", "Name": "ai", "SecretString": "sk-1" });
        let keeper =
            Stub::answering(Response::new(200, secret).header("content-type", "application/x-amz-json-1.1")).await;
        let stub = Stub::answering(response).await;
        let variables = self.variables(&stub.url());
        let variables: Vec<_> = variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let kind = GeneratorKind::from_variables(&variables).unwrap_or_else(|e| panic!("{}: {e}", self.provider));
        let aws = if self.protocol == Protocol::OpenAi { keeper.url() } else { stub.url() };
        let answer = ask(&Generator::new(&aws_at(&aws).await, kind)).await;
        (answer, stub.one())
    }
}

impl Answered {
    fn response(&self, protocol: Protocol) -> Response {
        let body = self.text.clone().or_else(|| self.body.as_ref().map(Value::to_string)).unwrap_or_default();
        let json = Response::new(self.status, body);
        let typed = self.headers.contains_key("content-type");
        let json =
            if typed || protocol == Protocol::OpenAi { json } else { json.header("content-type", "application/json") };
        self.headers.iter().fold(json, |response, (name, value)| response.header(name.as_str(), value))
    }
}

impl When {
    /// Returns `true` if the provider refuses this request.
    fn refuses(&self, request: &Seen) -> bool {
        let has = |pointer: &String| request.body.pointer(pointer);
        let schema = |keyword: &String| {
            let schemas = ["/response_format/json_schema/schema", "/toolConfig/tools/0/toolSpec/inputSchema"];
            schemas.iter().filter_map(|at| request.body.pointer(at)).any(|schema| has_key(schema, keyword))
        };
        let role = |role: &String| {
            let messages = request.body["messages"].as_array();
            messages.into_iter().flatten().any(|message| message["role"] == **role)
        };
        let at = |pointer: &String| match (has(pointer), &self.is) {
            (Some(value), Some(is)) => value == is,
            (found, None) => found.is_some(),
            (None, Some(_)) => false,
        };
        self.keyword.as_ref().is_some_and(schema)
            || self.pointer.as_ref().is_some_and(at)
            || self.missing.as_ref().is_some_and(|pointer| has(pointer).is_none())
            || self.role.as_ref().is_some_and(role)
            || self.header_missing.as_ref().is_some_and(|name| request.header(name).is_none())
            || self.query_missing.as_ref().is_some_and(|name| !request.line.contains(&format!("{name}=")))
    }
}

fn has_key(value: &Value, key: &str) -> bool {
    match value {
        Value::Object(fields) => fields.contains_key(key) || fields.values().any(|value| has_key(value, key)),
        Value::Array(all) => all.iter().any(|value| has_key(value, key)),
        _ => false,
    }
}

impl Protocol {
    /// A good answer, to see a request.
    fn good(self) -> Response {
        use crate::wire::Provider;
        match self {
            Self::OpenAi => crate::openai::Server.answer(&good(), TOKENS),
            Self::Bedrock => crate::bedrock::WithTool.answer(&good(), TOKENS),
            Self::Lambda => crate::lambda::Function.answer(&good(), TOKENS),
        }
    }
}

/// The name of a repair as in the files.
fn snake(kind: Repair) -> String {
    let spread = |c: char| if c.is_ascii_uppercase() { format!("_{}", c.to_ascii_lowercase()) } else { c.to_string() };
    kind.name().chars().map(spread).collect()
}

/// What differs from what is expected.
fn difference(expected: &Expected, answer: &Result<Generation, GenerationError>) -> Option<String> {
    match (expected, answer) {
        (Expected::Accepted { tasks, repairs }, Ok(generation)) => {
            let mut wanted = repairs.clone();
            wanted.sort_unstable();
            let made = Repair::ALL.iter().filter(|kind| generation.repairs.of(**kind) > 0);
            let mut made: Vec<_> = made.map(|kind| snake(*kind)).collect();
            made.sort_unstable();
            let found = (generation.drafts.count(), made);
            (found != (*tasks, wanted.clone()))
                .then(|| format!("wanted {tasks} tasks after {wanted:?}, found {found:?}"))
        }
        (Expected::Refused { code, transient, retry_after_ms, message }, Err(error)) => {
            let found =
                (error.code, error.transient, error.retry_after.and_then(|wait| u64::try_from(wait.as_millis()).ok()));
            let wanted = (*code, *transient, *retry_after_ms);
            let silent: Vec<_> = message.iter().filter(|word| !error.message.contains(*word)).collect();
            (found != wanted || !silent.is_empty())
                .then(|| format!("wanted {wanted:?} with {message:?}, found {found:?}: {}", error.message))
        }
        (wanted, found) => Some(format!("wanted {wanted:?}, found {found:?}")),
    }
}

#[tokio::test]
async fn every_answer_of_every_provider_is_read_as_described() {
    let (mut wrong, mut count) = (Vec::new(), 0);
    let logs = Logs::collect();
    for dialect in dialects() {
        for Case { name, expect, answer } in &dialect.answers {
            let (read, _) = dialect.ask(answer.response(dialect.protocol)).await;
            let place = format!("{}: {name} ({})", dialect.provider, answer.source);
            if let Some(difference) = difference(expect, &read) {
                wrong.push(format!("{place}\n    {difference}"));
            }
            if read.as_ref().is_err_and(|error| format!("{error:?}").contains(PRIVATE)) {
                wrong.push(format!("{place}\n    repeats what the provider says: {read:?}"));
            }
            count += 1;
        }
    }
    assert!(wrong.is_empty(), "{} of {count} differ:\n{}", wrong.len(), wrong.join("\n"));
    assert!(count > 100, "only {count} answers");
    // What AWS says of a denied access names the deployment's resources, for its operators.
    let lines = logs.lines();
    let told: Vec<_> =
        lines.lines().filter(|line| line.contains(PRIVATE) && !line.contains("is not to be had")).collect();
    assert!(told.is_empty(), "{PRIVATE} was logged:\n{}", told.join("\n"));
}

#[tokio::test]
async fn the_request_of_every_preset_is_one_that_its_provider_accepts() {
    let mut wrong = Vec::new();
    for dialect in dialects() {
        let (answer, request) = dialect.ask(dialect.protocol.good()).await;
        assert!(answer.is_ok(), "{}: {answer:?}", dialect.provider);
        for Constraint { name, when, answer } in &dialect.refuses {
            let place = format!("{}: {name} ({})", dialect.provider, answer.source);
            if when.refuses(&request) {
                wrong.push(format!("{place}\n    is in the request: {} {}", request.line, request.body));
            }
            let (refused, _) = dialect.ask(answer.response(dialect.protocol)).await;
            let refused = refused.unwrap_err();
            if refused.transient || refused.message.contains(PRIVATE) {
                wrong.push(format!("{place}\n    {refused:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_preset_that_is_not_proven_is_known() {
    let presets: BTreeMap<String, Value> = serde_json::from_str(PRESETS).unwrap();
    let proven: Vec<_> = dialects().into_iter().filter_map(|dialect| dialect.preset).collect();
    let unproven: Vec<_> = presets.keys().filter(|name| !proven.contains(name)).collect();
    assert!(unproven.is_empty(), "no dialect proves {unproven:?}");
}
