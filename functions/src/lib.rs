//! The Lambda functions of the goal activity pipeline.
//!
//! A function's `main` in `src/bin` wires its handler to adapters, and does nothing else. What is named further down in this
//! list is used by what is above it, never the other way round.
//!
//! | Module | Has |
//! |---|---|
//! | [`handlers`] | one module a function: what it does with one event, request or message |
//! | [`steps`] | what handlers have in common: accepting, admitting, ending, cancelling |
//! | [`adapters`] | the ports of the core: for AIs here, for AWS and in memory in a crate that tools use too |
//! | [`runtime`] | what every function needs: configuration, the queue loop, time, metrics, telemetry |

pub mod adapters;
pub mod handlers;
pub mod runtime;
pub mod steps;
