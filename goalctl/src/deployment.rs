//! The API of a deployment, and what else is known about it.

use anyhow::Result;
use goal_activity_client::StackFile;

use crate::failure::Failure;
use crate::http::checked;
use crate::place::Place;
use crate::stack::{Stack, stack_file};

const NO_URL: &str = "for a stack on this machine run `cargo xtask up`; for one on AWS say --url or --stack";

/// A deployment.
#[derive(Debug)]
pub(crate) struct Deployment {
    /// The HTTP API, without a slash at the end. Tokens may be sent to it.
    pub(crate) url: String,
    /// The description of a stack on this machine.
    pub(crate) file: Option<StackFile>,
    /// The stack, if its URL had to be looked up.
    pub(crate) stack: Option<Stack>,
}

impl Deployment {
    /// Finds the API that the settings name.
    pub(crate) async fn find(place: &Place) -> Result<Self> {
        let file = stack_file(place)?;
        let (url, stack) = match (place.url.clone(), &file) {
            (Some(url), _) => (url, None),
            (None, Some(file)) => (file.api_url()?.to_owned(), None),
            // If no deployment is named, the stack on AWS is the default, which requires configured AWS tools.
            (None, None) => match Stack::open(place).await {
                Ok(stack) => (stack.output("ApiUrl")?.to_owned(), Some(stack)),
                Err(error) if place.stack.is_some() => return Err(error),
                Err(error) => {
                    let title = format!("no stack is up on this machine, and no deployment is named: {error:#}");
                    return Err(Failure::usage(title, NO_URL).into());
                }
            },
        };
        Ok(Self { url: checked(&url)?, file, stack })
    }

    /// Opens the stack to sign in; `None` if only a URL is named.
    pub(crate) async fn open_stack(&mut self, place: &Place) -> Result<Option<&Stack>> {
        let is_named = place.stack.is_some() || place.stack_file.is_some();
        if self.stack.is_none() && is_named {
            self.stack = Some(Stack::open_to_sign_in(place).await?);
        }
        Ok(self.stack.as_ref())
    }
}
