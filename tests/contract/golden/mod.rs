//! Two versions at once: what an earlier release has stored and sent is read by this one, and its workflows go on.
//!
//! See `README.md` beside this file for how the files are made.

/// Makes a test of each case on both emulators of DynamoDB, for every release.
macro_rules! on_every_release {
    ($($case:ident),+ $(,)?) => {
        mod on_ministack {
            $(
                #[tokio::test]
                async fn $case() {
                    for release in crate::golden::files::Release::all() {
                        super::$case(&release, crate::backend::Emulator::MiniStack).await;
                    }
                }
            )+
        }
        mod on_dynoxide {
            $(
                #[tokio::test]
                async fn $case() {
                    for release in crate::golden::files::Release::all() {
                        super::$case(&release, crate::backend::Emulator::Dynoxide).await;
                    }
                }
            )+
        }
    };
}

mod files;
mod messages;
mod pipeline;
mod reading;
mod record;
mod workflows;
