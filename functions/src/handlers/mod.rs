//! The functions' handlers, generic over the ports of the core.

pub mod api;
pub mod finalize;
pub mod launch;
pub mod projector;
pub mod reconcile;
pub mod worker;
