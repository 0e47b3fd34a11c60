//! What a smoke test creates, and its removal.

use std::time::Duration;

use anyhow::{Context, Result};
use aws_sdk_cognitoidentityprovider::Client as Cognito;
use aws_sdk_cognitoidentityprovider::operation::admin_delete_user::AdminDeleteUserError;
use aws_sdk_cognitoidentityprovider::types::MessageActionType;
use aws_sdk_dynamodb::Client as DynamoDb;
use goal_activity_client::Secret;
use goal_activity_core::execution::Status;
use goal_activity_core::ports::{LoadGoalHead, Stored};
use goal_activity_core::rows::Row;
use goal_activity_events::{EventId, ExecutionArn, GoalId, UserId};
use serde_json::json;
use tokio::time::timeout;

use super::HELP;
use super::report::Output;
use super::tables::{self, keys_of, unavailable};
use crate::ai;
use crate::api::Api;
use crate::checks::{Line, is_denied, refused};
use crate::client::Client;
use crate::failure::Failure;
use crate::login::operator::{Credentials, sign_in};
use crate::place::Place;
use crate::settings::{Settings, TokenSource};
use crate::stack::Stack;
use crate::tap::Tap;

/// How long one removal may take.
const REMOVAL: Duration = Duration::from_secs(60);

const OTHER_ISSUER: &str = "the stack's users are at another issuer, where the smoke test creates none: give the token of a user with \
                            --token or GOAL_ACTIVITY_TOKEN, or sign in with `goalctl login`";

/// What a smoke test creates. A field is set before the call that creates it: whether a call that got no answer has done it cannot
/// be known.
pub(super) struct Scene<'a> {
    pub(super) stack: &'a Stack,
    url: String,
    settings: Settings,
    id: EventId,
    pub(super) goal: GoalId,
    user: Option<NewUser>,
    rows: Vec<Row>,
    pub(super) tap: Tap<'a>,
    pub(super) api: Option<Api>,
    /// `true` once a workflow may have been started.
    pub(super) may_run: bool,
    pub(super) arn: Option<ExecutionArn>,
    /// How the workflow has ended, once it has.
    pub(super) ended: Option<Status>,
}

/// A user of the stack's own pool.
#[derive(Debug, Clone)]
struct NewUser {
    pool: String,
    name: String,
    password: Secret,
    id: Option<UserId>,
}

impl<'a> Scene<'a> {
    /// Nothing is created yet.
    pub(super) fn new(stack: &'a Stack, url: String, settings: Settings) -> Result<Self> {
        let id = EventId::random();
        let tap = Tap::new(stack, format!("goalctl-smoke-{id}"), HELP)?;
        let goal = format!("smoke-{id}").parse()?;
        Ok(Self {
            stack,
            url,
            settings,
            id,
            goal,
            user: None,
            rows: Vec::new(),
            tap,
            api: None,
            may_run: false,
            arn: None,
            ended: None,
        })
    }

    fn dynamodb(&self) -> DynamoDb {
        DynamoDb::new(&self.stack.sdk)
    }

    fn cognito(&self) -> Cognito {
        Cognito::new(&self.stack.sdk)
    }

    /// Creates a user, or finds the one who has signed in at another issuer.
    pub(super) async fn create_user(&mut self) -> Result<(UserId, String)> {
        let Some(pool) = self.stack.find_output("UserPoolId") else { return self.known_user().await };
        let name = format!("smoke-{}@example.com", self.id);
        // As the pool requires it, and not to be guessed.
        let password = Secret::from(format!("Aa1!{}", EventId::random()));
        let user = NewUser { pool: pool.to_owned(), name: name.clone(), password: password.clone(), id: None };
        self.user = Some(user);
        let cognito = self.cognito();
        let create = cognito.admin_create_user().user_pool_id(pool).username(&name);
        let created = create.message_action(MessageActionType::Suppress).send().await;
        if created.as_ref().is_err_and(is_denied) {
            self.user = None;
        }
        let created = created.map_err(|e| refused("create a user", "cognito-idp:AdminCreateUser", &e))?;
        let attributes = created.user().map(|user| user.attributes()).unwrap_or_default();
        let id = attributes.iter().find(|attribute| attribute.name() == "sub").and_then(|attribute| attribute.value());
        let id: UserId = id.context("the user pool gives the user no sub")?.parse()?;
        if let Some(user) = &mut self.user {
            user.id = Some(id.clone());
        }
        let set = cognito.admin_set_user_password().user_pool_id(pool).username(&name);
        let set = set.password(password.reveal()).permanent(true).send().await;
        set.map_err(|e| refused("set the user's password", "cognito-idp:AdminSetUserPassword", &e))?;
        Ok((id, format!("{name} created in the user pool {pool}")))
    }

