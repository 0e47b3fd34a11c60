//! What the tests of all packages share: documents changed at random (feature `mutate`).

#[cfg(feature = "mutate")]
pub mod mutate;
