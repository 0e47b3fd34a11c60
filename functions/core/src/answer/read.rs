//! Reads the tasks in an answer's JSON, however it is written.

use goal_activity_events::Repair;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Answer, InvalidAnswer, InvalidTask, Tolerance, find};
use crate::limits::{MAX_ANSWER, MAX_TASKS_PER_ACTION};
use crate::task::{DraftWarning, InvalidDraft, MAX_DESCRIPTION, MAX_TITLE, Priority, TaskDraft, TaskDrafts};
use crate::text;

/// The field of the list.
const TASKS: &str = "tasks";
/// The fields in which an answer that is JSON within a text, or a call of a tool that is written as one, has its content.
const CONTENT: [&str; 7] = ["arguments", "parameters", "input", "output", "result", "response", "answer"];

/// Returns `true` if the value is an answer, or has one within it.
pub(super) fn has_tasks(value: &Value) -> bool {
    match value {
        Value::Array(all) => is_list_of_tasks(all) || only(all).is_some_and(|fields| fields.contains_key(TASKS)),
        Value::Object(fields) => fields.contains_key(TASKS) || wrapped(fields).is_some(),
        _ => false,
    }
}

/// The object of a list that has no other.
fn only(all: &[Value]) -> Option<&Map<String, Value>> {
    if let [one] = all { one.as_object() } else { None }
}

fn is_list_of_tasks(all: &[Value]) -> bool {
    !all.is_empty() && all.iter().all(|task| task.as_object().is_some_and(|task| task.contains_key("title")))
}

/// The one field of an object that has the tasks, one level down.
fn wrapped(fields: &Map<String, Value>) -> Option<&Value> {
    let mut inner = fields.iter().filter(|(name, value)| match value {
        Value::Object(inner) => inner.contains_key(TASKS),
        Value::String(text) => CONTENT.contains(&name.as_str()) && text.contains(TASKS),
        Value::Array(all) => is_list_of_tasks(all),
        _ => false,
    });
    let (_, value) = inner.next()?;
    inner.next().is_none().then_some(value)
}

/// Reads the answer. `repairs` is what was repaired to get at its JSON.
pub(super) fn answer(value: Value, repairs: Vec<Repair>, tolerance: Tolerance) -> Result<Answer, InvalidAnswer> {
    let mut reader = Reader { repairs, shortened: Vec::new(), tolerance };
    let tasks = reader.list(value)?;
    reader.answer(&tasks)
}

/// Refuses JSON that would be too long as a text.
pub(super) fn check_size(value: &Value) -> Result<(), InvalidAnswer> {
    let size = value.to_string().len();
    if size > MAX_ANSWER { Err(InvalidAnswer::TooLong(size)) } else { Ok(()) }
}

/// Reads an answer in several pieces. A piece that is there twice counts once.
pub(super) fn joined(mut pieces: Vec<Value>, tolerance: Tolerance) -> Result<Answer, InvalidAnswer> {
    let mut reader = Reader { repairs: Vec::new(), shortened: Vec::new(), tolerance };
    if pieces.len() > MAX_TASKS_PER_ACTION {
        return Err(InvalidAnswer::Count(InvalidDraft::Count(pieces.len())));
    }
    let mut at = 0;
    while at < pieces.len() {
        if pieces[..at].contains(&pieces[at]) {
            pieces.remove(at);
        } else {
            at += 1;
        }
    }
    if pieces.len() > 1 {
        reader.repairs.push(Repair::Wrapper);
    }
    let mut tasks = Vec::new();
    for piece in pieces {
        tasks.extend(reader.list(piece)?);
    }
    reader.answer(&tasks)
}
struct Reader {
    repairs: Vec<Repair>,
    shortened: Vec<DraftWarning>,
    tolerance: Tolerance,
}

impl Reader {
    fn answer(mut self, tasks: &[Value]) -> Result<Answer, InvalidAnswer> {
        // Before any of them is looked at: there may be very many.
        TaskDrafts::check_count(tasks.len()).map_err(InvalidAnswer::Count)?;
        let (mut drafts, mut faults) = (Vec::new(), Vec::new());
        for (task, number) in tasks.iter().zip(1..) {
            match self.draft(task, number) {
                Ok(draft) => drafts.push(draft),
                Err(fault) => faults.push((number, fault)),
            }
        }
        if !faults.is_empty() {
            return Err(InvalidAnswer::Tasks(faults));
        }
        let drafts = TaskDrafts::try_from(drafts).map_err(InvalidAnswer::Count)?;
        let mut warnings = drafts.warnings();
        warnings.extend(self.shortened);
        self.repairs.sort_unstable();
        self.repairs.dedup();
        Ok(Answer { drafts, warnings, repairs: self.repairs })
    }

    /// The list of tasks in the value. Each level is opened once, so that this ends.
    fn list(&mut self, mut value: Value) -> Result<Vec<Value>, InvalidAnswer> {
        if let Value::String(text) = &value {
            value = self.opened(text)?;
        }
        if let Value::Array(all) = &value
            && let Some(fields) = only(all).filter(|fields| fields.contains_key(TASKS))
        {
            let fields = fields.clone();
            self.repairs.push(Repair::Wrapper);
            value = Value::Object(fields);
        }
        if let Value::Object(fields) = &value
            && !fields.contains_key(TASKS)
            && let Some(inner) = wrapped(fields)
        {
            let inner = inner.clone();
            self.repairs.push(Repair::Wrapper);
            value = match inner {
                Value::String(text) => self.opened(&text)?,
                other => other,
            };
        }
        let mut tasks = match value {
            Value::Object(mut fields) => fields.remove(TASKS).ok_or(InvalidAnswer::NoTasks)?,
            Value::Array(all) if is_list_of_tasks(&all) => {
                self.repairs.push(Repair::Wrapper);
                Value::Array(all)
            }
            _ => return Err(InvalidAnswer::NoTasks),
        };
        if let Value::String(text) = &tasks {
            tasks = self.opened(text)?;
        }
        match tasks {
            Value::Array(all) => Ok(all),
            Value::Object(mut fields) => match fields.remove(TASKS) {
                Some(Value::Array(all)) => {
                    self.repairs.push(Repair::Wrapper);
                    Ok(all)
                }
                _ => Err(InvalidAnswer::NoTasks),
            },
            _ => Err(InvalidAnswer::NoTasks),
        }
    }

