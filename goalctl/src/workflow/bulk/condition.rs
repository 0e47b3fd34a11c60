//! Which workflows a command for many is for: the conditions of `--where`.

use std::str::FromStr;

use anyhow::Result;
use goal_activity_core::execution::Status;
use goal_activity_events::{GoalId, Timestamp, UserId};

use super::super::{read_status, read_time};
use crate::failure::Failure;

/// What can be asked for.
const KNOWN: &str = "status=FAILED,TIMED_OUT  goal=ID  user=ID  source=NAME  from=TIME  to=TIME";

/// One condition, as it is written: `goal=learn-piano`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Condition {
    Status(Vec<Status>),
    Goal(GoalId),
    User(UserId),
    /// What has requested the workflow: the source of an event, or `goal-activity` for a call of the API.
    Source(String),
    From(Timestamp),
    To(Timestamp),
}

impl Condition {
    fn name(&self) -> &'static str {
        match self {
            Self::Status(_) => "status",
            Self::Goal(_) => "goal",
            Self::User(_) => "user",
            Self::Source(_) => "source",
            Self::From(_) => "from",
            Self::To(_) => "to",
        }
    }
}

impl FromStr for Condition {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let wrong = || format!("{text:?} is no condition; there are {KNOWN}");
        let (name, value) = text.split_once('=').ok_or_else(wrong)?;
        let (name, value) = (name.trim(), value.trim());
        let because = |why: String| format!("{name}={value}: {why}");
        if value.is_empty() {
            return Err(because("nothing stands behind the =".to_owned()));
        }
        match name {
            "status" => {
                let statuses = value.split(',').map(|one| read_status(one.trim())).collect::<Result<_, _>>();
                statuses.map(Self::Status).map_err(because)
            }
            "goal" => value.parse().map(Self::Goal).map_err(|e| because(e.to_string())),
            "user" => value.parse().map(Self::User).map_err(|e| because(e.to_string())),
            "source" => Ok(Self::Source(value.to_owned())),
            "from" => read_time(value).map(Self::From).map_err(because),
            "to" => read_time(value).map(Self::To).map_err(because),
            _ => Err(wrong()),
        }
    }
}

/// All conditions of a command. A workflow has to meet each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Conditions {
    /// Empty: not asked for.
    pub(super) statuses: Vec<Status>,
    pub(super) goal: Option<GoalId>,
    pub(super) user: Option<UserId>,
    pub(super) source: Option<String>,
    pub(super) from: Option<Timestamp>,
    pub(super) to: Option<Timestamp>,
}

impl Conditions {
    /// Combines what was written.
    ///
    /// # Errors
    /// Something is asked for twice: nothing could be both.
    pub(super) fn of(written: Vec<Condition>, since: Option<Timestamp>) -> Result<Self> {
        let mut all = Self::default();
        for condition in written.into_iter().chain(since.map(Condition::From)) {
            let name = condition.name();
            let before = match condition {
                Condition::Status(statuses) => {
                    let before = !all.statuses.is_empty();
                    all.statuses = statuses;
                    before
                }
                Condition::Goal(goal) => all.goal.replace(goal).is_some(),
                Condition::User(user) => all.user.replace(user).is_some(),
                Condition::Source(source) => all.source.replace(source).is_some(),
                Condition::From(from) => all.from.replace(from).is_some(),
                Condition::To(to) => all.to.replace(to).is_some(),
            };
            if before {
                let advice = "write each once; several statuses stand in one, status=PENDING,RUNNING; --since is from";
                return Err(Failure::usage(format!("--where has {name} twice"), advice).into());
            }
        }
        match (all.from, all.to) {
            (Some(from), Some(to)) if from >= to => {
                let title = format!("nothing can be from {from} on and before {to}");
                Err(Failure::usage(title, "from is the earlier time").into())
            }
            _ => Ok(all),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Condition, String> {
        text.parse()
    }

    #[test]
    fn a_condition_is_typed() {
        let statuses = vec![Status::Pending, Status::Running];
        assert_eq!(read("status=PENDING,running"), Ok(Condition::Status(statuses)));
        assert_eq!(read(" goal = g-1 "), Ok(Condition::Goal("g-1".parse().unwrap())));
        assert_eq!(read("user=u"), Ok(Condition::User("u".parse().unwrap())));
        assert_eq!(read("source=com.example.a=b"), Ok(Condition::Source("com.example.a=b".to_owned())));
        assert_eq!(read("from=2026-11-24"), Ok(Condition::From("2026-11-24T00:00:00Z".parse().unwrap())));
        assert_eq!(read("to=2026-11-24T10:00:00+09:00"), Ok(Condition::To("2026-11-24T01:00:00Z".parse().unwrap())));
    }

    #[test]
    fn what_is_no_condition_is_answered_with_what_would_be() {
        for wrong in ["", "goal", "state=RUNNING", "goals=g"] {
            let said = read(wrong).unwrap_err();
            assert!(said.contains("is no condition") && said.contains("status=FAILED,TIMED_OUT"), "{said}");
        }
        assert!(read("goal=").unwrap_err().contains("nothing stands behind the ="));
        assert!(read("status=DONE").unwrap_err().contains("not a status of a workflow: PENDING, RUNNING"));
        assert!(read("status=RUNNING,").unwrap_err().starts_with("status=RUNNING,: "));
        assert!(read("goal=a b").unwrap_err().starts_with("goal=a b: not a valid"));
        assert!(read("from=yesterday").unwrap_err().contains("a day, 2026-11-24"));
    }

    #[test]
    fn all_conditions_hold_together_and_each_is_given_once() {
        let all = |texts: &[&str], since: Option<&str>| {
            let conditions = texts.iter().map(|text| read(text).unwrap()).collect();
            Conditions::of(conditions, since.map(|text| text.parse().unwrap()))
        };
        let both = all(&["goal=g", "user=u"], Some("2026-11-24T00:00:00Z")).unwrap();
        assert!(both.goal.is_some() && both.user.is_some() && both.from.is_some() && both.to.is_none());
        for twice in [&["goal=g", "goal=h"][..], &["status=FAILED", "status=ABORTED"], &["from=2026-11-24"]] {
            let said = all(twice, Some("2026-11-23T00:00:00Z")).unwrap_err().to_string();
            assert!(said.contains("twice"), "{said}");
        }
        let never = all(&["from=2026-11-25", "to=2026-11-24"], None).unwrap_err().to_string();
        assert!(never.contains("nothing can be from 2026-11-25"), "{never}");
    }
}
