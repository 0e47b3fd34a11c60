//! Valid JSON documents with random changes that keep most of their content: arbitrary texts alone hardly ever get past
//! the first brace.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::Value;

/// One change of a document.
#[derive(Debug, Clone)]
enum Change {
    Replace(Value),
    Remove,
    Rename(String),
    /// Inserts the value of another place here.
    CopyFrom(Index),
}

/// One change of a text.
#[derive(Debug, Clone)]
enum Slip {
    Insert(char),
    Delete,
    /// As after an interrupted transfer.
    CutHere,
    /// Repeats the text between these places.
    RepeatFrom(Index),
}

/// Returns the text of the document after some changes of its values, then perhaps of the text.
pub fn mutated(document: Value) -> impl Strategy<Value = String> {
    let changes = vec((any::<Index>(), change()), 0..4);
    let slips = prop_oneof![3 => Just(vec![]), 1 => vec((any::<Index>(), slip()), 1..3)];
    (changes, slips).prop_map(move |(changes, slips)| {
        let mut document = document.clone();
        for (at, change) in changes {
            apply(&mut document, at, change);
        }
        slips.into_iter().fold(document.to_string(), |text, (at, slip)| slipped(text, at, slip))
    })
}

/// Values that have caused parser errors before.
const KNOWN: &[&str] = &[
    "",
    " ",
    "1",
    "2",
    "0",
    "-1",
    "1e999",
    "null",
    "#",
    "%",
    "%00",
    "%2F",
    "..",
    "\0",
    "\u{1b}[2J",
    "\u{feff}",
    "\u{202e}",
    "'",
    "\"",
    "\\",
    "é",
    "e\u{301}",
    "👨‍👩‍👧",
    "ﷺ",
    "2026-02-30T00:00:00Z",
    "2026-11-24T24:00:00Z",
    "2026-11-24T23:59:60Z",
    "9999-12-31T23:59:59.999999999Z",
    "-009999-01-01T00:00:00Z",
    "2026-11-24T09:30:00+25:59",
    "arn:aws:states:us-east-1:000000000000:execution:goal-activity:goal-1-1",
    "arn:aws:states:us-east-1:000000000000:express:goal-activity:goal-1-1:x",
    "arn:::::::",
    "GoalActivityRequested",
];

/// Returns texts that often cause errors.
pub fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => select(KNOWN).prop_map(str::to_owned),
        2 => ".*",
        2 => "[ -~]{0,140}",
        1 => "[A-Za-z0-9_-]{0,70}",
        1 => (select(KNOWN), 0..5_000_usize).prop_map(|(t, n)| t.repeat(n)),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let number = prop_oneof![
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (-2..70_i64).prop_map(Value::from),
        (-1..=1_i64).prop_map(|n| Value::from(i64::from(u32::MAX) + n)),
    ];
    let leaf =
        prop_oneof![Just(Value::Null), any::<bool>().prop_map(Value::from), number, text().prop_map(Value::from),];
    leaf.prop_recursive(4, 16, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec((text(), inner), 0..4).prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        4 => value().prop_map(Change::Replace),
        1 => Just(Change::Remove),
        1 => text().prop_map(Change::Rename),
        2 => any::<Index>().prop_map(Change::CopyFrom),
    ]
}

fn slip() -> impl Strategy<Value = Slip> {
    let char =
        prop_oneof![any::<char>(), select(&['"', '\\', '{', '}', '[', ']', ',', ':', '\0', '9', '-', 'e', '.'][..])];
    prop_oneof![
        3 => char.prop_map(Slip::Insert),
        3 => Just(Slip::Delete),
        1 => Just(Slip::CutHere),
        1 => any::<Index>().prop_map(Slip::RepeatFrom),
    ]
}

fn apply(document: &mut Value, at: Index, change: Change) {
    let all = places(document, "");
    if all.is_empty() {
        return;
    }
    let place: &String = at.get(&all);
    let Some((parent, name)) = place.rsplit_once('/') else { return };
    let name = name.replace("~1", "/").replace("~0", "~");
    let here = document.pointer(place).cloned().unwrap_or_default();
    let there = |index: Index| document.pointer(&all[index.index(all.len())]).cloned().unwrap_or_default();
    let (name_now, value_now) = match change {
        Change::Replace(value) => (name.clone(), Some(value)),
        Change::CopyFrom(index) => (name.clone(), Some(there(index))),
        Change::Rename(new) => (new, Some(here)),
        Change::Remove => (name.clone(), None),
    };
    match (document.pointer_mut(parent), value_now) {
        (Some(Value::Object(fields)), value) => {
            fields.remove(&name);
            fields.extend(value.map(|v| (name_now, v)));
        }
        (Some(Value::Array(items)), value) => {
            let index = name.parse::<usize>().unwrap_or_default();
            items.splice(index..=index, value);
        }
        _ => {}
    }
}

fn slipped(text: String, at: Index, slip: Slip) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    if chars.is_empty() {
        return text;
    }
    let at = at.index(chars.len());
    match slip {
        Slip::Insert(c) => chars.insert(at, c),
        Slip::Delete => drop(chars.remove(at)),
        Slip::CutHere => chars.truncate(at),
        Slip::RepeatFrom(from) => {
            let again: Vec<_> = chars[from.index(at + 1)..=at].to_vec();
            chars.splice(at..at, again);
        }
    }
    chars.into_iter().collect()
}

/// All values of a document except the whole, as JSON pointers.
fn places(value: &Value, at: &str) -> Vec<String> {
    let children: Vec<(String, &Value)> = match value {
        Value::Object(fields) => {
            let escaped = |name: &String| name.replace('~', "~0").replace('/', "~1");
            fields.iter().map(|(name, v)| (format!("{at}/{}", escaped(name)), v)).collect()
        }
        Value::Array(items) => items.iter().enumerate().map(|(i, v)| (format!("{at}/{i}"), v)).collect(),
        _ => vec![],
    };
    children.into_iter().flat_map(|(place, v)| [vec![place.clone()], places(v, &place)].concat()).collect()
}
