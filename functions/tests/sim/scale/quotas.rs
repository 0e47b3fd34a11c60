//! The default quotas of one AWS account in one region: the numbers that the simulation reads and that
//! `docs/SCALING.md` shows (a test compares them). Those of us-east-1, where regions differ, from the public
//! documentation on [`AS_OF`]; new accounts start with less, and the page "Service Quotas" of the console has an
//! account's own.

use goal_activity_core::admission::Shard;

use crate::queues::Queue;

/// When the pages were read.
pub(crate) const AS_OF: &str = "2026-11-25";

/// A limited resource of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Quota {
    /// Tokens of one model on Amazon Bedrock. For another AI, by its contract.
    AiTokens,
    /// Requests of one model, where the provider of a run counts them. Bedrock does not.
    AiRequests,
    /// Invocations of all functions that run at once.
    LambdaConcurrency,
    /// Concurrent invocations by Lambda's pollers for one queue.
    Pollers(Queue),
    /// `StartExecution` of standard workflows.
    StartExecution,
    /// States that standard workflows enter, and retries.
    StateTransitions,
    /// `SendTaskSuccess`.
    SendTaskSuccess,
    /// `SendTaskHeartbeat`.
    SendTaskHeartbeat,
    /// `DescribeExecution`, which only the reconciler calls.
    DescribeExecution,
    /// `PutEvents`, with one event per call here.
    PutEvents,
    /// Events that rules deliver to their targets.
    RuleInvocations,
    /// Requests to the HTTP API.
    ApiRequests,
    /// Write units of a table that is new or idle, by table.
    Writes(Table),
    /// Write units of one partition key: the row that counts the admitted batches of a shard.
    CapacityRow(Shard),
}

/// The tables, with their indexes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Table {
    Goals,
    Tasks,
    Executions,
}

/// The limit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Limit {
    /// Units a second, and the burst after an idle time.
    Rate { a_second: f64, burst: f64 },
    /// That many at a time.
    AtOnce(f64),
    /// That many at a time, starting with a few and increasing while there is more to do.
    Growing { from: f64, a_second: f64, to: f64 },
}

/// A quota as documented.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Documented {
    pub(crate) name: &'static str,
    pub(crate) limit: Limit,
    /// Whether AWS raises it on request.
    pub(crate) adjustable: bool,
    /// The page, without `https://docs.aws.amazon.com/`.
    pub(crate) source: &'static str,
}

/// Pollers of a queue in provisioned mode, with the most that can be paid for at all times (200): each has ten invocations at
/// once (`lambda/latest/dg/services-sqs-scaling.html`).
pub(crate) const PROVISIONED: Limit = Limit::Growing { from: 2_000.0, a_second: 1_000.0 / 60.0, to: 20_000.0 };

const SFN: &str = "step-functions/latest/dg/service-quotas.html";
const EVENTS: &str = "eventbridge/latest/userguide/eb-quota.html";

impl Quota {
    pub(crate) const ALL: [Self; 17] = [
        Self::AiTokens,
        Self::LambdaConcurrency,
        Self::Pollers(Queue::Launch),
        Self::Pollers(Queue::Batch),
        Self::Pollers(Queue::Projection),
        Self::StartExecution,
        Self::StateTransitions,
        Self::SendTaskSuccess,
        Self::SendTaskHeartbeat,
        Self::DescribeExecution,
        Self::PutEvents,
        Self::RuleInvocations,
        Self::ApiRequests,
        Self::Writes(Table::Goals),
        Self::Writes(Table::Tasks),
        Self::Writes(Table::Executions),
        Self::CapacityRow(Shard::FIRST),
    ];

    pub(crate) fn documented(self) -> Documented {
        let (name, limit, adjustable, source) = match self {
            // 5,000,000 a minute for Claude Haiku 4.5 through a cross-region profile; others have other numbers.
            Self::AiTokens => ("Bedrock tokens", rate(83_333, 5_000_000), true, "general/latest/gr/bedrock.html"),
            // As of a run, not documented: so not in `ALL`.
            Self::AiRequests => ("Requests to the AI", rate(0, 0), true, ""),
            Self::LambdaConcurrency => {
                ("Lambda concurrency", Limit::AtOnce(1_000.0), true, "lambda/latest/dg/gettingstarted-limits.html")
            }
            Self::Pollers(_) => (
                "SQS pollers, a queue",
                Limit::Growing { from: 5.0, a_second: 5.0, to: 1_250.0 },
                false,
                "lambda/latest/dg/services-sqs-scaling.html",
            ),
            Self::StartExecution => ("StartExecution", rate(300, 1_300), true, SFN),
            Self::StateTransitions => ("StateTransition", rate(1_500, 5_000), true, SFN),
            Self::SendTaskSuccess => ("SendTaskSuccess", rate(500, 3_000), true, SFN),
            Self::SendTaskHeartbeat => ("SendTaskHeartbeat", rate(500, 3_000), true, SFN),
            Self::DescribeExecution => ("DescribeExecution", rate(15, 300), true, SFN),
            Self::PutEvents => ("PutEvents", rate(10_000, 10_000), true, EVENTS),
            Self::RuleInvocations => ("EventBridge invocations", rate(18_750, 18_750), true, EVENTS),
            Self::ApiRequests => {
                ("API Gateway requests", rate(10_000, 5_000), true, "apigateway/latest/developerguide/limits.html")
            }
            Self::Writes(_) => (
                "DynamoDB writes, a new table",
                rate(4_000, 4_000),
                true,
                "amazondynamodb/latest/developerguide/warm-throughput-scenarios.html",
            ),
            Self::CapacityRow(_) => (
                "DynamoDB writes, a partition",
                rate(1_000, 1_000),
                false,
                "amazondynamodb/latest/developerguide/bp-partition-key-design.html",
            ),
        };
        Documented { name, limit, adjustable, source }
    }

    /// In a report, where the shards of the capacity are one.
    pub(crate) fn reported(self) -> Self {
        if matches!(self, Self::CapacityRow(_)) { Self::CapacityRow(Shard::FIRST) } else { self }
    }

    /// In a report.
    pub(crate) fn name(self) -> String {
        let name = self.documented().name;
        match self {
            Self::Pollers(queue) => format!("SQS pollers ({queue:?})"),
            Self::Writes(table) => format!("DynamoDB writes ({table:?})"),
            Self::CapacityRow(_) => "DynamoDB writes (`CAPACITY`)".to_owned(),
            _ => name.to_owned(),
        }
    }
}

const fn rate(a_second: u32, burst: u32) -> Limit {
    Limit::Rate { a_second: a_second as f64, burst: burst as f64 }
}

impl Limit {
    /// The quota, multiplied.
    pub(crate) fn times(self, factor: f64) -> Self {
        match self {
            Self::Rate { a_second, burst } => Self::Rate { a_second: a_second * factor, burst: burst * factor },
            Self::AtOnce(most) => Self::AtOnce(most * factor),
            Self::Growing { from, a_second, to } => {
                Self::Growing { from: from * factor, a_second: a_second * factor, to: to * factor }
            }
        }
    }
}
