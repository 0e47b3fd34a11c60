//! The pipeline's API, called by a user with a token or by an operator with AWS credentials: the same calls, answers and errors.

use anyhow::Result;
use goal_activity_client::api::{CancelRequest, RetryRequest, StartRequest};
use goal_activity_events::{ExecutionArn, GoalId, PriorityClass};
use serde_json::{Value, to_value};

use crate::client::{Client, Listed, pages};
use crate::failure::Failure;
use crate::http::encode;
use crate::operator::Operator;
use crate::settings::Settings;
use crate::stack::Stack;

const NOT_FOR_OPERATORS: &str = "sign in as the user with `goalctl login`, or give the user's token; \
    `goalctl events emit <goal>` requests it as another service does";

/// Something that the API knows.
#[derive(Debug, Clone)]
pub(crate) enum Resource<'a> {
    /// What belongs to a goal.
    Goal(&'a GoalId, &'static str),
    /// What belongs to a workflow.
    Workflow(&'a ExecutionArn, &'static str),
}

impl Resource<'_> {
    /// Its path in a URL.
    pub(crate) fn path(&self) -> String {
        match self {
            Self::Goal(goal, what) => format!("/api/goals/{}/{what}", encode(goal.as_str())),
            Self::Workflow(arn, what) => format!("/api/workflows/{}/{what}", encode(arn.as_str())),
        }
    }

    /// The path of its route, as the gateway names it.
    pub(crate) fn route(&self) -> String {
        match self {
            Self::Goal(_, what) => format!("/api/goals/{{goalId}}/{what}"),
            Self::Workflow(_, what) => format!("/api/workflows/{{executionArn}}/{what}"),
        }
    }

    /// The placeholder in its route and what stands there.
    pub(crate) fn parameter(&self) -> (&'static str, &str) {
        match self {
            Self::Goal(goal, _) => ("goalId", goal.as_str()),
            Self::Workflow(arn, _) => ("executionArn", arn.as_str()),
        }
    }
}

/// The API, as one caller.
#[derive(Debug)]
pub(crate) enum Api {
    User(Box<Client>),
    Operator(Operator),
}

impl Api {
    /// Opens the deployment's API for the caller that the settings name.
    pub(crate) async fn open(settings: Settings) -> Result<Self> {
        if settings.is_operator() {
            let stack = Stack::open(&settings.place).await?;
            // Who has signed in to a stack is its user there, also when naming it.
            if settings.operator || !settings.has_session(stack.output("ApiUrl")?)? {
                return Ok(Self::Operator(Operator::open(&stack).await?));
            }
        }
        Client::open(settings).await.map(Box::new).map(Self::User)
    }

    pub(crate) async fn get(&self, resource: &Resource<'_>) -> Result<Value> {
        match self {
            Self::User(client) => client.get(&resource.path()).await,
            Self::Operator(operator) => operator.get(resource, Vec::new()).await,
        }
    }

    /// Starts a workflow. Operators start none in the name of a user.
    pub(crate) async fn start(&self, goal: &GoalId, request: &StartRequest, key: &str) -> Result<Value> {
        match self {
            Self::User(client) => {
                client.post_once(&Resource::Goal(goal, "start-activity").path(), to_value(request)?, key).await
            }
            Self::Operator(_) => {
                Err(Failure::usage("an operator starts nothing in the name of a user", NOT_FOR_OPERATORS).into())
            }
        }
    }

    /// Retries a workflow. The key makes it repeatable when the response is lost.
    pub(crate) async fn retry(
        &self,
        arn: &ExecutionArn,
        (key, class): (&str, PriorityClass),
        reason: Option<&str>,
    ) -> Result<Value> {
        let resource = Resource::Workflow(arn, "retry");
        match self {
            Self::User(_) if reason.is_some() => {
                Err(Failure::usage("a retry of a user has no reason", "leave out --reason").into())
            }
            Self::User(client) => {
                let request = RetryRequest { priority_class: Some(class) };
                client.post_once(&resource.path(), to_value(request)?, key).await
            }
            Self::Operator(operator) => operator.begin(&resource, required(reason)?, (key, class)).await,
        }
    }

    /// Cancels a workflow. Not repeated when the response is lost.
    pub(crate) async fn cancel(&self, arn: &ExecutionArn, reason: Option<&str>) -> Result<Value> {
        let resource = Resource::Workflow(arn, "cancel");
        match self {
            Self::User(client) => {
                let request = CancelRequest { reason: reason.map(str::to_owned) };
                client.post(&resource.path(), to_value(request)?).await
            }
            Self::Operator(operator) => operator.post(&resource, required(reason)?).await,
        }
    }

    /// Reads pages until `wanted` items are found or there are no more.
    pub(crate) async fn items(
        &self,
        resource: &Resource<'_>,
        filters: &[(&'static str, String)],
        wanted: Option<usize>,
        most: usize,
    ) -> Result<Listed> {
        match self {
            Self::User(client) => client.items(&resource.path(), filters, wanted, most).await,
            Self::Operator(operator) => {
                let page = async |query: Vec<(&'static str, String)>| operator.get(resource, query).await;
                pages(filters, wanted, most, page).await
            }
        }
    }
}

/// What an operator changes, it says why.
pub(crate) fn required(reason: Option<&str>) -> Result<&str> {
    let given = reason.map(str::trim).filter(|reason| !reason.is_empty());
    given.ok_or_else(|| {
        let advice = "it is recorded with your ARN, and the user can read both";
        Failure::usage("an operator has to say why: --reason TEXT", advice).into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_has_a_path_for_users_and_a_route_for_operators() {
        let arn = "arn:aws:states:us-east-1:000000000000:execution:goal-activity:g-1".parse().unwrap();
        let status = Resource::Workflow(&arn, "status");
        assert!(status.path().starts_with("/api/workflows/arn%3Aaws%3Astates"), "{}", status.path());
        assert_eq!(status.route(), "/api/workflows/{executionArn}/status");
        assert_eq!(status.parameter(), ("executionArn", arn.as_str()));
    }
}
