//! The name under which the program was started, for the commands in its messages.

use std::borrow::Cow;
use std::ffi::OsString;
use std::sync::OnceLock;

use serde::{Serialize, Serializer};

/// Its name in messages as they are written here. What is printed has the name of [`name`].
const WRITTEN: &str = "goalctl";
/// The alias in `.cargo/config.toml`.
const ALIAS: &str = "cargo goalctl";
/// The packages that cargo runs by an alias, in a checkout where the other alias is there as well.
const RUN_BY_CARGO: [&str; 2] = ["goalctl", "xtask"];
/// What stands before a command in a message: the mark of code, and in examples a new line, a pipe or a substitution.
const BEFORE: [&str; 4] = ["`", "\n  ", "| ", "<("];

/// How the program was started: `goalctl` where it is installed, `cargo goalctl` in a checkout.
pub(crate) fn name() -> &'static str {
    static NAME: OnceLock<&str> = OnceLock::new();
    // Cargo runs the unit tests of the package as it runs the package.
    NAME.get_or_init(|| if cfg!(test) { WRITTEN } else { started_as(|name| std::env::var_os(name)) })
}

/// What is started by `cargo run` gets the variables of its package; they are none of the user's.
fn started_as(variable: impl Fn(&str) -> Option<OsString>) -> &'static str {
    let package = variable("CARGO").and_then(|_| variable("CARGO_PKG_NAME"));
    let is_alias = package.is_some_and(|package| RUN_BY_CARGO.iter().any(|name| package == *name));
    if is_alias { ALIAS } else { WRITTEN }
}

/// A message of the tool, with the commands as they are to be typed here. Not for what a user or an AI has written.
pub(crate) fn as_typed(message: &str) -> Cow<'_, str> {
    named(message, name())
}

/// Serializes a message as [`as_typed`] gives it.
#[allow(clippy::ref_option, reason = "the signature that serde asks for")]
pub(crate) fn serialize<S: Serializer>(message: &Option<String>, serializer: S) -> Result<S::Ok, S::Error> {
    message.as_deref().map(as_typed).serialize(serializer)
}

fn named<'a>(message: &'a str, name: &str) -> Cow<'a, str> {
    if name == WRITTEN {
        return message.into();
    }
    let replaced = BEFORE.iter().fold(message.to_owned(), |text, before| {
        text.replace(&format!("{before}{WRITTEN} "), &format!("{before}{name} "))
    });
    replaced.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_is_named_where_it_has_started_the_program() {
        let started = |variables: &[(&str, &str)]| {
            started_as(|name| variables.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).into()))
        };
        let cargo = ("CARGO", "/usr/bin/cargo");
        assert_eq!(started(&[cargo, ("CARGO_PKG_NAME", "goalctl")]), "cargo goalctl");
        assert_eq!(started(&[cargo, ("CARGO_PKG_NAME", "xtask")]), "cargo goalctl");
        assert_eq!(started(&[cargo, ("CARGO_PKG_NAME", "planner")]), "goalctl", "a program of somebody else runs it");
        assert_eq!(started(&[("CARGO_PKG_NAME", "goalctl")]), "goalctl");
        assert_eq!(started(&[]), "goalctl");
    }

    #[test]
    fn a_command_is_named_as_it_was_started_and_the_program_as_it_is_called() {
        let message = "goalctl says why; see `goalctl login`, or `goalctl`\n  goalctl tasks g | goalctl x <(goalctl y)";
        let typed = "goalctl says why; see `cargo goalctl login`, or `goalctl`\n  cargo goalctl tasks g | cargo goalctl x <(cargo goalctl y)";
        assert_eq!(named(message, ALIAS), typed);
        assert_eq!(named(message, WRITTEN), message);
    }
}
