//! Alarms and metrics.

use std::time::Duration;

use anyhow::Result;
use aws_config::SdkConfig;
use goal_activity_events::Timestamp;
use serde_json::{Value, json};

use crate::signed::Operation;

const TARGET: (&str, &str) = ("GraniteServiceVersion20100801", "1.0");

const DESCRIBE_ALARMS: Operation = Operation {
    what: "read the alarms",
    host: "monitoring",
    service: "cloudwatch",
    name: "DescribeAlarms",
    target: Some(TARGET),
};

const GET_STATISTICS: Operation = Operation {
    what: "read a metric",
    host: "monitoring",
    service: "cloudwatch",
    name: "GetMetricStatistics",
    target: Some(TARGET),
};

/// The alarms of a stack.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Alarms {
    pub(crate) all: usize,
    /// The names of those that are raised.
    pub(crate) raised: Vec<String>,
}

/// Reads the alarms whose names begin with the stack's.
pub(crate) async fn alarms(sdk: &SdkConfig, stack: &str) -> Result<Alarms> {
    let mut alarms = Alarms::default();
    let mut next = Value::Null;
    loop {
        let mut query =
            json!({ "AlarmNamePrefix": format!("{stack}-"), "AlarmTypes": ["MetricAlarm", "CompositeAlarm"] });
        if !next.is_null() {
            query["NextToken"] = next;
        }
        let mut page = DESCRIBE_ALARMS.call(sdk, &query).await?;
        let of = |kind: &str| page[kind].as_array().cloned().unwrap_or_default();
        for alarm in of("MetricAlarms").iter().chain(&of("CompositeAlarms")) {
            alarms.all += 1;
            if alarm["StateValue"] == "ALARM" {
                alarms.raised.push(alarm["AlarmName"].as_str().unwrap_or_default().to_owned());
            }
        }
        next = page["NextToken"].take();
        if next.is_null() {
            return Ok(alarms);
        }
    }
}

/// Returns how many values a metric without dimensions has had in that time, whole minutes.
pub(crate) async fn values(
    sdk: &SdkConfig,
    namespace: &str,
    metric: &str,
    (from, to): (Timestamp, Timestamp),
) -> Result<f64> {
    const PERIOD: Duration = Duration::from_secs(60);
    let seconds = |time: Timestamp| time.as_millis() / 1000;
    let query = json!({
        "Namespace": namespace, "MetricName": metric, "Period": PERIOD.as_secs(), "Statistics": ["SampleCount"],
        "StartTime": seconds(from) / 60 * 60, "EndTime": seconds(to) + 60,
    });
    let answer = GET_STATISTICS.call(sdk, &query).await?;
    let points = answer["Datapoints"].as_array().into_iter().flatten();
    Ok(points.filter_map(|point| point["SampleCount"].as_f64()).sum())
}
