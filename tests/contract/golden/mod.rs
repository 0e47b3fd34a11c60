//! Compatibility: this version reads the stored rows and messages of earlier releases, and continues their workflows.
//!
//! See `README.md` beside this file for how the files are made.

/// Creates a test of each case on both emulators of DynamoDB, for every release.
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
