//! How every entry point of the system handles invalid input: nothing panics, nothing is lost, every refusal states its
//! reason, and no response, event or log line repeats the input.

mod api;
mod batches;
mod entry;
mod finalize;
mod logs;
mod random;
mod reports;
mod requests;
mod rows;
mod story;
mod wrong;
