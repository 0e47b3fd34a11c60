//! The domain of the goal activity pipeline: what is decided, and the promises that every decision keeps.
//!
//! Functions here take state, input and the present moment and return a decision or a typed rejection. Nothing here knows
//! AWS, a runtime, a clock or the environment; what must be done outside is described by the small traits in [`ports`].

pub mod admission;
pub mod agreement;
pub mod answer;
pub mod archive;
pub mod chart;
pub mod daily;
pub mod edit;
pub mod execution;
pub mod facts;
mod foreign;
pub mod goal;
pub mod history;
pub mod inbound;
pub mod keys;
pub mod ledger;
pub mod limits;
pub mod notice;
pub mod operator;
pub mod outcome;
pub mod pause;
pub mod placement;
pub mod ports;
pub mod price;
pub mod quota;
pub mod reconcile;
pub mod rows;
#[cfg(test)]
mod samples;
pub mod start;
pub mod task;
pub mod text;
pub mod trial;
