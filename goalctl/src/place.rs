//! A deployment, as one source names it.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use serde::Deserialize;

/// A deployment, as one source names it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Place {
    /// The HTTP API.
    pub(crate) url: Option<String>,
    /// The `stack.json` of a stack on this machine.
    pub(crate) stack_file: Option<PathBuf>,
    /// `true` if the user has not named that file: it was found in a folder, where others may have put it.
    #[serde(skip)]
    pub(crate) is_found: bool,
    /// A CloudFormation stack on AWS, and the profile and region of AWS's tools.
    pub(crate) stack: Option<String>,
    pub(crate) profile: Option<String>,
    pub(crate) region: Option<String>,
}

impl Place {
    pub(crate) fn is_named(&self) -> bool {
        *self != Self::default()
    }

    /// Returns `true` if it names a stack on AWS.
    pub(crate) fn on_aws(&self) -> bool {
        self.stack.is_some() || self.profile.is_some() || self.region.is_some()
    }

    pub(crate) fn checked(self, option: &str) -> Result<Self> {
        // Not clap's `conflicts_with`: it does not see options that stand at different subcommands.
        ensure!(
            !self.on_aws() || self.stack_file.is_none(),
            "{option} names a stack on this machine; stack, profile and region name one on AWS"
        );
        Ok(self)
    }
}
