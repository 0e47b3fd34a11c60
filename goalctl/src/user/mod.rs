//! `goalctl user`: everything that the pipeline stores of a user, and its deletion.
//!
//! `find` looks, `delete` removes.

mod delete;
mod find;

use std::collections::BTreeSet;

use anyhow::Result;
use clap::Subcommand;
use goal_activity_events::{ExecutionArn, UserId};
use serde::Serialize;

use crate::failure::{DONE, Failure, NO_ACCESS, NOT_DONE};
use crate::shell::Shell;
use crate::stack::Stack;
use crate::text::{NOTHING, counted, facts, printable};
use find::Finder;

pub(crate) const SHOW: &str = "\
Show what is stored of a user

Looks through the three tables, and reads every record of the archive: a record of before 90 days is known by its contents only.
Shows ids and numbers, no texts. It has looked everywhere if it ends with 0, or with the code NOTHING_STORED.";
const SHOW_EXIT_CODES: &str = "\
Exit codes:
  0  something is stored
  4  nothing is stored (NOTHING_STORED), or looking is not permitted: the message says which
  2, 5  it was not looked everywhere";
pub(crate) const DELETE: &str = "\
Delete everything that is stored of a user, for good

In this order: the sign-in; the workflows that have not ended, which are cancelled and waited for; goals, tasks, workflows, what is
counted and remembered of requests; the records of the archive, with all their versions. Then it looks again, and fails if anything
is left. It can be repeated: what is gone already is no error.

It does not reach dead letters (14 days), the history of Step Functions (90 days), logs, backups, and what other services have
received: docs/OPERATIONS.md says how long each of them keeps it, and which permissions are needed.";
const EXIT_CODES: &str = "\
Exit codes:
  0  nothing is left
  1  something is left, or you said no: run it again
  2  a service refused it, or a permission is missing; what was deleted before stays deleted
  5  a workflow has not ended in time: run it again";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    #[command(about = "Show what is stored of a user", long_about = SHOW, after_help = SHOW_EXIT_CODES)]
    Show {
        /// The user's id: the `sub` of the tokens
        user: UserId,
    },
    #[command(about = "Delete everything that is stored of a user", long_about = DELETE, after_help = EXIT_CODES)]
    Delete {
        /// The user's id: the `sub` of the tokens
        user: UserId,
        /// Do not prompt for confirmation
        #[arg(long)]
        yes: bool,
    },
}

/// A table of the stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Table {
    Goals,
    Tasks,
    Executions,
}

/// A row, by its key. Sorts in the order of deletion: without its goal, a user's workflow cannot be started.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Row {
    pub(crate) table: Table,
    pub(crate) partition: String,
    pub(crate) sort: String,
}

/// A version of an object of the archive. A mark of a deletion is one, too.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Version {
    key: String,
    id: String,
}

/// What is stored of a user.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Found {
    /// The name in the user pool.
    sign_in: Option<String>,
    goals: BTreeSet<String>,
    rows: BTreeSet<Row>,
    /// The workflows that have not ended, or whose end is not archived.
    open: BTreeSet<ExecutionArn>,
    versions: BTreeSet<Version>,
}

impl Found {
    fn is_nothing(&self) -> bool {
        self.sign_in.is_none() && self.rows.is_empty() && self.versions.is_empty()
    }

    fn rows_of(&self, table: Table) -> usize {
        self.rows.iter().filter(|row| row.table == table).count()
    }

    fn summary(&self) -> Summary {
        let records: BTreeSet<_> = self.versions.iter().map(|version| version.key.clone()).collect();
        Summary {
            sign_in: self.sign_in.is_some(),
            goals: self.goals.clone(),
            goal_rows: self.rows_of(Table::Goals),
            task_rows: self.rows_of(Table::Tasks),
            execution_rows: self.rows_of(Table::Executions),
            open_workflows: self.open.clone(),
            records,
            record_versions: self.versions.len(),
        }
    }
}

/// What is stored of a user, in ids and numbers. Part of the JSON output: names are never changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Summary {
    sign_in: bool,
    goals: BTreeSet<String>,
    goal_rows: usize,
    task_rows: usize,
    execution_rows: usize,
    open_workflows: BTreeSet<ExecutionArn>,
    records: BTreeSet<String>,
    record_versions: usize,
}

