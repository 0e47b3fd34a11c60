//! Cells: several stacks of the pipeline behind one API. Each user is in one of them, with everything that is stored of them.
//!
//! | Module | Contains |
//! |---|---|
//! | `router` | the function `router`: a request of the gateway goes to the cell of its user |
//! | `request`, `forward`, `problem` | a request, the way to a cell, the errors that the router answers itself |
//! | `table` | the table `UserCells`: which cells there are, and where each user is |
//! | `home`, `cell` | where a user is, and a cell: what is decided without AWS |
//!
//! `goalctl cells` writes the table, and moves users.

pub mod cell;
pub mod config;
pub mod forward;
pub mod home;
mod problem;
mod request;
pub mod router;
pub mod table;