    async fn known_user(&mut self) -> Result<(UserId, String)> {
        let client = match Client::open(Settings { operator: false, ..self.settings.clone() }).await {
            Ok(client) => client,
            Err(error) => {
                let failure = Failure::of(&error);
                return Err(Failure { advice: Some(OTHER_ISSUER.to_owned()), ..failure }.into());
            }
        };
        let token = client.token().await?;
        let user = token.subject();
        let user = user.ok_or_else(|| Failure::usage("the token names no user", "it has to be a JWT with a sub"))?;
        self.api = Some(Api::User(Box::new(client)));
        let detail = format!("{user}, who has signed in; none is created, as the users are at another issuer");
        Ok((user, detail))
    }

    /// Signs the user in.
    pub(super) async fn sign_in(&mut self) -> Result<((), String)> {
        let Some(NewUser { name, password, .. }) = self.user.clone() else {
            return Ok(((), "with the token that is there".to_owned()));
        };
        let credentials = Credentials { user: name, password, new_password: None };
        let session = sign_in(self.stack, &self.url, &credentials).await?;
        let place = Place { url: Some(self.url.clone()), ..Place::default() };
        let token = Some(TokenSource::Given(session.access_token));
        let client = Client::open(Settings { place, token, ..Settings::default() }).await?;
        self.api = Some(Api::User(Box::new(client)));
        Ok(((), "with the operators' client".to_owned()))
    }

    /// Stores the goal.
    pub(super) async fn store_goal(&mut self, user: &UserId, foreign: &[String]) -> Result<((), String)> {
        let table = self.stack.output("GoalsTableName")?;
        self.rows = tables::sample(&self.goal, user, ai::sample()?)?;
        tables::put(&self.dynamodb(), table, &self.rows).await?;
        let note = match foreign {
            [] => String::new(),
            tables => format!(" ({} of another program: it is removed at the end)", tables.join(" and ")),
        };
        Ok(((), format!("{} actions in the table {table}{note}", tables::ACTIONS)))
    }

    /// Receives the events about the goal from now on, and the notices.
    pub(super) async fn listen(&mut self) -> Result<((), String)> {
        self.tap.open(&json!({ "detail": { "goalId": [self.goal] } })).await?;
        self.tap.subscribe(self.stack.output("AlertTopicArn")?).await?;
        Ok(((), format!("queue and rule {} on the bus {}, subscribed to the alerts", self.tap.name, self.tap.bus)))
    }

