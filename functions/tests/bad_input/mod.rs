//! What every entry of the system does with input that it does not like: nothing panics, nothing is lost, every refusal
//! says why, and neither an answer nor an event nor a log line repeats what the input says.

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
