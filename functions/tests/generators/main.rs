//! One suite for all generators: what the port to the AI promises, case by case. Every adapter has a module that says how
//! its AI is made to behave, and lists none of the cases itself.

#[macro_use]
mod contract;

mod offline;
