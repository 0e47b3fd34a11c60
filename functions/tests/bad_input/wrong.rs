//! Valid JSON documents made invalid, one place at a time.

use serde_json::{Value, json};

/// Contained in every invalid text. No id contains a space, so nothing may ever repeat it.
pub(crate) const MARKER: &str = "s3cr3t märker";
/// The part of it that would be visible in every repetition, with any escaping.
pub(crate) const NEEDLE: &str = "s3cr3t";

const PLACEHOLDER: &str = "@wrong@";

/// A document that is invalid in one place.
#[derive(Debug)]
pub(crate) struct Wrong {
    /// The place, as a JSON pointer.
    pub(crate) place: String,
    /// The kind of change.
    pub(crate) kind: &'static str,
    pub(crate) text: String,
}

/// Replacements of a value, valid JSON or not.
fn replacements() -> Vec<(&'static str, String)> {
    let text = format!("\"{MARKER}\"");
    vec![
        ("null", "null".into()),
        ("bool", "true".into()),
        ("negative", "-1".into()),
        ("fraction", "1.5".into()),
        ("huge number", "123456789012345678901234567890".into()),
        ("endless number", "1e999".into()),
        ("empty text", "\"\"".into()),
        ("text", text.clone()),
        ("long text", format!("\"{}\"", MARKER.repeat(20_000))),
        ("control characters", format!("\"{NEEDLE}\\u0000\\u001b[2J\\r\\n\"")),
        ("raw control character", format!("\"{NEEDLE}\u{1}\"")),
        ("lone surrogate", format!("\"{NEEDLE}\\ud800\"")),
        ("escaped digits", format!("\"{NEEDLE} %00%2F \"")),
        ("parser's words", format!("\"{NEEDLE}, expected {NEEDLE}, expected `{NEEDLE}` at line 1 \"")),
        ("empty array", "[]".into()),
        ("array", format!("[{text}]")),
        ("object", format!("{{{text}: {text}}}")),
        ("deep array", format!("{}{}", "[".repeat(10_000), "]".repeat(10_000))),
        ("deep object", format!("{}1{}", "{\"a\":".repeat(10_000), "}".repeat(10_000))),
        ("not JSON", NEEDLE.into()),
    ]
}

/// The document with each of its values replaced, removed or repeated in turn.
pub(crate) fn every_wrong(document: &Value) -> Vec<Wrong> {
    let mut all = vec![];
    for place in places(document, "") {
        let value = document.pointer(&place).unwrap();
        let mut put = |kind, by: &str| {
            let mut wrong = document.clone();
            *wrong.pointer_mut(&place).unwrap() = json!(PLACEHOLDER);
            let text = wrong.to_string().replace(&json!(PLACEHOLDER).to_string(), by);
            all.push(Wrong { place: place.clone(), kind, text });
        };
        let present = value.to_string();
        replacements().iter().filter(|(_, by)| *by != present).for_each(|(kind, by)| put(kind, by));
        let (parent, name) = place.rsplit_once('/').unwrap();
        if document.pointer(parent).unwrap().is_object() {
            put("twice", &format!("{present}, {}: {present}", json!(name)));
            let mut wrong = document.clone();
            wrong.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(name);
            all.push(Wrong { place: place.clone(), kind: "removed", text: wrong.to_string() });
        }
    }
    all
}

/// Texts that are not documents at all.
pub(crate) fn no_documents(document: &Value) -> Vec<Wrong> {
    let valid = document.to_string();
    let fields: Vec<_> = document.as_object().unwrap().values().collect();
    let texts = [
        ("empty", String::new()),
        ("blank", " \n".into()),
        ("text", format!("\"{MARKER}\"")),
        ("number", "7".into()),
        ("null", "null".into()),
        ("empty object", "{}".into()),
        ("array", format!("[{valid}]")),
        ("fields as array", json!(fields).to_string()),
        ("byte order mark", format!("\u{feff}{valid}")),
        ("more after it", format!("{valid} {MARKER}")),
        ("twice", format!("{valid}{valid}")),
        ("cut short", valid[..valid.len() - 1].to_owned()),
        ("not JSON", MARKER.into()),
        ("XML", format!("<a>{MARKER}</a>")),
        ("only depth", "[".repeat(100_000)),
    ];
    texts.map(|(kind, text)| Wrong { place: String::new(), kind, text }).into()
}

/// The document with unknown fields.
pub(crate) fn with_unknown_fields(document: &Value) -> String {
    let mut document = document.clone();
    for place in places(&document.clone(), "").into_iter().chain([String::new()]) {
        if let Some(object) = document.pointer_mut(&place).unwrap().as_object_mut() {
            object.insert(MARKER.into(), json!({ MARKER: [MARKER, null, 1e300] }));
        }
    }
    document.to_string()
}

fn places(value: &Value, at: &str) -> Vec<String> {
    let children: Vec<_> = match value {
        Value::Object(fields) => fields.iter().map(|(name, v)| (format!("{at}/{name}"), v)).collect(),
        Value::Array(items) => items.iter().enumerate().map(|(i, v)| (format!("{at}/{i}"), v)).collect(),
        _ => vec![],
    };
    let each = |(place, v): (String, &Value)| {
        let inner = places(v, &place);
        [vec![place], inner].concat()
    };
    children.into_iter().flat_map(each).collect()
}