    /// Removes everything, and says what was removed and what stays.
    pub(super) async fn clean(&mut self, out: &mut Output<'_, '_>) {
        if self.may_run && self.ended.is_none() {
            let cancelled = removal("cancel", self.cancel()).await;
            out.cleaned(cancelled.advising_if_failed(format!("`goalctl cancel {}`", self.goal)));
        }
        if !self.rows.is_empty() {
            let by_hand = format!("delete the rows with the goalId {} from the Goals and the Tasks table", self.goal);
            out.cleaned(removal("remove tasks", self.remove_tasks()).await.advising_if_failed(by_hand.clone()));
            out.cleaned(removal("remove goal", self.remove_goal()).await.advising_if_failed(by_hand));
        }
        if self.tap.is_open() {
            let closed = async { self.tap.close().await.map(|()| format!("{} and its subscription", self.tap.name)) };
            let by_hand = format!("delete the rule and the queue {}, and the queue's subscription", self.tap.name);
            out.cleaned(removal("remove queue and rule", closed).await.advising_if_failed(by_hand));
        }
        if let Some(user) = self.user.clone() {
            if let (Some(id), true) = (&user.id, self.may_run) {
                let by_hand = format!("delete the row USER#{id} from the table of the executions");
                out.cleaned(removal("remove user's row", self.remove_user_row(id)).await.advising_if_failed(by_hand));
            }
            let by_hand = format!("delete the user {} from the user pool {}", user.name, user.pool);
            out.cleaned(removal("remove user", self.remove_user(&user)).await.advising_if_failed(by_hand));
        }
        if let Some(arn) = &self.arn {
            out.stays(format!(
                "the record of {arn}: its rows, until they expire, and its object in the archive; ids and numbers, no texts"
            ));
        }
    }

    /// Cancels the workflow that has claimed the goal, if one has.
    async fn cancel(&mut self) -> Result<String> {
        let head = self.stack.tables()?.load_goal_head(&self.goal).await;
        let permission = format!("dynamodb:GetItem on the table {}", self.stack.output("GoalsTableName")?);
        let head = head.map_err(unavailable("read the goal", permission))?;
        let claim = match head {
            Stored::Value(head) => head.claimed_by.and_then(|claim| claim.execution()),
            Stored::Nothing | Stored::Unreadable(_) => None,
        };
        let Some(arn) = claim.or(self.arn.clone()) else { return Ok("no workflow was started".to_owned()) };
        self.arn = Some(arn.clone());
        let api = self.api.as_ref().context("the user has not signed in")?;
        match api
            .cancel(&arn, Some("goalctl smoke: the smoke test has ended before it"))
            .await
            .map_err(|e| Failure::of(&e))
        {
            Ok(_) => Ok(arn.to_string()),
            Err(failure) if failure.code.as_deref() == Some("ALREADY_ENDED") => {
                Ok(format!("{arn} has ended meanwhile"))
            }
            Err(failure) => Err(failure.into()),
        }
    }

    async fn remove_tasks(&self) -> Result<String> {
        let table = self.stack.output("TasksTableName")?;
        let removed = tables::remove_tasks(&self.dynamodb(), table, &self.goal).await?;
        Ok(format!("{removed} from the table {table}"))
    }

    async fn remove_goal(&self) -> Result<String> {
        let table = self.stack.output("GoalsTableName")?;
        tables::remove(&self.dynamodb(), table, keys_of(&self.rows)?, "remove the goal").await?;
        Ok(format!("{} rows from the table {table}", self.rows.len()))
    }

    async fn remove_user_row(&self, user: &UserId) -> Result<String> {
        let table = self.stack.output("ExecutionsTableName")?;
        match tables::remove_user_row(&self.dynamodb(), table, user).await? {
            true => Ok(format!("from the table {table}")),
            false => Err(Failure::unavailable("the user's row stays", "a workflow of the user is still open").into()),
        }
    }

    async fn remove_user(&self, user: &NewUser) -> Result<String> {
        let removed = self.cognito().admin_delete_user().user_pool_id(&user.pool).username(&user.name).send().await;
        match removed {
            Ok(_) => Ok(user.name.clone()),
            Err(error) if error.as_service_error().is_some_and(AdminDeleteUserError::is_user_not_found_exception) => {
                Ok(format!("{} was not created", user.name))
            }
            Err(error) => Err(refused("delete the user", "cognito-idp:AdminDeleteUser", &error).into()),
        }
    }
}

/// Does one removal and says how it went.
async fn removal(what: &str, work: impl Future<Output = Result<String>>) -> Line {
    match timeout(REMOVAL, work).await {
        Ok(Ok(detail)) => Line::ok(what, detail),
        Ok(Err(error)) => Line::failed(what, Failure::of(&error)),
        Err(_) => Line::failed(what, Failure::unavailable(format!("no answer within {} s", REMOVAL.as_secs()), "")),
    }
}
