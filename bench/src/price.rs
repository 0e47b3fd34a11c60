//! AWS's prices per unit, in US dollars: region us-east-1, as of November 2026, without free tiers and discounts.

/// The region of the prices.
pub(crate) const REGION: &str = "us-east-1";
/// When they were collected.
pub(crate) const DATE: &str = "2026-11";

/// The price of a unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Price {
    /// The unit.
    pub(crate) unit: &'static str,
    /// The price of that many of them.
    usd: f64,
    per: f64,
    /// The public page of the price.
    pub(crate) page: &'static str,
    /// The source of the price.
    pub(crate) known: Known,
}

/// How far a price can be relied on. None was read from AWS itself on that date: check them before you use them in a
/// budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Known {
    /// From a stored copy of AWS's own page.
    StoredPage,
    /// From third-party reports of 2026 about the page.
    Reported,
    /// From memory of the public list.
    Remembered,
}

impl Price {
    const fn new(unit: &'static str, usd: f64, per: f64, page: &'static str, known: Known) -> Self {
        Self { unit, usd, per, page, known }
    }

    /// The price of that many units.
    pub(crate) fn of(&self, units: f64) -> f64 {
        units * self.usd / self.per
    }
}

const MILLION: f64 = 1e6;
const GB: f64 = 1024.0 * 1024.0 * 1024.0;

const STEP_FUNCTIONS: &str = "https://aws.amazon.com/step-functions/pricing/";
const LAMBDA: &str = "https://aws.amazon.com/lambda/pricing/";
const SQS: &str = "https://aws.amazon.com/sqs/pricing/";
const EVENT_BRIDGE: &str = "https://aws.amazon.com/eventbridge/pricing/";
const DYNAMO_DB: &str = "https://aws.amazon.com/dynamodb/pricing/on-demand/";
const CLOUD_WATCH: &str = "https://aws.amazon.com/cloudwatch/pricing/";

/// Of a Standard workflow.
pub(crate) const TRANSITION: Price = Price::new("state transition", 0.025, 1_000.0, STEP_FUNCTIONS, Known::StoredPage);
/// Of any function.
pub(crate) const INVOCATION: Price = Price::new("invocation", 0.20, MILLION, LAMBDA, Known::Reported);
/// On arm64, in the first price class.
pub(crate) const GB_SECOND: Price = Price::new("GB-second (arm64)", 0.000_013_333_4, 1.0, LAMBDA, Known::Reported);
/// Of a standard queue.
pub(crate) const QUEUE_REQUEST: Price = Price::new("SQS request of 64 KiB", 0.40, MILLION, SQS, Known::Reported);
/// On a custom bus. Events of AWS services on the default bus are free, and so is delivery within an account.
pub(crate) const EVENT: Price = Price::new("custom event of 64 KiB", 1.00, MILLION, EVENT_BRIDGE, Known::Reported);
/// On demand.
pub(crate) const READ_UNIT: Price = Price::new("read request unit", 0.125, MILLION, DYNAMO_DB, Known::Reported);
/// On demand.
pub(crate) const WRITE_UNIT: Price = Price::new("write request unit", 0.625, MILLION, DYNAMO_DB, Known::Reported);
/// Ingested by `CloudWatch`, in the Standard class.
pub(crate) const LOG_BYTE: Price = Price::new("byte of log", 0.50, GB, CLOUD_WATCH, Known::Reported);
/// Of S3 Standard.
pub(crate) const S3_PUT: Price =
    Price::new("S3 PUT", 0.005, 1_000.0, "https://aws.amazon.com/s3/pricing/", Known::Remembered);
/// Of a standard topic; e-mails cost more.
pub(crate) const NOTICE: Price =
    Price::new("SNS publish", 0.50, MILLION, "https://aws.amazon.com/sns/pricing/", Known::Remembered);
/// Of an HTTP API.
pub(crate) const HTTP_REQUEST: Price =
    Price::new("HTTP API request", 1.00, MILLION, "https://aws.amazon.com/api-gateway/pricing/", Known::Remembered);
/// Recorded traces.
pub(crate) const TRACE: Price =
    Price::new("X-Ray trace", 5.00, MILLION, "https://aws.amazon.com/xray/pricing/", Known::StoredPage);

/// Of standard resolution, for a month.
pub(crate) const ALARM: Price = Price::new("alarm on one metric", 0.10, 1.0, CLOUD_WATCH, Known::Reported);
/// For a month.
pub(crate) const COMPOSITE_ALARM: Price = Price::new("composite alarm", 0.50, 1.0, CLOUD_WATCH, Known::Remembered);
/// For a month.
pub(crate) const METRIC: Price = Price::new("custom metric", 0.30, 1.0, CLOUD_WATCH, Known::Reported);
/// For a month.
pub(crate) const DASHBOARD: Price = Price::new("dashboard", 3.00, 1.0, CLOUD_WATCH, Known::Reported);
/// For a month.
pub(crate) const KEY: Price =
    Price::new("KMS key", 1.00, 1.0, "https://aws.amazon.com/kms/pricing/", Known::Remembered);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_is_for_as_many_units_as_its_list_says() {
        let cases = [
            (TRANSITION.of(13.0), 0.000_325),
            (WRITE_UNIT.of(640.0), 0.000_4),
            (GB_SECOND.of(0.25), 0.000_003_333_35),
            (LOG_BYTE.of(1024.0 * 1024.0), 0.000_488_281_25),
            (ALARM.of(3.0), 0.3),
        ];
        for (found, expected) in cases {
            assert!((found - expected).abs() < 1e-12, "{found} is not {expected}");
        }
    }
}
