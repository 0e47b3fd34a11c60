//! The environment variables and folders that the tool reads.

use std::path::{Path, PathBuf};

use etcetera::{BaseStrategy, choose_base_strategy};
use goal_activity_client::Secret;

/// The environment variables and folders that the tool reads.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    /// `GOAL_ACTIVITY_STACK`: the file that describes a stack on this machine.
    pub stack_file: Option<PathBuf>,
    /// `GOAL_ACTIVITY_URL`: the HTTP API.
    pub url: Option<String>,
    /// `GOAL_ACTIVITY_TOKEN`: a JWT for it.
    pub token: Option<Secret>,
    /// `GOAL_ACTIVITY_PROFILE_FILE`: the profile file, instead of the usual one.
    pub profile_file: Option<PathBuf>,
    /// The profile file in the user's configuration folder, which need not exist.
    pub usual_profile_file: Option<PathBuf>,
    /// The folder of the stored sign-ins; without it none is stored.
    pub session_folder: Option<PathBuf>,
    /// `true` if a browser can be opened for the user.
    pub browser: bool,
    /// Folders that cargo may build into: `cargo xtask up` describes its stack in one of them.
    pub target_folders: Vec<PathBuf>,
}

impl Environment {
    /// Reads the environment of this process.
    pub fn of_this_process() -> Self {
        let value = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        let text = |name| value(name).and_then(|value| value.into_string().ok());
        let (program, here) = (std::env::current_exe().ok(), std::env::current_dir().ok());
        let told = value("CARGO_TARGET_DIR").map(PathBuf::from);
        Self {
            stack_file: value("GOAL_ACTIVITY_STACK").map(Into::into),
            url: text("GOAL_ACTIVITY_URL"),
            token: text("GOAL_ACTIVITY_TOKEN").map(Secret::from),
            profile_file: value("GOAL_ACTIVITY_PROFILE_FILE").map(Into::into),
            usual_profile_file: usual_profile_file(),
            session_folder: session_folder(),
            browser: browser(|name| value(name).is_some()),
            target_folders: target_folders(program.as_deref(), told, here.as_deref().map(Path::new)),
        }
    }
}

/// Returns the path of the profile file in the user's configuration folder.
fn usual_profile_file() -> Option<PathBuf> {
    Some(choose_base_strategy().ok()?.config_dir().join("goalctl").join("profile.toml"))
}

/// Returns the folder of the stored sign-ins: of the user's state, or where that has no place of its own, data.
fn session_folder() -> Option<PathBuf> {
    let folders = choose_base_strategy().ok()?;
    Some(folders.state_dir().unwrap_or_else(|| folders.data_dir()).join("goalctl").join("sessions"))
}

/// Returns `true` if this session has a desktop. Elsewhere, such as over SSH, an opened text browser would take over the
/// terminal.
fn browser(is_set: impl Fn(&'static str) -> bool) -> bool {
    match cfg!(any(windows, target_os = "macos")) {
        true => !is_set("SSH_CONNECTION"),
        false => ["DISPLAY", "WAYLAND_DISPLAY", "WSL_DISTRO_NAME"].into_iter().any(is_set),
    }
}

/// Returns the folders that cargo may have built into: above the program itself, as configured, above the current
/// folder.
fn target_folders(program: Option<&Path>, told: Option<PathBuf>, here: Option<&Path>) -> Vec<PathBuf> {
    let around_program = program.into_iter().flat_map(Path::ancestors).skip(1).map(Path::to_owned);
    let around_here = here.into_iter().flat_map(Path::ancestors).map(|folder| folder.join("target"));
    around_program.chain(told).chain(around_here).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stack_that_is_up_is_found_from_the_program_and_from_the_present_folder() {
        let program = Path::new("/p/target/debug/goalctl");
        let folders = target_folders(Some(program), Some("/told".into()), Some(Path::new("/src/app")));
        let expected = ["/p/target", "/told", "/src/app/target", "/src/target"].map(PathBuf::from);
        assert!(expected.iter().all(|folder| folders.contains(folder)), "{folders:?}");
        assert_eq!(folders.iter().position(|f| f == "/p/target"), Some(1), "the program's own first: {folders:?}");
    }
}
