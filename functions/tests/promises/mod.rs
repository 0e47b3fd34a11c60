//! The promises P1 to P10 of ARCHITECTURE.md, tested on the real handlers with in-memory adapters. Every message is
//! delivered twice in one of these tests.

mod admission;
mod archive;
mod budgets;
mod by_event;
mod cancel;
mod edits;
mod facts;
mod forged;
mod goal_app;
mod goals;
mod history;
mod hostile;
mod http;
mod idempotency_key;
mod lease;
mod limits;
mod operator;
mod p01_one_at_a_time;
mod p02_idempotent_start;
mod p03_exactly_once;
mod p04_nothing_after_the_seal;
mod p05_partial_failure;
mod p06_progress;
mod p07_always_an_end;
mod p08_order;
mod p09_isolation;
mod p10_bounded;
mod pauses;
mod priority;
mod reconcile;
mod retry;
mod shards;
mod together;
mod traces;
mod usage;