    /// The JSON in a text where JSON was expected.
    fn opened(&mut self, text: &str) -> Result<Value, InvalidAnswer> {
        let (value, repairs) = find::json(text)?;
        self.repairs.push(Repair::TextForJson);
        self.repairs.extend(repairs);
        Ok(value)
    }

    fn draft(&mut self, task: &Value, number: usize) -> Result<TaskDraft, InvalidTask> {
        let task = task.as_object().ok_or(InvalidTask::NotAnObject)?;
        let title = self.text(task, "title")?;
        let title = self.fitting(title, text::line, MAX_TITLE, DraftWarning::ShortenedTitle(number));
        let description = self.text(task, "description")?;
        let cut = DraftWarning::ShortenedDescription(number);
        let description = self.fitting(description, text::block, MAX_DESCRIPTION, cut);
        let minutes = self.field(task, "estimatedMinutes").and_then(|written| self.whole(written));
        let priority = match self.field(task, "priority") {
            None | Some(Value::Null) => Priority::default(),
            Some(Value::String(name)) => self.priority(name).ok_or(InvalidTask::Priority)?,
            Some(_) => return Err(InvalidTask::Priority),
        };
        let minutes = minutes.ok_or(InvalidTask::NoMinutes)?;
        Ok(TaskDraft::new(&title, &description, minutes, priority)?)
    }

    /// A field by its name, or by that name in other letters or with underscores.
    fn field<'a>(&mut self, task: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
        if let Some(value) = task.get(name) {
            return Some(value);
        }
        let plain = |name: &str| name.replace(['_', '-'], "").to_ascii_lowercase();
        let (_, value) = task.iter().find(|(other, _)| plain(other) == plain(name))?;
        self.repairs.push(Repair::Spelling);
        Some(value)
    }

    fn text<'a>(&mut self, task: &'a Map<String, Value>, name: &'static str) -> Result<&'a str, InvalidTask> {
        self.field(task, name).and_then(Value::as_str).ok_or(InvalidTask::NoText(name))
    }

    /// The text without what cannot be seen, and cut where it is a little too long.
    fn fitting(&mut self, text: &str, clean: fn(&str) -> String, max: usize, cut: DraftWarning) -> String {
        let cleaned = clean(text);
        // Other line ends and white space around a text are no flaw.
        if text::hides_something(text) {
            self.repairs.push(Repair::Cleaned);
        }
        let length = cleaned.chars().count();
        let tolerated = max + max * usize::from(self.tolerance.overlength) / 100;
        if length <= max || length > tolerated {
            return cleaned;
        }
        self.repairs.push(Repair::Shortened);
        self.shortened.push(cut);
        text::shortened(&cleaned, max)
    }

    fn priority(&mut self, name: &str) -> Option<Priority> {
        let read = |name: &str| Priority::deserialize(Value::from(name)).ok();
        if let Some(known) = read(name) {
            return Some(known);
        }
        let name = text::line(name).to_lowercase();
        let known = read(&name).or(match name.as_str() {
            "高" => Some(Priority::High),
            "中" => Some(Priority::Medium),
            "低" => Some(Priority::Low),
            _ => None,
        })?;
        self.repairs.push(Repair::Spelling);
        Some(known)
    }

    /// A whole number, however it is written; none that is far out of range.
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::float_cmp,
        reason = "the comparison is exact: it finds out whether the conversion changed the number"
    )]
    fn whole(&mut self, number: &Value) -> Option<u16> {
        if let Some(number) = number.as_u64() {
            return u16::try_from(number).ok();
        }
        if let Some(text) = number.as_str() {
            let minutes = minutes(text)?;
            self.repairs.push(Repair::NumberAsText);
            return Some(minutes);
        }
        let number = number.as_f64()?;
        let candidate = number as u16;
        (f64::from(candidate) == number).then_some(candidate)
    }
}

/// A number of minutes that is written as a text, with or without its unit, also in digits of full width.
fn minutes(text: &str) -> Option<u16> {
    let narrow = |c: char| match c {
        '０'..='９' => char::from_u32(u32::from(c) - u32::from('０') + u32::from('0')).unwrap_or(c),
        other => other.to_ascii_lowercase(),
    };
    let text: String = text.trim().chars().map(narrow).collect();
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let (digits, fraction) = digits.split_once('.').map_or((digits, None), |(whole, rest)| (whole, Some(rest)));
    if fraction.is_some_and(|fraction| fraction.bytes().any(|b| b != b'0')) {
        return None;
    }
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.').trim().trim_end_matches('.');
    let known = ["", "m", "min", "mins", "minute", "minutes", "分", "分間"];
    // A sign would be none of an estimate.
    let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    (plain && known.contains(&unit)).then(|| digits.parse().ok()).flatten()
}
