//! Metrics: what is counted becomes a line of CloudWatch's embedded metric format.

pub mod catalogue;
