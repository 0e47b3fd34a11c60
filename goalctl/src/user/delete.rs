//! Deletes what is stored of a user.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use aws_sdk_dynamodb::types::AttributeValue;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use goal_activity_events::ExecutionArn;
use goal_activity_events::publisher::reason;
use tokio::time::{Instant, sleep};

use super::find::Finder;
use super::{Found, Row, Table, Version};
use crate::api::Resource;
use crate::failure::{Failure, REFUSED};
use crate::operator::Operator;
use crate::stack::Stack;

/// The reason that is recorded with a cancellation, until its record is deleted as well.
const REASON: &str = "the user's data is deleted";
/// How long the ends of cancelled workflows may take: the reconciler, which runs twice a minute, repairs them.
const ENDS: Duration = Duration::from_secs(180);
/// How often workflows are cancelled that were started since the others were.
const ROUNDS: u32 = 3;
const INTERVAL: Duration = Duration::from_millis(500);
/// How much is deleted at once.
const AT_ONCE: usize = 16;

/// Deletes all that was found.
pub(super) async fn all(finder: &Finder<'_>, stack: &Stack, found: &Found) -> Result<()> {
    if let Some(name) = &found.sign_in {
        sign_in(finder, name).await?;
    }
    let mut found = found.clone();
    for _ in 0..ROUNDS {
        if found.open.is_empty() {
            return stored(finder, &found).await;
        }
        end(finder, &Operator::open(stack).await?, &found.open).await?;
        // What the workflows have written meanwhile, and what was started: a token works for an hour.
        found = finder.find().await?;
    }
    if found.open.is_empty() {
        return stored(finder, &found).await;
    }
    let title =
        format!("workflows are started as fast as they are cancelled, the last of them {}", listed(&found.open));
    Err(Failure::unavailable(title, "nothing of the tables and the archive is deleted yet").into())
}

fn listed(open: &BTreeSet<ExecutionArn>) -> String {
    open.iter().map(ExecutionArn::as_str).collect::<Vec<_>>().join(", ")
}

async fn sign_in(finder: &Finder<'_>, name: &str) -> Result<()> {
    let delete = finder.cognito.admin_delete_user().username(name);
    let deleted = delete.user_pool_id(finder.stack.output("UserPoolId")?).send().await;
    match deleted {
        Err(e) if e.as_service_error().is_some_and(|e| e.is_user_not_found_exception()) => Ok(()),
        other => other.map(drop).map_err(|e| anyhow!("cannot delete the sign-in: {}", reason(&e))),
    }
}

/// Cancels workflows, and waits until the ends of all are archived: what is deleted before would be written again.
async fn end(finder: &Finder<'_>, operator: &Operator, open: &BTreeSet<ExecutionArn>) -> Result<()> {
    for execution in open {
        let cancelled = operator.post(&Resource::Workflow(execution, "cancel"), REASON).await;
        match cancelled {
            // It has ended by itself.
            Err(e) if e.downcast_ref::<Failure>().is_some_and(|failure| failure.exit == REFUSED) => {}
            other => other.map(drop).with_context(|| format!("cannot cancel {execution}"))?,
        }
    }
    let deadline = Instant::now() + ENDS;
    loop {
        let left = finder.open(open).await?;
        let Some(first) = left.first() else { return Ok(()) };
        if Instant::now() > deadline {
            let title =
                format!("{} of the user's workflows have not ended and been archived, such as {first}", left.len());
            return Err(Failure::unavailable(title, "nothing of the tables and the archive is deleted yet").into());
        }
        sleep(INTERVAL).await;
    }
}

/// Deletes rows and records; goals first, so that nothing is started any more.
async fn stored(finder: &Finder<'_>, found: &Found) -> Result<()> {
    for table in [Table::Goals, Table::Tasks, Table::Executions] {
        let rows = found.rows.iter().filter(|row| row.table == table);
        stream::iter(rows.map(|each| row(finder, each))).buffer_unordered(AT_ONCE).try_collect::<()>().await?;
    }
    let versions = found.versions.iter().map(|each| version(finder, each));
    stream::iter(versions).buffer_unordered(AT_ONCE).try_collect::<()>().await
}

async fn row(finder: &Finder<'_>, row: &Row) -> Result<()> {
    let ((partition, sort), output) = (row.table.key(), row.table.output());
    let text = |value: &str| AttributeValue::S(value.to_owned());
    let delete = finder.dynamodb.delete_item().table_name(finder.stack.output(output)?);
    let delete = delete.key(partition, text(&row.partition)).key(sort, text(&row.sort));
    delete.send().await.map(drop).map_err(|e| anyhow!("cannot delete a row of {output}: {}", reason(&e)))
}

async fn version(finder: &Finder<'_>, version: &Version) -> Result<()> {
    let delete = finder.s3.delete_object().bucket(finder.bucket).key(&version.key).version_id(&version.id);
    let deleted = delete.send().await;
    deleted.map(drop).map_err(|e| anyhow!("cannot delete a version of {}: {}", version.key, reason(&e)))
}
