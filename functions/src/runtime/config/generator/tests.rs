use super::*;
use std::collections::HashMap;

fn from(set: &[(&'static str, &str)]) -> Result<(GeneratorKind, Option<Prices>), String> {
    let Chosen { kind, prices } = both(set)?.first;
    Ok((kind, prices))
}

fn both(set: &[(&'static str, &str)]) -> Result<Generators, String> {
    let set: HashMap<_, _> = set.iter().copied().collect();
    let read = |name: &str| set.get(name).map(|value| (*value).to_owned());
    Generators::read(Variables::new(&read)).map_err(|e| e.to_string())
}

fn refused(set: &[(&'static str, &str)], words: &str) {
    let error = from(set).expect_err(words);
    assert!(error.contains(words), "{error}");
}

const LOCAL: [(&str, &str); 3] =
    [("GENERATOR", "openai"), ("OPENAI_BASE_URL", "http://localhost:11434/v1/"), ("OPENAI_MODEL", "llama")];

#[test]
fn without_an_ai_nothing_else_is_needed_and_nothing_costs_anything() {
    assert_eq!(from(&[("GENERATOR", "offline")]), Ok((GeneratorKind::Offline, Some(Prices::default()))));
    refused(&[], "GENERATOR is not set");
    refused(&[("GENERATOR", "oracle")], "\"oracle\" is not a generator; use offline, bedrock, lambda or openai");
}

#[test]
fn bedrock_needs_a_model() {
    refused(&[("GENERATOR", "bedrock")], "BEDROCK_MODEL is not set");
    let set = [("GENERATOR", "bedrock"), ("BEDROCK_MODEL", "m")];
    let plain = Sampling { temperature: None, max_tokens: 4_096 };
    let (tool_choice, tolerance) = (ToolChoice::Tool, Tolerance::default());
    let bedrock = Bedrock { model: "m".into(), region: None, sampling: plain, tool_choice, tolerance };
    assert_eq!(from(&set), Ok((GeneratorKind::Bedrock(bedrock.clone()), None)));
    let chosen = [("BEDROCK_REGION", "eu-west-1"), ("AI_TEMPERATURE", "0.3"), ("AI_MAX_TOKENS", "900")];
    let sampling = Sampling { temperature: Some(0.3), max_tokens: 900 };
    let bedrock = Bedrock { region: Some("eu-west-1".into()), sampling, ..bedrock };
    assert_eq!(from(&[&set[..], &chosen].concat()), Ok((GeneratorKind::Bedrock(bedrock), None)));
    for wrong in [("AI_TEMPERATURE", "hot"), ("AI_TEMPERATURE", "-0.1"), ("AI_TEMPERATURE", "NaN")] {
        refused(&[&set[..], &[wrong]].concat(), "AI_TEMPERATURE is malformed");
    }
    for wrong in ["0", "-1", "1.5", "many"] {
        refused(&[&set[..], &[("AI_MAX_TOKENS", wrong)]].concat(), "is not a whole number from 1");
    }
}

#[test]
fn an_existing_function_has_a_name_and_no_price() {
    refused(&[("GENERATOR", "lambda")], "GENERATOR_FUNCTION is not set");
    let set =
        [("GENERATOR", "lambda"), ("GENERATOR_FUNCTION", "f"), ("AI_INPUT_PRICE", "3"), ("AI_OUTPUT_PRICE", "15")];
    assert_eq!(
        from(&set),
        Ok((GeneratorKind::Lambda(ExistingFunction { function: "f".into(), tolerance: Tolerance::default() }), None))
    );
}

#[test]
fn a_server_of_ones_own_needs_no_key() {
    let Ok((GeneratorKind::OpenAi(local), None)) = from(&LOCAL) else { panic!("an OpenAI-compatible server") };
    assert_eq!((local.base_url.to_string().as_str(), local.key), ("http://localhost:11434/v1", None));
    assert_eq!(local.token_limit, TokenLimit::MaxCompletionTokens);
    let old = from(&[&LOCAL[..], &[("OPENAI_TOKEN_LIMIT", "max_tokens")]].concat());
    let Ok((GeneratorKind::OpenAi(old), None)) = old else { panic!("{old:?}") };
    assert_eq!(old.token_limit, TokenLimit::MaxTokens);
    refused(&[&LOCAL[..], &[("OPENAI_TOKEN_LIMIT", "tokens")]].concat(), "max_completion_tokens, max_tokens, none");
    refused(&LOCAL[..2], "OPENAI_MODEL is not set");
}

#[test]
fn a_key_comes_from_a_secret() {
    let openai = from(&[&LOCAL[..], &[("OPENAI_KEY_SECRET", "arn:secret")]].concat());
    let Ok((GeneratorKind::OpenAi(openai), _)) = openai else { panic!("{openai:?}") };
    assert_eq!(openai.key, Some(KeySecret("arn:secret".into())));
}

#[test]
fn a_key_never_travels_in_the_clear() {
    let with = |url| [("GENERATOR", "openai"), ("OPENAI_BASE_URL", url), ("OPENAI_MODEL", "m")];
    let key = [("OPENAI_KEY_SECRET", "s")];
    for url in ["https://ai.example/v1", "http://127.0.0.1:1/v1", "http://[::1]:8080", "http://localhost"] {
        assert!(from(&[&with(url)[..], &key].concat()).is_ok(), "{url}");
    }
    for url in
        ["http://ai.example/v1", "http://10.0.0.7:8000/v1", "http://localhost.example", "http://127.0.0.1.example"]
    {
        assert!(from(&with(url)).is_ok(), "{url} without a key");
        refused(&[&with(url)[..], &key].concat(), "a key may not travel over plain http");
    }
}

#[test]
fn an_address_is_a_plain_one() {
    for url in [
        "ai.example",
        "ftp://ai.example",
        "https://",
        "https:///v1",
        "https://user:secret@ai.example",
        "https://a b",
        "https://a?k=v",
    ] {
        assert_eq!(BaseUrl::new(url), None, "{url}");
    }
}

#[test]
fn prices_are_dollars_for_a_million_tokens_and_come_together() {
    let with = |input, output| from(&[&LOCAL[..], &[("AI_INPUT_PRICE", input), ("AI_OUTPUT_PRICE", output)]].concat());
    let prices = |input, output| with(input, output).map(|(_, prices)| prices);
    assert_eq!(prices("3", "15"), Ok(Some(Prices { input: 3_000_000, output: 15_000_000 })));
    assert_eq!(prices("0.035", "0.14"), Ok(Some(Prices { input: 35_000, output: 140_000 })));
    assert_eq!(prices("0", "0.000001"), Ok(Some(Prices { input: 0, output: 1 })));
    for wrong in ["-1", "1,5", "1e3", ".5", "1.", "0.0000001", "1234567", "three"] {
        assert!(with(wrong, "1").is_err(), "{wrong}");
    }
    refused(&[&LOCAL[..], &[("AI_INPUT_PRICE", "3")]].concat(), "AI_OUTPUT_PRICE is not set");
}

#[test]
fn every_setting_of_an_endpoint_is_read() {
    let set = [
        ("OPENAI_RESPONSE_FORMAT", "json_object"),
        ("OPENAI_SCHEMA_LIMITS", "true"),
        ("OPENAI_INSTRUCTIONS", "user"),
        ("OPENAI_KEY_HEADER", "Api-Key"),
        ("OPENAI_API_VERSION", "2024-10-21"),
        ("OPENAI_TOKEN_LIMIT", "none"),
        ("OPENAI_EXTRA_BODY", "{\"reasoning_effort\":\"low\"}"),
        ("OPENAI_EXTRA_HEADERS", "{\"X-Title\":\"goals\"}"),
        ("AI_OVERLENGTH", "0"),
    ];
    let Ok((GeneratorKind::OpenAi(read), None)) = from(&[&LOCAL[..], &set].concat()) else { panic!("an endpoint") };
    let url = BaseUrl::new("http://localhost:11434/v1").unwrap();
    let expected = OpenAi {
        response_format: ResponseFormat::JsonObject,
        schema_limits: true,
        instructions: Instructions::User,
        key_header: Some("api-key".into()),
        api_version: Some("2024-10-21".into()),
        token_limit: TokenLimit::None,
        extra_body: serde_json::from_str("{\"reasoning_effort\":\"low\"}").unwrap(),
        extra_headers: vec![("x-title".into(), "goals".into())],
        tolerance: Tolerance { overlength: 0 },
        ..OpenAi::at(url, "llama")
    };
    assert_eq!(*read, expected);
    for (name, value, words) in [
        ("OPENAI_RESPONSE_FORMAT", "xml", "one of json_schema, json_object, none"),
        ("OPENAI_INSTRUCTIONS", "tool", "one of system, developer, user"),
        ("OPENAI_KEY_HEADER", "authorization", "the name of a header"),
        ("OPENAI_KEY_HEADER", "a b", "the name of a header"),
        ("OPENAI_KEY_HEADER", "content-type", "the name of a header"),
        ("OPENAI_EXTRA_HEADERS", "{\"cf-aig-authorization\":\"Bearer x\"}", "a key belongs into a store"),
        ("OPENAI_EXTRA_HEADERS", "{\"ocp-apim-subscription-key\":\"x\"}", "a key belongs into a store"),
        ("OPENAI_EXTRA_BODY", "{\"model\":\"x\"}", "model cannot be replaced"),
        ("OPENAI_API_VERSION", "1&x=2", "a version"),
        ("OPENAI_EXTRA_BODY", "[]", "a JSON object"),
        ("OPENAI_EXTRA_BODY", "{\"messages\":[]}", "messages cannot be replaced"),
        ("OPENAI_EXTRA_BODY", "{\"stream\":true}", "stream cannot be replaced"),
        ("OPENAI_EXTRA_HEADERS", "{\"Authorization\":\"Bearer x\"}", "a key belongs into a store"),
        ("OPENAI_EXTRA_HEADERS", "{\"x\":\"a\\r\\nb\"}", "cannot be in a header"),
        ("AI_OVERLENGTH", "101", "from 0 to 100"),
    ] {
        refused(&[&LOCAL[..], &[(name, value)]].concat(), words);
    }
}

#[test]
fn a_second_generator_has_variables_of_its_own() {
    let second = [
        ("GENERATOR", "offline"),
        ("FALLBACK_GENERATOR", "bedrock"),
        ("FALLBACK_BEDROCK_MODEL", "m"),
        ("FALLBACK_AI_INPUT_PRICE", "1"),
        ("FALLBACK_AI_OUTPUT_PRICE", "2"),
    ];
    let read = both(&second).unwrap();
    assert_eq!(read.first.kind, GeneratorKind::Offline);
    let fallback = read.fallback.unwrap();
    assert_eq!(fallback.kind.names(), ("bedrock", "m"));
    assert_eq!(fallback.prices, Some(Prices { input: 1_000_000, output: 2_000_000 }));
    refused(&second[..2], "FALLBACK_BEDROCK_MODEL is not set");
    assert_eq!(both(&second[..1]).unwrap().fallback, None);
}

#[test]
fn an_address_may_be_that_of_chat_completions() {
    for url in ["https://ai.example/v1", "https://ai.example/v1/", "https://ai.example/v1/chat/completions/"] {
        assert_eq!(BaseUrl::new(url).unwrap().completions(), "https://ai.example/v1/chat/completions", "{url}");
    }
}
