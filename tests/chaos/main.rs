//! The deployed pipeline while things go wrong: killed workers, lost and repeated messages, a failing DynamoDB, cancels at
//! any moment. The tests break what they share, so they run one after the other, on a stack of their own.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed expectation is how a test reports")]

mod crash;
mod disturbances;
mod faults;
mod leases;
mod proxy;
mod stories;
mod storm;
mod tap;
mod truth;
mod workers;
