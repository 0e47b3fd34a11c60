//! The deployment and the token that a run uses: from options, the environment, the profile file, or `cargo xtask up`.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use goal_activity_client::Secret;
use serde::Deserialize;

use crate::environment::Environment;
use crate::failure::Failure;
use crate::http::checked;
use crate::place::Place;
use crate::session::Sessions;
use crate::target::Target;

/// Where `cargo xtask up` describes its stack, within the folder that cargo builds into.
const UP: &str = "goal-activity/up/stack.json";

/// The source of the API token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TokenSource {
    Given(Secret),
    /// A program that prints one.
    Command(Vec<String>),
}

/// The contents of a profile file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ProfileFile {
    url: Option<String>,
    stack_file: Option<PathBuf>,
    stack: Option<String>,
    profile: Option<String>,
    region: Option<String>,
    token: Option<Secret>,
    token_command: Option<Vec<String>>,
    issuer: Option<String>,
    client_id: Option<String>,
    scopes: Option<Vec<String>>,
    audience: Option<String>,
    callback_port: Option<u16>,
}

/// How to sign in, as far as the deployment does not say it itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct LoginSettings {
    pub(crate) issuer: Option<String>,
    pub(crate) client_id: Option<String>,
    pub(crate) scopes: Option<Vec<String>>,
    pub(crate) audience: Option<String>,
    pub(crate) callback_port: Option<u16>,
}

impl ProfileFile {
    /// Reads the named file. Without a name, reads the file in the user's configuration folder if it exists.
    fn read(named: Option<&Path>, usual: Option<&Path>) -> Result<Self> {
        let Some(file) = named.or(usual.filter(|file| file.is_file())) else { return Ok(Self::default()) };
        let text = std::fs::read_to_string(file)
            .with_context(|| format!("cannot read the profile file {}", file.display()))?;
        // Not the parser's full message: it repeats the line, which may contain a token.
        let message = |e: toml::de::Error| format!("the profile file {} is malformed: {}", file.display(), e.message());
        toml::from_str(&text).map_err(|e| Failure::usage(message(e), "see `goalctl --help`").into())
    }

    fn place(&self) -> Place {
        let Self { url, stack_file, stack, profile, region, .. } = self.clone();
        Place { url, stack_file, stack, profile, region, ..Place::default() }
    }

    fn login(&self) -> LoginSettings {
        let Self { issuer, client_id, scopes, audience, callback_port, .. } = self.clone();
        LoginSettings { issuer, client_id, scopes, audience, callback_port }
    }

    fn token(self) -> Result<Option<TokenSource>> {
        let command = self.token_command.filter(|command| !command.is_empty()).map(TokenSource::Command);
        let token = self.token.map(|token| given(&token, "the token in the profile file")).transpose()?;
        Ok(token.or(command))
    }
}

/// Returns a token that was given, which is called that in messages.
fn given(token: &Secret, name: &str) -> Result<TokenSource> {
    let no_token = || {
        let title = format!("{name} is no token: it is empty, or has characters that no token has");
        Failure::usage(title, "give the access token alone, as its issuer wrote it; its value is not shown here")
    };
    Ok(TokenSource::Given(token.as_token().ok_or_else(no_token)?))
}

/// The deployment and the token, resolved before any call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) place: Place,
    pub(crate) token: Option<TokenSource>,
    /// Asked for by an option.
    pub(crate) operator: bool,
    pub(crate) login: LoginSettings,
    pub(crate) sessions: Option<Sessions>,
}

impl Settings {
    /// Returns `true` if calls are made by an operator, with AWS credentials: where that is asked for, and where a stack on
    /// AWS is named without a token for its API.
    pub(crate) fn is_operator(&self) -> bool {
        self.operator || (self.place.on_aws() && self.place.url.is_none() && self.token.is_none())
    }

    /// Returns `true` if there is a stored sign-in for the API at this URL.
    pub(crate) fn has_session(&self, url: &str) -> Result<bool> {
        let Some(sessions) = self.sessions.clone() else { return Ok(false) };
        Ok(sessions.find(&checked(url)?)?.is_some())
    }

