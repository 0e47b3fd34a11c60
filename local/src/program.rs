//! What every program of the project's commands begins and ends with.

use std::process::ExitCode;

use anyhow::Result;

use crate::interrupt;
use crate::output;
use crate::project::Project;

/// Runs a command of the project, and clears what it leaves, also on Ctrl-C. An error is printed, and the exit code is 1.
pub fn run(command: impl FnOnce(&Project) -> Result<()>) -> ExitCode {
    let outcome = interrupt::install().and_then(|()| command(&Project::find()?));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            interrupt::leave_it_to_the_handler();
            output::aside(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}
