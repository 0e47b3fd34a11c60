//! The test bench: an interpreter, the definition with named patches, and a run in which the test plays the other
//! parties.

mod eventually;
mod interpreter;
mod machine;
mod message;
mod patch;
mod run;

pub(crate) use eventually::eventually;
pub(crate) use interpreter::{Interpreter, is_stale};
pub(crate) use machine::{Machine, actions, deployed_definition, input};
pub(crate) use message::{Batch, FinalizeCall, all_succeeded, finalize_answer};
pub(crate) use patch::Patch;
pub(crate) use run::Run;

/// Creates a test of each case on one interpreter: `on!(Moto as on_moto: a_case, another_case)`.
macro_rules! on {
    ($interpreter:ident as $module:ident: $($case:ident),+ $(,)?) => {
        mod $module {
            $(
                #[tokio::test]
                async fn $case() {
                    super::$case(crate::bench::Interpreter::$interpreter).await;
                }
            )+
        }
    };
}

/// Creates two tests of each case, one on each interpreter.
macro_rules! on_both {
    ($($case:ident),+ $(,)?) => {
        on!(MiniStack as on_ministack: $($case),+);
        on!(Moto as on_moto: $($case),+);
    };
}