    pub(crate) fn find(target: &Target, environment: &Environment) -> Result<Self> {
        let named = target.profile_file.as_deref().or(environment.profile_file.as_deref());
        let file = ProfileFile::read(named, environment.usual_profile_file.as_deref())?;
        let up = environment.target_folders.iter().map(|folder| folder.join(UP)).find(|file| file.is_file());
        settle(target, environment, file, up)
    }
}

/// Resolves the settings. The first source that names a deployment applies as a whole: options, the environment, the
/// profile file, the stack of `cargo xtask up`. A token of the profile file is sent only to the profile file's
/// deployment.
fn settle(target: &Target, environment: &Environment, file: ProfileFile, up: Option<PathBuf>) -> Result<Settings> {
    let Target { url, stack, profile, region, stack_file, .. } = target.clone();
    let options = Place { url, stack_file, stack, profile, region, ..Place::default() }.checked("--stack-file")?;
    let (url, stack_file) = (environment.url.clone(), environment.stack_file.clone());
    let surroundings = Place { url, stack_file, ..Place::default() };
    let in_file = file.place().checked("stack_file in the profile file")?;
    let up = Place { is_found: up.is_some(), stack_file: up, ..Place::default() };

    let from_option = target.token.as_ref().map(|token| (token, "--token"));
    let token = from_option.or_else(|| environment.token.as_ref().map(|token| (token, "GOAL_ACTIVITY_TOKEN")));
    let token = token.map(|(token, name)| given(token, name)).transpose()?;
    let from_file = !options.is_named() && !surroundings.is_named() && in_file.is_named();
    let login = Some(file.login()).filter(|_| from_file).unwrap_or_default();
    let token = match token {
        None if from_file => file.token()?,
        token => token,
    };
    let place = [options, surroundings, in_file, up].into_iter().find(Place::is_named).unwrap_or_default();
    let sessions = environment.session_folder.clone().map(Sessions::in_folder);
    Ok(Settings { place, token, operator: target.operator, login, sessions })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment() -> Environment {
        Environment { stack_file: Some("env.json".into()), ..Environment::default() }
    }

    fn place(target: Target) -> Place {
        settle(&target, &environment(), ProfileFile::default(), None).unwrap().place
    }

    #[test]
    fn an_option_counts_more_than_the_environment() {
        assert_eq!(place(Target::default()).stack_file, Some("env.json".into()));
        assert_eq!(place(Target { stack: Some("Other".into()), ..Target::default() }).stack_file, None);
        assert_eq!(place(Target { profile: Some("ops".into()), ..Target::default() }).stack_file, None);
        assert_eq!(place(Target { region: Some("eu-west-1".into()), ..Target::default() }).stack_file, None);
        assert_eq!(place(Target { url: Some("https://a".into()), ..Target::default() }).stack_file, None);
        let named = Target { stack_file: Some("given.json".into()), ..Target::default() };
        assert_eq!(place(named).stack_file, Some(PathBuf::from("given.json")));
        let both = Target { stack: Some("Other".into()), stack_file: Some("given.json".into()), ..Target::default() };
        assert!(settle(&both, &environment(), ProfileFile::default(), None).is_err());
    }

    #[test]
    fn what_is_up_is_meant_when_nothing_else_is_named() {
        let up = Some(PathBuf::from("up.json"));
        let file: ProfileFile = toml::from_str(r#"url = "https://a""#).unwrap();
        let settled = |environment: &Environment, file: ProfileFile| {
            settle(&Target::default(), environment, file, up.clone()).unwrap().place
        };
        let nothing = Environment::default();
        assert_eq!(settled(&nothing, ProfileFile::default()).stack_file, up);
        assert_eq!(settled(&nothing, file.clone()), file.place());
        assert_eq!(settled(&environment(), file).stack_file, Some("env.json".into()));
        assert_eq!(settle(&Target::default(), &nothing, ProfileFile::default(), None).unwrap().place, Place::default());
    }

    #[test]
    fn a_token_of_the_profile_file_goes_to_its_own_deployment_only() {
        let file: ProfileFile = toml::from_str("url = \"https://a\"\ntoken = \"s3cr3t\"").unwrap();
        let token =
            |target: &Target, environment: &Environment| settle(target, environment, file.clone(), None).unwrap().token;
        let given = |text: &str| Some(TokenSource::Given(text.into()));
        let elsewhere = Target { url: Some("https://b".into()), ..Target::default() };
        assert_eq!(token(&Target::default(), &Environment::default()), given("s3cr3t"));
        assert_eq!(token(&elsewhere, &Environment::default()), None);
        assert_eq!(token(&Target::default(), &environment()), None);
        let told = Environment { token: Some("told".into()), ..Environment::default() };
        assert_eq!(token(&elsewhere, &told), given("told"));
        let option = Target { token: Some("option".into()), ..elsewhere };
        assert_eq!(token(&option, &told), given("option"));
    }

    #[test]
    fn what_is_no_token_is_named_and_not_shown() {
        let no_token = || Some(Secret::from("s3cr3t\u{1b}[2J"));
        let file =
            |token: &str| toml::from_str::<ProfileFile>(&format!("url = \"https://a\"\ntoken = {token:?}")).unwrap();
        let said = |option: Option<Secret>, variable: Option<Secret>, token: &str| {
            let target = Target { token: option, ..Target::default() };
            let environment = Environment { token: variable, ..Environment::default() };
            settle(&target, &environment, file(token), None).unwrap_err().to_string()
        };
        let all = [
            ("--token is", said(no_token(), None, "a")),
            ("GOAL_ACTIVITY_TOKEN is", said(None, no_token(), "a")),
            ("profile file is", said(None, None, "s3cr3t s3cr3t")),
        ];
        for (name, said) in all {
            assert!(said.contains(name) && said.contains("no token") && !said.contains("s3cr3t"), "{said}");
        }
        let elsewhere = Target { url: Some("https://b".into()), ..Target::default() };
        let settled = settle(&elsewhere, &Environment::default(), file("s3cr3t s3cr3t"), None);
        assert_eq!(settled.unwrap().token, None, "it is not used");
    }

    #[test]
    fn an_issuer_of_the_profile_file_is_that_of_its_own_deployment() {
        let text = "url = \"https://a\"\nissuer = \"https://i\"\nclient_id = \"cli\"\nscopes = [\"openid\"]";
        let file: ProfileFile = toml::from_str(text).unwrap();
        let login = |target: &Target| settle(target, &Environment::default(), file.clone(), None).unwrap().login;
        let expected = LoginSettings {
            issuer: Some("https://i".into()),
            client_id: Some("cli".into()),
            scopes: Some(vec!["openid".into()]),
            ..LoginSettings::default()
        };
        assert_eq!(login(&Target::default()), expected);
        let elsewhere = Target { url: Some("https://b".into()), ..Target::default() };
        assert_eq!(login(&elsewhere), LoginSettings::default());
    }

    #[test]
    fn a_secret_is_never_shown() {
        let file: ProfileFile = toml::from_str("token = \"s3cr3t\"").unwrap();
        assert!(!format!("{file:?}").contains("s3cr3t"));
        let folder = std::env::temp_dir().join(format!("goalctl-profile-{}", std::process::id()));
        std::fs::write(&folder, "token = s3cr3t\n").unwrap();
        let error = ProfileFile::read(Some(&folder), None).unwrap_err();
        assert!(error.to_string().contains("malformed") && !error.to_string().contains("s3cr3t"), "{error}");
        std::fs::remove_file(folder).unwrap();
    }

    #[test]
    fn a_profile_file_that_is_named_has_to_be_there_and_the_usual_one_need_not() {
        let nowhere = Path::new("/nowhere/profile.toml");
        assert!(ProfileFile::read(Some(nowhere), None).is_err());
        assert_eq!(ProfileFile::read(None, Some(nowhere)).unwrap(), ProfileFile::default());
        assert!(toml::from_str::<ProfileFile>("tokn = \"a\"").is_err(), "a name that nothing reads");
    }
}