impl Summary {
    fn text(&self) -> String {
        let listed = |ids: Vec<&str>| {
            if ids.is_empty() {
                NOTHING.to_owned()
            } else {
                ids.into_iter().map(printable).collect::<Vec<_>>().join("\n")
            }
        };
        let rows = |count| counted(count, "row");
        let versions = counted(self.record_versions, "version");
        facts([
            ("Sign-in", if self.sign_in { "yes" } else { NOTHING }.to_owned()),
            ("Goals", rows(self.goal_rows)),
            ("", listed(self.goals.iter().map(String::as_str).collect())),
            ("Tasks", rows(self.task_rows)),
            ("Workflows", rows(self.execution_rows)),
            ("Not ended", listed(self.open_workflows.iter().map(ExecutionArn::as_str).collect())),
            ("Archive", format!("{} in {versions}", counted(self.records.len(), "record"))),
        ])
    }
}

/// What was done. Part of the JSON output: names are never changed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Done {
    user: UserId,
    deleted: Summary,
    /// What a second look has found.
    left: Summary,
    complete: bool,
}

/// Runs the command and returns the exit code.
pub(crate) async fn run(command: Command, stack: &Stack, json: bool, shell: &mut Shell<'_>) -> Result<u8> {
    match command {
        Command::Show { user } => {
            let found = Finder::new(stack, &user)?.find().await?;
            if found.is_nothing() {
                return Err(nobody(&user, stack).into());
            }
            shell.show(json, &found.summary(), Summary::text)?;
            Ok(DONE)
        }
        Command::Delete { user, yes } => {
            let finder = Finder::new(stack, &user)?;
            let found = finder.find().await?;
            let summary = found.summary();
            if !yes && !found.is_nothing() {
                write!(shell.err, "{}", summary.text())?;
                let question = format!("Delete all of this of user {user} in {} for good?", stack.label);
                if !shell.confirms(&question)? {
                    writeln!(shell.err, "Nothing was deleted.")?;
                    return Ok(NOT_DONE);
                }
            }
            delete::all(&finder, stack, &found).await?;
            let left = finder.find().await?;
            let complete = left.is_nothing();
            let deleted = Done { user, deleted: summary, left: left.summary(), complete };
            shell.show(json, &deleted, |done| done.text(&stack.label))?;
            Ok(if complete { DONE } else { NOT_DONE })
        }
    }
}

/// Returns the failure for a user of whom nothing is stored.
fn nobody(user: &UserId, stack: &Stack) -> Failure {
    let title = format!("nothing is stored of user {user} in {}", stack.label);
    // What is not permitted has another code, or none, and the same exit code.
    let failure = Failure { exit: NO_ACCESS, title, code: Some("NOTHING_STORED".to_owned()), ..Failure::default() };
    failure
        .advising("check the id: it is the `sub` of the user's tokens, not a name or an e-mail address; and the stack")
}

impl Done {
    fn text(&self, stack: &str) -> String {
        let deleted = format!("Deleted of user {} in {stack}:\n{}", self.user, self.deleted.text());
        match self.complete {
            true => format!("{deleted}\nNothing is left.\n"),
            false => format!("{deleted}\nLeft, run it again:\n{}", self.left.text()),
        }
    }
}

#[cfg(test)]
mod runs;

#[cfg(test)]
mod tests {
    use super::*;

    fn row(table: Table) -> Row {
        Row { table, partition: "p".to_owned(), sort: "s".to_owned() }
    }

    #[test]
    fn a_sign_in_a_row_or_a_version_is_something() {
        let nothing = Found::default();
        assert!(nothing.is_nothing());
        for table in [Table::Goals, Table::Tasks, Table::Executions] {
            assert!(!Found { rows: [row(table)].into(), ..nothing.clone() }.is_nothing());
        }
        assert!(!Found { sign_in: Some("ann".to_owned()), ..nothing.clone() }.is_nothing());
        let version = Version { key: "k".to_owned(), id: "v".to_owned() };
        assert!(!Found { versions: [version].into(), ..nothing }.is_nothing());
    }

    #[test]
    fn goals_are_deleted_first_and_what_is_counted_is_told() {
        let rows: BTreeSet<_> = [Table::Executions, Table::Tasks, Table::Goals].map(row).into();
        assert_eq!(rows.first().map(|row| row.table), Some(Table::Goals));
        let versions = ["v1", "v2"].map(|id| Version { key: "k".to_owned(), id: id.to_owned() }).into();
        let text = Found { rows, versions, ..Found::default() }.summary().text();
        assert!(text.contains("Tasks      1 row\n") && text.contains("1 record in 2 versions"), "{text}");
    }
}
