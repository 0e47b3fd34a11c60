use serde::Deserialize;

use crate::{Envelope, ExecutionArn, ReadError, Timestamp};

/// AWS's own event about a Step Functions execution. Emitted on a best-effort basis: it can be lost, repeated or late
/// (EventBridge events reference).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExecutionStatusChanged {
    /// The execution.
    pub execution_arn: ExecutionArn,
    /// Its new status.
    pub status: MachineStatus,
    #[serde(default)]
    stop_date: Option<i64>,
}

/// A status of a Step Functions execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum MachineStatus {
    /// It runs.
    Running,
    /// Its last state was a `Succeed`.
    Succeeded,
    /// A `Fail` state, or an error that nothing caught.
    Failed,
    /// The state machine's own `TimeoutSeconds` expired.
    TimedOut,
    /// It was stopped.
    Aborted,
    /// It failed and waits for `RedriveExecution`.
    PendingRedrive,
}

impl ExecutionStatusChanged {
    /// EventBridge's `detail-type`.
    pub const TYPE: &'static str = "Step Functions Execution Status Change";
    /// EventBridge's `source`. Only AWS itself can put events of it.
    pub const SOURCE: &'static str = "aws.states";

    /// Reads the event from its envelope.
    pub fn read(envelope: &Envelope) -> Result<Self, ReadError> {
        if envelope.detail_type != Self::TYPE {
            return Err(ReadError::OtherType { expected: Self::TYPE, found: envelope.detail_type.clone() });
        }
        envelope.detail_as(Self::TYPE)
    }

    /// When the execution ended, when it has.
    pub fn stopped_at(&self) -> Option<Timestamp> {
        self.stop_date.map(Timestamp::from_millis)
    }
}
